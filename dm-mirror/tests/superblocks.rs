//! The superblocks of a start: what was found is made durable before anything else, and
//! what failed or was torn counts for nothing.

mod rig;

use bio::{ErrorKind, SECTOR_SIZE, Sectors};
use dm_mirror::format::{MemberState, SLOTS, UNIT, superblock_place};
use rig::recorded::{Ask, Recorded, Survives};
use sim::{Landed, Outcome, Presence};

/// A start of two legs has written again what it found; its first superblocks wait.
fn until_first_superblocks(rig: &Recorded) {
    let both = |rig: &Recorded, ask| (0..2).all(|leg| rig.asks(leg) == [ask]);
    rig.until(|rig| both(rig, Ask::Super));
    for ask in [Ask::Super, Ask::Flush] {
        (0..2).for_each(|leg| rig.end_ask(leg, ask, Outcome::Ok));
    }
    rig.until(|rig| both(rig, Ask::Super));
}

/// It lands late, is found by the start that is tried again, and is lost with the cache.
#[test]
fn what_a_superblock_that_failed_left_is_not_taken_for_durable() {
    let rig = Recorded::new(2).stop_and_start(&[true; 2]);
    until_first_superblocks(&rig);
    rig.end_ask(1, Ask::Super, Outcome::Timeout);
    let late = rig.disks[1].late(0).expect("it timed out").id;
    rig.disks[1].give_back_late(late);
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    // Its second copy.
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.fail_ask(0, Ask::Super);
    assert!(!rig.runs());
    rig.pass();
    rig.until(|rig| rig.asks(1) == [Ask::Super]);
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.end_ask(1, Ask::Super, Outcome::Ok);
    let rig = rig.crash(&[Survives::Durable; 2]);
    rig.settle();
    assert!(rig.runs(), "{}", rig.message("show").unwrap());
    assert_eq!(rig.letters(), "AA");
}

/// It failed, and what it left cannot be read. The superblock in the other slot is all that
/// the leg has; the next one must not go over that, and neither is it relied on before it
/// was written once more.
#[test]
fn a_superblock_that_failed_and_was_torn_leaves_the_other_one_alone() {
    let rig = Recorded::new(2).stop_and_start(&[true; 2]);
    until_first_superblocks(&rig);
    let place = |rig: &Recorded| rig.disks[0].pending(0).unwrap().extent;
    let torn = place(&rig);
    rig.fail_ask(0, Ask::Super);
    rig.fail_ask(1, Ask::Super);
    rig.disks[0].preset(torn.start(), &[0x55; SECTOR_SIZE]);
    assert!(!rig.runs());
    rig.pass();
    rig.until(|rig| rig.asks(0) == [Ask::Super]);
    let good = place(&rig);
    let bytes = rig.bytes(0, good);
    assert_ne!(good, torn);
    rig.did(0, &[Ask::Super]);
    rig.did(0, &[Ask::Flush]);
    assert_eq!(rig.bytes(0, good), bytes, "as it stands");
    rig.until(|rig| rig.asks(0) == [Ask::Super]);
    assert_eq!(place(&rig), torn);
}

/// The next one has the same number: sectors of both, if the rest of them are alike, are a
/// superblock that excludes a leg which nobody excluded.
#[test]
fn the_next_superblock_does_not_make_a_torn_one_whole() {
    let rig = Recorded::new(2);
    rig.rest();
    rig.message("fail 1").unwrap();
    let next = |rig: &Recorded| {
        rig.until(|rig| rig.asks(0) == [Ask::Super]);
        let at = rig.disks[0].pending(0).expect("it waits").extent;
        rig.did(0, &[Ask::Super]);
        (at, rig.bytes(0, at))
    };
    let (at, torn) = next(&rig);
    let rig = rig.crash(&[Survives::Durable; 2]);
    rig.disks[0].preset(at.start(), &torn[..SECTOR_SIZE]);
    let number = |superblock: &[u8]| superblock[16..24].to_vec();
    let again = loop {
        match next(&rig) {
            (it, bytes) if it == at && number(&bytes) == number(&torn) => break bytes,
            _ => {}
        }
    };
    assert_eq!(again[SECTOR_SIZE..], torn[SECTOR_SIZE..], "but for the first sector");
    let rig = rig.crash(&[Survives::Durable; 2]);
    rig.disks[0].preset(at.start() + Sectors(1), &again[SECTOR_SIZE..]);
    assert_ne!(rig.bytes(0, at), torn);
    rig.settle();
    assert_eq!(rig.letters(), "AA");
}

/// It failed, and landed in the cache: in the slot alone, or beside a first copy that is
/// durable. A mirror that is made anew over the same disk reads it, and knows nothing of
/// that. Wherever the power goes then, one superblock is whole.
#[test]
fn no_start_relies_on_a_superblock_that_it_only_read() {
    for good in 0..4 {
        for steps in 0..24 {
            for survives in [Survives::Durable, Survives::Torn] {
                let rig = Recorded::new(1);
                rig.rest();
                let is_over = rig.suspend();
                for _ in 0..good {
                    rig.until(|rig| rig.asks(0) == [Ask::Super]);
                    rig.did(0, &[Ask::Super]);
                    rig.until(|rig| rig.asks(0) != [Ask::Flush]);
                }
                while !is_over() {
                    let failed = Outcome::Fail(ErrorKind::Media, Landed::All);
                    match rig.asks(0)[..] {
                        [Ask::Super] => rig.end_ask(0, Ask::Super, failed),
                        _ => _ = rig.step(),
                    }
                }
                let rig = rig.made_anew(&[true]);
                rig.steps(steps);
                let rig = rig.crash(&[survives]);
                rig.settle();
                let show = || rig.message("show").unwrap();
                assert!(rig.runs(), "{good}, {steps}, {survives:?}: {}", show());
            }
        }
    }
}

/// Of the legs that are there leg 0 fails its flush, so it is missing, and a person says to
/// start without those that are. The start finds leg 0, loses leg 1, says so durably, and
/// fails. The next one finds leg 1 alone, which must not start by that word.
fn leg_1_does_not_start_alone(rig: &Recorded) {
    rig.until(|rig| rig.asks(0) == [Ask::Flush]);
    rig.fail_ask(0, Ask::Flush);
    rig.settle();
    rig.message("start_degraded").unwrap();
    until_first_superblocks(rig);
    rig.fail_ask(1, Ask::Super);
    for _ in ["first", "second", "the next first"] {
        rig.end_ask(0, Ask::Super, Outcome::Ok);
        rig.end_ask(0, Ask::Flush, Outcome::Ok);
    }
    assert_ne!(rig.says(0, 1), MemberState::InSync, "it is durable that leg 1 is out");
    rig.end_ask(0, Ask::Super, Outcome::Ok);
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.fail_ask(0, Ask::Super);
    rig.pass();
    rig.until(|rig| rig.asks(0) == [Ask::Flush]);
    rig.fail_ask(0, Ask::Flush);
    rig.settle();
    assert!(!rig.runs(), "leg 1 does not start alone: {}", rig.target.status());
}

#[test]
fn a_word_that_a_start_did_not_need_is_void() {
    leg_1_does_not_start_alone(&Recorded::new(2).stop_and_start(&[true; 2]));
}

#[test]
fn a_word_that_a_start_needed_in_part_is_good_for_that_part() {
    leg_1_does_not_start_alone(&Recorded::new(3).stop_and_start(&[true, true, false]));
}

/// The leg that stays must not be asked anew behind the back of whoever hears that
/// the start has failed: the next start would meet a superblock on its way.
#[test]
fn a_start_of_which_no_superblock_was_written_is_over_before_the_next_begins() {
    let rig = Recorded::labelled(2, true);
    rig.until(|rig| (0..2).all(|leg| rig.asks(leg) == [Ask::Super]));
    rig.fail_ask(0, Ask::Super);
    rig.fail_ask(1, Ask::Super);
    rig.work_now();
    assert_eq!((rig.asks(0), rig.asks(1)), (vec![], vec![]));
    assert!(!rig.runs());
    assert!(rig.message("start_degraded").is_err(), "it is held for no member");
    rig.pass();
    rig.settle();
    assert!(rig.runs(), "it is tried again by itself");
}

/// If it cannot be written on the last leg, the start has failed, and is tried again.
#[test]
fn a_start_fails_if_what_it_goes_by_cannot_be_made_durable() {
    let rig = Recorded::new(1).stop_and_start(&[true]);
    let place = |rig: &Recorded| rig.disks[0].pending(0).expect("it waits").extent;
    rig.until(|rig| rig.asks(0) == [Ask::Super]);
    let found = place(&rig);
    rig.fail_ask(0, Ask::Super);
    assert!(!rig.runs() && rig.asks(0).is_empty());
    rig.pass();
    rig.until(|rig| rig.asks(0) == [Ask::Super]);
    assert_eq!(place(&rig), found);
    rig.settle();
    assert_eq!(rig.letters(), "A");
}

/// A person takes leg 0 out, and leg 1 loses the superblock that says so. The next try cannot
/// read one of leg 0's, which may be newer than all that leg 1 has.
#[test]
fn a_leg_that_was_taken_out_is_not_the_one_that_a_start_goes_by() {
    let rig = Recorded::new(2).stop_and_start(&[true; 2]);
    until_first_superblocks(&rig);
    rig.message("fail 0").unwrap();
    (0..2).for_each(|leg| rig.end_ask(leg, Ask::Super, Outcome::Ok));
    rig.blink(1);
    rig.settle();
    assert!(!rig.runs());
    let slot = rig.member(0).slot;
    let [good, lost] = [slot, (slot + 1) % SLOTS].map(superblock_place);
    rig.disks[0].preset(lost.start(), &[0x55; UNIT]);
    rig.pass();
    rig.settle();
    let show = rig.message("show").unwrap();
    assert!(!rig.runs() && show.contains("a person took out"), "{show}");
    rig.disks[0].preset(lost.start(), &rig.bytes(0, good));
    (0..8).for_each(|_| rig.pass());
    rig.settle();
    assert_eq!(rig.letters(), "DA", "it is tried again");
}

/// A start finds that leg 1 lost its cache, and cannot record on leg 0 that leg 1 is out. Leg 0
/// leaves, perhaps with that record. A start from leg 1 alone would then part the mirror.
fn may_have_parted() -> Recorded {
    let rig = Recorded::new(2).stop_and_start(&[true, true]);
    rig.until(|rig| [0, 1].iter().all(|leg| rig.asks(*leg).contains(&Ask::Super)));
    rig.disks[1].lose_cache(&mut *Survives::Durable.chooser());
    let has_failed = || rig.message("show").unwrap().contains("no superblock can be written");
    for _ in 0..100 {
        rig.settle_leg(1);
        match rig.asks(0).first() {
            _ if has_failed() => break,
            Some(Ask::Super) => rig.fail_ask(0, Ask::Super),
            Some(_) => drop(rig.step()),
            None => rig.work_now(),
        }
    }
    assert!(has_failed());
    rig.disks[0].set_presence(Presence::Gone);
    rig
}

/// A person is told of that.
fn tells_of_it(rig: &Recorded) -> bool {
    let told = rig.message("show").unwrap();
    assert!(told.contains("start without it by the message `start_degraded`"), "{told}");
    told.contains("member 0 may hold that member 1 is out")
}

#[test]
fn a_person_is_told_what_a_failed_start_may_have_left_on_the_missing_member() {
    let rig = may_have_parted();
    rig.rest();
    assert!(tells_of_it(&rig));

    let rig = Recorded::new(2).stop_and_start(&[false, true]);
    rig.rest();
    assert!(!tells_of_it(&rig));
}

/// Somebody who misses a leg loads another table, with the legs in any order.
#[test]
fn what_a_failed_start_may_have_left_is_told_after_an_exchange_too() {
    for legs in [[Some(0), Some(1)], [Some(1), Some(0)], [None, Some(1)]] {
        let rig = may_have_parted();
        rig.rest();
        assert!(rig.stop());
        let rig = rig.with_legs(&legs, "");
        rig.rest();
        assert!(tells_of_it(&rig), "{legs:?}");
    }
}
