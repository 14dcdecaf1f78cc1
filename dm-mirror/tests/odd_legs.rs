//! Legs that promise nothing, or owe something, under a resync.

mod rig;

use bio::{Limits, WriteCache};
use rig::Rig;
use sim::Outcome;

#[test]
fn a_leg_that_promises_nothing_can_still_be_rebuilt() {
    let limits = Limits { write_cache: WriteCache::Unknown, ..Limits::default() };
    let mut rig = Rig::new(2, "sync", limits);
    rig.drain();
    let flush = rig.flush();
    assert_eq!((rig.letters().as_str(), rig.end(flush)), ("AA", Some(Ok(()))));
}

/// A leg that timed out comes back with a new table before its write has
/// landed: it must not become a copy that then changes.
#[test]
fn a_leg_that_owes_a_late_write_does_not_come_back() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 9);
    rig.ok(0);
    rig.complete(1, Outcome::Timeout);
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.write_all(0, 1, 1);
    let mut rig = rig.with_table("core 2 8 sync 2 vbd0 0 vbd1 0");
    rig.drain();
    assert_eq!(rig.letters(), "AD");
    let late = rig.disks[1].late(0).unwrap().id;
    rig.disks[1].give_back_late(late);
    for _ in 0..3 {
        assert_eq!(rig.read_back(0, 1), 1);
    }
}
