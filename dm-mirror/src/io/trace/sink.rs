//! Who is told of a mirror, and whether it is to be.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use super::record::Record;

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
    pub(super) sink: Box<dyn Sink>,
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
    pub(super) fn session(&self) -> u32 {
        self.session.load(Ordering::Relaxed)
    }

    /// The number of a mirror of this device.
    pub(crate) fn mirror(&self, device: &str) -> u32 {
        self.sink.mirror(device)
    }
}
