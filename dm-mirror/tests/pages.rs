//! A mirror whose map has two pages: what is told of one is not taken for the other's.

mod rig;

use std::time::Duration;

use bio::{BufCmd, ErrorKind, Extent, Sector, Sectors};
use dm_mirror::format::{REGIONS_PER_PAGE, page_place};
use rig::labels;
use rig::recorded::{REGION, Recorded, Survives};
use sim::{Landed, Outcome, Pending};

/// The first region of the second page, and its first sector.
const SECOND: u32 = REGIONS_PER_PAGE as u32;
const BORDER: u64 = REGIONS_PER_PAGE as u64 * REGION;

/// Regions on the second page.
const MORE: u64 = 8;
const LENGTH: u64 = BORDER + MORE * REGION;

/// Where the data begins: behind two superblocks, and two slots for each page.
const DATA: u64 = 48;

const TABLE: &str = "internal 0 2 vbd0 0 vbd1 0";

fn two_pages() -> Recorded {
    let rig = Recorded::by_table(labels::disks_with(DATA, LENGTH), LENGTH, TABLE, 0);
    rig.settle();
    assert_eq!(rig.letters(), "AA");
    rig
}

fn pending(rig: &Recorded, leg: usize) -> Vec<Pending> {
    let disk = &rig.disks[leg];
    (0..disk.queued()).map(|index| disk.pending(index).unwrap()).collect()
}

/// Whether this writes a page of the map.
fn is_map(request: &Pending) -> bool {
    let map = Extent::new(page_place(0, 0).start(), Sectors(DATA - 16));
    request.cmd != BufCmd::Read && request.extent.overlaps(map)
}

/// Whether this writes the sector of the mirror.
fn is_data(request: &Pending, sector: u64) -> bool {
    let place = Extent::new(Sector(DATA + sector), Sectors(1));
    request.cmd != BufCmd::Read && request.extent.overlaps(place)
}

/// Ends what legs were asked for, but for what is `held`, until there is nothing else.
fn settle_but(rig: &Recorded, held: impl Fn(&Pending) -> bool) {
    loop {
        let next = (0..2).find_map(|leg| {
            let request = pending(rig, leg).into_iter().find(|request| !held(request))?;
            Some((leg, request.id))
        });
        let Some((leg, id)) = next else { return };
        rig.disks[leg].complete(id, Outcome::Ok);
    }
}

#[test]
fn a_write_across_the_border_is_dirty_on_both_pages_before_it_is_written() {
    let mut rig = two_pages();
    let write = rig.write(BORDER - 1, 2, 7);
    settle_but(&rig, |request| is_data(request, BORDER));
    for leg in 0..2 {
        assert!(pending(&rig, leg).iter().any(|request| is_data(request, BORDER)), "leg {leg}");
        assert!(rig.dirty(leg, SECOND - 1) && rig.dirty(leg, SECOND), "leg {leg}");
        assert!(!rig.dirty(leg, 0) && !rig.dirty(leg, SECOND + 1), "leg {leg}");
    }
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
}

#[test]
fn regions_on_both_pages_become_clean_together() {
    let mut rig = two_pages();
    for sector in [0, BORDER, LENGTH - 1] {
        rig.put(sector, 1, 7);
    }
    assert!((0..2).all(|leg| rig.dirty(leg, 0) && rig.dirty(leg, SECOND)));
    rig.rest();
    for leg in 0..2 {
        let dirty = [0, SECOND, SECOND + MORE as u32 - 1].map(|region| rig.dirty(leg, region));
        assert_eq!(dirty, [false; 3], "leg {leg}");
    }
}

/// Records of both pages are on their way. The first one calls its first region dirty; the
/// second one calls its own clean, so a write there has to wait for another record.
#[test]
fn a_record_of_one_page_on_its_way_does_not_speak_for_the_other() {
    let mut rig = two_pages();
    rig.put(REGION, 1, 1);
    rig.put(BORDER, 1, 1);
    // Its region stays dirty.
    let first = rig.write(0, 1, 2);
    // Both pages stand twice before any region becomes clean.
    settle_but(&rig, |request| is_data(request, 0));
    rig.pass();
    settle_but(&rig, |request| is_data(request, 0));
    let cleans = |rig: &Recorded| {
        let maps = pending(rig, 0).iter().filter(|request| is_map(request)).count();
        maps == 2
    };
    let mut passes = 0;
    while !cleans(&rig) {
        settle_but(&rig, |request| is_data(request, 0) || (passes > 0 && is_map(request)));
        rig.work_now();
        if !cleans(&rig) {
            rig.pass();
        }
        passes += 1;
        assert!(passes < 20, "no region becomes clean");
    }
    let second = rig.write(BORDER, 1, 3);
    let too_early = pending(&rig, 0).iter().any(|request| is_data(request, BORDER));
    assert!(!too_early, "the record on its way calls that region clean");
    rig.settle();
    assert_eq!((rig.end(first), rig.end(second)), (Some(Ok(())), Some(Ok(()))));
    assert!(rig.dirty(0, SECOND) && rig.dirty(1, SECOND));
}

/// A page of which a slot cannot be read says nothing: all of its regions are made equal,
/// and none of the other page's.
#[test]
fn a_slot_that_cannot_be_read_is_of_its_own_page() {
    for (page, regions) in [(0, u64::from(SECOND)), (1, MORE)] {
        let rig = two_pages();
        rig.rest();
        let disks: Vec<_> =
            rig.disks.iter().map(|disk| disk.crash(&mut *Survives::All.chooser())).collect();
        std::mem::forget(rig);
        let rig = Recorded::by_table(disks, LENGTH, TABLE, 0);
        let bad = page_place(page, 0);
        while !rig.runs() {
            let request = (0..2).find_map(|leg| Some((leg, pending(&rig, leg).first().copied()?)));
            let Some((leg, request)) = request else {
                rig.work_now();
                continue;
            };
            let fails = leg == 1 && request.cmd == BufCmd::Read && request.extent.overlaps(bad);
            let failure = Outcome::Fail(ErrorKind::Media, Landed::None);
            rig.disks[leg].complete(request.id, if fails { failure } else { Outcome::Ok });
        }
        let report = rig.message("show").unwrap();
        let line = report.lines().find(|line| line.starts_with("regions: ")).unwrap();
        assert!(line.contains(&format!(" {regions} to be resynced")), "page {page}: {report}");
    }
}

/// The last leg's map fails while another leg's is written, and the cleaner's alarm, set
/// before, goes off: a page that stands alone is to stand twice.
#[test]
fn a_suspension_ends_though_the_cleaner_looks_after_a_map_has_failed() {
    let mut rig = two_pages();
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(BORDER, 64, 1);
    rig.rest();
    // Leg 1 is rebuilt, slowly; what it misses is on page 1.
    rig.message("sync_rate 1,1").unwrap();
    rig.message("add 1").unwrap();
    rig.settle();
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.letters(), "AS");
    // A region of page 0 becomes clean, and its page stands alone.
    rig.put(0, 1, 2);
    for _ in 0..40 {
        rig.wait(Duration::from_millis(50));
        if !rig.dirty(0, 0) {
            break;
        }
    }
    assert!(!rig.dirty(0, 0), "it never becomes clean");
    rig.put(BORDER + 40, 1, 3);
    let is_over = rig.suspend();
    for _ in 0..20 {
        rig.work_now();
        settle_but(&rig, is_map);
    }
    let map = |leg: usize| pending(&rig, leg).into_iter().find(is_map).expect("a map on its way");
    let (first, second) = (map(0), map(1));
    rig.disks[0].complete(first.id, Outcome::Fail(ErrorKind::Media, Landed::None));
    rig.pass();
    rig.disks[1].complete(second.id, Outcome::Ok);
    rig.settle();
    rig.rest_for(20);
    assert!(is_over(), "it is never suspended:\n{}", rig.message("show").unwrap());
}
