//! Kicks and interrupts that are lost on purpose: `lose=N` on the command line loses one of N,
//! by chance, so that a test can see that the drivers cope.
//!
//! Place: asked by the lossy device in front of each disk's device, and by the handler of its
//! messages. Lines lose nothing: a line that nobody serves would interrupt for ever.

use core::sync::atomic::{AtomicU64, Ordering};

use shell::pattern::splitmix64;

use crate::cmdline::Cmdline;

/// One of this many is lost; 0 loses none.
static ONE_IN: AtomicU64 = AtomicU64::new(0);
/// How many might have been lost so far.
static SO_FAR: AtomicU64 = AtomicU64::new(0);

/// Takes the word from the command line.
pub(super) fn init(cmdline: &Cmdline) {
    let one_in = cmdline.get("lose").and_then(|text| text.parse().ok()).unwrap_or(0);
    ONE_IN.store(one_in, Ordering::Relaxed);
}

/// Whether the kick or interrupt on its way now is lost. Interrupt handlers may ask.
pub(super) fn lost() -> bool {
    let one_in = ONE_IN.load(Ordering::Relaxed);
    if one_in == 0 {
        return false;
    }
    splitmix64(SO_FAR.fetch_add(1, Ordering::Relaxed)).is_multiple_of(one_in)
}
