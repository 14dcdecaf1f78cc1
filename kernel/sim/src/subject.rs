//! The device under test, as a run sees it: a device over legs, and its life.
//!
//! Place: implemented by tests around their device; driven by a [`World`](crate::World).
//!
//! Rules: no method waits. A device that takes its time says so by its [`life`](Subject::life),
//! which the world looks at after each event.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bio::{BlockDevice, Sector, Sectors};

/// Where a device stands between its start and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Life {
    /// It reads its legs' records. Nobody asks it for anything.
    Starting,
    /// A leg is missing that may know more than the others. A person may plug it in, or
    /// [say](Subject::start_degraded) that the others are enough.
    Held,
    /// It serves.
    Running,
    /// It will not start from its legs' records.
    Refused,
}

/// What a person may say to a device. Legs have their numbers in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Shows the state.
    Look,
    /// Changes a setting, but no data; the number says which.
    Tune(usize),
    /// The leg is to be out.
    Fail(usize),
    /// The leg is to be taken back; `true`: whatever it holds.
    Add(usize, bool),
    /// The leg that is out is no longer a member.
    Forget(usize),
    /// The second leg is to take the first one's place.
    Replace(usize, usize),
    /// It is to start with the present legs.
    StartDegraded,
    /// It is to start with the half of this leg.
    Keep(usize),
    /// All legs are to be compared.
    Check,
    /// All legs are to be made equal.
    Repair,
    /// The check or repair is to end.
    Idle,
}

/// Something that a device does besides its clients' requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// What it is, in words of its own.
    pub name: String,
    /// How much is left of it, in any unit. It falls as the task makes progress.
    pub left: u64,
}

/// The device under test, over legs.
pub trait Subject {
    /// The device that the clients use.
    fn device(&self) -> &dyn BlockDevice;

    /// Whether the device believes that this leg is in sync. A leg on its way in or out counts
    /// as in only while every record says so: a start from a leg that was in must be right.
    fn in_sync(&self, leg: usize) -> bool;

    /// Whether a leg that fails a request goes out in that same step, if at all. Otherwise any
    /// leg that has failed a request may still go out.
    fn decides_at_once(&self) -> bool {
        false
    }

    /// Whether this leg lacks only the record that it is in sync, and that record is being
    /// written. After a crash the record may be there or not.
    fn is_whole(&self, leg: usize) -> bool {
        let _ = leg;
        false
    }

    /// Whether a person took this leg out, and no record says so yet.
    fn only_remembers(&self, leg: usize) -> bool {
        let _ = leg;
        false
    }

    /// Where on this leg the device's first sector lies.
    fn data_start(&self, leg: usize) -> Sector {
        let _ = leg;
        Sector(0)
    }

    /// Whether this sector of this leg is part of the record of who is in sync.
    /// While such a record is being written the legs may disagree.
    fn is_record(&self, leg: usize, sector: Sector) -> bool {
        let start = self.data_start(leg);
        !(start..start + self.device().capacity()).contains(&sector)
    }

    /// Where it stands.
    fn life(&self) -> Life {
        Life::Running
    }

    /// Why it is held or refused, in its own words.
    fn why(&self) -> String {
        String::new()
    }

    /// A person says that the present legs are enough. Only while it is held.
    fn start_degraded(&self) {}

    /// An absent leg has returned, perhaps without its cache.
    fn returned(&self, leg: usize) {
        let _ = leg;
    }

    /// Asks it to become quiet before the machine is switched off. No request of a client is
    /// open. False if it cannot do that.
    fn stop(&self) -> bool {
        false
    }

    /// A person says something. Returns the answer, or why it is refused.
    fn say(&self, word: Word) -> Result<String, String> {
        let _ = word;
        Err("not understood".into())
    }

    /// Asks it to be suspended. False if that is not possible now.
    fn suspend(&self, flush: bool) -> bool {
        let _ = flush;
        false
    }

    /// Whether it is suspended, after [`suspend`](Subject::suspend).
    fn suspended(&self) -> bool {
        false
    }

    /// Loads a table that names the legs in this order. False if it has no tables.
    fn load(&self, order: &[usize]) -> bool {
        let _ = order;
        false
    }

    /// Lets it go on after a suspension. Returns whether it goes on by a loaded table.
    fn resume(&self) -> bool {
        false
    }

    /// Removes it. False if that is not possible now.
    fn remove(&self) -> bool {
        false
    }

    /// Whether it is gone, after [`remove`](Subject::remove).
    fn removed(&self) -> bool {
        false
    }

    /// Makes it anew, once it is gone.
    fn make(&self) {}

    /// What it is doing besides its clients' requests, and has to finish. Clients use only the
    /// first `in_use` sectors.
    fn tasks(&self, in_use: Sectors) -> Vec<Task> {
        let _ = in_use;
        Vec::new()
    }

    /// Whether it has become quiet after [`stop`](Subject::stop).
    fn stopped(&self) -> bool {
        false
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match self {
            Word::Look => "show",
            Word::Tune(way) => return write!(f, "tune {way}"),
            Word::Fail(leg) => return write!(f, "fail {leg}"),
            Word::Add(leg, false) => return write!(f, "add {leg}"),
            Word::Add(leg, true) => return write!(f, "add {leg} force"),
            Word::Forget(leg) => return write!(f, "forget {leg}"),
            Word::Replace(old, new) => return write!(f, "replace {old} {new}"),
            Word::Keep(leg) => return write!(f, "keep {leg}"),
            Word::StartDegraded => "start_degraded",
            Word::Check => "check",
            Word::Repair => "repair",
            Word::Idle => "idle",
        };
        f.pad(plain)
    }
}
