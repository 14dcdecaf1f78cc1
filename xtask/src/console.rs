//! The console: between the person, or a script, and the guest's serial line.
//!
//! A person's keys go to the guest unchanged, once it is ready. The lines of a script go one by
//! one, each when the console asks for one. At the end of the script, or after a command that
//! failed, the guest is told to power off. `outside` serves the requests of other xtasks
//! meanwhile. Rule: however it ends, the terminal's settings are restored.

use std::collections::VecDeque;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::outside::Helper;
use crate::qemu::{Guest, Step};
use crate::script::{Next, Script};
use crate::signals;
use crate::terminal::{self, Raw};
use crate::verdict::Verdict;

/// The key that ends the guest: Ctrl-], as telnet's.
pub(crate) const QUIT_KEY: u8 = 0x1d;

/// How a console session ended.
pub(crate) enum End {
    /// The guest ended.
    Guest(Verdict),
    /// The person pressed the quit key.
    Quit,
    /// xtask received this signal.
    Signal(i32),
}

impl End {
    /// The verdict's exit code; 0 after the quit key; 128 + signal.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Guest(verdict) => verdict.exit_code(),
            Self::Quit => ExitCode::SUCCESS,
            Self::Signal(signal) => ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        }
    }
}

/// Connects the person to the guest until one of them leaves. `first` is sent before anything
/// the person types.
pub(crate) fn interactive(
    guest: &mut Guest,
    first: Vec<String>,
    helper: &mut Helper<'_>,
) -> Result<End> {
    let _raw = Raw::enter()?;
    signals::listen(guest.sender());
    terminal::listen_to_keys(guest.sender());
    eprintln!("xtask: Ctrl-] quits; every other key goes to the guest, Ctrl-C too");
    let (mut first, mut held_back) = (VecDeque::from(first), Vec::new());
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(bytes) => show(&bytes, helper)?,
            Step::Waits | Step::Left => {}
            Step::Keys(keys) if keys.contains(&QUIT_KEY) => return Ok(End::Quit),
            Step::Keys(keys) => held_back.extend(keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Asked(request) => helper.serve(guest, request),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
        }
        if guest.is_ready() && !was_ready {
            // From here on the person decides how long a command may take.
            guest.set_limit(None);
        }
        if first.is_empty() && guest.is_ready() && !held_back.is_empty() {
            guest.write(&std::mem::take(&mut held_back));
        } else if guest.at_prompt()
            && let Some(line) = first.pop_front()
        {
            guest.send(&line);
        }
    }
}

/// Feeds a script to the guest line by line, then powers the guest off. From its ready line on,
/// the guest may be silent for as long as `silence`. Without a `whole` script, the script is
/// read from standard input as it comes. `hear` gets each line of the guest. Answers to
/// commands behind the script are not shown.
pub(crate) fn script(
    guest: &mut Guest,
    first: Vec<String>,
    whole: Option<Script>,
    silence: Duration,
    helper: &mut Helper<'_>,
    hear: &mut dyn FnMut(&str),
) -> Result<End> {
    signals::listen(guest.sender());
    let mut script = whole.unwrap_or_else(|| {
        terminal::listen_to_keys(guest.sender());
        Script::new("standard input")
    });
    script.begin_with(first);
    let end = feed(guest, &mut script, silence, helper, hear)?;
    script.end(matches!(&end, End::Guest(verdict) if verdict.is_the_guests_own()));
    let Some(stopped) = script.stopped() else { return Ok(end) };
    eprintln!("\nxtask: {stopped}");
    Ok(match end {
        End::Guest(Verdict::Passed) if stopped.is_failure() => End::Guest(Verdict::Failed),
        end => end,
    })
}

fn feed(
    guest: &mut Guest,
    script: &mut Script,
    silence: Duration,
    helper: &mut Helper<'_>,
    hear: &mut dyn FnMut(&str),
) -> Result<End> {
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(_) if script.is_over() => {}
            Step::Output(bytes) => show(&bytes, helper)?,
            Step::Waits | Step::Left => {}
            Step::Keys(keys) => script.push(&keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Asked(request) => helper.serve(guest, request),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
        }
        while let Some(line) = guest.take_line() {
            hear(&line);
        }
        if guest.is_ready() && !was_ready {
            guest.wait_endlessly(silence);
        }
        let Some(frame) = guest.answer() else { continue };
        match script.next(frame) {
            Some(Next::Line(line)) => guest.send(&line),
            Some(Next::End) => guest.end_input(),
            None => {
                // Now the wait is for the script, not for the guest.
                guest.set_limit(None);
                continue;
            }
        }
        guest.wait_endlessly(silence);
    }
}

fn show(bytes: &[u8], helper: &mut Helper<'_>) -> Result<()> {
    helper.show(bytes);
    let mut out = stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
