//! Programs whose output is read line by line, within a time limit.
//!
//! Place: between `guard`, which makes sure that a program ends, and the verbs
//! that run others' tests.

use std::io::{BufRead, BufReader, Read, pipe};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::guard::{self, Ending};

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With success.
    Well,
    /// Without.
    Badly,
    /// It did not end in time, and was killed with all that it had started.
    Killed,
}

/// Runs `command` within `limit`; `line` gets each line of both its outputs, also
/// a last one that it did not end.
pub(crate) fn run(command: &Command, limit: Duration, mut line: impl FnMut(&str)) -> Result<End> {
    let (output, theirs) = pipe()?;
    let (mut child, life) = guard::spawn(command, Ending::Gently, theirs.try_clone()?, theirs)?;
    let lines = lines_of(output);
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Disconnected) => {
                return Ok(if child.wait()?.success() { End::Well } else { End::Badly });
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    drop(life);
    lines.iter().for_each(|text| line(&text));
    child.wait()?;
    Ok(End::Killed)
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
