//! The person's terminal in raw mode, and its way back.
//!
//! Raw: every key goes to the guest, even Ctrl-C. Rule: the terminal is restored on every way
//! out that a program can notice: [`Raw`] dropped, panic, and the signals that end a process
//! (`signals`).

use std::io::{IsTerminal, Read, stdin, stdout};
use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::{env, panic, thread};

use anyhow::{Context, Result};
use rustix::termios::{OptionalActions, OutputModes, Termios, tcgetattr, tcsetattr};

use crate::qemu::Event;

/// The terminal's settings before it was made raw.
static COOKED: Mutex<Option<Termios>> = Mutex::new(None);

/// While this lives, the terminal is raw.
pub(crate) struct Raw(());

impl Raw {
    /// Makes the terminal of standard input raw.
    pub(crate) fn enter() -> Result<Self> {
        let cooked = tcgetattr(stdin()).context("the terminal's settings")?;
        let mut raw = cooked.clone();
        raw.make_raw();
        // The guest may end lines without a carriage return, so the terminal still adds it.
        raw.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        *cooked_settings() = Some(cooked);
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |why| {
            restore();
            report(why);
        }));
        tcsetattr(stdin(), OptionalActions::Drain, &raw).context("making the terminal raw")?;
        Ok(Self(()))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal its settings back.
pub(crate) fn restore() {
    if let Some(cooked) = cooked_settings().take() {
        let _ = tcsetattr(stdin(), OptionalActions::Drain, &cooked);
    }
}

/// The settings are valid at any time, even after a panic of their holder.
fn cooked_settings() -> std::sync::MutexGuard<'static, Option<Termios>> {
    COOKED.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Whether a person sits at standard input.
pub(crate) fn is_interactive() -> bool {
    stdin().is_terminal()
}

/// Whether a person at standard output sees colours, and has not turned them off
/// (<https://no-color.org>).
pub(crate) fn shows_colors() -> bool {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
    stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// From now on standard input arrives as events.
pub(crate) fn listen_to_keys(events: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        loop {
            let length = stdin().read(&mut buffer).unwrap_or(0);
            if events.send(Event::Keys(buffer[..length].to_vec())).is_err() || length == 0 {
                return;
            }
        }
    });
}
