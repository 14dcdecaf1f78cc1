//! Programs whose output is read line by line, as it comes.
//!
//! Place: between `guard`, which makes sure that a program ends, and the verbs that run others'
//! tests. Rule: a line that only says that a test is slow does not count as a sign of life, so
//! that a hanging test is noticed.

use std::io::{BufRead, BufReader, Read, pipe};
use std::ops::ControlFlow;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::guard::{self, Ending};
use crate::patience::{Lost, Patience};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With success.
    Well,
    /// With a failure.
    Badly,
    /// Patience ended. It was killed with everything that it had started.
    Killed(Lost),
}

/// Runs `command`, which may say nothing for as long as `silence` (see `patience`); `line` gets
/// each line of both its outputs, even an unfinished last one.
pub(crate) fn run(command: &Command, silence: Duration, mut line: impl FnMut(&str)) -> Result<End> {
    let end = until(command, silence, |text| {
        line(text);
        ControlFlow::Continue(())
    })?;
    Ok(end.expect("nothing breaks off"))
}

/// The same, and ends `command` as soon as `line` breaks off: `None` then.
pub(crate) fn until(
    command: &Command,
    silence: Duration,
    mut line: impl FnMut(&str) -> ControlFlow<()>,
) -> Result<Option<End>> {
    let (output, theirs) = pipe()?;
    let (mut child, life) = guard::spawn(command, Ending::Gently, theirs.try_clone()?, theirs)?;
    let lines = lines_of(output);
    let mut patience = Patience::of(silence, Instant::now());
    while Instant::now() < patience.deadline() {
        match lines.recv_timeout(patience.deadline().saturating_duration_since(Instant::now())) {
            Ok(text) => {
                if is_news(&text) {
                    patience.hear(Instant::now());
                }
                if line(&text).is_break() {
                    drop(life);
                    child.wait()?;
                    return Ok(None);
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(Some(if child.wait()?.success() { End::Well } else { End::Badly }));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    drop(life);
    lines.iter().for_each(|text| _ = line(&text));
    child.wait()?;
    Ok(Some(End::Killed(patience.lost())))
}

/// Whether a line says more than that a test still runs: nextest's `SLOW [> 60.000s]`, cargo's
/// `test a has been running for over 60 seconds`.
fn is_news(line: &str) -> bool {
    !line.trim_start().starts_with("SLOW [") && !line.contains(" has been running for over ")
}

/// The lines read from `output`, until its end.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::is_news;

    #[test]
    fn that_a_test_still_runs_is_no_news() {
        assert!(!is_news("        SLOW [> 60.000s] dm-mirror::random a"));
        assert!(!is_news("test a has been running for over 60 seconds"));
        assert!(is_news("        PASS [   0.033s] a::b") && is_news("test a ... ok"));
    }
}
