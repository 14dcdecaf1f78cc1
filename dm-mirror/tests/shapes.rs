//! Tables of unusual shape, and legs of unusual kind, over a mirror that keeps records: too
//! few legs, another length, legs behind an offset, legs on which the data does not fit.

mod rig;

use std::sync::Arc;

use bio::{BlockDevice, Limits, SECTOR_SIZE, Sector, Sectors};
use rig::recorded::{DATA, Recorded, Survives};
use rig::{LENGTH, Later, labels};
use sim::SimDisk;

/// Where the legs of [`behind_offsets`] begin.
const OFFSETS: [u64; 2] = [24, 40];

/// Two members of 64 sectors behind offsets, on disks with room behind.
fn behind_offsets(clean: bool) -> Vec<Arc<SimDisk>> {
    let ids = labels::ids(2);
    let member = |slot: usize| {
        let size = Sectors(OFFSETS[slot] + DATA + LENGTH + 8);
        let disk = SimDisk::new(size, Limits::default());
        disk.preset(Sector(0), &vec![0xee; size.bytes()]);
        labels::put_at(&disk, OFFSETS[slot], slot, &ids, clean);
        disk
    };
    vec![member(0), member(1)]
}

fn legs(offsets: [u64; 2]) -> String {
    format!(" vbd0 {} vbd1 {}", offsets[0], offsets[1])
}

/// The first byte of a sector of a disk.
fn byte(disk: &SimDisk, sector: u64) -> u8 {
    let mut bytes = [0; SECTOR_SIZE];
    disk.contents(Sector(sector)).fill(&mut bytes);
    bytes[0]
}

/// What lies around a leg is as it was.
fn surroundings_are_whole(rig: &Recorded) {
    for (disk, offset) in rig.disks.iter().zip(OFFSETS) {
        let end = offset + DATA + LENGTH;
        let around = (0..offset).chain(end..disk.capacity().0);
        around.for_each(|at| assert_eq!(byte(disk, at), 0xee, "sector {at}"));
    }
}

/// All that is on the disks.
fn media(disks: &[Arc<SimDisk>]) -> Vec<sim::Content> {
    let sectors = |disk: &SimDisk| 0..disk.capacity().0;
    let all = disks.iter().flat_map(|disk| sectors(disk).map(|at| disk.contents(Sector(at))));
    all.collect()
}

/// A table that is not the mirror's is refused for this, and nothing is written.
#[track_caller]
fn assert_refused(members: usize, length: u64, args: &str, why: &str) {
    let disks = labels::disks(&labels::ids(members), true, Limits::default());
    let before = media(&disks);
    let rig = Recorded::by_table(disks, length, args, 0);
    rig.rest();
    let report = rig.message("show").unwrap();
    assert!(rig.target.status().ends_with("refused"), "{report}");
    assert!(report.contains(why), "{report}");
    assert!(media(&rig.disks) == before, "something was written");
}

#[test]
fn a_table_that_names_fewer_legs_than_members_starts_nothing() {
    for (named, why) in [
        (" vbd0 0", "the mirror has 2 members, the table names 1"),
        (" vbd1 0", "the mirror has 2 members, the table names 1"),
    ] {
        for features in ["", " 1 start_degraded=run"] {
            let disks = labels::disks(&labels::ids(2), true, Limits::default());
            let before = media(&disks);
            let rig = Recorded::of_legs(disks, named, features, 0);
            rig.rest();
            assert!(!rig.runs(), "{named}{features}");
            let told = rig.message("show").unwrap();
            // Held for the other member, or refused for the table: nothing is written.
            assert!(features.is_empty() || told.contains(why), "{told}");
            assert!(media(&rig.disks) == before, "something was written");
        }
    }
    // `-` is a leg, too.
    let disks = labels::disks(&labels::ids(2), true, Limits::default());
    let rig = Recorded::of_legs(disks, " vbd0 0 - 0", " 1 start_degraded=run", 0);
    rig.rest();
    assert!(rig.runs());
}

#[test]
fn a_table_of_another_length_does_not_start_the_mirror() {
    for length in [LENGTH - 8, LENGTH - 1, LENGTH + 1, LENGTH + 8] {
        let why = format!("the table says {length} sectors, the mirror has {LENGTH}");
        assert_refused(2, length, "internal 0 2 vbd0 0 vbd1 0", &why);
    }
    let disks = labels::disks(&labels::ids(2), true, Limits::default());
    let rig = Recorded::by_table(disks, LENGTH, "internal 0 2 vbd0 0 vbd1 0", 0);
    rig.rest();
    assert!(rig.runs());
}

#[test]
fn a_table_with_fewer_legs_than_members_does_not_start_the_mirror() {
    let why = "the mirror has 3 members, the table names 2";
    assert_refused(3, LENGTH, "internal 0 2 vbd0 0 vbd1 0 1 start_degraded=run", why);
}

#[test]
fn legs_may_lie_behind_offsets() {
    let mut rig = Recorded::of_legs(behind_offsets(false), &legs(OFFSETS), "", 0);
    rig.rest();
    rig.put(0, LENGTH, 1);
    rig.put(LENGTH - 1, 1, 2);
    rig.rest();
    assert_eq!((rig.get(0, 1), rig.get(LENGTH - 1, 1)), (1, 2));
    for (disk, offset) in rig.disks.iter().zip(OFFSETS) {
        assert_eq!(byte(disk, offset + DATA), 1);
        assert_eq!(byte(disk, offset + DATA + LENGTH - 1), 2);
    }
    surroundings_are_whole(&rig);
    // A leg that missed something is rebuilt in its own place.
    rig.lose(1);
    rig.put(8, 16, 3);
    rig.sync();
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
    assert_eq!(byte(&rig.disks[1], OFFSETS[1] + DATA + 23), 3);
    surroundings_are_whole(&rig);
    // And found there at the next start, not elsewhere.
    let survives = [Survives::Durable; 2].map(|it| it.chooser());
    let disks: Vec<_> =
        rig.disks.iter().zip(survives).map(|(disk, mut it)| disk.crash(&mut *it)).collect();
    std::mem::forget(rig);
    let mut rig = Recorded::of_legs(disks, &legs(OFFSETS), "", 1);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(8, 1), rig.get(0, 1)), ("AA", 3, 1));
    surroundings_are_whole(&rig);
    let disks = rig.disks.clone();
    drop(rig);
    let rig = Recorded::of_legs(disks, &legs([20, 40]), "", 2);
    rig.rest();
    assert!(!rig.runs(), "a member was found beside its place");
}

/// The data of leg 1 begins 24 sectors behind, so the disk needs as much more.
#[test]
fn a_leg_on_which_the_data_does_not_fit_is_left_alone() {
    let needs = 24 + DATA + LENGTH;
    for (size, block_size, fits) in [
        (needs, 512, true),
        (needs - 1, 512, false),
        (needs + 1, 512, true),
        (needs, 4096, true),
        (needs, 8192, false),
    ] {
        let ids = labels::ids(2);
        let label = Limits::default();
        let other = SimDisk::new(Sectors(DATA + LENGTH), label);
        let disk = SimDisk::new(Sectors(size.next_multiple_of(16)), label);
        labels::put(&other, 0, &ids, true);
        labels::put_at(&disk, 24, 1, &ids, true);
        let limits = Limits { block_size, ..Limits::default() };
        let returned = SimDisk::new(Sectors(size), limits);
        for sector in 0..size {
            let mut bytes = [0; SECTOR_SIZE];
            disk.contents(Sector(sector)).fill(&mut bytes);
            returned.preset(Sector(sector), &bytes);
        }
        if block_size > 4096 {
            // A table with such a leg is refused before it is read: by its offset.
            let devices: [Arc<dyn BlockDevice>; 2] = [other, returned];
            let args = "internal 0 2 vbd0 0 vbd1 24";
            let later = Arc::<Later>::default();
            let error = rig::create(args, &devices, LENGTH, later, Arc::default()).err().unwrap();
            assert!(error.reason.contains("no multiple of the block"), "{error}");
            continue;
        }
        let legs = " vbd0 0 vbd1 24";
        let rig = Recorded::of_legs(vec![other, returned], legs, " 1 start_degraded=run", 0);
        rig.rest();
        assert!(rig.runs(), "{size}, {block_size}: the other leg starts");
        let letters = if fits { "AA" } else { "AD" };
        assert_eq!(rig.letters(), letters, "{size}, {block_size}");
        // Nor is it taken back, or made anew.
        if !fits {
            for message in ["add 1", "add 1 force"] {
                let why = rig.message(message).unwrap_err().to_string();
                assert!(why.contains(&format!("a member needs {needs} sectors")), "{why}");
            }
        }
    }
}

#[test]
fn a_new_member_whose_offset_leaves_too_little_room_is_refused() {
    for (room, refused) in [(23, true), (24, false)] {
        let whole = labels::disks(&labels::ids(2), true, Limits::default());
        let blank = SimDisk::new(Sectors(DATA + LENGTH + room), Limits::default());
        let args = "internal 0 2 vbd0 0 vbd1 24 1 start_degraded=run";
        let rig = Recorded::by_table(vec![whole[0].clone(), blank], LENGTH, args, 0);
        rig.rest();
        assert_eq!(rig.letters(), "AD");
        let answer = rig.message("add 1").map_err(|error| error.to_string());
        rig.rest();
        match refused {
            true => assert!(answer.unwrap_err().contains("needs 120 sectors, it has 119")),
            false => assert_eq!(rig.letters(), "AA"),
        }
    }
}

#[test]
fn a_leg_whose_map_finds_no_memory_is_told_of_and_left_alone() {
    // Both slots of one page, four times.
    let needs = 4 * 2 * 4096;
    let mut rig = Recorded::leg_out(2);
    rig.give_room(Some(needs - 1));
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AD");
    let notes = rig.news();
    let told = "leg 1 (vbd1) counts as absent: no memory for its map of 8192 bytes";
    assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
    rig.give_room(Some(needs));
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(32, 1)), ("AA", 2));
    // No leg at all: the mirror is held, and started once there is memory again.
    let disks = rig.disks.clone();
    assert!(rig.stop());
    drop(rig);
    let rig = Recorded::of_legs(disks, " vbd0 0 vbd1 0", "", 9);
    rig.give_room(Some(0));
    rig.rest();
    assert!(!rig.runs());
    rig.give_room(None);
    rig.stop();
    rig.target.resume();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
}
