//! What a new mirror looks like, and which there cannot be.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use bio::{Extent, SECTOR_SIZE};

use super::*;
use crate::format::{Member, Region, newest_of};

const MIB: u64 = 2048;

fn device(capacity: u64) -> Device {
    Device { capacity: Sectors(capacity), block_size: 512 }
}

fn ids(members: usize) -> Ids {
    let mut dice = 0x1234_5678_9abc_def0_u64;
    Ids::new(members, || {
        dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        dice
    })
}

fn planned(options: &LabelOptions, devices: &[Device]) -> Result<Label, LabelError> {
    plan(options, &ids(devices.len()), devices)
}

fn at(data_start: u64, region: u64) -> LabelOptions {
    LabelOptions {
        data_start: Some(Sector(data_start)),
        region: Some(Sectors(region)),
        ..LabelOptions::new("home")
    }
}

/// A device with something on it already.
#[derive(Clone)]
struct Disk(Vec<u8>);

impl Disk {
    fn of(capacity: u64, filled_with: u8) -> Disk {
        Disk(vec![filled_with; capacity as usize * SECTOR_SIZE])
    }

    fn part(&mut self, place: Extent) -> &mut [u8] {
        &mut self.0[place.start().0 as usize * SECTOR_SIZE..][..place.count().bytes()]
    }

    /// Does what these phases write to device 0.
    fn label(&mut self, label: &Label, phases: &[Phase]) {
        for (place, unit) in phases.iter().flat_map(|phase| label.writes(0, *phase)) {
            self.part(place).copy_from_slice(&*unit);
        }
    }

    fn slots(&mut self) -> [Vec<u8>; SLOTS] {
        [0, 1].map(|slot| self.part(superblock_place(slot)).to_vec())
    }

    fn member(&mut self) -> Result<Member, Bad> {
        let slots = self.slots();
        let newest = newest_of([&slots[0], &slots[1]])?;
        let map = newest.superblock.geometry.map_place();
        Member::from_bytes(newest, self.part(map))
    }

    fn check_blank(&mut self) -> Result<(), Occupied> {
        let slots = self.slots();
        check_blank([&slots[0], &slots[1]])
    }
}

#[test]
fn a_new_mirror_has_members_in_sync_that_are_dirty_everywhere() {
    let label = planned(&LabelOptions::new("home"), &[device(8 * MIB), device(7 * MIB)]).unwrap();
    let geometry =
        Geometry { region: REGION_DEFAULT, data_start: Sector(MIB), length: Sectors(6 * MIB) };
    assert_eq!(label.geometry(), geometry);
    for index in 0..2 {
        let mut disk = Disk::of(7 * MIB, 0xff);
        for (place, unit) in Phase::ALL.iter().flat_map(|phase| label.writes(index, *phase)) {
            disk.part(place).copy_from_slice(&*unit);
        }
        let member = disk.member().unwrap();
        assert_eq!(member.superblock, label.superblock(index));
        assert_eq!(usize::from(member.superblock.slot), index);
        assert_eq!(member.superblock.own().state, MemberState::InSync);
        for region in 0..12 {
            assert_eq!(member.marks(Region(region)), Some(Marks::DIRTY));
        }
        assert_eq!(member.marks(Region(12)), Some(Marks::empty()), "the mirror ends here");
        let data = Extent::new(Sector(MIB), Sectors(6 * MIB));
        assert!(disk.part(data).iter().all(|byte| *byte == 0xff), "data is left alone");
    }
}

#[test]
fn who_vouches_for_equal_members_gets_an_empty_map() {
    let options = LabelOptions { clean: true, ..at(32, 8) };
    let label = planned(&options, &[device(64)]).unwrap();
    let mut disk = Disk::of(64, 0);
    disk.label(&label, &Phase::ALL);
    let member = disk.member().unwrap();
    assert_eq!(member.marks(Region(0)), Some(Marks::empty()));
    assert!(!member.superblock.clean, "it was never stopped");
}

/// Labels a member of another mirror anew, with a larger map, up to a crash in
/// each phase: any of its writes have landed, all torn after some sectors.
#[test]
fn a_crash_while_labelling_leaves_no_member_or_a_whole_one() {
    let capacity = 48 + 8 * REGIONS_PER_PAGE as u64 + 8;
    let old = planned(&at(32, 1024), &[device(64); 2]).unwrap();
    let new = planned(&at(48, 8), &[device(capacity); 2]).unwrap();
    assert_eq!(new.geometry().pages(), 2);
    let mut disk = Disk::of(capacity, 0);
    disk.label(&old, &Phase::ALL);
    disk.part(superblock_place(1))
        .copy_from_slice(&Superblock { seq: 2, ..old.superblock(0) }.encode());
    let before = disk.clone();
    let old = disk.member().unwrap();
    disk.label(&new, &Phase::ALL);
    let whole = disk.member().unwrap();

    for (index, phase) in Phase::ALL.into_iter().enumerate() {
        let mut durable = before.clone();
        durable.label(&new, &Phase::ALL[..index]);
        let writes: Vec<Write> = new.writes(0, phase).collect();
        for (landed, sectors) in (0..1 << writes.len()).flat_map(|it| (0..=8).map(move |n| (it, n)))
        {
            let mut disk = durable.clone();
            let landed = writes.iter().enumerate().filter(|(bit, _)| landed >> bit & 1 == 1);
            for (_, (place, unit)) in landed {
                let bytes = sectors * SECTOR_SIZE;
                disk.part(*place)[..bytes].copy_from_slice(&unit[..bytes]);
            }
            match (phase, disk.member()) {
                (Phase::Wipe, Ok(member)) => {
                    assert_eq!(member.superblock.set, old.superblock.set);
                    assert_eq!(member.pages, old.pages);
                }
                (Phase::Map, member) => assert_eq!(member, Err(Bad::Blank)),
                (Phase::Superblock, Ok(member)) => {
                    assert!(!member.in_doubt());
                    assert_eq!(member.superblock, whole.superblock);
                    assert_eq!(member.pages, whole.pages);
                }
                (_, Err(_)) => {}
            }
        }
    }
}

#[test]
fn regions_grow_until_the_map_is_short() {
    let region = |capacity| {
        let label = planned(&LabelOptions::new("home"), &[device(capacity)]).unwrap();
        assert!(label.geometry().pages() <= PAGES_WISHED);
        assert_eq!(label.geometry().check(), Ok(()));
        assert_eq!(label.geometry().data_start, Sector(MIB));
        label.geometry().region.0
    };
    let short = u64::from(PAGES_WISHED) * REGIONS_PER_PAGE as u64;
    assert_eq!(region(short * 1024), 1024);
    assert_eq!(region(short * 1024 + 1), 2048);
    assert_eq!(region(1 << 31), 65536, "a terabyte");
    assert!(region(u64::MAX) > 1 << 40);
}

#[test]
fn a_long_map_moves_the_data() {
    let options = LabelOptions { region: Some(Sectors(8)), ..LabelOptions::new("home") };
    let capacity = 8 * REGIONS_PER_PAGE as u64 * 200;
    let geometry = planned(&options, &[device(capacity)]).unwrap().geometry();
    assert_eq!(geometry.data_start, Sector(2 * MIB));
    assert_eq!(geometry.check(), Ok(()));
}

#[test]
fn the_length_is_a_whole_number_of_the_largest_blocks() {
    let large = Device { capacity: Sectors(4 * MIB), block_size: 4096 };
    let label = planned(&LabelOptions::new("home"), &[large, device(3 * MIB + 13)]).unwrap();
    assert_eq!(label.geometry().length, Sectors(2 * MIB + 8));
}

#[test]
fn what_cannot_be_a_mirror_is_refused() {
    let disk = device(4 * MIB);
    let named = |name: &str| planned(&LabelOptions::new(name), &[disk]).unwrap_err();
    let with = |options: LabelOptions, device| planned(&options, &[disk, device]).unwrap_err();
    let blocks = |block_size| Device { block_size, ..disk };

    assert_eq!(planned(&LabelOptions::new("home"), &[]), Err(LabelError::Members(0)));
    for name in ["", "a/b", "a b", "a\n", &"x".repeat(65)] {
        assert_eq!(named(name), LabelError::Name(name.into()));
    }
    for block_size in [0, 256, 1536, 8192] {
        let error = with(at(32, 1024), blocks(block_size));
        assert_eq!(error, LabelError::BlockSize { device: 1, block_size });
    }
    for region in [0, 4, 1000] {
        let error = with(at(32, region), disk);
        assert_eq!(error, LabelError::Region { region: Sectors(region), least: Sectors(8) });
    }
    let huge = planned(&at(32, 512), &[device(1 << 40)]).unwrap_err();
    let least = Sectors(1 << 19);
    assert_eq!(huge, LabelError::Region { region: Sectors(512), least });
    assert_eq!(
        with(at(33, 1024), blocks(4096)),
        LabelError::Misaligned { data_start: Sector(33), align: Sectors(8) }
    );
    assert_eq!(
        with(at(31, 1024), disk),
        LabelError::TooEarly { data_start: Sector(31), end: Sector(32) }
    );
    for capacity in [0, 1, MIB] {
        let (device, needed) = (1, Sectors(MIB + 1));
        let capacity = Sectors(capacity);
        let error = with(LabelOptions::new("home"), Device { capacity, ..disk });
        assert_eq!(error, LabelError::TooSmall { device, capacity, needed });
    }
    let needed = Sectors(u64::MAX);
    let capacity = disk.capacity;
    assert_eq!(with(at(u64::MAX, 8), disk), LabelError::TooSmall { device: 0, capacity, needed });
}

#[test]
#[should_panic(expected = "each device needs an identity")]
fn ids_are_as_many_as_devices() {
    let _ = plan(&LabelOptions::new("home"), &ids(1), &[device(4 * MIB); 2]);
}

#[test]
fn what_lies_on_a_device_is_said_before_it_is_labelled() {
    let label = planned(&at(32, 8), &[device(64)]).unwrap();
    let mut disk = Disk::of(64, 0);
    assert_eq!(disk.check_blank(), Ok(()));
    disk.label(&label, &Phase::ALL);
    let set = ids(1).set;
    let member = Occupied::Member { name: "home".into(), set, slot: 0 };
    assert_eq!(member.to_string(), format!("it is member 0 of the mirror `home` ({set})"));
    assert_eq!(disk.check_blank(), Err(member));
    let both = |disk: &mut Disk, at: usize, byte: u8| {
        (disk.0[at], disk.0[UNIT + at]) = (byte, byte);
    };
    both(&mut disk, 700, 1);
    assert_eq!(disk.check_blank(), Err(Occupied::Damaged(Bad::Checksum)));
    disk.0[8] = 2;
    assert_eq!(disk.check_blank(), Err(Occupied::Version(2)));
    both(&mut disk, 0, 0);
    assert_eq!(disk.check_blank(), Err(Occupied::Other));
    let mut partitioned = Disk::of(64, 0);
    partitioned.0[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(partitioned.check_blank(), Err(Occupied::Other));
}

#[test]
fn identities_are_random_uuids() {
    let ids = ids(4);
    let mut all = ids.members.to_vec();
    all.extend([ids.set, ids.generation]);
    assert!(all.iter().all(|it| it.get_version_num() == 4));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 6);
}
