//! The guard: a small parent of a program that ends it when xtask is gone.
//!
//! xtask starts itself again as `xtask guard -- PROGRAM...` and keeps the guard's standard
//! input open. That pipe closes when xtask wants the program to end, or when any signal ends
//! xtask. Then the guard kills its whole process group: the program, everything that it
//! started, and itself. Rules: the group is the guard's own, so a Ctrl-C meant for xtask does
//! not end the guard before its work is done. The guard's exit status is the program's.

use std::ffi::OsString;
use std::io::{Read, stdin};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context, Result};
use rustix::process::{Signal, getpgrp, kill_process_group};
use signal_hook::consts::SIGTERM;
use signal_hook::flag;

/// The hidden verb of xtask that is a guard.
pub(crate) const VERB: &str = "guard";

/// How a program is ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By SIGKILL: a QEMU whose backend holds a request reacts to nothing else.
    AtOnce,
    /// By SIGTERM first, for programs that pass it on: nextest gives each test a
    /// process group of its own, out of the guard's reach.
    Gently,
}

/// The option of a guard for [`Ending::Gently`].
const GENTLY: &str = "--gently";

/// How long a program has between the two signals.
const GRACE: Duration = Duration::from_secs(1);

/// As long as this lives, the program may; dropping it kills.
pub(crate) struct Life(#[expect(dead_code, reason = "closing it is what matters")] ChildStdin);

/// Starts `command` under a guard, without standard input. The outputs are arguments, since a
/// command does not say where its own go.
pub(crate) fn spawn(
    command: &Command,
    ending: Ending,
    stdout: impl Into<Stdio>,
    stderr: impl Into<Stdio>,
) -> Result<(Child, Life)> {
    let mut guard = Command::new(ourselves()?);
    guard.arg0("xtask").arg(VERB).args((ending == Ending::Gently).then_some(GENTLY));
    guard.arg("--").arg(command.get_program()).args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => guard.env(key, value),
            None => guard.env_remove(key),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        guard.current_dir(folder);
    }
    guard.process_group(0).stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
    let mut child = guard.spawn().context("cannot start a guard")?;
    let life = child.stdin.take().expect("standard input is a pipe, as said above");
    Ok((child, Life(life)))
}

/// The program that runs now; on Linux even if cargo has replaced its file since.
pub(crate) fn ourselves() -> Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }
    env::current_exe().context("where is xtask itself?")
}

/// The guard's whole life: starts `command`, waits for it, ends it when standard
/// input ends.
pub(crate) fn main(command: &[OsString], ending: Ending) -> Result<ExitCode> {
    let (program, args) = command.split_first().context("guard: no command given")?;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.to_string_lossy()))?;
    // The group's SIGTERM reaches the guard too, and the guard has to stay until the end.
    flag::register(SIGTERM, Arc::default())?;
    thread::spawn(move || {
        // Nothing is ever sent: the read ends when the other side is gone.
        let _ = stdin().read(&mut [0]);
        if ending == Ending::Gently {
            let _ = kill_process_group(getpgrp(), Signal::TERM);
            thread::sleep(GRACE);
        }
        let _ = kill_process_group(getpgrp(), Signal::KILL);
    });
    let status = child.wait()?;
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)))
}
