//! A member is replaced by another disk while it serves.

mod rig;

use Survives::{All, Durable};
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded, Survives};
use sim::Presence;

/// A mirror of two in sync, 1 everywhere and 2 in sector 0, and a third leg: a disk
/// that is no member.
fn with_spare() -> Recorded {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_widen();
    rig.put(0, 1, 2);
    rig.sync();
    rig
}

fn report(rig: &Recorded) -> String {
    rig.message("show").unwrap()
}

fn whole(rig: &mut Recorded) -> bool {
    [0, 1, 63].map(|at| rig.get(at, 1)) == [2, 1, 1]
}

#[test]
fn the_old_leg_serves_until_the_new_one_is_in_sync_then_leaves() {
    let mut rig = with_spare();
    rig.message("replace 0 2").unwrap();
    let mut seen = Vec::new();
    loop {
        let letters = rig.letters();
        if seen.last() != Some(&letters) {
            seen.push(letters);
        }
        let gone = rig.superblock(1).members[0].is_none();
        assert!(!gone || rig.says(2, 2) == MemberState::InSync, "promoted durably first");
        if !rig.step() {
            break;
        }
    }
    assert_eq!(seen, ["AAD", "AAS", "DAA"]);
    rig.rest();
    assert!(report(&rig).starts_with("healthy: 2 of 2"), "{}", report(&rig));
    assert!([1, 2].iter().all(|leg| rig.superblock(*leg).members[0].is_none()));
    rig.put(9, 1, 3);
    assert_eq!(rig.holds(0, 9), 1, "it is not written any more");
    assert!(rig.agree(1, 2));
    let mut rig = rig.stop_and_start(&[false, false, true]);
    rig.settle();
    rig.message("start_degraded").unwrap();
    assert!(whole(&mut rig) && rig.get(9, 1) == 3);
}

/// First everybody durably says that the old one is out, then nobody speaks of it.
#[test]
fn the_old_leg_is_excluded_durably_before_it_is_forgotten() {
    let rig = with_spare();
    rig.message("replace 0 2").unwrap();
    let entry = |rig: &Recorded, leg| rig.superblock(leg).members[0].map(|it| it.state);
    rig.until(|rig| rig.letters() == "DAA");
    rig.until(|rig| {
        let says = [1, 2].map(|leg| entry(rig, leg));
        let forgotten = says.contains(&None);
        assert!(!forgotten || !says.contains(&Some(MemberState::InSync)), "{says:?}");
        forgotten
    });
    rig.until(|rig| [1, 2].iter().all(|leg| entry(rig, *leg).is_none()));
}

#[test]
fn either_leg_may_fail_at_any_step_of_a_replacement() {
    let mut ends = std::collections::BTreeSet::new();
    for failing in [0, 2] {
        for steps in 0..110 {
            let mut rig = with_spare();
            rig.message("replace 0 2").unwrap();
            rig.steps(steps);
            rig.disks[failing].set_presence(Presence::Gone);
            rig.put(33, 1, 7);
            rig.rest();
            let what = format!("leg {failing} after {steps}: {}", report(&rig));
            assert!(whole(&mut rig) && rig.get(33, 1) == 7, "{what}");
            assert_eq!(rig.letters().as_bytes()[1], b'A', "{what}");
            if rig.letters() == "DAA" {
                assert!(rig.superblock(1).members[0].is_none(), "{what}");
            }
            assert!(rig.letters() != "AAD" || failing == 2, "{what}");
            ends.insert((failing, rig.letters()));
        }
    }
    assert!(ends.contains(&(0, "DAA".into())) && ends.contains(&(2, "AAD".into())), "{ends:?}");
}

/// The leg that stays may fail as well, and the two that are exchanged have it all.
#[test]
fn the_leg_that_stays_may_fail_at_any_step_of_a_replacement() {
    for steps in 0..110 {
        let mut rig = with_spare();
        rig.message("replace 0 2").unwrap();
        rig.steps(steps);
        rig.disks[1].set_presence(Presence::Gone);
        rig.put(33, 1, 7);
        rig.rest();
        let what = format!("after {steps}: {}", report(&rig));
        assert!(whole(&mut rig) && rig.get(33, 1) == 7, "{what}");
        assert!(rig.letters().contains('A'), "{what}");
    }
}

#[test]
fn a_crash_at_each_step_of_a_replacement_leaves_at_worst_one_member_more() {
    let mut members = std::collections::BTreeSet::new();
    for survives in [[Durable; 3], [All; 3], [All, Durable, Durable], [Durable, Durable, All]] {
        for steps in 0..110 {
            let rig = with_spare();
            rig.message("replace 0 2").unwrap();
            rig.steps(steps);
            let mut rig = rig.crash(&survives);
            rig.rest();
            let what = format!("{survives:?} after {steps}: {}", report(&rig));
            assert!(rig.runs(), "{what}");
            assert!(whole(&mut rig), "{what}");
            let in_sync = rig.letters().matches('A').count();
            assert!(in_sync >= 2, "{what}");
            members.insert(rig.superblock(1).members.iter().flatten().count());
            if rig.superblock(1).members[0].is_some() {
                // The person repeats it, or does what was left.
                let _ = rig.message("fail 0");
                rig.rest();
                rig.message("forget 0").unwrap();
                let _ = rig.message("add 2");
                rig.rest();
            }
            assert_eq!(rig.letters(), "DAA", "{what}");
            assert!(rig.agree(1, 2) && whole(&mut rig), "{what}");
        }
    }
    assert_eq!(members.into_iter().collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn writes_during_a_replacement_are_on_the_new_leg() {
    for steps in (0..100).step_by(3) {
        let mut rig = with_spare();
        rig.message("replace 0 2").unwrap();
        rig.steps(steps);
        let write = rig.write_fua(20, 9);
        rig.until(|rig| rig.end(write).is_some());
        rig.rest();
        assert_eq!(rig.end(write), Some(Ok(())));
        assert_eq!((rig.letters().as_str(), rig.keeps(2, 20)), ("DAA", 9), "after {steps}");
    }
}

#[test]
fn what_cannot_be_replaced_is_refused_with_a_reason() {
    let mut rig = Recorded::new(4);
    let refused = |rig: &Recorded, words: &str, why: &str| {
        let refusal = rig.message(words).unwrap_err().to_string();
        assert!(refusal.contains(why), "{words}: {refusal}");
    };
    refused(&rig, "replace 0 4", "there is no leg `4`");
    refused(&rig, "replace 0 1", "leg 1 is not out");
    refused(&rig, "replace 0 0", "cannot replace itself");
    rig.message("fail 1").unwrap();
    rig.rest();
    refused(&rig, "replace 1 1", "cannot replace itself");
    rig.exchange(1);
    rig.message("replace 0 1").unwrap();
    refused(&rig, "replace 2 1", "another leg is being replaced");
    rig.put(0, 1, 1);
    rig.rest();
    assert_eq!(rig.letters(), "DAAA");
    refused(&rig, "replace 0 1", "is no member");
}

#[test]
fn a_disk_that_is_refused_replaces_nobody() {
    let rig = with_spare();
    let superblock = rig.bytes(1, dm_mirror::format::superblock_place(0));
    rig.disks[2].preset(bio::Sector(0), &superblock);
    rig.message("replace 0 2").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAD");
    rig.message("replace 0 2 force").unwrap();
    rig.until(|rig| rig.asks(2).contains(&Ask::Data));
    assert!(report(&rig).contains("to replace leg 0"), "{}", report(&rig));
    rig.message("fail 2").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), report(&rig).contains("to replace")), ("AAD", false));
    rig.message("add 2").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAA", "added, and nobody is replaced");
}
