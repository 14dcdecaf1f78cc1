//! Callouts: functions to be called later, one after the other, by the softclock thread.
//!
//! Place: watchdogs, retries, everything with a delay (DragonFly's `callout(9)`).
//! Rules: a function runs in a thread, with no lock held. It does not sleep, and is brief,
//! since the others wait. The tick only rings the softclock's bell.

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;

use bio::sync::{Lock, Rank};
use lwkt::{Callouts, Instant, Priority, Stop};
use spin::Once;

use super::ithread::{self, Bell};
use super::thread::now;
use super::{MaySleep, WaitChan};

/// Taken under any other lock, so that anyone may reset a callout.
const RANK: Rank = Rank(100);

static CALLOUTS: Lock<Callouts<Entry>> = Lock::new(RANK, Callouts::new());

/// When the first callout is due, in nanoseconds since boot. The tick looks only at this.
static EARLIEST: AtomicU64 = AtomicU64::new(u64::MAX);

static SOFTCLOCK: Once<Bell> = Once::new();

/// Where `drain` waits.
static FINISHED: WaitChan = WaitChan::new("callout");

/// A callout as the queue knows it, identified by its address.
#[derive(Clone)]
struct Entry(Arc<dyn Fn() + Send + Sync>);

impl PartialEq for Entry {
    fn eq(&self, other: &Entry) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// A function to be called later, as often as it is reset. Dropping a callout stops it but does
/// not wait for it, so the function owns everything that it uses.
pub struct Callout(Entry);

impl Callout {
    /// A callout that is not armed. Only this call allocates.
    pub fn new(function: impl Fn() + Send + Sync + 'static) -> Callout {
        with_callouts(Callouts::register);
        Callout(Entry(Arc::new(function)))
    }

    /// Arms it to run `delay` from now, at the first tick after that. An earlier arming is
    /// forgotten. Its own function may call this.
    pub fn reset(&self, delay: Duration) {
        let when = now() + delay;
        with_callouts(|callouts| callouts.reset(self.0.clone(), when));
    }

    /// Disarms it, and says how it stood.
    pub fn stop(&self) -> Stop {
        with_callouts(|callouts| callouts.stop(&self.0))
    }

    /// Disarms it, and waits until its function runs nowhere.
    pub fn drain(&self, may_sleep: &MaySleep) {
        FINISHED.wait_until(may_sleep, || (self.stop() != Stop::Running).then_some(()));
    }
}

impl Drop for Callout {
    fn drop(&mut self) {
        self.stop();
        with_callouts(Callouts::unregister);
    }
}

impl fmt::Debug for Callout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Callout({:p})", self.0.0)
    }
}

/// Starts the softclock thread.
pub(super) fn init() {
    let bell = ithread::start("softclock", Priority::SoftInterrupt, softclock);
    SOFTCLOCK.call_once(|| bell.expect("a thread for callouts at boot"));
}

/// The tick: from the interrupt, interrupts off.
pub(super) fn tick(now: Instant) {
    if EARLIEST.load(Relaxed) <= now.as_nanos()
        && let Some(bell) = SOFTCLOCK.get()
    {
        bell.ring();
    }
}

/// Runs the callouts that are due. Each function runs without the lock, and this thread may be
/// its last owner.
fn softclock() {
    while let Some(entry) = with_callouts(|callouts| callouts.start_due(now())) {
        (entry.0)();
        drop(with_callouts(Callouts::finished));
        FINISHED.wakeup();
    }
}

fn with_callouts<T>(question: impl FnOnce(&mut Callouts<Entry>) -> T) -> T {
    let mut callouts = CALLOUTS.lock();
    let answer = question(&mut callouts);
    let earliest = callouts.earliest().map_or(u64::MAX, Instant::as_nanos);
    EARLIEST.store(earliest, Relaxed);
    answer
}
