//! The lives of a recorded mirror of two legs, and how a test gets into each.
//!
//! Place: `by_message/mod.rs` says each message in each of them.
//!
//! Rule: a mirror that was healthy before holds 1 in its first sector, and no cleaner
//! has run since.

use bio::Limits;
use sim::Presence;

use super::Suspension;
use crate::rig::labels;
use crate::rig::recorded::{Ask, Recorded, Survives};

/// Where a mirror stands when it hears a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// Its members are being read.
    Probing,
    /// The first superblocks of the session are on their way.
    Opening,
    /// So are the second, which have seen the first.
    OpeningTwice,
    Healthy,
    /// Leg 1 is out, and missed a write.
    Degraded,
    /// The maps are to say first what leg 1 missed.
    Returning,
    /// Leg 1 is being given what it missed.
    Rebuilding,
    /// The legs are being compared.
    Checking,
    /// The map of leg 1 is to say that a region is clean.
    Cleaning,
    /// It is being suspended: legs are flushed.
    Stopping,
    /// It is being suspended: superblocks are to say that it was clean.
    Closing,
    /// It is suspended.
    Stopped,
    /// It was suspended before it had read its members.
    New,
    /// A member that was in sync is not there.
    Held,
    /// No superblock could be written.
    HeldAfterFailure,
    /// Halves ran apart: leg 0 holds 2 in the first sector, leg 1 holds 3.
    Refused,
    /// Held, and suspended.
    HeldStopped,
    /// Refused, and suspended.
    RefusedStopped,
}

/// A mirror in some life, with the suspension that is on its way or over.
pub struct Lived {
    pub rig: Recorded,
    pub suspension: Option<Suspension>,
}

impl Life {
    /// A mirror in this life. The table names its legs in the other order than that of
    /// their slots if `swapped`.
    pub fn reach(self, swapped: bool) -> Lived {
        let mut suspension = None;
        let rig = match self {
            Life::Probing => labelled(swapped),
            Life::Opening => opening(swapped),
            Life::OpeningTwice => opening_twice(swapped),
            Life::Healthy => healthy(swapped),
            Life::Degraded => degraded(swapped),
            Life::Returning => returning(swapped, "returning"),
            Life::Rebuilding => returning(swapped, "rebuilding"),
            Life::Checking => checking(swapped),
            Life::Cleaning => cleaning(swapped),
            Life::Stopping | Life::Closing | Life::Stopped => healthy(swapped),
            Life::New => labelled(swapped),
            Life::Held | Life::HeldStopped => held(swapped),
            Life::HeldAfterFailure => held_after_failure(swapped),
            Life::Refused | Life::RefusedStopped => refused(swapped),
        };
        if self.is_suspended() {
            let begun = Suspension::begin(&rig);
            match self {
                Life::Stopping => rig.until(|rig| rig.asks(1).contains(&Ask::Flush)),
                Life::Closing => rig.until(|rig| rig.asks(1).contains(&Ask::Super)),
                _ => {
                    rig.settle();
                    begun.assert_over();
                }
            }
            suspension = Some(begun);
        }
        Lived { rig, suspension }
    }

    /// Whether it is suspended, or about to be.
    pub fn is_suspended(self) -> bool {
        use Life::{Closing, HeldStopped, New, RefusedStopped, Stopped, Stopping};
        matches!(self, Stopping | Closing | Stopped | New | HeldStopped | RefusedStopped)
    }

    /// Whether requests wait, or are served, and do not fail.
    pub fn serves(self) -> bool {
        use Life::{Held, HeldAfterFailure, Refused};
        !self.is_suspended() && !matches!(self, Held | HeldAfterFailure | Refused)
    }
}

fn labelled(swapped: bool) -> Recorded {
    let mut disks = labels::disks(&labels::ids(2), true, Limits::default());
    if swapped {
        disks.reverse();
    }
    let rig = Recorded::over(disks, &[true; 2], "", 0);
    assert_eq!((rig.asks(0), rig.asks(1)), (vec![Ask::Flush], vec![Ask::Flush]));
    rig
}

fn opening(swapped: bool) -> Recorded {
    let rig = labelled(swapped);
    both_write_superblocks(&rig);
    rig
}

fn both_write_superblocks(rig: &Recorded) {
    rig.until(|rig| rig.asks(0) == [Ask::Super] && rig.asks(1) == [Ask::Super]);
}

fn opening_twice(swapped: bool) -> Recorded {
    let rig = opening(swapped);
    for kind in [Ask::Super, Ask::Flush] {
        rig.did(0, &[kind]);
        rig.did(1, &[kind]);
    }
    both_write_superblocks(&rig);
    assert!(!rig.runs());
    rig
}

fn healthy(swapped: bool) -> Recorded {
    let mut rig = labelled(swapped);
    rig.settle();
    rig.put(0, 1, 1);
    assert_eq!(rig.letters(), "AA");
    rig
}

fn degraded(swapped: bool) -> Recorded {
    let mut rig = healthy(swapped);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(32, 1, 2);
    assert_eq!(rig.letters(), "AD");
    rig
}

fn returning(swapped: bool, word: &str) -> Recorded {
    let rig = degraded(swapped);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.message("show").unwrap().contains(word));
    rig
}

fn checking(swapped: bool) -> Recorded {
    let rig = healthy(swapped);
    rig.message("check").unwrap();
    rig.until(|rig| rig.asks(0) == [Ask::Read]);
    rig
}

fn cleaning(swapped: bool) -> Recorded {
    let rig = healthy(swapped);
    while !rig.asks(1).contains(&Ask::Map) {
        rig.pass();
        while rig.step_without(1, Ask::Map) {}
    }
    rig
}

fn held(swapped: bool) -> Recorded {
    let rig = healthy(swapped).crash(&[Survives::All; 2]);
    rig.disks[1].set_presence(Presence::Gone);
    rig.settle();
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    rig
}

fn held_after_failure(swapped: bool) -> Recorded {
    let rig = opening(swapped);
    rig.fail_ask(0, Ask::Super);
    rig.fail_ask(1, Ask::Super);
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    rig
}

/// A leg ran alone, then the other.
fn refused(swapped: bool) -> Recorded {
    let mut rig = healthy(swapped);
    rig.rest();
    for (leg, value) in [(0, 2), (1, 3)] {
        let there = [leg == 0, leg == 1];
        rig = rig.crash_and_start(&[Survives::All; 2], &there, " 1 start_degraded=run");
        rig.settle();
        rig.put(0, 1, value);
        rig.sync();
    }
    let rig = rig.crash(&[Survives::All; 2]);
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
    assert_eq!((rig.holds(0, 0), rig.holds(1, 0)), (2, 3));
    rig
}
