//! The verbs that act on the guest of a running `cargo xtask run`: `disk`, `qmp`, `console`.
//!
//! Both sides of each verb are here: what the person's xtask asks, and what the run then does
//! ([`Helper`]). `control` is between them.

use std::fmt::Write as _;
use std::io::{Read, Write, stdin, stdout};
use std::os::unix::net::UnixStream;
use std::process::{ExitCode, exit};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use serde_json::Value;

use crate::console::QUIT_KEY;
use crate::control::{self, Request};
use crate::qemu::Guest;
use crate::rig::Rig;
use crate::terminal::{self, Raw};

/// Of several guests, which one.
#[derive(Args)]
pub(crate) struct Which {
    /// The guest, if several run
    #[arg(long, value_name = "N", global = true)]
    guest: Option<u32>,
}

/// What is done to a disk, and of which guest.
#[derive(Args)]
pub(crate) struct Disk {
    #[command(flatten)]
    which: Which,

    #[command(subcommand)]
    verb: Verb,
}

/// What is done to a disk.
#[derive(Subcommand)]
enum Verb {
    /// Every request fails, as if the cable had been pulled
    Pull(Number),
    /// Nothing is answered
    Hang(Number),
    /// Limit the rate
    Slow {
        #[command(flatten)]
        number: Number,
        /// KiB a second, reads and writes together
        #[arg(long, value_name = "KIB", default_value_t = 1024)]
        rate: u64,
    },
    /// End a hang, whose requests are answered late, and a limit to the rate
    Heal(Number),
    /// A disk that was pulled is there again, with what it had
    Return(Number),
    /// Show what was done to each disk
    List,
}

/// Which disk.
#[derive(Args)]
struct Number {
    /// The disk: 1 or vbd1
    #[arg(value_name = "N", value_parser = disk_number)]
    number: usize,
}

fn disk_number(text: &str) -> Result<usize, String> {
    let digits = text.strip_prefix("vbd").unwrap_or(text);
    digits.parse().map_err(|_| "a disk is named 0, 1, ... or vbd0, vbd1, ...".to_owned())
}

/// A command of QEMU's machine protocol.
#[derive(Args)]
pub(crate) struct Qmp {
    /// As `query-block`
    command: String,

    /// Its arguments, an object of JSON
    #[arg(value_name = "JSON", default_value = "{}")]
    arguments: String,

    #[command(flatten)]
    which: Which,
}

/// `cargo xtask disk`.
pub(crate) fn disk(disk: &Disk) -> Result<ExitCode> {
    let (word, number, rate) = match &disk.verb {
        Verb::Pull(Number { number }) => ("pull", *number, None),
        Verb::Hang(Number { number }) => ("hang", *number, None),
        Verb::Slow { number: Number { number }, rate } => ("slow", *number, Some(*rate)),
        Verb::Heal(Number { number }) => ("heal", *number, None),
        Verb::Return(Number { number }) => ("return", *number, None),
        Verb::List => return tell(&disk.which, &["disk", "list"]),
    };
    let (number, rate) = (number.to_string(), rate.map(|rate| rate.to_string()));
    let mut words = vec!["disk", word, &number];
    words.extend(rate.as_deref());
    tell(&disk.which, &words)
}

/// `cargo xtask qmp`.
pub(crate) fn qmp(options: &Qmp) -> Result<ExitCode> {
    let arguments: Value = serde_json::from_str(&options.arguments).context("no JSON")?;
    ensure!(arguments.is_object(), "arguments are an object of JSON, as {{\"id\": \"vbd1\"}}");
    tell(&options.which, &["qmp", &options.command, &options.arguments])
}

fn tell(which: &Which, words: &[&str]) -> Result<ExitCode> {
    println!("{}", control::ask(which.guest, words)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

/// `cargo xtask console`: until the person or the guest leaves.
pub(crate) fn console(which: &Which) -> Result<ExitCode> {
    let mut stream = control::begin(which.guest, &["console"])?;
    let raw = if terminal::is_interactive() { Some(Raw::enter()?) } else { None };
    if raw.is_some() {
        eprintln!("xtask: Ctrl-] leaves; the guest goes on, and gets every other key");
    }
    let keys = stream.try_clone()?;
    thread::spawn(move || pass_keys(keys, raw));
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        let mut out = stdout().lock();
        out.write_all(&buffer[..length])?;
        out.flush()?;
    }
    terminal::restore();
    eprintln!("\nxtask: the guest was ended");
    Ok(ExitCode::SUCCESS)
}

/// Passes the typed keys to the guest, up to the quit key.
fn pass_keys(mut stream: UnixStream, raw: Option<Raw>) {
    let mut buffer = [0; 1024];
    while let Ok(length @ 1..) = stdin().read(&mut buffer) {
        if raw.is_some() && buffer[..length].contains(&QUIT_KEY) {
            drop(raw);
            eprintln!("\nxtask: left; the guest goes on");
            exit(0);
        }
        if stream.write_all(&buffer[..length]).is_err() {
            return;
        }
    }
    // A person at the end of their input still watches; the terminal stays raw.
    std::mem::forget(raw);
}

/// The run's side.
pub(crate) struct Helper<'a> {
    rig: Rig<'a>,
    /// Serial lines of other xtasks, which see what the person sees.
    lines: Vec<UnixStream>,
    /// Whether their keys count.
    takes_keys: bool,
}

impl<'a> Helper<'a> {
    /// A helper for these disks; `takes_keys` says whether others may type.
    pub(crate) fn new(rig: Rig<'a>, takes_keys: bool) -> Self {
        Self { rig, lines: Vec::new(), takes_keys }
    }

    /// Carries out a request, and answers. Changes of disks are also printed on our own
    /// standard error, where the guest's log appears, to explain it.
    pub(crate) fn serve(&mut self, guest: &mut Guest, request: Request) {
        let words = request.words.clone();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = match words[..] {
            ["console"] => return self.join(guest, request),
            ["disk", "list"] => Ok(self.rig.told()),
            ["disk", verb, ref rest @ ..] => {
                let done = self.act(guest, verb, rest);
                if let Ok(text) = &done {
                    eprintln!("\nxtask: {text}");
                }
                done
            }
            ["qmp", command, arguments] => serde_json::from_str(arguments)
                .context("no JSON")
                .and_then(|arguments| guest.qmp(command, arguments))
                .map(|value| format!("{value:#}")),
            _ => Err(anyhow::anyhow!("this run of xtask does not know `{}`", words.join(" "))),
        };
        request.answer(answer);
    }

    fn act(&mut self, guest: &mut Guest, verb: &str, words: &[&str]) -> Result<String> {
        let numbers = words.iter().map(|word| word.parse()).collect::<Result<Vec<u64>, _>>()?;
        let [disk, ref rest @ ..] = numbers[..] else { bail!("which disk?") };
        let disk = usize::try_from(disk)?;
        match (verb, rest) {
            ("pull", []) => self.rig.pull(guest, disk),
            ("hang", []) => self.rig.hang(guest, disk),
            ("slow", [rate]) => self.rig.slow(guest, disk, rate.saturating_mul(1024)),
            ("heal", []) => self.rig.heal(guest, disk),
            ("return", []) => self.rig.give_back(guest, disk),
            _ => bail!("this run of xtask does not know `disk {verb}`"),
        }
    }

    /// Another xtask sees the console from now on.
    fn join(&mut self, guest: &Guest, request: Request) {
        let keys = self.takes_keys.then(|| guest.sender());
        let Ok(mut line) = request.into_line(keys) else { return };
        let mut greeting = guest.last_lines().join("\r\n");
        if !self.takes_keys {
            let _ = write!(greeting, "\r\nxtask: a script is typing; no keys are taken\r\n");
        }
        if line.write_all(greeting.as_bytes()).is_ok() {
            self.lines.push(line);
        }
    }

    /// Shows others what the guest said. Lines of xtasks that have left are forgotten.
    pub(crate) fn show(&mut self, bytes: &[u8]) {
        self.lines.retain_mut(|line| line.write_all(bytes).is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::disk_number;

    #[test]
    fn a_disk_has_a_number_or_a_name() {
        assert_eq!(disk_number("1"), Ok(1));
        assert_eq!(disk_number("vbd10"), Ok(10));
        assert!(disk_number("sda").is_err() && disk_number("vbd").is_err());
    }
}
