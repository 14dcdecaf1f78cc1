//! A guest from boot to verdict.
//!
//! Two ways to use one: [`Guest::step`] gives raw output as it comes (console, tests),
//! [`Guest::send`] with [`Guest::next_line`] talks to the prompt (demo, scripts). Rule: waits
//! for the guest have a limit (`patience`), except while a person sits at its console. If
//! patience ends, the guest is killed and counts as hung.

use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::command::Machine;
use super::frames::Frame;
use super::session::{Event, Session};
use super::transcript::Transcript;
use crate::control::Request;
use crate::patience::Patience;
use crate::verdict::Verdict;

/// Ctrl-D.
const END_OF_INPUT: u8 = 0x04;

/// How long a killed QEMU may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(60);

/// What happened next.
pub(crate) enum Step {
    /// The guest printed this. Escape sequences are left out until it is ready.
    Output(Vec<u8>),
    /// The console waits for a line of a script; see [`Guest::answer`].
    Waits,
    /// A device is gone for good, see [`Guest::until_left`].
    Left,
    /// The person typed this; nothing at all means the end of the input.
    Keys(Vec<u8>),
    /// xtask itself received this signal.
    Signal(i32),
    /// Another xtask asks for something.
    Asked(Request),
    /// The guest is gone.
    Ended(Verdict),
}

/// What a guest says, for a caller that listens line by line.
pub(crate) enum Heard {
    /// A whole line.
    Line(String),
    /// The kernel waits at its prompt for the next line.
    Prompt,
    /// The guest is gone, and all its lines were heard.
    Ended(Verdict),
}

/// A booted guest.
pub(crate) struct Guest {
    session: Session,
    transcript: Transcript,
    patience: Option<Patience>,
    /// Why the machine stopped, in QMP's words, if it said so.
    shutdown: Option<String>,
    ended: Option<Verdict>,
}

impl Guest {
    /// Boots `machine`, which may be silent for as long as `silence`.
    pub(crate) fn boot(machine: &Machine<'_>, silence: Duration) -> Result<Self> {
        let transcript = match machine.is_for_a_script() {
            true => Transcript::of_script(),
            false => Transcript::default(),
        };
        Ok(Self {
            session: Session::start(machine)?,
            transcript,
            patience: Some(Patience::of(silence, Instant::now())),
            shutdown: None,
            ended: None,
        })
    }

    /// From now on the guest may be silent for this long, or for ever.
    pub(crate) fn set_limit(&mut self, silence: Option<Duration>) {
        self.patience = silence.map(|silence| Patience::of(silence, Instant::now()));
    }

    /// From now on the guest may be silent for this long, and may go on for ever if it is not
    /// silent.
    pub(crate) fn wait_endlessly(&mut self, silence: Duration) {
        self.patience = Some(Patience::endless(silence, Instant::now()));
    }

    /// Waits for the next thing to happen.
    pub(crate) fn step(&mut self) -> Step {
        loop {
            let deadline = self.patience.map(|patience| patience.deadline());
            let event = self.session.next(deadline);
            if let (Some(Event::Serial(_) | Event::Frame(_)), Some(patience)) =
                (&event, &mut self.patience)
            {
                patience.hear(Instant::now());
            }
            match event {
                None => {
                    let patience = self.patience.expect("without a deadline there are events");
                    return Step::Ended(self.kill(Verdict::Hung(patience.lost())));
                }
                Some(Event::Frame(frame)) => {
                    self.transcript.frame(frame);
                    return Step::Waits;
                }
                Some(Event::Serial(bytes)) => {
                    let was_ready = self.transcript.is_ready();
                    let plain = self.transcript.push(&bytes);
                    return Step::Output(if was_ready { bytes } else { plain });
                }
                Some(Event::Keys(keys)) => return Step::Keys(keys),
                Some(Event::Signal(signal)) => return Step::Signal(signal),
                Some(Event::Asked(request)) => return Step::Asked(request),
                Some(Event::Exited(status)) => return Step::Ended(self.verdict(status)),
                Some(Event::PowerCut) => return Step::Ended(self.kill(Verdict::PoweredOff)),
                Some(Event::Qmp(event)) => {
                    if self.has_given_up(&event) {
                        return Step::Ended(self.kill(Verdict::InternalError));
                    }
                    if event["event"] == "DEVICE_DELETED" {
                        return Step::Left;
                    }
                }
            }
        }
    }

    /// Notes why the machine shuts down; true if the accelerator gave up.
    fn has_given_up(&mut self, event: &Value) -> bool {
        match event["event"].as_str() {
            Some("SHUTDOWN") => {
                self.shutdown = event["data"]["reason"].as_str().map(str::to_owned);
                false
            }
            Some("STOP") => {
                let status = self.session.qmp.execute("query-status", json!({}));
                status.is_ok_and(|status| status["status"] == "internal-error")
            }
            _ => false,
        }
    }

    fn verdict(&self, status: i32) -> Verdict {
        Verdict::from_debug_exit(status).unwrap_or_else(|| match self.shutdown.as_deref() {
            Some("guest-reset") => Verdict::Reset,
            Some("guest-shutdown") => Verdict::PoweredOff,
            _ => Verdict::QemuFailed(status, self.session.qemu_said()),
        })
    }

    /// Kills QEMU, and reads its last output.
    fn kill(&mut self, verdict: Verdict) -> Verdict {
        self.session.kill();
        let deadline = Some(Instant::now() + KILL_TIMEOUT);
        while let Some(event) = self.session.next(deadline) {
            match event {
                Event::Serial(bytes) => drop(self.transcript.push(&bytes)),
                Event::Exited(_) => break,
                Event::Qmp(_)
                | Event::Frame(_)
                | Event::Keys(_)
                | Event::Signal(_)
                | Event::PowerCut
                | Event::Asked(_) => {}
            }
        }
        verdict
    }

    /// Ends the guest without warning, like a power cut, and waits until it is gone.
    pub(crate) fn cut_power(mut self) {
        self.kill(Verdict::PoweredOff);
    }

    /// Runs the guest to its end; `output` gets each whole line.
    pub(crate) fn run(&mut self, mut output: impl FnMut(&str)) -> Verdict {
        loop {
            let ended = match self.step() {
                Step::Ended(verdict) => Some(verdict),
                _ => None,
            };
            while let Some(line) = self.transcript.take_line() {
                output(&line);
            }
            if let Some(verdict) = ended {
                return verdict;
            }
        }
    }

    /// Waits until the kernel takes input.
    ///
    /// # Errors
    /// The guest ended, or hung, before.
    pub(crate) fn until_prompt(&mut self) -> Result<()> {
        while self.next_line()?.is_some() {}
        Ok(())
    }

    /// Sends raw bytes, as keys that are pressed.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.transcript.sent(0);
        self.session.write(bytes);
    }

    /// Sends one line to the prompt, or several at once: a command and its here-document. They
    /// must have no control characters, which would be keys.
    pub(crate) fn send(&mut self, line: &str) {
        while self.transcript.take_line().is_some() {}
        self.transcript.sent(line.split('\n').count());
        self.session.write(format!("{}\r", line.replace('\n', "\r")).as_bytes());
    }

    /// Ends the input of a script's console, which powers off then.
    pub(crate) fn end_input(&mut self) {
        self.write(&[END_OF_INPUT]);
    }

    /// What a script's console said to the last line, once it has ended.
    pub(crate) fn answer(&self) -> Option<Frame> {
        self.transcript.answer()
    }

    /// Whether the last command of a script failed, or was refused.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.answer(), Some(Frame::Failed | Frame::Asks))
    }

    /// The next whole line the guest says, or `None` when the prompt is back.
    /// The first line after [`Guest::send`] is the echo of what was sent.
    ///
    /// # Errors
    /// The guest ended, or hung: with its verdict and last lines.
    pub(crate) fn next_line(&mut self) -> Result<Option<String>> {
        match self.hear() {
            Heard::Line(line) => Ok(Some(line)),
            Heard::Prompt => Ok(None),
            Heard::Ended(verdict) => bail!("{verdict}\n{}", self.last_words()),
        }
    }

    /// The same for a caller that expects the guest to end at any time.
    pub(crate) fn hear(&mut self) -> Heard {
        loop {
            if let Some(line) = self.transcript.take_line() {
                return Heard::Line(line);
            }
            if let Some(verdict) = &self.ended {
                return Heard::Ended(verdict.clone());
            }
            if self.transcript.at_prompt() {
                return Heard::Prompt;
            }
            if let Step::Ended(verdict) = self.step() {
                self.ended = Some(verdict);
            }
        }
    }

    /// Waits until a device has left the machine, which is when QEMU's tree no longer has it.
    /// The event DEVICE_DELETED comes only when nothing refers to the device, which may be much
    /// later.
    ///
    /// # Errors
    /// The guest ended, or hung, before.
    pub(crate) fn until_left(&mut self, device: &str) -> Result<()> {
        loop {
            let there =
                self.session.qmp.execute("qom-list", json!({"path": "/machine/peripheral"}))?;
            let named = |it: &Value| it["name"].as_str() == Some(device);
            if !there.as_array().is_some_and(|all| all.iter().any(named)) {
                return Ok(());
            }
            if let Step::Ended(verdict) = self.step() {
                bail!("{device} did not leave: {verdict}\n{}", self.last_words());
            }
        }
    }

    /// The oldest whole line that the guest said and nobody took, without waiting.
    pub(crate) fn take_line(&mut self) -> Option<String> {
        self.transcript.take_line()
    }

    /// Has QEMU execute a command; returns what it returned.
    ///
    /// # Errors
    /// QEMU refused the command, or is gone, or did not answer in time.
    pub(crate) fn qmp(&mut self, command: &str, arguments: Value) -> Result<Value> {
        self.session.qmp.execute(command, arguments)
    }

    /// Whether the kernel said that it takes input.
    pub(crate) fn is_ready(&self) -> bool {
        self.transcript.is_ready()
    }

    /// Whether the kernel waits at its prompt.
    pub(crate) fn at_prompt(&self) -> bool {
        self.transcript.at_prompt()
    }

    /// The guest's last lines, an unfinished one included.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        self.transcript.last_lines()
    }

    /// The guest's last lines, as a paragraph of a report.
    pub(crate) fn last_words(&self) -> String {
        let lines = self.transcript.last_lines();
        if lines.is_empty() {
            return "It said nothing.\n".to_owned();
        }
        let lines = lines.iter().map(|line| format!("    {line}\n"));
        std::iter::once("Its last lines:\n".to_owned()).chain(lines).collect()
    }

    /// A way to send [`Step::Keys`] and [`Step::Signal`] to the caller of [`Guest::step`].
    pub(crate) fn sender(&self) -> Sender<Event> {
        self.session.sender()
    }
}
