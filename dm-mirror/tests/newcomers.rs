//! A disk that is no member takes the place of one that is out, or a free one;
//! a member that is out is forgotten.

mod rig;

use Survives::{All, Durable};
use bio::{ErrorKind, Sector, Sectors};
use dm_mirror::format::{MemberState, superblock_place};
use rig::LENGTH;
use rig::recorded::{Ask, DATA, Recorded, Survives};
use sim::Outcome;

/// Leg 1 is out, and its disk was exchanged for one that holds nothing of a mirror
/// but old data; the mirror has 1 everywhere, and 2 in sector 0.
fn exchanged(legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 1);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(0, 1, 2);
    rig.sync();
    rig.exchange(1);
    rig
}

fn report(rig: &Recorded) -> String {
    rig.message("show").unwrap()
}

#[test]
fn a_blank_disk_in_the_place_of_one_that_is_out_is_given_everything() {
    let mut rig = exchanged(2);
    let old = rig.superblock(0).members[1].unwrap().uuid;
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
    let [a, b] = [0, 1].map(|leg| rig.superblock(leg));
    assert_ne!(a.members[1].unwrap().uuid, old, "another disk is another member");
    assert_eq!((a.members[1].unwrap().uuid, a.generation), (b.own().uuid, b.generation));
    assert_eq!(rig.get(0, 1), 2);
    let mut rig = rig.crash(&[Durable, Durable]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AA", 2));
    assert_eq!(rig.costs(0).copy.0 + rig.costs(1).copy.0, 0, "it is a member like any other");
}

#[test]
fn a_new_disk_is_wiped_then_known_to_lack_everything_then_marked_then_written() {
    let rig = exchanged(3);
    rig.message("add 1").unwrap();
    let (mut marked, mut written) = (false, false);
    while rig.step() {
        let asks = rig.asks(1);
        let known = [0, 2].iter().all(|leg| (0..8).all(|region| rig.missed(*leg, region, 1)));
        let says = [0, 2].map(|leg| rig.says(leg, 1));
        marked |= says == [MemberState::Rebuilding; 2];
        assert!(marked || !says.contains(&MemberState::Rebuilding) || known, "maps first");
        if asks.contains(&Ask::Data) || asks.contains(&Ask::Map) {
            let own = rig.superblock(1);
            let state = own.own().state;
            assert!(marked && (written || state == MemberState::Rebuilding), "superblock first");
            assert_eq!(own.own().uuid, rig.superblock(0).members[1].unwrap().uuid);
            written = true;
        }
    }
    assert!(marked && written);
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1), rig.agree(0, 2)), ("AAA", true, true));
}

#[test]
fn a_disk_is_wiped_only_when_it_is_durable_that_nobody_counts_on_it() {
    let rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    let before = rig.snapshot(1);
    rig.message("forget 1").unwrap();
    rig.message("add 1 force").unwrap();
    while rig.step_without(0, Ask::Super) {}
    assert_eq!((rig.asks(0), rig.asks(1)), (vec![Ask::Super], vec![]));
    assert!(rig.snapshot(1) == before, "by leg 0's record it is a member");
    rig.settle();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

/// Nothing is recorded meanwhile, and the wipe waits for a record; a person's word holds.
#[test]
fn a_suspension_does_not_wait_for_a_wipe_that_has_not_begun() {
    let rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.message("forget 1").unwrap();
    rig.message("add 1 force").unwrap();
    while rig.step_without(0, Ask::Super) {}
    assert!(rig.stop(), "it is suspended");
    rig.target.resume();
    rig.settle();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

#[test]
fn a_disk_of_another_mirror_is_refused_unless_forced() {
    for foreign in [true, false] {
        let mut rig = exchanged(3);
        let other = if foreign { Recorded::labelled_as(99, 2, true) } else { Recorded::new(3) };
        // Of another set; or what another member of this one has.
        for slot in 0..2 {
            let place = superblock_place(slot);
            let bytes = if foreign { other.bytes(0, place) } else { rig.bytes(2, place) };
            rig.disks[1].preset(place.start(), &bytes);
        }
        rig.message("add 1").unwrap();
        rig.rest();
        assert_eq!(rig.letters(), "ADA", "foreign {foreign}");
        assert!(report(&rig).contains("stays out") && report(&rig).contains("add 1 force"));
        assert_eq!(rig.costs(1).superblock.0, 2, "nothing was written on it but at the start");
        rig.message("add 1 force").unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AAA", true), "foreign {foreign}");
        assert_eq!(rig.get(0, 1), 2);
        let mut rig = rig.crash(&[All; 3]);
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AAA", 2), "what it was is gone");
    }
}

/// From when it is on its way on, wherever the power goes, in whatever slot its own
/// superblocks are by then.
#[test]
fn what_a_forced_disk_was_is_not_found_after_a_crash() {
    let mut on_its_way = 0;
    let other = Recorded::labelled_as(99, 2, true);
    for steps in 0..60 {
        let rig = exchanged(2);
        for slot in 0..2 {
            let place = superblock_place(slot);
            // Both slots have one, and larger numbers than a new member's.
            let mut superblock = other.superblock(0);
            superblock.seq = 7 + slot as u64;
            rig.disks[1].preset(place.start(), &superblock.encode());
        }
        rig.message("add 1 force").unwrap();
        rig.steps(steps);
        if rig.letters() != "AS" {
            continue;
        }
        on_its_way += 1;
        let mut rig = rig.crash(&[Durable; 2]);
        rig.rest();
        assert!(rig.runs(), "after {steps}: {}", report(&rig));
        assert_eq!(rig.get(0, 1), 2, "after {steps}");
        assert!(matches!(rig.letters().as_str(), "AA" | "AD"), "after {steps}");
    }
    assert!(on_its_way > 10, "{on_its_way}");
}

#[test]
fn a_disk_that_is_too_small_is_refused_with_sizes() {
    let rig = exchanged(2);
    let rig = rig.stop_and_start_with(1, Sectors(DATA + LENGTH - 1));
    rig.settle();
    let refusal = rig.message("add 1").unwrap_err().to_string();
    assert!(refusal.contains("needs 96 sectors, it has 95"), "{refusal}");
    assert_eq!(rig.letters(), "AD");
}

#[test]
fn nothing_is_written_past_the_end_of_the_mirror_on_a_larger_disk() {
    let rig = exchanged(2);
    let rig = rig.stop_and_start_with(1, Sectors(DATA + LENGTH + 40));
    rig.settle();
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
    let untouched = |at: u64| rig.disks[1].contents(Sector(at)) == sim::Content::of(&[0; 512]);
    assert!((DATA + LENGTH..DATA + LENGTH + 40).all(untouched));
}

#[test]
fn a_table_with_one_leg_more_has_room_for_one_more_member() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let mut rig = rig.stop_and_widen();
    rig.settle();
    assert_eq!(rig.letters(), "AAD");
    assert!(report(&rig).starts_with("healthy: 2 of 2"), "{}", report(&rig));
    rig.put(0, 1, 2);
    rig.message("add 2").unwrap();
    rig.until(|rig| rig.letters() == "AAS");
    rig.put(9, 1, 3);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 2), rig.get(9, 1)), ("AAA", true, 3));
    let mut rig = rig.crash_and_start(&[Durable; 3], &[false, false, true], START);
    assert_eq!([rig.get(0, 1), rig.get(1, 1), rig.get(9, 1)], [2, 1, 3], "alone");
}

const START: &str = " 1 start_degraded=run";

/// Whatever is left starts by itself, or with all disks there after another `add`.
#[test]
fn a_crash_at_each_step_of_taking_a_new_member_loses_nothing() {
    let mut states = [0; 3];
    for survives in [[Durable, Durable], [All, Durable], [Durable, All], [All, All]] {
        for there in [[true, true], [true, false], [false, true]] {
            for steps in 0..90 {
                let rig = exchanged(2);
                rig.message("add 1").unwrap();
                rig.steps(steps);
                let mut rig = rig.crash_and_start(&survives, &there, "");
                rig.rest();
                let what = format!("{survives:?} {there:?} after {steps}");
                if there == [false, true] {
                    assert!(!rig.runs(), "the other has not said that it is out: {what}");
                    assert!(!report(&rig).is_empty(), "a reason");
                    states[0] += 1;
                    continue;
                }
                if !rig.runs() {
                    // It was promoted: the person is asked whether the other will do.
                    assert_eq!((there, rig.says(0, 1)), ([true, false], MemberState::InSync));
                    rig.message("start_degraded").unwrap();
                    rig.rest();
                    states[1] += 1;
                }
                assert_eq!([0, 1, 63].map(|at| rig.get(at, 1)), [2, 1, 1], "{what}");
                if there == [true, true] && rig.letters() == "AD" {
                    rig.message("add 1").unwrap();
                    rig.rest();
                    states[2] += 1;
                }
                assert!(there == [true, false] || rig.letters() == "AA", "{what}");
                assert!(there == [true, false] || rig.agree(0, 1), "{what}");
            }
        }
    }
    assert!(states.iter().all(|count| *count > 5), "{states:?}");
}

#[test]
fn a_new_member_that_fails_on_its_way_leaves_the_slot_to_the_one_before() {
    for steps in 0..60 {
        let rig = exchanged(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        if rig.letters() == "AA" {
            return assert!(steps > 20);
        }
        rig.disks[1].set_presence(sim::Presence::Gone);
        let mut rig = rig;
        rig.put(5, 1, 9);
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.get(5, 1)), ("AD", 9), "after {steps}");
        rig.exchange(1);
        rig.disks[1].set_presence(sim::Presence::Ready);
        rig.message("add 1").unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true), "after {steps}");
    }
    panic!("it was never promoted");
}

/// A member that is out for its medium stays so until another one really has its place.
#[test]
fn a_new_member_that_fails_before_it_is_one_changes_nothing_of_the_one_before() {
    let rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.rest();
    let member = rig.member(0);
    let mut superblock = member.superblock;
    superblock.seq += 1;
    superblock.members[1].as_mut().unwrap().state = MemberState::FailedMedia;
    let place = superblock_place(1 - member.slot);
    rig.disks[0].preset(place.start(), &superblock.encode());
    let rig = rig.crash(&[Durable; 2]);
    rig.rest();
    assert!(report(&rig).contains("errors of its medium"), "{}", report(&rig));
    rig.exchange(1);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.letters() == "AS");
    rig.message("fail 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AD", MemberState::FailedMedia));
}

/// The disk that was exchanged comes back, and the one in its place is a member.
#[test]
fn the_member_whose_place_was_taken_is_a_stranger() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.message("fail 1").unwrap();
    rig.put(0, 1, 2);
    rig.rest();
    let old: Vec<_> = (0..DATA).map(|at| rig.disks[1].contents(Sector(at))).collect();
    rig.exchange(1);
    rig.message("add 1").unwrap();
    rig.rest();
    rig.message("fail 1").unwrap();
    rig.settle();
    for (content, at) in old.iter().zip(0..) {
        let mut sector = [0; 512];
        content.fill(&mut sector);
        rig.disks[1].preset(Sector(at), &sector);
    }
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "ADA");
    assert!(report(&rig).contains("another disk in its place"), "{}", report(&rig));
    let mut rig = rig.crash_and_start(&[All; 3], &[true; 3], "");
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("ADA", 2));
}

#[test]
fn a_suspension_waits_for_the_wipe_and_nothing_is_written_after_it() {
    for steps in 0..40 {
        let rig = exchanged(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        let is_over = rig.suspend();
        while !is_over() {
            assert!(rig.step(), "the suspension never ends");
        }
        while [0, 1].iter().any(|leg| !rig.asks(*leg).is_empty()) {
            let quiet =
                |leg| rig.asks(leg).iter().all(|kind| matches!(kind, Ask::Read | Ask::Flush));
            assert!(quiet(0) && quiet(1), "after {steps}: {:?} {:?}", rig.asks(0), rig.asks(1));
            rig.step();
        }
        rig.target.resume();
        rig.rest();
        if rig.letters() == "AD" {
            rig.message("add 1").unwrap();
            rig.rest();
        }
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true), "after {steps}");
    }
}

/// Its map could not be written, so a leg on its way back waits for another try; the
/// mirror is suspended when that comes.
#[test]
fn a_leg_on_its_way_back_goes_no_further_in_a_suspended_mirror() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.message("fail 1").unwrap();
    rig.rest();
    rig.exchange(1);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.asks(0).contains(&Ask::Map));
    rig.fail_ask(0, Ask::Map);
    assert!(rig.stop());
    for _ in 0..3 {
        rig.pass();
        rig.work_now();
        assert_eq!((rig.asks(0), rig.asks(1)), (vec![], vec![]));
    }
    rig.target.resume();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
}

#[test]
fn a_disk_that_cannot_be_wiped_stays_out() {
    for kind in [Ask::Super, Ask::Flush] {
        let rig = exchanged(2);
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.asks(1).contains(&Ask::Super));
        rig.until(|rig| rig.asks(1).contains(&kind));
        rig.fail_ask(1, kind);
        rig.rest();
        assert_eq!(rig.letters(), "AD");
        let why = format!("stays out: it cannot be written: {}", ErrorKind::Media);
        assert!(report(&rig).contains(&why), "{}", report(&rig));
    }
}

#[test]
fn a_member_that_is_forgotten_is_not_spoken_of_any_more() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    for leg in [0, 1, 2] {
        let refusal = rig.message(&format!("forget {leg}")).unwrap_err().to_string();
        assert!(refusal.contains("is not out"), "{refusal}");
    }
    rig.message("fail 1").unwrap();
    rig.rest();
    assert!(report(&rig).starts_with("degraded: 2 of 3"));
    rig.message("forget 1").unwrap();
    rig.rest();
    assert!(report(&rig).starts_with("healthy: 2 of 2"), "{}", report(&rig));
    assert!([0, 2].iter().all(|leg| rig.superblock(*leg).members[1].is_none()));
    assert!(rig.message("forget 1").is_err());
    rig.put(0, 1, 2);
    let mut rig = rig.stop_and_start(&[true, true, true]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("ADA", 2));
    assert!(report(&rig).starts_with("healthy: 2 of 2"), "{}", report(&rig));
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "ADA", "it was forgotten");
    rig.message("add 1 force").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AAA", true));
}

#[test]
fn a_member_being_rebuilt_is_not_forgotten() {
    let rig = exchanged(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.letters() == "AS");
    assert!(rig.message("forget 1").is_err());
    rig.until(|rig| rig.asks(1).contains(&Ask::Data));
    assert!(rig.message("forget 1").is_err());
}

#[test]
fn a_crash_while_a_member_is_forgotten_changes_no_answer() {
    for survives in [[Durable; 3], [All, Durable, All], [All; 3]] {
        for steps in 0..12 {
            let mut rig = Recorded::new(3);
            rig.put(0, LENGTH, 1);
            rig.message("fail 1").unwrap();
            rig.settle();
            rig.put(0, 1, 2);
            rig.sync();
            rig.message("forget 1").unwrap();
            rig.steps(steps);
            let mut rig = rig.crash_and_start(&survives, &[true, false, true], "");
            rig.rest();
            assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("ADA", 2), "after {steps}");
        }
    }
}

/// The disk of leg 2 was put into the place of leg 1, and was to be wiped for it: one
/// superblock is gone, the other one is what it was. Nothing newer is lost with the first.
#[test]
fn a_wipe_that_was_half_done_puts_nobody_in_doubt() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.lose(2);
    rig.put(0, 1, 2);
    rig.sync();
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.restore(1, &rig.snapshot(2));
    rig.message("add 1 force").unwrap();
    rig.until(|rig| rig.asks(1).contains(&Ask::Super));
    rig.end_ask(1, Ask::Super, Outcome::Ok);
    rig.fail_ask(1, Ask::Super);
    rig.settle();
    assert_eq!(rig.letters(), "ADD");
    let mut rig = rig.crash_and_start(&[Durable, All, Durable], &[true, true, false], "");
    rig.rest();
    assert!(rig.runs(), "{}", report(&rig));
    assert_eq!((rig.get(0, 1), rig.get(8, 1)), (2, 1));
}
