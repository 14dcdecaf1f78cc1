//! The bell between an interrupt handler and its thread.
//!
//! Place: the handler rings; the interrupt thread sleeps until the bell was rung, takes the
//! ring, and services its device.
//! Rules: the ringer does the wake-up when [`Bell::ring`] tells it to; the thread takes the
//! ring *before* it looks at its device, so that after a ring during the service it looks once
//! more.

#[cfg(not(feature = "loom"))]
use core::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicBool, Ordering};

/// A ring that waits to be taken. Rings that come before it is taken count as
/// one: the thread services all there is.
///
/// ```
/// let bell = lwkt::Bell::new();
/// assert!(bell.ring(), "the first ring asks for a wake-up");
/// assert!(!bell.ring(), "the first ringer does that");
/// assert!(bell.take());
/// assert!(!bell.take());
/// ```
#[derive(Debug)]
pub struct Bell {
    rung: AtomicBool,
}

impl Bell {
    /// A silent bell.
    #[cfg(not(feature = "loom"))]
    pub const fn new() -> Bell {
        Bell { rung: AtomicBool::new(false) }
    }

    /// A silent bell.
    #[cfg(feature = "loom")]
    pub fn new() -> Bell {
        Bell { rung: AtomicBool::new(false) }
    }

    /// Rings; true if the caller must now wake the thread. If it is false, an earlier ring is
    /// not taken yet. Its ringer wakes the thread, which then serves this ring too.
    ///
    /// The thread that takes the ring sees everything that was written before it.
    #[must_use = "the ringer wakes the thread"]
    pub fn ring(&self) -> bool {
        !self.rung.swap(true, Ordering::AcqRel)
    }

    /// Takes the ring; false if there was none.
    pub fn take(&self) -> bool {
        self.rung.swap(false, Ordering::AcqRel)
    }
}

impl Default for Bell {
    fn default() -> Bell {
        Bell::new()
    }
}
