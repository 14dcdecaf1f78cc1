//! striped: where each sector lies, and what of a request goes where.

use std::sync::Arc;

use bio::{BlockDevice, Buf, BufCmd, ErrorKind, IoError, Limits};
use dm::{Dm, Slot};
use proptest::prelude::*;
use sim::{Landed, Outcome, SimDisk};

use crate::bench::{
    Originator, complete, complete_all, disk, disk_with, dm, extent, flushes, pattern, running,
    waiting,
};

const WRITE: BufCmd = BufCmd::Write { fua: false };

/// Three stripes of 8 sectors in chunks of 4, each elsewhere on its disk.
fn three_stripes() -> (Dm, [Arc<SimDisk>; 3], Originator) {
    let dm = dm();
    let limits = Limits { discard: true, ..Limits::default() };
    let disks = ["a", "b", "c"].map(|name| disk_with(&dm, name, 64, limits));
    running(&dm, "d", "0 24 striped 3 4 a 8 b 16 c 32");
    let originator = Originator::new(&dm, "d");
    (dm, disks, originator)
}

#[test]
fn chunks_go_to_the_stripes_in_turn() {
    let (_dm, [a, b, c], originator) = three_stripes();
    for (start, count, on, below) in [
        (0, 4, &a, 8),
        (5, 2, &b, 17),
        (8, 4, &c, 32),
        (12, 1, &a, 12),
        (17, 3, &b, 21),
        (23, 1, &c, 39),
    ] {
        originator.write(start, count);
        assert_eq!(waiting(on), [(WRITE, extent(below, count))], "{start}+{count}");
        complete_all(&[on]);
        assert_eq!(originator.end().1, Ok(()));
        assert_eq!([&a, &b, &c].map(|disk| disk.queued()), [0; 3]);
    }
}

#[test]
fn a_request_over_chunks_is_cut_at_their_borders_and_joined() {
    let (_dm, [a, b, c], originator) = three_stripes();
    originator.write(2, 15);
    assert_eq!(waiting(&a), [(WRITE, extent(10, 2)), (WRITE, extent(12, 4))]);
    assert_eq!(waiting(&b), [(WRITE, extent(16, 4)), (WRITE, extent(20, 1))]);
    assert_eq!(waiting(&c), [(WRITE, extent(32, 4))]);
    complete_all(&[&c, &b]);
    complete(&a, Outcome::Ok);
    assert_eq!(originator.ends(), [], "a part is still in flight");
    complete(&a, Outcome::Ok);
    assert_eq!(originator.end().1, Ok(()));
    originator.read(2, 15);
    complete_all(&[&b, &c, &a]);
    let (buf, result) = originator.end();
    assert_eq!(result, Ok(()));
    assert_eq!(buf.into_read().unwrap(), pattern(2, 15));
}

#[test]
fn a_discard_is_one_request_for_each_stripe_it_meets() {
    let (_dm, [a, b, c], originator) = three_stripes();
    let discard = |start, count| {
        originator.issue(Buf::freeblks(extent(start, count)), 0);
        let found = [&a, &b, &c].map(|disk| waiting(disk));
        complete_all(&[&a, &b, &c]);
        assert_eq!(originator.end().1, Ok(()));
        found.map(|all| all.into_iter().map(|(cmd, extent)| (cmd == BufCmd::FreeBlks, extent)))
    };
    let whole = discard(0, 24).map(|all| all.collect::<Vec<_>>());
    assert_eq!(whole, [(8, 8), (16, 8), (32, 8)].map(|(at, n)| vec![(true, extent(at, n))]));
    let part = discard(6, 9).map(|all| all.collect::<Vec<_>>());
    assert_eq!(part, [(8 + 4, 3), (16 + 2, 2), (32, 4)].map(|(at, n)| vec![(true, extent(at, n))]));
    let one = discard(13, 2).map(|all| all.collect::<Vec<_>>());
    assert_eq!(one, [vec![(true, extent(13, 2))], vec![], vec![]]);
}

#[test]
fn a_flush_reaches_every_stripe() {
    let (_dm, [a, b, c], originator) = three_stripes();
    originator.issue(Buf::flush(), 0);
    assert_eq!([&a, &b, &c].map(|disk| flushes(disk)), [1; 3]);
    complete_all(&[&a, &c]);
    assert_eq!(originator.ends(), []);
    complete(&b, Outcome::Fail(ErrorKind::Media, Landed::None));
    assert_eq!(originator.end().1, Err(IoError { kind: ErrorKind::Media, resid: 0 }));
}

#[test]
fn status_names_the_stripes_and_which_failed() {
    let (dm, [a, b, c], originator) = three_stripes();
    let device = dm.get("d").unwrap();
    assert_eq!(device.status().unwrap(), "0 24 striped 3 a b c 1 AAA\n");
    assert_eq!(device.table(Slot::Active).unwrap(), "0 24 striped 3 4 a 8 b 16 c 32\n");
    assert_eq!(device.deps(Slot::Active).unwrap().len(), 3);
    originator.write(0, 12);
    complete(&b, Outcome::Fail(ErrorKind::Media, Landed::None));
    complete_all(&[&a, &c]);
    let failed = IoError { kind: ErrorKind::Media, resid: 4 * 512 };
    assert_eq!(originator.end().1, Err(failed));
    assert_eq!(device.status().unwrap(), "0 24 striped 3 a b c 1 ADA\n");
}

#[test]
fn the_first_failures_are_events_and_what_is_not_supported_is_none() {
    let (dm, [a, ..], originator) = three_stripes();
    let device = dm.get("d").unwrap();
    originator.issue(Buf::flush(), 0);
    complete(&a, Outcome::Fail(ErrorKind::Unsupported, Landed::None));
    assert_eq!(device.info().events, 0);
    assert!(device.status().unwrap().ends_with("AAA\n"));
    for failures in 1..20 {
        originator.read(0, 1);
        complete(&a, Outcome::Fail(ErrorKind::Media, Landed::None));
        assert_eq!(device.info().events, failures.min(15));
    }
}

#[test]
fn stripes_may_lie_on_one_disk() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 16 striped 2 2 a 0 a 32");
    assert_eq!(device.deps(Slot::Active).unwrap(), ["a".into()]);
    let originator = Originator::new(&dm, "d");
    originator.write(1, 3);
    assert_eq!(waiting(&a), [(WRITE, extent(1, 1)), (WRITE, extent(32, 2))]);
    complete_all(&[&a]);
    assert_eq!(originator.end().1, Ok(()));
}

#[test]
fn limits_are_those_that_all_stripes_keep() {
    let dm = dm();
    disk_with(&dm, "big", 64, Limits { block_size: 4096, discard: true, ..Limits::default() });
    disk_with(&dm, "fixed", 64, Limits { read_only: true, ..Limits::default() });
    let device = running(&dm, "d", "0 32 striped 2 8 big 0 fixed 0");
    let expected = Limits { block_size: 4096, read_only: true, ..Limits::default() };
    assert_eq!(device.limits(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Written in pieces, read in others, through the stripes and around them.
    #[test]
    fn every_sector_has_one_place(
        stripes in 1..5u64,
        chunk in 1..9u64,
        rows in 1..5u64,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        let length = stripes * chunk * rows;
        let dm = dm();
        let disks: Vec<_> =
            (0..stripes).map(|index| disk(&dm, &format!("s{index}"), chunk * rows)).collect();
        let refs: Vec<&SimDisk> = disks.iter().map(|disk| &**disk).collect();
        let names: String = (0..stripes).map(|index| format!(" s{index} 0")).collect();
        running(&dm, "d", &format!("0 {length} striped {stripes} {chunk}{names}"));
        let originator = Originator::new(&dm, "d");
        let mut borders: Vec<u64> =
            cuts.iter().map(|cut| cut.index(length as usize) as u64).chain([0, length]).collect();
        borders.sort_unstable();
        borders.dedup();
        for pair in borders.windows(2) {
            originator.write(pair[0], pair[1] - pair[0]);
            complete_all(&refs);
        }
        originator.ends();
        originator.read(0, length);
        complete_all(&refs);
        prop_assert_eq!(originator.end().0.into_read().unwrap(), pattern(0, length));
        for sector in 0..length {
            let (row, column) = (sector / chunk / stripes, sector / chunk % stripes);
            let direct = Originator::new(&dm, &format!("s{column}"));
            direct.read(row * chunk + sector % chunk, 1);
            complete_all(&refs);
            prop_assert_eq!(direct.end().0.into_read().unwrap(), pattern(sector, 1));
        }
    }
}
