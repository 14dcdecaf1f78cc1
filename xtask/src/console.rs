//! The console: between the person, or a script, and the guest's serial line.
//!
//! A person's keys go to the guest as they are, once it is ready for them. The
//! lines of a script go one by one, each when the prompt is back; at its end
//! the guest is told to power off. Rule: whichever way it ends, the terminal is
//! as it was.

use std::collections::VecDeque;
use std::io::{Write, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::qemu::{Guest, Step};
use crate::terminal::{self, Raw};
use crate::verdict::Verdict;

/// The key that ends the guest: Ctrl-], as telnet's.
const QUIT_KEY: u8 = 0x1d;

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

/// Connects the person to the guest until either leaves.
pub(crate) fn interactive(guest: &mut Guest) -> Result<End> {
    let _raw = Raw::enter()?;
    terminal::listen(guest.sender())?;
    eprintln!("xtask: Ctrl-] quits; every other key goes to the guest, Ctrl-C too");
    let mut held_back = Vec::new();
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(bytes) => show(&bytes)?,
            Step::Keys(keys) if keys.contains(&QUIT_KEY) => return Ok(End::Quit),
            Step::Keys(keys) => held_back.extend(keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
        }
        if guest.is_ready() {
            if !was_ready {
                // From here on the person decides how long it takes.
                guest.set_limit(None);
            }
            if !held_back.is_empty() {
                guest.write(&std::mem::take(&mut held_back));
            }
        }
    }
}

/// Feeds standard input to the guest line by line, then powers it off; all of
/// it within `limit`, counted from the ready line.
pub(crate) fn script(guest: &mut Guest, limit: Duration) -> Result<End> {
    terminal::listen(guest.sender())?;
    let mut script = Script::default();
    loop {
        let was_ready = guest.is_ready();
        match guest.step() {
            Step::Output(bytes) => show(&bytes)?,
            Step::Keys(keys) => script.push(&keys),
            Step::Signal(signal) => return Ok(End::Signal(signal)),
            Step::Ended(verdict) => return Ok(End::Guest(verdict)),
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

fn show(bytes: &[u8]) -> Result<()> {
    let mut out = stdout().lock();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// A script that is still being read.
#[derive(Default)]
struct Script {
    lines: VecDeque<String>,
    unfinished: Vec<u8>,
    ended: bool,
}

impl Script {
    /// Takes what was read; nothing at all is the end of the script.
    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ => self.unfinished.push(byte),
            }
        }
        if bytes.is_empty() {
            self.ended = true;
            if !self.unfinished.is_empty() {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        self.lines.push_back(String::from_utf8_lossy(&self.unfinished).into_owned());
        self.unfinished.clear();
    }

    /// The next line for the prompt: the script's, then `poweroff`.
    fn next_line(&mut self) -> Option<String> {
        self.lines.pop_front().or_else(|| self.ended.then(|| "poweroff".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn a_script_gives_its_lines_then_poweroff() {
        let mut script = Script::default();
        script.push(b"disks\r\nsta");
        assert_eq!(script.next_line().as_deref(), Some("disks"));
        assert_eq!(script.next_line(), None, "half a line is no line yet");
        script.push(b"tus m0");
        script.push(b"");
        assert_eq!(script.next_line().as_deref(), Some("status m0"));
        assert_eq!(script.next_line().as_deref(), Some("poweroff"));
    }
}
