//! The signals that would end us: our folders are removed first.
//!
//! Rules: a verb with a guest at a console gets a signal as an event. Any other verb ends by
//! it, as if it had not been caught, but leaves no folder behind and restores the terminal. A
//! signal that our parent told us to ignore (`nohup`) stays ignored.

use std::fs;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::qemu::Event;
use crate::{scratch, terminal};

/// Where signals are sent as events.
static LISTENER: Mutex<Option<Sender<Event>>> = Mutex::new(None);

/// From now on a signal that ends us leaves nothing behind.
pub(crate) fn install() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let caught = [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|&it| !is_ignored(it, &status));
    let mut signals = Signals::new(caught).context("listening to signals")?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if !is_heard(signal) {
                terminal::restore();
                scratch::remove_all();
                let _ = emulate_default_handler(signal);
            }
        }
    });
    Ok(())
}

/// Processes that are started from now on do not ignore the signals that our parent told us to
/// ignore: a signal that is caught here is not ignored there (`execve(2)`).
pub(crate) fn let_children_hear() -> Result<()> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        flag::register(signal, Arc::default()).context("catching signals")?;
    }
    Ok(())
}

/// From now on signals are events.
pub(crate) fn listen(events: Sender<Event>) {
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = Some(events);
}

/// Sends a signal to the listener; false if there is none.
fn is_heard(signal: i32) -> bool {
    let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    listener.as_ref().is_some_and(|events| events.send(Event::Signal(signal)).is_ok())
}

/// Whether a process with this `/proc/PID/status` ignores a signal, by the mask `SigIgn`: its
/// lowest bit is signal 1. Without such a file, no signal is ignored.
fn is_ignored(signal: i32, status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_read_from_the_mask() {
        let status = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\nSigCgt:\t00";
        assert!(is_ignored(SIGHUP, status) && is_ignored(SIGINT, status));
        assert!(!is_ignored(SIGTERM, status) && !is_ignored(SIGHUP, ""));
    }
}
