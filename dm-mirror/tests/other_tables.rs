//! Tables of another shape than the mirror that they name: of another length, with fewer
//! legs, with legs behind an offset.

mod rig;

use std::sync::Arc;

use bio::{Limits, Sector, Sectors};
use rig::recorded::{DATA, Recorded};
use rig::{LENGTH, labels};
use sim::SimDisk;

/// The legs of a new mirror, each behind as many sectors of its disk, which has `size`.
fn behind(offset: u64, size: u64, legs: usize) -> Vec<Arc<SimDisk>> {
    let ids = labels::ids(legs);
    let member = |slot| {
        let disk = SimDisk::new(Sectors(size), Limits::default());
        labels::put_at(&disk, offset, slot, &ids, true);
        disk
    };
    (0..legs).map(member).collect()
}

/// All that is on the disks.
fn media(disks: &[Arc<SimDisk>], size: u64) -> Vec<sim::Content> {
    let all = disks.iter().flat_map(|disk| (0..size).map(|at| disk.contents(Sector(at))));
    all.collect()
}

/// A table that is not the mirror's is refused for this, and nothing is written.
#[track_caller]
fn assert_refused(members: usize, length: u64, args: &str, why: &str) {
    let size = DATA + LENGTH + 8;
    let disks = behind(0, size, members);
    let before = media(&disks, size);
    let rig = Recorded::by_table(disks, length, args, 0);
    rig.rest();
    let report = rig.message("show").unwrap();
    assert!(rig.target.status().ends_with("refused"), "{report}");
    assert!(report.contains(why), "{report}");
    assert!(media(&rig.disks, size) == before, "something was written");
}

#[test]
fn a_table_of_another_length_does_not_start_the_mirror() {
    for length in [LENGTH - 8, LENGTH + 8] {
        let why = format!("the table says {length} sectors, the mirror has {LENGTH}");
        assert_refused(2, length, "internal 0 2 vbd0 0 vbd1 0", &why);
    }
}

#[test]
fn a_table_with_fewer_legs_than_members_does_not_start_the_mirror() {
    let why = "the mirror has 3 members, the table names 2";
    assert_refused(3, LENGTH, "internal 0 2 vbd0 0 vbd1 0 1 start_degraded=run", why);
}

#[test]
fn a_mirror_works_behind_an_offset_and_touches_nothing_before_it() {
    let size = 24 + DATA + LENGTH;
    let disks = behind(24, size, 2);
    let mut rig = Recorded::by_table(disks, LENGTH, "internal 0 2 vbd0 24 vbd1 24", 0);
    rig.rest();
    rig.put(0, LENGTH, 7);
    rig.message("fail 1").unwrap();
    rig.put(LENGTH - 1, 1, 8);
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1), rig.get(LENGTH - 1, 1)), ("AA", 7, 8));
    for disk in &rig.disks {
        let blank = sim::Content::of(&[0; 512]);
        assert!((0..24).all(|at| disk.contents(Sector(at)) == blank));
    }
}

#[test]
fn a_leg_whose_offset_leaves_too_little_room_is_not_started() {
    let whole = behind(0, DATA + LENGTH + 24, 2);
    let short = behind(24, DATA + LENGTH + 23, 2);
    let disks = vec![whole[0].clone(), short[1].clone()];
    let args = "internal 0 2 vbd0 0 vbd1 24 1 start_degraded=run";
    let rig = Recorded::by_table(disks, LENGTH, args, 0);
    rig.rest();
    assert_eq!(rig.states(), "AD", "{}", rig.message("show").unwrap());
}

#[test]
fn a_new_member_whose_offset_leaves_too_little_room_is_refused() {
    for (room, refused) in [(23, true), (24, false)] {
        let whole = behind(0, DATA + LENGTH, 2);
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
