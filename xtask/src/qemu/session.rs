//! A running QEMU: its process and its two sockets, as one queue of events.
//!
//! We listen and QEMU dials, so nothing has to be polled. A thread reads each socket, and one
//! waits for the process. Rules: [`Event::Exited`] comes last, after all output of the guest.
//! Dropping the session kills QEMU.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use super::command::Machine;
use super::frames::{Frame, Frames, Piece};
use super::qmp::Qmp;
use crate::control::Request;
use crate::guard::{self, Ending, Life};
use crate::scratch::Scratch;
use crate::workspace;

/// Name of the file in [`Machine::logs`] that keeps the guest's output.
pub(crate) const SERIAL_LOG: &str = "serial.log";

/// Name of the file in [`Machine::logs`] that keeps QEMU's own output.
const QEMU_LOG: &str = "qemu.log";

/// How long QEMU may take to dial its sockets. On a busy host it takes seconds to load.
const DIAL_TIMEOUT: Duration = Duration::from_secs(120);

/// What happened, on either side.
pub(crate) enum Event {
    /// The guest wrote this to its serial line, ...
    Serial(Vec<u8>),
    /// ... and a script's console sent this frame.
    Frame(Frame),
    /// QEMU sent this QMP event.
    Qmp(Value),
    /// QEMU ended with this exit status; nothing follows.
    Exited(i32),
    /// The person typed this; nothing at all means the end of the input.
    Keys(Vec<u8>),
    /// xtask itself received this signal.
    Signal(i32),
    /// The power is off, as xtask's own disks say: QEMU is to be killed.
    PowerCut,
    /// Another xtask asks for something.
    Asked(Request),
}

/// Where QEMU's serial line and QMP dial.
pub(super) struct Sockets {
    /// The serial line.
    pub(super) serial: PathBuf,
    /// The machine protocol.
    pub(super) qmp: PathBuf,
}

/// A QEMU that runs, or has ended with some events not taken yet.
pub(super) struct Session {
    events: Receiver<Event>,
    sender: Sender<Event>,
    serial: UnixStream,
    pub(super) qmp: Qmp,
    /// Without it QEMU is killed.
    life: Option<Life>,
    logs: PathBuf,
    /// Holds sockets and the firmware's variables.
    _folder: Scratch,
}

impl Session {
    /// Starts QEMU and waits until both its sockets are connected.
    pub(super) fn start(machine: &Machine<'_>) -> Result<Self> {
        let folder = Scratch::in_temp()?;
        let sockets =
            Sockets { serial: folder.path().join("serial"), qmp: folder.path().join("qmp") };
        let variables = folder.path().join("variables.fd");
        fs::copy(&machine.tools.firmware.vars, &variables)
            .with_context(|| format!("{}", machine.tools.firmware.vars.display()))?;
        let (serial, qmp) = (listen(&sockets.serial)?, listen(&sockets.qmp)?);

        let guest_log = workspace::fresh_log(&machine.logs.join(SERIAL_LOG))?;
        let log = machine.logs.join(QEMU_LOG);
        let said = workspace::fresh_log(&log)?;
        let qemu = machine.command(&sockets, &variables);
        let (mut guard, life) = guard::spawn(&qemu, Ending::AtOnce, said.try_clone()?, said)?;
        let serial = accept(&serial, &mut guard, &log)?;
        let qmp = accept(&qmp, &mut guard, &log)?;

        let (sender, events) = channel();
        let says = sender.clone();
        let qmp = Qmp::start(qmp, move |event| drop(says.send(Event::Qmp(event))));
        let Ok((qmp, qmp_thread)) = qmp else {
            drop(life);
            return Err(did_not_start(guard.wait()?, &log));
        };
        let readers = [read_serial(serial.try_clone()?, guest_log, sender.clone()), qmp_thread];
        await_exit(guard, readers, sender.clone());
        let logs = machine.logs.clone();
        Ok(Self { events, sender, serial, qmp, life: Some(life), logs, _folder: folder })
    }

    /// The next event, or `None` when `deadline` passes first.
    pub(super) fn next(&self, deadline: Option<Instant>) -> Option<Event> {
        let Some(deadline) = deadline else { return self.events.recv().ok() };
        match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("we hold a sender ourselves"),
        }
    }

    /// A way into the queue, for events of xtask's own.
    pub(super) fn sender(&self) -> Sender<Event> {
        self.sender.clone()
    }

    /// Sends bytes to the guest's serial line. If the guest is gone, they are lost; an event
    /// says that it is gone.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let _ = self.serial.write_all(bytes);
    }

    /// Kills QEMU; [`Event::Exited`] follows.
    pub(super) fn kill(&mut self) {
        self.life = None;
    }

    /// What QEMU itself said so far.
    pub(super) fn qemu_said(&self) -> String {
        fs::read_to_string(self.logs.join(QEMU_LOG)).unwrap_or_default()
    }
}

fn listen(path: &Path) -> Result<UnixListener> {
    let listener = UnixListener::bind(path)
        .with_context(|| format!("cannot listen on {} (TMPDIR too long?)", path.display()))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The connection that QEMU makes, unless it ends first.
fn accept(listener: &UnixListener, guard: &mut Child, log: &Path) -> Result<UnixStream> {
    let deadline = Instant::now() + DIAL_TIMEOUT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                return Ok(stream);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error).context("QEMU could not connect"),
        }
        if let Some(status) = guard.try_wait()? {
            return Err(did_not_start(status, log));
        }
        if Instant::now() > deadline {
            bail!("QEMU did not connect within {} s", DIAL_TIMEOUT.as_secs());
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// QEMU ended before it ran the guest; it has said why.
fn did_not_start(status: ExitStatus, log: &Path) -> anyhow::Error {
    let said = fs::read_to_string(log).unwrap_or_default();
    anyhow!("{}QEMU did not start ({status}): {}", meaning(&said), said.trim())
}

/// What a person has to know about it, if QEMU's own message does not say it.
fn meaning(said: &str) -> &'static str {
    match said.contains(" lock") && said.contains("Failed to get ") {
        true => "a disk is in use by another program: ",
        false => "",
    }
}

/// Passes on the guest's output and keeps it in `log`; a full host disk costs only the log.
/// QEMU's own `logfile` would repeat a byte each time the socket was full.
fn read_serial(mut serial: UnixStream, mut log: File, sender: Sender<Event>) -> JoinHandle<()> {
    thread::spawn(move || {
        let (mut buffer, mut frames) = ([0; 4096], Frames::default());
        while let Ok(length @ 1..) = serial.read(&mut buffer) {
            for piece in frames.push(&buffer[..length]) {
                let _ = sender.send(match piece {
                    Piece::Text(text) => {
                        let _ = log.write_all(&text);
                        Event::Serial(text)
                    }
                    Piece::Frame(frame) => Event::Frame(frame),
                });
            }
        }
    })
}

/// Reports QEMU's end after its sockets were read to their ends.
fn await_exit(mut guard: Child, readers: [JoinHandle<()>; 2], sender: Sender<Event>) {
    thread::spawn(move || {
        let status = guard.wait().ok().and_then(|status| status.code());
        for reader in readers {
            let _ = reader.join();
        }
        let _ = sender.send(Event::Exited(status.unwrap_or(-1)));
    });
}
