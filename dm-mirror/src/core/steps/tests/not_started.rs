//! What a person may say of a mirror that was not started.

use uuid::Uuid;

use super::rig::Does::Flush;
use super::rig::Rig;
use crate::core::Life;
use crate::core::event::Message;

/// Two halves that ran apart.
fn apart() -> Rig {
    let mut mirror = Rig::labelled(2, false);
    for (leg, disk) in mirror.disks.iter_mut().enumerate() {
        let common = disk.superblock.generation;
        disk.superblock.history.push(common);
        disk.superblock.generation = Uuid::from_u128(70 + leg as u128);
    }
    mirror.resume();
    mirror.finds_only(&[0, 1]);
    assert!(matches!(mirror.core.life, Life::Refused(_)));
    mirror
}

#[test]
fn a_word_starts_the_search_anew() {
    let mut mirror = Rig::held();
    mirror.says(Message::StartDegraded).unwrap();
    assert_eq!(mirror.does(), [Flush(0), Flush(1)]);
}

#[test]
fn only_a_mirror_that_is_held_for_a_member_may_start_without_it() {
    assert!(Rig::recorded(2).says(Message::StartDegraded).is_err());
    assert!(apart().says(Message::StartDegraded).is_err());
    let mut searching = Rig::labelled(2, true);
    searching.resume();
    assert!(searching.says(Message::StartDegraded).is_err());
}

#[test]
fn a_half_is_kept_where_halves_ran_apart() {
    let mut mirror = apart();
    mirror.says(Message::Keep(1)).unwrap();
    mirror.finds_only(&[0, 1]);
    assert!(mirror.is_in_sync(1) && !mirror.is_in_sync(0));
}

#[test]
fn a_leg_that_is_no_half_is_not_kept() {
    assert!(apart().says(Message::Keep(2)).is_err());
    assert!(Rig::held().says(Message::Keep(0)).is_err());
}

#[test]
fn a_suspended_mirror_is_resumed_first() {
    let mut mirror = Rig::held();
    mirror.suspend();
    assert!(mirror.says(Message::StartDegraded).is_err());
    assert_eq!(mirror.core.consent.degraded, None, "a word that is refused is not kept");
}
