//! A leg that hangs, at each thing that it can be asked for: the request ends
//! without it, and what it does late changes nothing.

mod rig;

use Survives::{All, Durable};
use rig::recorded::{Ask, Recorded, Survives};
use rig::{LENGTH, Tag};
use sim::Outcome;

/// A mirror of three legs, 1 everywhere, clean.
fn three() -> Recorded {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig
}

/// Leg 1 was asked for this, and does not answer in time.
fn hang(rig: &Recorded, kind: Ask) {
    rig.until(|rig| rig.asks(1).contains(&kind));
    rig.end_ask(1, kind, Outcome::Timeout);
}

/// Everybody goes on; leg 1 does late what it was asked for, and returns.
fn goes_on_without_it(mut rig: Recorded, write: Tag, at: &str) {
    rig.rest();
    assert_eq!(rig.end(write), Some(Ok(())), "{at}");
    assert_eq!(&rig.letters()[1..2], "D", "{at}");
    rig.put(0, 1, 3);
    rig.put(8, 1, 3);
    while let Some(late) = rig.disks[1].late(0) {
        rig.disks[1].give_back_late(late.id);
    }
    for _ in 0..2 {
        assert_eq!([0, 1, 8].map(|sector| rig.get(sector, 1)), [3, 2, 3], "{at}");
    }
    for survives in [All, Durable] {
        rig.sync();
        rig = rig.crash(&[Durable, survives, Durable]);
        rig.rest();
        assert_eq!([0, 1, 8, 9].map(|sector| rig.get(sector, 1)), [3, 2, 3, 1], "{at}");
        assert!(rig.letters() == "AAA" && rig.agree(0, 1) && rig.agree(0, 2), "{at}");
    }
}

#[test]
fn a_write_ends_without_a_leg_that_hangs_at_any_of_its_steps() {
    let steps = [Ask::Map, Ask::Flush, Ask::Data, Ask::Flush];
    for hung in 0..steps.len() {
        let mut rig = three();
        let write = rig.write_fua(1, 2);
        for (step, kind) in steps.into_iter().enumerate().take(hung + 1) {
            match step == hung {
                true => hang(&rig, kind),
                false => rig.did(1, &[kind]),
            }
        }
        goes_on_without_it(rig, write, &format!("step {hung} of the write"));
    }
}

#[test]
fn a_write_ends_without_a_survivor_that_hangs_in_its_superblock() {
    for flush in [false, true] {
        let mut rig = three();
        let write = rig.write(1, 1, 2);
        rig.until(|rig| rig.asks(2).contains(&Ask::Data));
        rig.fail_ask(2, Ask::Data);
        rig.until(|rig| rig.asks(1).contains(&Ask::Super));
        if flush {
            rig.end_ask(1, Ask::Super, Outcome::Ok);
        }
        hang(&rig, if flush { Ask::Flush } else { Ask::Super });
        rig.rest();
        rig.message("add 2").unwrap();
        goes_on_without_it(rig, write, &format!("its superblock, flush {flush}"));
    }
}

#[test]
fn a_read_a_flush_and_the_cleaner_end_without_a_leg_that_hangs() {
    for kind in [Ask::Read, Ask::Flush, Ask::Map] {
        let mut rig = three();
        let write = rig.write(1, 1, 2);
        rig.settle();
        let asked = match kind {
            Ask::Read => [0; 3].map(|_| rig.read(1, 1)).to_vec(),
            Ask::Flush => vec![rig.flush()],
            _ => vec![],
        };
        while !rig.asks(1).contains(&kind) {
            rig.pass();
            rig.steps(1);
        }
        hang(&rig, kind);
        rig.settle();
        assert!(asked.iter().all(|tag| rig.end(*tag) == Some(Ok(()))), "{kind:?}");
        goes_on_without_it(rig, write, &format!("{kind:?}"));
    }
}

#[test]
fn a_rebuild_ends_without_a_leg_that_hangs_as_its_source_or_its_target() {
    for (target, kind) in [(0, Ask::Read), (1, Ask::Map), (1, Ask::Data), (1, Ask::Super)] {
        let mut rig = three();
        rig.message(&format!("fail {target}")).unwrap();
        let write = rig.write(1, 1, 2);
        for region in 2..8 {
            rig.put(8 * region, 1, 1);
        }
        rig.message(&format!("add {target}")).unwrap();
        hang(&rig, kind);
        goes_on_without_it(rig, write, &format!("{kind:?} of a rebuild of leg {target}"));
    }
}
