//! What a target gets from the world around it: time, delayed work, chance, a log.
//!
//! Place: implemented by the kernel (callouts and a worker thread) and by
//! simulations (a chooser); handed to targets in their
//! [`Context`](crate::Context).
//!
//! Rules: a target starts no thread and reads no clock of its own, so that a simulation
//! decides everything.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bio::{BufCmd, ErrorKind, Extent};

/// How serious an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It was expected.
    Info,
    /// Something is worse than it was, and requests go on.
    Warning,
    /// Requests fail.
    Error,
}

/// Something that happened to a mapped device.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// What the device is called now.
    pub device: &'a str,
    /// How much it matters.
    pub severity: Severity,
    /// What happened, in a line without the device's name.
    pub what: fmt::Arguments<'a>,
}

/// A moment of a request at a mapped device, for a trace. The extent is the device's.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// It came.
    Taken(BufCmd, Extent),
    /// It ended.
    Ended(BufCmd, Extent, Result<(), ErrorKind>),
}

/// Is told of each moment. The first argument gives the device's name, if the probe wants it.
/// Called with no lock held; must not sleep.
pub type Probe = fn(&dyn Fn() -> Arc<str>, Moment);

/// Something to be done later.
///
/// An object, not a closure, so that recurring work (a resync pass, a retry timer) is
/// allocated once.
pub trait Work: Send + Sync {
    /// Does it. Runs once for each [`Env::run_after`], in a thread that holds no lock.
    fn run(self: Arc<Self>);
}

/// Time, delayed work, randomness, and a log of events.
pub trait Env: Send + Sync {
    /// The time since some fixed moment before the first device; never goes back.
    fn now(&self) -> Duration;

    /// Runs `work` after `delay` or later, in a thread that holds no lock; never inside this
    /// call, even if `delay` is zero. It cannot be cancelled: work that is no longer wanted
    /// finds that out when it runs.
    fn run_after(&self, delay: Duration, work: Arc<dyn Work>);

    /// 64 random bits. Good enough for identities, not for secrets.
    fn random(&self) -> u64;

    /// Whether a table may take `bytes` for as long as it lives, so that enough memory is left
    /// for requests. An implementation without a reserve answers by trying.
    fn has_room(&self, bytes: usize) -> bool {
        Vec::<u8>::new().try_reserve_exact(bytes).is_ok()
    }

    /// Something happened that a person may want to read about later. Called with no lock held;
    /// must not sleep. The default keeps no log.
    fn note(&self, event: &Event<'_>) {
        let _ = event;
    }

    /// The probe that is told of each request of each mapped device. Asked for when a device or
    /// a table is made, not for each request.
    fn probe(&self) -> Option<Probe> {
        None
    }
}
