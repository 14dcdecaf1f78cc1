//! What becomes of a request before the mirror runs, and of one that needs no range.

use bio::ErrorKind::Gone;

use super::rig::Does::{Data, Done, Fails, Flush, Quiet};
use super::rig::Rig;

#[test]
fn a_request_waits_for_the_start() {
    let mut mirror = Rig::labelled(2, true);
    assert_eq!(mirror.flush(), []);
    mirror.resume();
    assert_eq!(mirror.read(0, 1), []);
    let did = mirror.settles();
    assert!(did.contains(&Done(1)) && did.contains(&Done(2)), "{did:?}");
}

#[test]
fn a_mirror_that_is_held_fails_its_requests() {
    let mut mirror = Rig::held();
    assert_eq!(mirror.read(0, 1), [Fails(1, Gone)]);
    assert_eq!(mirror.write(0, 1), [Fails(2, Gone)]);
    assert_eq!(mirror.flush(), [Fails(3, Gone)]);
}

#[test]
fn what_waited_for_a_start_fails_if_the_mirror_is_held() {
    let mut mirror = Rig::labelled(2, true);
    mirror.write(0, 1);
    mirror.resume();
    assert_eq!(mirror.finds_only(&[0]), [Fails(1, Gone)]);
}

#[test]
fn a_flush_waits_for_no_range() {
    let mut mirror = Rig::plain(2);
    assert_eq!(mirror.write(0, 64), [Data(0), Data(1)]);
    assert_eq!(mirror.flush(), [Flush(0), Flush(1)]);
}

/// Nobody can say what is durable.
#[test]
fn a_flush_behind_a_suspension_that_ended_the_search_fails() {
    let mut mirror = Rig::labelled(2, true);
    mirror.resume();
    mirror.suspend();
    assert_eq!(mirror.settles().last(), Some(&Quiet));
    assert_eq!(mirror.flush(), [Fails(1, Gone)]);
}
