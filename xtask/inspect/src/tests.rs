//! Images as a crashed guest could leave them, and what is told of them.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bio::{Extent, SECTOR_SIZE, Sectors};
use dm_mirror::assemble::{Missed, Plan, Refusal, Role, Verdict};
use dm_mirror::format::{
    Bad, MapPage, Marks, MemberId, Region, Superblock, UNIT, page_place, superblock_place,
};
use dm_mirror::label::{self, Device, Ids, LabelOptions, Phase};
use tempfile::TempDir;
use uuid::Uuid;

use crate::disk::Disk;
use crate::repair::Repaired;
use crate::report::Report;
use crate::{json, repair, text};

const SECTORS: u64 = 2048 + 10 * 1024;

fn put(path: &Path, place: Extent, unit: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(unit, place.start().0 * SECTOR_SIZE as u64).unwrap();
}

/// Two members of a new mirror of 10 regions.
fn images() -> (TempDir, Vec<PathBuf>) {
    let folder = TempDir::new().unwrap();
    let device = Device { capacity: Sectors(SECTORS), block_size: 512 };
    let mut dice = 0;
    let ids = Ids::new(2, || {
        dice += 1;
        dice
    });
    let label = label::plan(&LabelOptions::new("home"), &ids, &[device; 2]).unwrap();
    let paths = [0, 1].map(|index| {
        let path = folder.path().join(format!("disk{index}.img"));
        fs::write(&path, vec![0; Sectors(SECTORS).bytes()]).unwrap();
        for (place, unit) in Phase::ALL.iter().flat_map(|phase| label.writes(index, *phase)) {
            put(&path, place, &*unit);
        }
        path
    });
    (folder, paths.into())
}

fn report(paths: &[PathBuf]) -> Report {
    Report::of(paths, None).unwrap()
}

fn told(report: &Report, folder: &TempDir) -> String {
    let text = text::Text { report, map: true }.to_string();
    text.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn a_member_is_told_in_full() {
    let (folder, paths) = images();
    let mut report = report(&paths);
    // Region 3 agrees, the other member missed 4 and 5; commit 2 went to slot B.
    let newest = report.disks[0].member.as_ref().unwrap();
    let page = newest.pages[0].as_ref().unwrap();
    let mut page = MapPage {
        member: newest.superblock.own().uuid,
        number: 0,
        incarnation: 1,
        seq: 2,
        marks: page.marks.clone(),
    };
    page.marks[3] = Marks::empty();
    page.marks[4..6].fill(Marks::missed(MemberId::new(1)));
    put(&paths[0], page_place(0, 1), &page.encode());
    let second = Superblock { seq: 2, session: 1, ..newest.superblock.clone() };
    put(&paths[0], superblock_place(1), &second.encode());

    report = self::report(&paths);
    report.verdict = Ok(Verdict::Start(Plan {
        newest: second,
        roles: [
            Role::InSync { device: 0 },
            Role::Return { device: 1, missed: Missed::Regions(vec![Region(4), Region(5)]) },
            Role::Empty,
            Role::Absent,
        ],
        adopt: Vec::new(),
    }));
    let expected = "\
disk0.img: member 0 of the mirror `home`
  superblock A  seq 1
  superblock B  seq 2, newest
  set           00000000-0000-4001-8000-000000000002
  generation    00000000-0000-4003-8000-000000000004, minted by slot 0 in session 0
  config        version 1, session 1, not stopped cleanly
  data          10240 sectors from sector 2048 on, in regions of 1024
  member 0      00000000-0000-4005-8000-000000000006 in sync, seen 0
  member 1      00000000-0000-4007-8000-000000000008 in sync, seen 0
  map           10 regions in 1 page
    dirty       7: 0-2, 6-9
    missed by 1 2: 4-5
";
    let text = told(&report, &folder);
    assert!(text.starts_with(expected), "{text}");
    let expected = "
Together they start:
  slot 0: disk0.img is in sync
  slot 1: disk1.img is to be rebuilt: it is given 2 regions (4-5)
  slot 2: empty
  slot 3: absent, and not needed
";
    assert!(text.ends_with(expected), "{text}");

    let json = json::of(&report, true);
    assert_eq!(json["disks"][0]["slots"][1], serde_json::json!({ "seq": 2, "newest": true }));
    let ranges = serde_json::json!({ "count": 7, "ranges": [[0, 2], [6, 9]] });
    assert_eq!(json["disks"][0]["map"]["dirty"], ranges);
    assert_eq!(json["verdict"]["decision"], "start");
    assert_eq!(json["verdict"]["plan"]["slots"][1]["missed"]["count"], 2);
}

#[test]
fn a_damaged_superblock_and_a_bad_page_are_named() {
    let (folder, paths) = images();
    let mut damaged = report(&paths).disks[0].slots[0].clone().unwrap().encode();
    damaged[UNIT - 1] = 1;
    put(&paths[0], superblock_place(1), &damaged);
    put(&paths[0], page_place(0, 0), &[1; UNIT]);
    let text = told(&report(&paths), &folder);
    assert!(text.contains("  superblock B  bad: the checksum is wrong\n"), "{text}");
    assert!(
        text.contains("    dirty       0\n    alone       1 page\n  bad pages     0\n    unknown     10: 0-9\n"),
        "{text}"
    );
}

#[test]
fn disks_that_are_no_members_say_why() {
    let (folder, mut paths) = images();
    for slot in [0, 1] {
        put(&paths[0], superblock_place(slot), &[0; UNIT]);
    }
    paths.push(folder.path().join("other.img"));
    fs::write(&paths[2], vec![7; 2 * UNIT]).unwrap();
    let text = told(&report(&paths), &folder);
    assert!(text.starts_with("disk0.img: no member: blank\n"), "{text}");
    assert!(text.contains("other.img: no member: no metadata of a mirror\n"), "{text}");
}

#[test]
fn an_image_that_was_cut_off_is_noticed() {
    let (folder, paths) = images();
    OpenOptions::new().write(true).open(&paths[1]).unwrap().set_len(1 << 20).unwrap();
    let text = told(&report(&paths), &folder);
    assert!(text.contains("  too short     it has 2048 sectors, the data ends beyond\n"), "{text}");
}

/// The kernel leaves such a disk alone, and so waits for the member.
#[test]
fn a_disk_that_is_too_small_is_not_counted_on() {
    let (folder, paths) = images();
    OpenOptions::new().write(true).open(&paths[1]).unwrap().set_len(2 << 20).unwrap();
    let report = report(&paths);
    assert!(matches!(report.verdict, Ok(Verdict::Hold { .. })), "{}", told(&report, &folder));
}

#[test]
fn second_copies_are_restored_and_nothing_that_may_have_been_newer_is_touched() {
    let (_folder, paths) = images();
    let whole = fs::read(&paths[0]).unwrap();
    let rot = |place: Extent, at: usize, count: usize| {
        let start = place.start().0 as usize * SECTOR_SIZE + at;
        let mut bytes = fs::read(&paths[0]).unwrap();
        bytes[start..start + count].iter_mut().for_each(|byte| *byte ^= 0xff);
        fs::write(&paths[0], bytes).unwrap();
    };
    let repair = || repair::copies(&Disk::read(&paths[0]).unwrap()).unwrap();
    assert_eq!(repair(), Repaired::default());
    for slot in [0, 1] {
        rot(superblock_place(slot), 300, 1);
        rot(page_place(0, slot), 2000, 1);
        assert_eq!(repair(), Repaired { restored: 2, left: 0 });
        assert!(fs::read(&paths[0]).unwrap() == whole, "slot {slot}");
    }
    rot(superblock_place(1), 0, UNIT);
    rot(page_place(0, 1), 0, UNIT);
    let rotten = fs::read(&paths[0]).unwrap();
    assert_eq!(repair(), Repaired { restored: 0, left: 2 });
    assert!(fs::read(&paths[0]).unwrap() == rotten);
}

#[test]
fn an_unknown_version_refuses_all() {
    let (folder, paths) = images();
    put(&paths[1], Extent::new(bio::Sector(0), Sectors(1)), b"DMIR-SUP\x02");
    let report = report(&paths);
    assert_eq!(report.disks[1].member, Err(Bad::Version(2)));
    let text = told(&report, &folder);
    assert!(text.ends_with("Nothing starts: disk1.img is of version 2, which is not known here; use the program that wrote it.\n"), "{text}");
    assert_eq!(json::of(&report, false)["verdict"]["decision"], "refuse");
}

#[test]
fn refusals_are_told_in_plain_words() {
    let (folder, paths) = images();
    let mut report = report(&paths);
    let set = report.disks[0].member.as_ref().unwrap().superblock.set;
    let cases = [
        (Refusal::NoneInSync, "none of the disks is a member in sync; give the one that is"),
        (Refusal::Sets(vec![set; 2]), "the disks belong to 2 mirrors ("),
        (Refusal::Twins(0, 1), "disk0.img and disk1.img have one place; give one of them"),
        (
            Refusal::SplitBrain {
                sides: vec![vec![0], vec![1]],
                conflict: Missed::Regions(vec![Region(7)]),
            },
            "halves ran apart, disk0.img on one side, disk1.img on another side: each has what the \
             others lack; they may differ in 1 region; choose",
        ),
    ];
    for (refusal, words) in cases {
        report.verdict = Ok(Verdict::Refuse(refusal));
        let text = told(&report, &folder);
        assert!(text.contains(&format!("Nothing starts: {words}")), "{text}");
        assert_eq!(json::of(&report, true)["verdict"]["decision"], "refuse");
    }
}

/// Slot 0 was given to another disk, which is the third image; `change` is made to the old
/// one.
fn replaced(change: impl FnOnce(&mut Superblock)) -> (TempDir, Vec<PathBuf>) {
    let (folder, mut paths) = images();
    let found = report(&paths);
    let of = |disk: usize| found.disks[disk].member.as_ref().unwrap().superblock.clone();
    let (mut old, mut newer) = (of(0), of(1));
    let first = newer.generation;
    newer.history.push(first);
    newer.generation = Uuid::from_u128(77);
    newer.members[0].as_mut().unwrap().uuid = Uuid::from_u128(78);
    newer.seq += 1;
    let mut new = newer.clone();
    new.slot = 0;
    change(&mut old);
    paths.push(folder.path().join("disk2.img"));
    fs::copy(&paths[0], &paths[2]).unwrap();
    for (path, superblock) in paths.iter().zip([old, newer, new]) {
        for slot in [0, 1] {
            put(path, superblock_place(slot), &superblock.encode());
        }
    }
    (folder, paths)
}

#[test]
fn a_disk_that_was_replaced_is_left_out_and_the_others_start() {
    let (folder, paths) = replaced(|old| (old.session, old.version) = (9, 9));
    let report = report(&paths);
    let text = told(&report, &folder);
    let expected = "\ndisk0.img is left out: another disk has its place.\nTogether they start:\n";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("  slot 0: disk2.img is in sync\n"), "{text}");
    let left_out = paths[0].display().to_string();
    assert_eq!(json::of(&report, false)["left_out"], serde_json::json!([left_out]));
}

#[test]
fn a_replaced_disk_that_ran_alone_is_no_copy_and_all_are_named() {
    let (folder, paths) = replaced(|old| {
        let first = old.generation;
        old.history.push(first);
        old.generation = Uuid::from_u128(99);
    });
    let text = told(&report(&paths), &folder);
    let expected = "Nothing starts: halves ran apart, disk0.img on one side, disk1.img and \
                    disk2.img on another side, and two disks have the place of member 0; give \
                    those of one.\n";
    assert!(text.ends_with(expected), "{text}");
}

#[test]
fn a_copy_is_called_a_copy() {
    let (folder, mut paths) = images();
    paths.push(folder.path().join("copy.img"));
    fs::copy(&paths[0], &paths[2]).unwrap();
    let text = told(&report(&paths), &folder);
    assert!(text.contains("disk0.img and copy.img say that they are the same member"), "{text}");
}

#[test]
fn what_is_no_disk_is_an_unusable_argument() {
    let folder = TempDir::new().unwrap();
    let short = folder.path().join("short.img");
    fs::write(&short, "MZ").unwrap();
    for path in [short, folder.path().join("missing.img"), folder.path().to_owned()] {
        let error = Report::of(std::slice::from_ref(&path), None).err().expect("it is no disk");
        let told = format!("{error:#}");
        assert!(told.starts_with(&format!("cannot use {}: ", path.display())), "{told}");
    }
}

#[test]
fn the_manual_is_consistent() {
    use clap::CommandFactory;
    crate::Options::command().debug_assert();
}
