//! A table is exchanged under a mirror: what a person set, was promised or has still to
//! hear goes over to the mirror of the new table.

mod rig;

use bio::ErrorKind;
use dm_mirror::format::MemberState;
use rig::recorded::{Ask, Recorded, Survives};
use rig::{LENGTH, Rig};
use sim::{Landed, Outcome};

/// Both legs, in the other order.
const SWAPPED: [Option<usize>; 2] = [Some(1), Some(0)];

/// A mirror of one leg in sync, which has lost what it acknowledged; nobody was told.
fn lost() -> Recorded {
    let mut rig = Recorded::leg_out(2);
    rig.put(8, 1, 9);
    rig.blink(0);
    let read = rig.read(0, 1);
    rig.settle();
    assert!(rig.end(read).is_some(), "which notices");
    rig
}

#[test]
fn a_loss_that_nobody_was_told_of_is_told_after_an_exchange() {
    let rig = lost();
    assert!(rig.stop());
    let mut rig = rig.with_legs(&[Some(0), Some(1)], "");
    rig.settle();
    rig.flush_fails();
    rig.sync();
}

#[test]
fn a_loss_that_was_told_is_not_told_again_after_an_exchange() {
    let mut rig = lost();
    rig.flush_fails();
    rig.sync();
    assert!(rig.stop());
    let mut rig = rig.with_legs(&[Some(0), Some(1)], "");
    rig.settle();
    rig.sync();
}

#[test]
fn a_replacement_goes_on_after_an_exchange_whatever_the_order_of_the_legs() {
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        for steps in 0.. {
            let mut rig = Recorded::new(2);
            rig.put(0, LENGTH, 1);
            let rig = rig.stop_and_widen();
            rig.settle();
            rig.message("replace 0 2").unwrap();
            let before = (0..steps).all(|_| rig.step());
            assert!(rig.stop(), "{order:?} after {steps}");
            let rig = rig.with_legs(&order.map(Some), "");
            rig.rest();
            let at = |disk: usize| order.iter().position(|it| *it == disk).unwrap();
            let report = rig.message("show").unwrap();
            let replaced = rig.superblock(at(1)).members[0].is_none();
            // A look that the suspension called off is told so, and begins no replacement.
            let off = report.contains("stays out") || rig.superblock(at(1)).members[2].is_none();
            assert!(replaced || off, "{order:?} after {steps}: {report}");
            if !before {
                assert!(replaced, "{order:?}: {report}");
                break;
            }
        }
    }
}

#[test]
fn a_replacement_whose_legs_are_not_both_there_is_off_and_that_is_told() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let rig = rig.stop_and_widen();
    rig.settle();
    rig.message("replace 0 2").unwrap();
    rig.until(|rig| rig.letters() == "AAS");
    assert!(rig.stop());
    let rig = rig.with_legs(&[Some(0), Some(1), None], "");
    rig.rest();
    assert_eq!(rig.letters(), "AAD");
    let news = rig.news();
    assert!(news.iter().any(|it| it.contains("is off")), "{news:?}");
}

#[test]
fn a_leg_that_was_failed_by_hand_stays_out_over_exchanges_and_starts() {
    let rig = Recorded::leg_out(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    assert!(rig.stop());
    let rig = rig.with_legs(&SWAPPED, "");
    rig.rest();
    assert_eq!(rig.letters(), "DA", "it is leg 0 now");
    assert_eq!(rig.says(1, 1), MemberState::FailedByHand);
    let rig = rig.stop_and_start(&[true; 2]);
    rig.rest();
    assert_eq!(rig.letters(), "DA");
    rig.message("add 0").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
    assert!(rig.agree(0, 1));
}

/// It is out for another reason, and a person says that it is to stay out.
#[test]
fn a_leg_that_is_out_already_can_be_failed_by_hand() {
    let mut rig = Recorded::new(2);
    let tag = rig.write(0, 1, 1);
    rig.until(|rig| rig.asks(1).contains(&Ask::Data));
    rig.end_ask(1, Ask::Data, Outcome::Fail(ErrorKind::Timeout, Landed::None));
    rig.settle();
    assert_eq!(rig.end(tag), Some(Ok(())));
    assert_eq!(rig.says(0, 1), MemberState::Out);
    rig.message("fail 1").unwrap();
    rig.settle();
    assert_eq!(rig.says(0, 1), MemberState::FailedByHand);
    let rig = rig.stop_and_start(&[true; 2]);
    rig.rest();
    assert_eq!(rig.letters(), "AD");
}

#[test]
fn a_leg_is_failed_while_it_is_being_looked_at_and_stays_out() {
    for steps in 0..40 {
        let rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        rig.message("fail 1").unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.says(0, 1)), ("AD", MemberState::FailedByHand));
    }
}

#[test]
fn the_errors_of_a_medium_count_on_after_an_exchange() {
    let counts = |rig: &Recorded, leg| rig.counts(leg)[3];
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    for _ in 0..4 {
        let tag = rig.read(0, 1);
        rig.until(|rig| (0..2).any(|leg| rig.asks(leg).contains(&Ask::Read)));
        let leg = (0..2).find(|leg| rig.asks(*leg).contains(&Ask::Read)).unwrap();
        rig.fail_ask(leg, Ask::Read);
        rig.settle();
        assert_eq!(rig.end(tag), Some(Ok(())));
    }
    let before = [counts(&rig, 0), counts(&rig, 1)];
    assert!(before.iter().sum::<u64>() >= 4);
    assert!(rig.stop());
    let rig = rig.with_legs(&SWAPPED, "");
    rig.settle();
    assert_eq!([counts(&rig, 1), counts(&rig, 0)], before);
}

/// Without records, the table would have the leg that is out be the source.
#[test]
fn a_leg_of_a_core_mirror_that_is_out_is_no_source_of_the_next_table() {
    for log in ["core 2 8 sync", "core 2 8 nosync"] {
        let mut rig = Rig::nosync(2);
        rig.write_all(0, 64, 1);
        rig.message("fail 0").unwrap();
        rig.write_all(0, 1, 2);
        let mut rig = rig.exchange_table(&format!("{log} 2 vbd0 0 vbd1 0"));
        rig.drain();
        assert_eq!((rig.letters().as_str(), rig.read_back(0, 1)), ("DA", 2), "{log}");
    }
}

#[test]
fn a_new_leg_of_a_core_mirror_is_given_the_data_wherever_it_stands() {
    let mut rig = Rig::nosync(3).exchange_table("core 2 8 nosync 2 vbd1 0 vbd2 0");
    rig.write_all(0, 64, 1);
    let mut rig = rig.exchange_table("core 2 8 sync 3 vbd0 0 vbd1 0 vbd2 0");
    assert_eq!(rig.letters(), "SAA");
    rig.drain();
    assert_eq!((rig.letters().as_str(), rig.read_back(0, 64)), ("AAA", 1));
    assert!(rig.same(0, 1) && rig.same(1, 2));
}

/// Which of the members that are missing a leg holds is known once it has been read. Until
/// then a word about the leg would be one about another member.
#[test]
fn nothing_is_said_of_a_member_by_a_leg_that_may_hold_another_one() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.rest();
    assert!(rig.stop());
    let rig = rig.with_legs(&[Some(0), Some(2), Some(1)], "");
    // Legs 1 and 2 cannot be read, and the mirror is started without them.
    rig.until(|rig| (1..3).all(|leg| rig.asks(leg) == [Ask::Flush]));
    rig.fail_ask(1, Ask::Flush);
    rig.fail_ask(2, Ask::Flush);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.until(|rig| (1..3).all(|leg| rig.asks(leg) == [Ask::Flush]));
    rig.fail_ask(1, Ask::Flush);
    rig.fail_ask(2, Ask::Flush);
    rig.settle();
    assert_eq!(rig.letters(), "ADD");
    for word in ["fail 1", "forget 1", "fail 2", "forget 2"] {
        assert!(rig.message(word).is_err(), "{word}");
    }
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.says(0, 2)), ("AAD", MemberState::InSync));
    rig.message("add 2").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAA");
}

#[test]
fn the_half_of_the_leg_that_is_named_is_kept_in_every_order_of_legs() {
    for order in [[0, 1], [1, 0]] {
        for kept in 0..2 {
            let mut rig = Recorded::new(2);
            rig.put(0, 1, 1);
            rig.rest();
            let all = [Survives::All; 2];
            let alone = " 1 start_degraded=run";
            let mut rig = rig.crash_and_start(&all, &[true, false], alone);
            rig.settle();
            rig.put(0, 1, 2);
            rig.sync();
            let mut rig = rig.crash_and_start(&all, &[false, true], alone);
            rig.settle();
            rig.put(0, 1, 3);
            rig.sync();
            assert!(rig.stop());
            let mut rig = rig.with_legs(&order.map(Some), "");
            rig.settle();
            let holds = rig.holds(kept, 0);
            let report = rig.message("show").unwrap();
            assert!(report.contains("ran apart"), "{report}");
            rig.message(&format!("keep {kept}")).unwrap();
            rig.rest();
            assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AA", holds), "{order:?}");
            assert!(rig.agree(0, 1) && holds == [2, 3][order[kept]]);
        }
    }
}

/// A stop that begins because a commit has failed has not failed itself.
#[test]
fn a_stop_that_waited_for_a_promotion_ends_when_that_fails() {
    let rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| {
        let promotion = rig.asks(0) == [Ask::Super] && rig.letters() == "AS";
        promotion && rig.message("show").unwrap().contains("being recorded as in sync")
    });
    let over = rig.suspend();
    rig.fail_ask(0, Ask::Super);
    rig.settle();
    assert!(over() && rig.superblock(0).clean, "and is recorded");
}

/// Nobody has noticed it when the tables are exchanged.
#[test]
fn a_leg_of_a_core_mirror_that_lost_its_cache_unnoticed_is_found_after_an_exchange() {
    let mut rig = Rig::nosync(2);
    rig.write_all(0, 64, 1);
    rig.disks[0].lose_cache(&mut *Survives::Durable.chooser());
    let mut rig = rig.exchange_table("core 2 8 sync 2 vbd0 0 vbd1 0");
    assert_eq!([0; 4].map(|_| rig.read_back(0, 64)), [1; 4]);
    assert_eq!(rig.letters(), "DA");
}

/// Their records differ, and lie where the new mirror has data.
#[test]
fn legs_that_had_records_are_made_equal_where_those_lay() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    assert!(rig.stop());
    let rig = rig.with_core("core 2 8 sync 2 vbd0 0 vbd1 0");
    assert_eq!(rig.letters(), "AS");
    rig.drain();
    assert!(rig.letters() == "AA" && rig.same(0, 1));
}

/// Its disk is wiped and was to be a member when the tables are exchanged.
#[test]
fn a_replacement_by_a_new_disk_goes_on_wherever_it_is_interrupted() {
    for steps in 0.. {
        let rig = Recorded::new(2).stop_and_widen();
        rig.settle();
        rig.message("replace 0 2").unwrap();
        let before = (0..steps).all(|_| rig.step());
        assert!(rig.stop(), "after {steps}");
        let rig = rig.with_legs(&[Some(0), Some(1), Some(2)], "");
        rig.rest();
        let report = rig.message("show").unwrap();
        assert!(report.starts_with("healthy: 2 of 2"), "after {steps}: {report}");
        assert!(rig.superblock(1).members[0].is_none(), "after {steps}: {report}");
        if !before {
            break;
        }
    }
}

/// A half that the person did not see would be overwritten too.
#[test]
fn a_choice_between_halves_is_good_for_those_that_were_shown() {
    let alone = " 1 start_degraded=run";
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.rest();
    for leg in 0..3 {
        let there = [0, 1, 2].map(|it| it == leg);
        rig = rig.crash_and_start(&[Survives::All; 3], &there, alone);
        rig.settle();
        rig.put(0, 1, 2 + leg as u8);
        rig.sync();
    }
    assert!(rig.stop());
    let rig = rig.with_legs(&[Some(0), Some(1), Some(2)], "");
    rig.until(|rig| rig.asks(0) == [Ask::Flush]);
    rig.fail_ask(0, Ask::Flush);
    rig.settle();
    assert!(!rig.message("show").unwrap().contains("leg 0 (vbd0);"), "it cannot be read");
    rig.message("keep 1").unwrap();
    rig.settle();
    assert!(!rig.runs(), "leg 0 is a third half: {}", rig.message("show").unwrap());
    let mut rig = rig;
    rig.message("keep 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.get(0, 1)), ("AAA", 3));
}

#[test]
fn a_replacement_by_a_leg_in_sync_is_refused_and_changes_nothing() {
    let mut rig = Recorded::new(3);
    assert!(rig.message("replace 0 1").is_err());
    rig.put(0, 1, 1);
    rig.rest();
    assert_eq!(rig.letters(), "AAA");
}

/// The flush of the suspension puts leg 1 out; leg 0 cannot say so at first.
#[test]
fn a_suspension_ends_though_the_commit_that_it_waited_for_failed_once() {
    let mut rig = Recorded::new(2);
    let flush = rig.flush();
    rig.end_ask(1, Ask::Flush, Outcome::Fail(ErrorKind::Gone, Landed::None));
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    let over = rig.suspend();
    rig.fail_ask(0, Ask::Super);
    rig.settle();
    assert!(rig.end(flush).is_some() && over());
}

/// The search that `add` began ends with the suspension; the word holds.
#[test]
fn a_leg_that_is_being_looked_at_is_taken_back_after_a_suspension_wherever_it_came() {
    for another_table in [false, true] {
        for steps in 0.. {
            let rig = Recorded::leg_out(2);
            rig.message("fail 1").unwrap();
            rig.settle();
            rig.message("add 1").unwrap();
            let before = (0..steps).all(|_| rig.step());
            assert!(rig.stop(), "after {steps}");
            let rig = if another_table { rig.with_legs(&SWAPPED, "") } else { rig };
            if !another_table {
                rig.target.resume();
            }
            rig.rest();
            assert_eq!(rig.letters(), "AA", "after {steps}, {another_table}");
            if !before {
                break;
            }
        }
    }
}
