//! The console: between the person, or a script, and the guest's serial line.
//!
//! A person's keys go to the guest as they are, once it is ready for them. The
//! lines of a script go one by one, each when the prompt is back; at its end, or
//! after a command that failed, the guest is told to power off. What other xtasks ask
//! for meanwhile is `outside`'s. Rule: whichever way it ends, the terminal is as it was.

use std::collections::VecDeque;
use std::fs;
use std::io::{Write, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::outside::Helper;
use crate::qemu::{Guest, Step};
use crate::script::Script;
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

/// Connects the person to the guest until either leaves; `first` is sent before what the
/// person types.
pub(crate) fn interactive(
    guest: &mut Guest,
    first: Vec<String>,
    helper: &mut Helper<'_>,
) -> Result<End> {
    let _raw = Raw::enter()?;
    terminal::listen_to_signals(guest.sender())?;
    terminal::listen_to_keys(guest.sender());
    eprintln!("xtask: Ctrl-] quits; every other key goes to the guest, Ctrl-C too");
    let (mut first, mut held_back) = (VecDeque::from(first), Vec::new());
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(bytes) => show(&bytes, helper)?,
            Step::Keys(keys) if keys.contains(&QUIT_KEY) => return Ok(End::Quit),
            Step::Keys(keys) => held_back.extend(keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Asked(request) => helper.serve(guest, request),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
        }
        if guest.is_ready() && !was_ready {
            // From here on the person decides how long it takes.
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

/// Feeds a script to the guest line by line, then powers it off; all of it within `limit`,
/// counted from the ready line. It is read from `file`, or from standard input as it comes.
pub(crate) fn script(
    guest: &mut Guest,
    first: Vec<String>,
    file: Option<&PathBuf>,
    limit: Duration,
    helper: &mut Helper<'_>,
) -> Result<End> {
    terminal::listen_to_signals(guest.sender())?;
    let mut script = Script::new(&file.map_or("standard input".into(), |it| it.to_string_lossy()));
    script.begin_with(first);
    if let Some(file) = file {
        let text = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        script.push(&text);
        script.push(b"");
    } else {
        terminal::listen_to_keys(guest.sender());
    }
    let end = feed(guest, &mut script, limit, helper)?;
    if let Some(stopped) = script.stopped() {
        eprintln!("\nxtask: {stopped}");
    }
    Ok(end)
}

fn feed(
    guest: &mut Guest,
    script: &mut Script,
    limit: Duration,
    helper: &mut Helper<'_>,
) -> Result<End> {
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(bytes) => show(&bytes, helper)?,
            Step::Keys(keys) => script.push(&keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Asked(request) => helper.serve(guest, request),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
        }
        while let Some(line) = guest.take_line() {
            script.hear(&line);
        }
        if guest.is_ready() && !was_ready {
            guest.set_limit(Some(limit));
        }
        if guest.at_prompt()
            && let Some(line) = script.next_line()
        {
            guest.send(&line);
        }
    }
}

fn show(bytes: &[u8], helper: &mut Helper<'_>) -> Result<()> {
    helper.show(bytes);
    let mut out = stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}
