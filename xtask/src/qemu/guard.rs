//! The guard: a small parent of QEMU that ends it when xtask is gone.
//!
//! xtask starts itself again as `xtask guard -- QEMU...` and keeps the guard's
//! standard input open. When that pipe closes - xtask wants the guest gone, or
//! died by whatever signal - the guard kills QEMU. Rules: the guard has a
//! process group of its own, so a Ctrl-C meant for xtask does not take it away
//! before it did its duty; its exit status is QEMU's.

use std::ffi::OsString;
use std::io::{Read, stdin};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::{env, fs, thread};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

/// The hidden verb of xtask that is a guard.
pub(crate) const VERB: &str = "guard";

/// Starts `qemu` under a guard; what both say goes to the file `log`. Dropping
/// the child's standard input kills QEMU.
pub(super) fn spawn(qemu: &Command, log: &Path) -> Result<Child> {
    let log = fs::File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut guard = Command::new(env::current_exe().context("where is xtask itself?")?);
    guard.arg(VERB).arg("--").arg(qemu.get_program()).args(qemu.get_args());
    guard.process_group(0).stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log);
    guard.spawn().context("cannot start the guard of QEMU")
}

/// The guard's whole life: starts `command`, waits for it, kills it when
/// standard input ends.
pub(crate) fn main(command: &[OsString]) -> Result<ExitCode> {
    let (program, args) = command.split_first().context("guard: no command given")?;
    let mut qemu = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
    let pid = Pid::from_child(&qemu);
    thread::spawn(move || {
        // Nothing is ever sent: a read ends when the other side is gone.
        let _ = stdin().read(&mut [0]);
        let _ = kill_process(pid, Signal::KILL);
    });
    let status = qemu.wait()?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}
