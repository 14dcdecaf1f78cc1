//! Do the legs hold the same? A check finds out, a repair makes it so.

mod rig;

use bio::{Limits, SECTOR_SIZE, Sector};
use rig::media::BadSectors;
use rig::recorded::{Ask, DATA, Recorded, Survives};
use rig::{LENGTH, Rig};
use sim::{Outcome, Random};

/// Two legs, clean, that hold 7.
fn filled(legs: usize) -> Recorded {
    let mut rig = Recorded::new(legs);
    rig.put(0, LENGTH, 7);
    rig.rest();
    rig
}

fn spoil(rig: &Recorded, leg: usize, sector: u64) {
    rig.disks[leg].preset(Sector(DATA + sector), &[0xff; SECTOR_SIZE]);
}

/// A check, or a repair, from its start to its end.
fn run(rig: &Recorded, message: &str) -> Vec<String> {
    rig.message(message).unwrap();
    rig.settle();
    rig.check()
}

#[test]
fn a_check_reports_exactly_the_sectors_that_differ() {
    let rig = filled(3);
    for (leg, sector) in [(1, 9), (1, 34), (2, 35), (1, 63), (2, 63)] {
        spoil(&rig, leg, sector);
    }
    assert_eq!(
        run(&rig, "check"),
        [
            "check: all 64 sectors; 4 differ, 0 cannot be read",
            "9+1: leg 1 differs",
            "34+1: leg 1 differs",
            "35+1: leg 2 differs",
            "63+1: leg 1 differs leg 2 differs",
        ]
    );
}

#[test]
fn sectors_in_a_row_are_one_finding_and_only_so_many_are_listed() {
    let rig = filled(2);
    (8..16).for_each(|sector| spoil(&rig, 1, sector));
    assert_eq!(run(&rig, "check")[1], "8+8: leg 1 differs");
    let rig = filled(2);
    (0..LENGTH).step_by(2).chain([63]).for_each(|sector| spoil(&rig, 1, sector));
    let found = run(&rig, "check");
    assert_eq!(found[0], "check: all 64 sectors; 33 differ, 0 cannot be read");
    assert_eq!((found.len(), found[33].as_str()), (34, "no more are listed"));
}

#[test]
fn a_check_writes_nothing() {
    let rig = filled(2);
    spoil(&rig, 1, 9);
    let before = [0, 1].map(|leg| rig.costs(leg));
    run(&rig, "check");
    rig.rest();
    assert_eq!([0, 1].map(|leg| rig.costs(leg)), before);
    assert_eq!((rig.holds(0, 9), rig.holds(1, 9)), (7, 0xff));
}

#[test]
fn after_a_repair_a_check_finds_nothing() {
    let rig = filled(3);
    for (leg, sector) in [(1, 9), (2, 34), (0, 40)] {
        spoil(&rig, leg, sector);
    }
    assert_eq!(
        run(&rig, "repair")[0],
        "repair: all 64 sectors; 3 differ, 0 cannot be read; 3 repaired"
    );
    assert_eq!(run(&rig, "check"), ["check: all 64 sectors; 0 differ, 0 cannot be read"]);
    assert_eq!([0, 1, 2].map(|leg| rig.holds(leg, 9)), [7; 3]);
    assert_eq!([0, 1, 2].map(|leg| rig.holds(leg, 40)), [0xff; 3], "as reads prefer");
    assert_eq!([0, 1, 2].map(|leg| rig.repaired(leg)), [0, 1, 1]);
}

#[test]
fn a_repair_takes_the_data_of_the_leg_that_reads_prefer() {
    let mut rig = Recorded::with_features(2, " 2 read_policy prefer=1");
    rig.put(0, 8, 7);
    rig.rest();
    spoil(&rig, 0, 3);
    run(&rig, "repair");
    assert_eq!([rig.holds(0, 3), rig.holds(1, 3)], [7; 2]);
}

#[test]
fn a_repair_is_a_write_behind_its_own_intent_and_is_read_again() {
    let rig = filled(2);
    spoil(&rig, 1, 9);
    rig.message("repair").unwrap();
    rig.work_now();
    rig.did(0, &[Ask::Read]);
    rig.did(1, &[Ask::Read]);
    rig.until(|rig| rig.asks(1) == [Ask::Data]);
    assert!(rig.dirty(1, 1), "own intent first");
    rig.did(1, &[Ask::Data]);
    assert_eq!((rig.asks(0), rig.asks(1)), (vec![], vec![Ask::Read]));
    spoil(&rig, 1, 10);
    rig.settle();
    assert_eq!(
        rig.check()[0],
        "repair: all 64 sectors; 1 differ, 0 cannot be read; 0 repaired",
        "what is not there afterwards is not repaired"
    );
    assert_eq!((rig.counts(1)[3], rig.repaired(1)), (1, 0));
}

#[test]
fn a_check_finds_the_blocks_that_a_leg_cannot_read_and_a_repair_rewrites_them() {
    let rig = filled(2);
    let mut bad = BadSectors(vec![(0, 5), (1, 20), (1, 21), (0, 30), (1, 30)]);
    rig.message("check").unwrap();
    rig.serve(&mut bad);
    assert_eq!(bad.0.len(), 5, "a check writes nothing");
    let findings = [
        "5+1: leg 0 cannot be read",
        "20+2: leg 1 cannot be read",
        "30+1: leg 0 cannot be read leg 1 cannot be read",
    ];
    assert_eq!(rig.check()[0], "check: all 64 sectors; 0 differ, 4 cannot be read");
    assert_eq!(rig.check()[1..], findings);
    assert_eq!([rig.counts(0)[3], rig.counts(1)[3]], [2, 3], "each bad block is one error");
    rig.message("repair").unwrap();
    rig.serve(&mut bad);
    let line = "repair: all 64 sectors; 0 differ, 4 cannot be read; 3 repaired";
    assert_eq!((rig.check()[0].as_str(), bad), (line, BadSectors(vec![(0, 30), (1, 30)])));
    assert_eq!((rig.holds(0, 5), rig.holds(1, 20)), (7, 7));
}

/// Whatever is in flight, whichever leg is ahead: legs are compared only where no
/// write is half done, and none is undone.
#[test]
fn a_check_and_a_repair_under_load_find_nothing_and_undo_nothing() {
    for seed in 0..60 {
        let mut rig = Recorded::with_features(2, " 1 sync_rate=none,none");
        rig.put(0, LENGTH, 7);
        let mut dice = Random::new(seed);
        let mut last = [7; LENGTH as usize];
        let message = if seed % 2 == 0 { "check" } else { "repair" };
        let mut checks = 0;
        for turn in 0..120_u8 {
            if rig.message(message).is_ok() {
                checks += 1;
            }
            let at = dice.below(LENGTH - 8);
            rig.write(at, 8, turn);
            last[at as usize..at as usize + 8].fill(turn);
            for _ in 0..dice.below(12) as usize {
                let busy: Vec<usize> = (0..2).filter(|&leg| rig.disks[leg].queued() > 0).collect();
                match busy.get(dice.below(3) as usize) {
                    Some(&leg) => {
                        let nth = dice.below(rig.disks[leg].queued() as u64) as usize;
                        let id = rig.disks[leg].pending(nth).unwrap().id;
                        rig.disks[leg].complete(id, Outcome::Ok);
                    }
                    None => rig.work_now(),
                }
            }
            let found = rig.check();
            assert!(found[0].contains("; 0 differ, 0 cannot be read"), "seed {seed}: {found:?}");
        }
        rig.rest();
        assert!(checks > 1, "seed {seed}");
        assert!(
            (0..LENGTH).all(|at| [0, 1].map(|leg| rig.holds(leg, at)) == [last[at as usize]; 2])
        );
    }
}

#[test]
fn where_the_map_says_that_legs_may_differ_a_check_says_so_and_a_repair_leaves_it() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 7);
    let rig = rig.crash(&[Survives::All, Survives::Durable]);
    rig.until(|rig| rig.runs() && (0..2).any(|leg| rig.asks(leg).contains(&Ask::Read)));
    assert!((0..2).any(|leg| rig.holds(leg, 0) != 7), "one of them lost it");
    // The resync has its chunk; the repair waits for it, and comes before its flush.
    rig.message("repair").unwrap();
    rig.settle();
    assert_eq!(
        rig.check()[0],
        "repair: all 64 sectors; 0 differ, 0 cannot be read; 0 repaired",
        "the resync has made it equal"
    );
    spoil(&rig, 1, 9);
    assert_eq!(run(&rig, "check")[1], "9+1: leg 1 differs");
    spoil(&rig, 1, 0);
    assert_eq!(run(&rig, "check")[1], "0+1: leg 1 differs (may be: dirty)");
}

/// A mirror of four chunks, which keeps no record.
fn long() -> Rig {
    Rig::sized(3, 1024, "nosync", Limits::default())
}

/// One chunk is compared, and the next one is being read.
fn until_second_chunk(rig: &Rig) {
    for _ in 0..2 {
        (0..3).filter(|&leg| rig.disks[leg].queued() > 0).for_each(|leg| rig.ok(leg));
        while rig.disks[0].queued() == 0 {
            assert!(rig.work());
        }
    }
    assert_eq!(rig.disks[0].pending(0).unwrap().extent, rig::extent(256, 256));
}

#[test]
fn progress_is_in_the_status_while_a_check_runs() {
    let rig = long();
    rig.message("check").unwrap();
    until_second_chunk(&rig);
    assert!(rig.target.status().ends_with(" check 256/1024 0"), "{}", rig.target.status());
    assert_eq!(rig.check(), ["check: 256 of 1024 sectors; 0 differ, 0 cannot be read"]);
    rig.drain();
    assert!(rig.target.status().ends_with(" AAA 1 core"), "{}", rig.target.status());
    assert_eq!(rig.events.count(), 1);
}

#[test]
fn a_check_ends_with_a_word_when_a_leg_goes_out() {
    let rig = long();
    rig.message("check").unwrap();
    until_second_chunk(&rig);
    rig.message("fail 1").unwrap();
    rig.drain();
    let line = "check: ended at sector 256, leg 1 is out; 0 differ, 0 cannot be read";
    assert_eq!(rig.check(), [line]);
    rig.message("check").unwrap();
    rig.drain();
    assert!(rig.check()[0].starts_with("check: all 1024 sectors"), "two legs are left");
}

#[test]
fn a_check_ends_with_a_word_when_the_mirror_is_suspended() {
    let rig = long();
    rig.message("check").unwrap();
    until_second_chunk(&rig);
    let is_over = rig.suspend();
    assert!(!is_over(), "a chunk is in flight");
    rig.drain();
    assert!(is_over());
    let line = "check: ended at sector 512 by a suspension; 0 differ, 0 cannot be read";
    assert_eq!(rig.check(), [line]);
    assert!(rig.message("check").is_err());
    rig.target.resume();
    rig.drain();
    assert_eq!(rig.check(), [line], "it does not go on by itself");
    rig.message("check").unwrap();
    rig.drain();
    assert!(rig.check()[0].starts_with("check: all"));
}

#[test]
fn a_person_ends_a_check_and_two_never_run_at_once() {
    let rig = long();
    assert!(rig.message("idle").is_err());
    rig.message("repair").unwrap();
    let refused = rig.message("check").unwrap_err().to_string();
    assert_eq!(refused, "a repair runs already; `idle` ends it");
    until_second_chunk(&rig);
    rig.message("idle").unwrap();
    rig.drain();
    let line = "repair: stopped by hand at sector 512; 0 differ, 0 cannot be read; 0 repaired";
    assert_eq!(rig.check(), [line]);
}

#[test]
fn one_leg_alone_has_nothing_to_be_compared_with() {
    let rig = Rig::nosync(1);
    let refused = rig.message("check").unwrap_err().to_string();
    assert!(refused.contains("nothing to compare"), "{refused}");
}

#[test]
fn reads_go_on_beside_a_check_and_wait_for_a_repair() {
    for (message, reads) in [("check", 2), ("repair", 1)] {
        let mut rig = Rig::nosync(2);
        rig.message(message).unwrap();
        while rig.waiting(0).is_empty() {
            assert!(rig.work());
        }
        let read = rig.read(0, 1);
        assert_eq!(rig.waiting(0).len(), reads, "{message}");
        rig.drain();
        assert_eq!(rig.value(read), 0);
    }
}

#[test]
fn a_check_waits_for_a_write_in_flight_and_a_write_for_the_check() {
    let mut rig = Rig::nosync(2);
    let write = rig.write(0, 1, 1);
    rig.message("check").unwrap();
    assert!(rig.work());
    rig.ok(0);
    assert_eq!(rig.waiting(0), [], "leg 1 has not written yet");
    rig.ok(1);
    assert_eq!(rig.end(write), Some(Ok(())));
    let write = rig.write(0, 1, 2);
    assert_eq!([rig.waiting(0).len(), rig.waiting(1).len()], [1, 1], "the check reads");
    rig.drain();
    assert_eq!(rig.end(write), Some(Ok(())));
    assert_eq!(rig.check()[0], "check: all 64 sectors; 0 differ, 0 cannot be read");
}

/// What legs gave was compared with what one of them did; that one is rewritten from, though
/// a person has reads prefer another one by then.
#[test]
fn a_repair_rewrites_from_the_leg_that_it_compared_with() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 7);
    rig.rest();
    rig.message("fail 2").unwrap();
    rig.settle();
    rig.put(32, 8, 7);
    rig.rest();
    rig.disks[1].preset(Sector(DATA + 9), &[0xff; SECTOR_SIZE]);
    rig.message("read_policy prefer=0").unwrap();
    // Leg 2 is on its way back. It is no leg of the repair, and somebody hears of its end.
    rig.message("add 2").unwrap();
    rig.until(|rig| rig.letters() == "AAS" && rig.asks(2).contains(&Ask::Super));
    rig.message("repair").unwrap();
    rig.work_now();
    let looks = |rig: &Recorded| [0, 1].iter().all(|leg| rig.asks(*leg).contains(&Ask::Read));
    while !looks(&rig) {
        assert!(rig.step_without(2, Ask::Super), "the repair never begins");
    }
    let (disks, target) = (rig.disks.clone(), rig.target.clone());
    rig.when_told(move || {
        for leg in [0, 1] {
            while let Some(it) = disks[leg].pending(0) {
                disks[leg].complete(it.id, Outcome::Ok);
            }
        }
        target.message(&["read_policy", "prefer=1"]).unwrap();
    });
    rig.message("fail 2").unwrap();
    rig.rest();
    assert_eq!((rig.holds(0, 9), rig.holds(1, 9)), (7, 7), "{:?}", rig.check());
}
