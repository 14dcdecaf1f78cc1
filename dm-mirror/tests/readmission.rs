//! A leg comes back: marked before it is touched, in sync after all others say so.

mod rig;

use Survives::{All, Durable};
use bio::ErrorKind;
use dm_mirror::format::{MemberState, Second, page_place};
use rig::LENGTH;
use rig::recorded::{Ask, Recorded, Survives};
use sim::Outcome;

#[test]
fn maps_then_superblocks_then_data() {
    let rig = Recorded::leg_out(3);
    rig.message("add 1").unwrap();
    let (mut marked, mut written) = (false, false);
    while rig.step() {
        let asks = rig.asks(1);
        if asks.contains(&Ask::Super) {
            assert!([0, 2].iter().all(|leg| rig.missed(*leg, 0, 1) || marked));
            if !marked {
                assert!([0, 2].iter().all(|leg| rig.missed(*leg, 4, 1)), "maps first");
                assert_eq!([0, 2].map(|leg| rig.says(leg, 1)), [MemberState::Rebuilding; 2]);
            }
            marked = true;
        }
        if asks.contains(&Ask::Data) || asks.contains(&Ask::Map) {
            assert!(marked && rig.says(1, 1) != MemberState::Out);
            if !written {
                assert_eq!(rig.says(1, 1), MemberState::Rebuilding, "its own superblock first");
            }
            written = true;
        }
    }
    assert!(marked && written);
    assert_eq!(rig.letters(), "AAA");
    assert!(rig.agree(0, 1) && rig.agree(0, 2));
}

#[test]
fn a_user_write_does_not_reach_a_returning_leg_before_its_superblock() {
    for steps in 0..30 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        let write = rig.write(1, 4, 3);
        while rig.step() {
            let touched = rig.asks(1).iter().any(|it| matches!(it, Ask::Data | Ask::Map));
            let says = rig.says(1, 1);
            let base = rig.superblock(1).version;
            assert!(
                !touched
                    || says == MemberState::Rebuilding
                    || (says == MemberState::InSync && base > 3),
                "after {steps}: {says:?}"
            );
        }
        rig.rest();
        assert_eq!(rig.end(write), Some(Ok(())));
        assert!(rig.letters() == "AA" && rig.agree(0, 1), "after {steps}");
    }
}

#[test]
fn a_promotion_is_durable_on_every_leg_in_sync_before_the_leg_itself_is_told() {
    let rig = Recorded::leg_out(3);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding);
    // What says that stands twice by now.
    rig.until(|rig| rig.member(1).second == Second::Same);
    rig.until(|rig| {
        let said = [0, 2].map(|leg| rig.says(leg, 1) == MemberState::InSync);
        if said.contains(&true) {
            let whole = (0..LENGTH).all(|at| rig.keeps(1, at) == rig.holds(0, at));
            assert!(whole, "flushed before anybody says that it is in sync");
        }
        let told = rig.asks(1).contains(&Ask::Super);
        assert!(!told || said == [true; 2], "the leg itself is told last");
        told
    });
    assert_eq!(rig.letters(), "ASA");
    rig.settle();
    assert_eq!((rig.says(1, 1), rig.letters().as_str()), (MemberState::InSync, "AAA"));
}

/// What was flushed while the leg was out, and while it was rebuilt, is read by
/// whoever starts by itself, wherever the power went, whichever leg is lost.
#[test]
fn no_stale_leg_starts_by_itself_after_a_crash_at_any_step_of_a_rebuild() {
    let mut alone = 0;
    for survives in [[Durable, Durable], [All, Durable], [Durable, All], [All, All]] {
        for there in [[true, true], [true, false], [false, true]] {
            for steps in 0..70 {
                let rig = Recorded::leg_out(2);
                rig.message("add 1").unwrap();
                rig.steps(steps);
                let mut rig = rig.crash_and_start(&survives, &there, "");
                rig.rest();
                if !rig.runs() {
                    continue;
                }
                assert_ne!(there, [false, true], "the other has not said that it is out");
                alone += u32::from(there == [true, false]);
                let what = format!("{survives:?} {there:?} after {steps}");
                let values = [0, 1, 32, 33, 63].map(|at| rig.get(at, 1));
                assert_eq!(values, [2, 1, 2, 1, 1], "{what}");
                assert!(there != [true, true] || rig.agree(0, 1), "{what}");
            }
        }
    }
    assert!(alone > 10, "the old leg starts by itself until the other is promoted");
}

/// An FUA write acknowledged during the rebuild is in the rebuilt leg's cache, or
/// was copied; a leg that calls itself in sync has it durably, and can go on alone.
/// One that calls itself rebuilding never starts, whatever a person says.
#[test]
fn what_was_promised_during_a_rebuild_is_on_the_leg_that_is_promoted() {
    let (mut promoted, mut rebuilding) = (0, 0);
    for survives in [[Durable, Durable], [All, Durable], [Durable, All]] {
        for steps in 0..70 {
            let mut rig = Recorded::leg_out(2);
            let old = rig.superblock(1).generation;
            rig.message("add 1").unwrap();
            rig.steps(steps);
            let write = rig.write_fua(5, 9);
            rig.until(|rig| rig.end(write).is_some());
            assert_eq!(rig.end(write), Some(Ok(())));
            rig.steps(steps % 7);
            let features = " 1 start_degraded=run";
            let mut rig = rig.crash_and_start(&survives, &[false, true], features);
            let (says, generation) = (rig.says(1, 1), rig.superblock(1).generation);
            rig.rest();
            match says {
                MemberState::InSync if generation != old => {
                    promoted += 1;
                    assert_eq!(
                        [rig.get(5, 1), rig.get(0, 1)],
                        [9, 2],
                        "{survives:?} after {steps}"
                    );
                }
                MemberState::Rebuilding => {
                    rebuilding += 1;
                    assert!(!rig.runs(), "{survives:?} after {steps}");
                }
                _ => {}
            }
        }
    }
    assert!(promoted > 10 && rebuilding > 10, "{promoted} {rebuilding}");
}

/// The last leg in sync fails while the other is not yet promoted: its errors go
/// up, and the set does not live on where nobody would know of it.
#[test]
fn a_leg_that_is_being_rebuilt_is_never_the_last_one() {
    for steps in 0..60 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        if rig.letters() == "AA" {
            return assert!(steps > 15);
        }
        rig.disks[0].set_presence(sim::Presence::Gone);
        let write = rig.write(5, 1, 9);
        rig.rest_for(4);
        let end = rig.end(write).expect("no hang");
        // The promotion may have been durable on both when the other one went.
        match (end, rig.letters().as_str()) {
            (Ok(()), "DA") => assert_eq!(rig.says(1, 0), MemberState::Out),
            (Ok(()), letters) => panic!("after {steps}: acknowledged with {letters}"),
            (Err(_), letters) => assert!(letters.starts_with('A'), "after {steps}: {letters}"),
        }
    }
    panic!("it was never promoted");
}

#[test]
fn a_leg_that_owes_requests_is_not_taken_back() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let write = rig.write(0, 1, 2);
    rig.end_ask(1, Ask::Data, Outcome::Timeout);
    rig.settle();
    assert_eq!((rig.end(write), rig.letters().as_str()), (Some(Ok(())), "AD"));
    rig.put(0, 1, 3);
    let _ = rig.message("add 1");
    rig.rest();
    assert_eq!(rig.letters(), "AD");
    let late = rig.disks[1].late(0).unwrap().id;
    rig.disks[1].give_back_late(late);
    assert_eq!(rig.holds(1, 0), 2, "it lands, late");
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.holds(1, 0)), ("AA", 3));
}

#[test]
fn a_leg_with_requests_in_flight_is_not_taken_back() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    let write = rig.write(0, 1, 2);
    rig.message("fail 1").unwrap();
    rig.settle_leg(0);
    assert!(rig.message("add 1").is_err());
    assert_eq!(rig.asks(1), [Ask::Data]);
    rig.settle();
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.message("add 1").unwrap();
    rig.rest();
    assert!(rig.letters() == "AA" && rig.agree(0, 1));
}

#[test]
fn a_leg_that_is_not_out_is_not_taken_back() {
    let rig = Recorded::new(2);
    assert!(rig.message("add 0").is_err());
    assert!(rig.message("add 7").is_err());
    let rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.letters() == "AS");
    assert!(rig.message("add 1").is_err());
}

#[test]
fn a_leg_that_is_failed_again_while_it_returns_stays_out() {
    for steps in 0..50 {
        let mut rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        rig.message("fail 1").unwrap();
        let was_out = rig.letters();
        rig.put(5, 1, 9);
        rig.rest();
        assert_eq!((was_out.as_str(), rig.letters().as_str()), ("AD", "AD"), "after {steps}");
        assert_eq!(rig.says(0, 1), MemberState::FailedByHand, "after {steps}");
        rig.message("add 1").unwrap();
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true), "after {steps}");
        assert_eq!(rig.get(5, 1), 9);
    }
}

#[test]
fn a_rebuild_goes_on_after_a_stop() {
    for steps in [10, 16, 20, 24] {
        let rig = Recorded::leg_out(2);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        let mut rig = rig.stop_and_start(&[true, true]);
        rig.rest();
        assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true), "after {steps}");
        assert!(rig.costs(1).copy.0 <= 2, "no more than it missed");
        assert_eq!(rig.get(0, 1), 2);
    }
}

/// All of it is copied once, and then it is a member like any other.
#[test]
fn a_leg_whose_map_was_lost_is_rebuilt_once_and_for_all() {
    let rig = Recorded::leg_out(2);
    for slot in 0..2 {
        rig.disks[1].preset(page_place(0, slot).start(), &[0; 4096]);
    }
    rig.message("add 1").unwrap();
    rig.rest();
    let mut rig = rig.crash(&[Durable, Durable]);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
    let copied = rig.costs(0).copy.0 + rig.costs(1).copy.0;
    assert_eq!(copied, 0, "regions that are copied again");
    assert_eq!(rig.get(0, 1), 2);
}

/// The only leg in sync lost a write that the one being rebuilt has: they differ,
/// and must not both be in sync.
#[test]
fn what_the_source_lost_with_its_cache_is_copied_again() {
    let mut rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding && rig.asks(1).contains(&Ask::Data));
    let write = rig.write(16, 1, 9);
    rig.until(|rig| rig.end(write).is_some());
    assert_eq!(rig.letters(), "AS");
    rig.blink(0);
    rig.rest();
    let value = rig.get(16, 1);
    assert!(value == 1 || value == 9);
    for _ in 0..4 {
        assert_eq!(rig.get(16, 1), value, "{}", rig.letters());
    }
    assert!(rig.letters() != "AA" || rig.agree(0, 1));
}

/// The same where a flush fails on it, after which the disk drops what it was to
/// write.
#[test]
fn what_the_source_lost_with_a_failed_flush_is_copied_again() {
    let mut rig = Recorded::leg_out(2);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding && rig.asks(1).contains(&Ask::Data));
    let write = rig.write(16, 1, 9);
    rig.until(|rig| rig.end(write).is_some());
    let flush = rig.flush();
    rig.drop_flush(0);
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AS", false));
    rig.rest();
    assert_eq!(rig.error(flush), ErrorKind::Media);
    assert!(rig.letters() != "AA" || rig.agree(0, 1), "they differ");
}

/// The same without a crash: after a clean stop there is nothing to copy at all.
#[test]
fn a_leg_whose_map_was_lost_has_a_whole_one_after_a_clean_stop() {
    let rig = Recorded::leg_out(2);
    for slot in 0..2 {
        rig.disks[1].preset(page_place(0, slot).start(), &[0; 4096]);
    }
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.letters() == "AA");
    let mut rig = rig.stop_and_start(&[true, true]);
    let read = rig.read(0, 1);
    rig.until(|rig| rig.end(read).is_some());
    assert_eq!((rig.letters().as_str(), rig.value(read)), ("AA", 2));
    rig.rest();
    assert_eq!(rig.costs(0).copy.0 + rig.costs(1).copy.0, 0);
}

/// Leg 1 is through with a copy that another leg still waits for. Then it goes out,
/// misses a write there, and is back before the copies are flushed.
#[test]
fn a_copy_that_a_leg_got_before_it_went_out_counts_for_nothing() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.rest();
    for leg in [1, 2] {
        rig.message(&format!("fail {leg}")).unwrap();
        rig.settle();
    }
    rig.put(0, LENGTH, 2);
    rig.sync();
    for leg in [1, 2] {
        rig.message(&format!("add {leg}")).unwrap();
    }
    let copies = |rig: &Recorded, leg| rig.asks(leg).contains(&Ask::Data);
    rig.until(|rig| copies(rig, 1) && copies(rig, 2));
    rig.end_ask(1, Ask::Data, Outcome::Ok);
    rig.message("fail 1").unwrap();
    rig.settle_leg(0);
    let write = rig.write(0, LENGTH, 3);
    rig.until(|rig| rig.end(write).is_some());
    rig.message("add 1").unwrap();
    rig.settle();
    assert_eq!(rig.letters(), "AAA");
    for _ in 0..3 {
        assert_eq!(rig.get(0, 1), 3);
    }
    assert!(rig.agree(0, 1) && rig.agree(0, 2));
}

/// What lies on it may be of another time by now: the record of this session says so
/// before anything more is written.
#[test]
fn a_rebuild_that_goes_on_after_a_start_is_marked_anew_first() {
    let rig = Recorded::leg_out(3);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding && rig.asks(1).contains(&Ask::Data));
    let rig = rig.crash(&[Durable; 3]);
    // Everything but that record.
    for _ in 0..200 {
        let mut asks =
            (0..3).flat_map(|leg| rig.asks(leg).into_iter().map(move |kind| (leg, kind)));
        match asks.find(|ask| *ask != (1, Ask::Super)) {
            Some((leg, kind)) => rig.end_ask(leg, kind, Outcome::Ok),
            None => rig.work_now(),
        }
        assert!(rig.asks(1).iter().all(|kind| *kind != Ask::Map && *kind != Ask::Data));
    }
    assert!(rig.runs() && rig.asks(1) == [Ask::Super]);
    rig.settle();
    assert!(rig.letters() == "AAA" && rig.agree(0, 1));
}

/// It has what was written meanwhile, in its cache.
#[test]
fn a_region_is_not_made_clean_before_a_leg_that_is_being_rebuilt_was_flushed() {
    let mut rig = Recorded::leg_out(2);
    rig.rest();
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.says(1, 1) == MemberState::Rebuilding && rig.asks(0) == [Ask::Read]);
    let write = rig.write(16, 1, 9);
    for leg in [0, 1] {
        for kind in [Ask::Map, Ask::Flush, Ask::Data] {
            rig.end_ask(leg, kind, Outcome::Ok);
        }
    }
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.pass();
    for leg in [0, 1] {
        rig.end_ask(leg, Ask::Map, Outcome::Ok);
    }
    rig.flush();
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    for _ in 0..4 {
        rig.pass();
        assert!((0..2).all(|leg| !rig.asks(leg).contains(&Ask::Map)));
    }
    assert!(rig.dirty(0, 2) && rig.dirty(1, 2));
    rig.rest();
    assert!(!rig.dirty(0, 2) && rig.keeps(1, 16) == 9 && rig.letters() == "AA");
}

/// Its superblock could not be written, and that slot cannot be read either. What may be lost
/// there is the commit that failed: a person who adds the leg gets it back.
#[test]
fn a_leg_that_failed_with_its_superblock_is_taken_back_though_that_slot_cannot_be_read() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.message("fail 2").unwrap();
    let bad = rig.disks[1].pending(0).expect("a superblock").extent;
    rig.fail_ask(1, Ask::Super);
    rig.settle();
    rig.put(0, 1, 2);
    assert_eq!(rig.letters(), "ADD");
    rig.message("add 1").unwrap();
    for _ in ["once", "again"] {
        rig.until(|rig| rig.disks[1].pending(0).is_some_and(|it| it.extent == bad));
        rig.fail_ask(1, Ask::Read);
    }
    rig.rest();
    assert_eq!(rig.letters(), "AAD", "{}", rig.message("show").unwrap());
    assert!(rig.agree(0, 1));
}

/// A leg is called rebuilding while somebody waits to write, and the power fails.
#[test]
fn a_leg_that_returns_beside_a_write_that_waits_is_equal_after_a_crash() {
    use rig::recorded::Survives;
    let kinds = [Survives::Durable, Survives::All, Survives::Torn];
    let (mut marked, mut cases) = (0, 0);
    for legs in [2, 3] {
        for region in 0..8u64 {
            for before in 0..4 {
                for (a, b) in kinds.iter().flat_map(|a| kinds.iter().map(move |b| (*a, *b))) {
                    let mut rig = Recorded::new(legs);
                    rig.put(0, 64, 1);
                    if before & 1 == 0 {
                        rig.rest();
                    }
                    rig.put(region * 8, 2, 2);
                    rig.lose(1);
                    if before & 2 == 0 {
                        rig.put((region + 3) % 8 * 8, 2, 3);
                    }
                    rig.write(region * 8, 1, 7);
                    rig.write((region + 5) % 8 * 8, 1, 8);
                    rig.message("add 1").unwrap();
                    while rig.step_without(0, Ask::Map) {}
                    marked += usize::from(rig.says(0, 1) == MemberState::Rebuilding);
                    cases += 1;
                    let mut survives = vec![a, b];
                    survives.resize(legs, a);
                    let all = [true, true, false];
                    let rig = rig.crash_and_start(&survives, &all[..legs], " 1 start_degraded=run");
                    rig.rest();
                    let told = format!("{legs} {region} {before} {a:?} {b:?}");
                    assert!(rig.letters().starts_with("AA"), "{told}: {}", rig.letters());
                    assert!(rig.agree(0, 1), "{told}");
                }
            }
        }
    }
    assert!(marked > cases / 4, "{marked} of {cases}");
}
