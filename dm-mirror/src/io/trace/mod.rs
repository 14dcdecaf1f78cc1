//! The trace of a mirror: each event, each action and each change of a request's state, told to
//! a [`Sink`] with its time.
//!
//! Place: the hands tell it what they bring to the core and what the core wants done. States
//! are seen from outside (`watch`), so the core knows nothing of it. A mirror made by
//! [`MirrorType`](crate::MirrorType) has no trace, one made by [`Traced`](crate::Traced) has.
//!
//! Rules:
//!
//! - A sink is told under the mirror's lock: it does not sleep, takes no lock of a mirror's rank
//!   or below, and calls no device.
//! - Off costs a look at one flag an event. On, each event looks at all requests in hand.

mod record;
mod text;
mod watch;

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

pub use record::{LegState, Name, Of, Record, Super};
pub use text::{cmd_word, error_word};
pub(in crate::io) use watch::Watch;

/// Who is told.
pub trait Sink: Send + Sync {
    /// A mirror of this device was made. Returns the number that names it from now on.
    fn mirror(&self, device: &str) -> u32 {
        let _ = device;
        0
    }

    /// Something happened in that mirror, at that time of its environment.
    fn record(&self, mirror: u32, at: Duration, record: Record);
}

/// A sink, and whether it is to be told.
pub struct Trace {
    /// Which tracing this is: odd while it is on, so that a mirror notices a new one.
    session: AtomicU32,
    sink: Box<dyn Sink>,
}

impl Trace {
    /// A trace that is off.
    pub fn new(sink: impl Sink + 'static) -> Trace {
        Trace { session: AtomicU32::new(0), sink: Box::new(sink) }
    }

    /// Begins, or ends, the telling.
    pub fn switch(&self, on: bool) {
        if self.is_on() != on {
            self.session.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether the sink is told.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.session() % 2 == 1
    }

    #[inline]
    fn session(&self) -> u32 {
        self.session.load(Ordering::Relaxed)
    }

    /// The number of a mirror of this device.
    pub(crate) fn mirror(&self, device: &str) -> u32 {
        self.sink.mirror(device)
    }
}
