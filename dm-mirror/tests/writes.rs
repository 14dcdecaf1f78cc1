//! A write is done when every leg has reported, and good if an in-sync leg has it.

mod rig;

use std::sync::Arc;

use bio::{Bio, BlockDevice, Buf, BufCmd, BufDone, ErrorKind, IoResult, Limits, Sectors};
use bytes::BytesMut;
use rig::Rig;
use sim::{Outcome, Presence, SimDisk};

const WRITE: BufCmd = BufCmd::Write { fua: false };

#[test]
fn a_write_is_acknowledged_by_the_last_leg_not_the_first() {
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut rig = Rig::nosync(3);
        let write = rig.write(5, 2, 1);
        for leg in order {
            assert_eq!(rig.end(write), None);
            rig.ok(leg);
        }
        assert_eq!(rig.end(write), Some(Ok(())));
        assert!(rig.same(0, 1) && rig.same(1, 2));
    }
}

#[test]
fn a_leg_that_fails_a_write_is_out_before_the_write_is_acknowledged() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 1);
    rig.fail(1, ErrorKind::Media);
    assert_eq!((rig.end(write), rig.letters().as_str()), (None, "AD"));
    rig.ok(0);
    assert_eq!(rig.end(write), Some(Ok(())));
    for _ in 0..3 {
        assert_eq!(rig.read_back(0, 1), 1, "nothing is read from the leg that missed it");
    }
    rig.write(8, 1, 2);
    assert_eq!(rig.waiting(1), [], "nothing is written to it either");
}

#[test]
fn legs_that_fail_the_same_write_go_in_order_of_report_and_the_last_one_stays() {
    let mut rig = Rig::nosync(3);
    let write = rig.write(0, 1, 1);
    rig.fail(2, ErrorKind::Media);
    rig.fail(0, ErrorKind::Gone);
    assert_eq!(rig.letters(), "DAD");
    rig.fail(1, ErrorKind::NoSpace);
    assert_eq!(rig.letters(), "DAD", "the last leg in sync is never failed");
    assert_eq!(rig.error(write), ErrorKind::Media);
    rig.write_all(0, 1, 2);
    assert_eq!(rig.read_back(0, 1), 2, "it works again");
}

#[test]
fn a_write_that_only_a_failed_leg_has_is_no_success() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 1);
    rig.ok(0);
    rig.message("fail 0").unwrap();
    rig.fail(1, ErrorKind::Media);
    assert_eq!(rig.error(write), ErrorKind::Media);
    assert_eq!(rig.letters(), "DA");
}

#[test]
fn a_flush_goes_to_every_leg_and_a_leg_that_fails_it_is_out() {
    let mut rig = Rig::nosync(3);
    rig.write_all(0, 1, 1);
    let flush = rig.flush();
    for leg in 0..3 {
        assert_eq!(rig.waiting(leg), [BufCmd::Flush]);
    }
    rig.ok(0);
    rig.fail(1, ErrorKind::Media);
    assert_eq!(rig.end(flush), None);
    rig.ok(2);
    assert_eq!((rig.end(flush), rig.letters().as_str()), (Some(Ok(())), "ADA"));
}

#[test]
fn a_flush_that_fails_on_the_last_leg_is_an_error() {
    let mut rig = Rig::nosync(2);
    rig.message("fail 1").unwrap();
    let flush = rig.flush();
    rig.fail(0, ErrorKind::Media);
    assert_eq!((rig.error(flush), rig.letters().as_str()), (ErrorKind::Media, "AD"));
}

#[test]
fn a_fua_write_is_flushed_on_each_leg_before_it_is_acknowledged() {
    let mut rig = Rig::nosync(2);
    let write = rig.write_fua(3, 1);
    for leg in 0..2 {
        assert_eq!(rig.waiting(leg), [WRITE]);
        rig.ok(leg);
        assert_eq!(rig.waiting(leg), [BufCmd::Flush]);
    }
    rig.ok(1);
    assert_eq!(rig.end(write), None);
    rig.ok(0);
    assert_eq!(rig.end(write), Some(Ok(())));
    for disk in &rig.disks {
        assert_eq!(disk.durable(bio::Sector(3)), disk.contents(bio::Sector(3)));
    }
}

#[test]
fn a_plain_write_costs_one_write_a_leg_and_no_flush() {
    let mut rig = Rig::nosync(2);
    for start in 0..10 {
        rig.write(start, 1, 1);
        assert_eq!((rig.waiting(0), rig.waiting(1)), (vec![WRITE], vec![WRITE]));
        rig.drain();
    }
}

#[test]
fn a_write_that_a_hung_leg_keeps_is_acknowledged_without_it() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 6);
    rig.ok(0);
    rig.complete(1, Outcome::Timeout);
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "AD"));
    rig.write_all(0, 1, 7);
    assert_eq!(rig.disks[1].overdue(), 1);
    let late = rig.disks[1].late(0).unwrap().id;
    rig.disks[1].give_back_late(late);
    assert_eq!(rig.read_back(0, 1), 7);
}

#[test]
fn a_discard_goes_to_all_legs_or_to_none() {
    let mut rig = Rig::nosync(2);
    let discard = rig.discard(0, 8);
    assert_eq!(rig.error(discard), ErrorKind::Unsupported);
    let mut rig = Rig::new(2, "nosync", Limits { discard: true, ..Limits::default() });
    rig.write_all(0, 8, 3);
    let discard = rig.discard(0, 8);
    rig.drain();
    assert_eq!(rig.end(discard), Some(Ok(())));
    assert!(rig.same(0, 1));
}

/// A leg that did not do what the others did differs from them, whatever was asked.
#[test]
fn a_leg_that_fails_a_discard_is_out() {
    for (failing, letters) in [(0, "DA"), (1, "AD")] {
        let mut rig = Rig::new(2, "nosync", Limits { discard: true, ..Limits::default() });
        rig.write_all(0, 8, 3);
        let discard = rig.discard(0, 8);
        rig.fail(failing, ErrorKind::Media);
        rig.drain();
        assert_eq!((rig.end(discard), rig.letters().as_str()), (Some(Ok(())), letters));
        for _ in 0..4 {
            assert_eq!(rig.read_back(0, 8), 0, "the leg that has the old data answered");
        }
    }
    // Without another leg the error goes up, and none is out.
    let mut rig = Rig::new(2, "nosync", Limits { discard: true, ..Limits::default() });
    rig.write_all(0, 8, 3);
    let discard = rig.discard(0, 8);
    rig.fail(0, ErrorKind::Media);
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    assert_eq!(rig.error(discard), ErrorKind::Media);
    assert!(rig.letters().contains('A'), "the last leg is never failed");
}

#[test]
fn no_leg_is_asked_to_discard_if_one_cannot() {
    let limits = [true, false].map(|discard| Limits { discard, ..Limits::default() });
    let mut rig = Rig::nosync(2);
    rig.disks = limits.map(|limits| SimDisk::new(Sectors(rig::LENGTH), limits)).into();
    let mut rig = rig.with_table("core 1 nosync 2 vbd0 0 vbd1 0");
    let discard = rig.discard(0, 8);
    assert_eq!(rig.error(discard), ErrorKind::Unsupported);
    assert_eq!((rig.waiting(0), rig.letters().as_str()), (vec![], "AA"));
}

/// What it holds there, nobody knows: old bytes would come back as if they were new.
#[test]
fn a_leg_that_failed_a_discard_is_out() {
    let limits = Limits { discard: true, ..Limits::default() };
    let mut rig = Rig::new(2, "nosync", limits);
    rig.write_all(0, 8, 7);
    let discard = rig.discard(0, 8);
    rig.fail(1, ErrorKind::Media);
    rig.ok(0);
    rig.drain();
    assert_eq!((rig.end(discard), rig.letters().as_str()), (Some(Ok(())), "AD"));
    assert_eq!([0; 3].map(|_| rig.read_back(0, 8)), [0; 3]);
}

#[test]
fn a_mirror_of_one_leg_works_and_never_loses_it() {
    let mut rig = Rig::nosync(1);
    rig.write_all(0, 64, 1);
    let write = rig.write(0, 1, 2);
    rig.fail(0, ErrorKind::Media);
    assert_eq!((rig.error(write), rig.letters().as_str()), (ErrorKind::Media, "A"));
    assert!(rig.message("fail 0").is_err());
}

#[test]
fn every_leg_vanishing_ends_every_request() {
    let mut rig = Rig::nosync(2);
    let tags = [rig.write(0, 1, 1), rig.read(8, 1), rig.flush(), rig.write(0, 1, 2)];
    for disk in &rig.disks {
        disk.set_presence(Presence::Gone);
    }
    rig.drain();
    for tag in tags {
        assert_eq!(rig.error(tag), ErrorKind::Gone);
    }
}

#[test]
fn each_leg_that_goes_out_has_its_own_reason() {
    let mut rig = Rig::nosync(3);
    rig.write(0, 1, 1);
    rig.fail(0, ErrorKind::NoSpace);
    let flush = rig.flush();
    rig.fail(1, ErrorKind::Media);
    rig.fail(1, ErrorKind::Media);
    rig.drain();
    let report = rig.message("show").unwrap();
    assert!(report.contains("write failed: no space left on device"), "{report}");
    assert!(rig.end(flush).is_some());
    assert!(report.contains("degraded: 1 of 3 legs in sync"), "{report}");
}

#[test]
fn legs_lie_where_the_table_says() {
    let disks: Vec<_> = (0..2).map(|_| SimDisk::new(Sectors(256), Limits::default())).collect();
    let devices: Vec<_> = disks.iter().map(|disk| disk.clone() as Arc<dyn BlockDevice>).collect();
    let (later, events) = (Arc::<rig::Later>::default(), Arc::default());
    let target =
        rig::create("core 1 nosync 2 vbd0 64 vbd1 128", &devices, 64, later, events).unwrap();
    let bio = |buf| Bio::new(buf, Arc::new(Ended), 0);
    target.strategy(bio(Buf::write(rig::extent(3, 2), vec![7; 1024].into())));
    target.strategy(bio(Buf::read(rig::extent(9, 1), BytesMut::zeroed(512))));
    let seen = |leg: usize, index| disks[leg].pending(index).unwrap().extent;
    assert_eq!((seen(0, 0), seen(1, 0)), (rig::extent(67, 2), rig::extent(131, 2)));
    assert_eq!(seen(0, 1), rig::extent(73, 1));
    for disk in &disks {
        disk.abandon();
    }
}

struct Ended;

impl BufDone for Ended {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, _: IoResult) {}
}

/// The last leg failed a flush, so that what it dropped is on no leg; the other one is
/// not promoted beside it before that flush has ended there too.
#[test]
fn no_leg_is_promoted_while_it_has_a_flush_that_failed_elsewhere() {
    let mut rig = Rig::sync(2);
    let flush = rig.flush();
    rig.fail(0, ErrorKind::Media);
    // Everything but that flush of leg 1.
    let mut busy = true;
    while busy {
        let next = rig.disks[1].pending(1).map(|it| it.id);
        match (rig.disks[0].queued(), next) {
            (0, None) => busy = rig.work(),
            (0, Some(id)) => rig.disks[1].complete(id, Outcome::Ok),
            _ => rig.ok(0),
        }
    }
    assert_eq!((rig.letters().as_str(), rig.end(flush)), ("AS", None));
    rig.ok(1);
    assert_eq!((rig.letters().as_str(), rig.error(flush)), ("AS", ErrorKind::Media));
    rig.drain();
    assert_eq!((rig.letters().as_str(), rig.same(0, 1)), ("AA", true));
}

#[test]
fn a_write_or_a_flush_that_fails_is_an_error_of_its_leg_and_a_read_is_none_of_these() {
    let mut rig = Rig::nosync(1);
    rig.write(0, 1, 1);
    rig.fail(0, ErrorKind::Media);
    rig.flush();
    rig.fail(0, ErrorKind::Media);
    rig.read(0, 1);
    rig.fail(0, ErrorKind::Media);
    let [_, _, _, of_reads, of_writes] = rig.counts(0);
    assert_eq!((of_reads, of_writes), (1, 2));
}
