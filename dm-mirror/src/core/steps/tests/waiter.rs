//! Who has a range, and who begins when it is released.

use super::rig::Does::{Data, Done, Read};
use super::rig::Rig;

/// R2.
#[test]
fn a_read_waits_for_a_write_that_it_overlaps() {
    let mut mirror = Rig::plain(2);
    mirror.write(0, 4);
    assert_eq!(mirror.read(3, 1), []);
    assert_eq!(mirror.ok(Data(0)), [], "one leg has it, the other one not yet");
    assert_eq!(mirror.ok(Data(1)), [Done(1), Read(0)]);
}

#[test]
fn a_write_waits_for_a_read_that_it_overlaps() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 4);
    assert_eq!(mirror.write(3, 1), []);
    assert_eq!(mirror.ok(Read(0)), [Done(1), Data(0), Data(1)]);
}

#[test]
fn reads_share_a_range() {
    let mut mirror = Rig::plain(2);
    assert_eq!(mirror.read(0, 4), [Read(0)]);
    assert_eq!(mirror.read(0, 4), [Read(1)]);
}

#[test]
fn a_read_does_not_overtake_a_write_that_waits() {
    let mut mirror = Rig::plain(2);
    mirror.read(0, 1);
    mirror.write(0, 4);
    assert_eq!(mirror.read(3, 1), [], "nothing in flight is there, but the write came before");
    assert_eq!(mirror.read(4, 1), [Read(1)]);
}

#[test]
fn a_read_gives_its_range_back_when_it_ends() {
    let mut mirror = Rig::plain(1);
    mirror.read(0, 1);
    mirror.ok(Read(0));
    assert_eq!(mirror.write(0, 1), [Data(0)]);
}
