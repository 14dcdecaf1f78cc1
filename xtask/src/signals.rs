//! The signals that would end us: what is ours is taken away first.
//!
//! Rules: a verb that has a guest at a console hears of a signal as an event; any other
//! ends by it, as if it had not been caught, but leaves no folder behind and the terminal
//! as it was. A signal that whoever started us has had us ignore (`nohup`) stays ignored.

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

/// Who hears of signals.
static LISTENER: Mutex<Option<Sender<Event>>> = Mutex::new(None);

/// From now on no signal that ends us leaves anything behind.
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

/// The processes that are started from now on do not ignore what whoever started us has had
/// us ignore: a signal that is caught here is no longer ignored there (`execve(2)`).
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

/// Gives a signal to who listens; false if nobody does any more.
fn is_heard(signal: i32) -> bool {
    let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    listener.as_ref().is_some_and(|events| events.send(Event::Signal(signal)).is_ok())
}

/// Whether a process of this `/proc/PID/status` ignores a signal: the mask `SigIgn`, the
/// lowest bit being that of signal 1. Where there is no such file, none is.
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
