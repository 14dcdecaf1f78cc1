//! QMP: QEMU's machine protocol, the small part that is needed.
//!
//! One JSON object a line: a greeting, then replies to our commands and, between them, events.
//! The reading thread separates them: events go to the session's queue, replies to the caller
//! that asked. Reference: QEMU's docs/interop/qmp-spec.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long QEMU may take for an answer. It answers from its main loop. The guest cannot hold
/// the loop up, but a request stuck in a device reset can.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// The asking side of a QMP connection.
pub(crate) struct Qmp {
    stream: UnixStream,
    replies: Receiver<Value>,
}

impl Qmp {
    /// Takes the connection into command mode. Every event is given to `event`
    /// by the returned thread, which ends with the connection.
    pub(super) fn start(
        stream: UnixStream,
        event: impl Fn(Value) + Send + 'static,
    ) -> Result<(Self, JoinHandle<()>)> {
        let (sender, replies) = channel();
        let reader = BufReader::new(stream.try_clone()?);
        let thread = thread::spawn(move || part(reader, &sender, event));
        let mut qmp = Self { stream, replies };
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok((qmp, thread))
    }

    /// Executes `command` and returns what QEMU returned.
    ///
    /// # Errors
    /// QEMU refused the command, or is gone, or did not answer in time.
    pub(crate) fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let line = format!("{}\n", json!({"execute": command, "arguments": arguments}));
        self.stream.write_all(line.as_bytes()).with_context(|| format!("QMP {command}"))?;
        let mut reply = self
            .replies
            .recv_timeout(REPLY_TIMEOUT)
            .with_context(|| format!("QMP {command}: no answer from QEMU"))?;
        if let Some(error) = reply.get("error") {
            bail!("QMP {command}: {}", error["desc"].as_str().unwrap_or("refused"));
        }
        Ok(reply["return"].take())
    }
}

/// Reads until the connection ends; gives each line to its addressee.
fn part(reader: impl BufRead, replies: &Sender<Value>, event: impl Fn(Value)) {
    for line in reader.lines().map_while(Result::ok) {
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        if message.get("event").is_some() {
            event(message);
        } else if message.get("QMP").is_none() {
            // Nobody waits any longer: the asker gave up, or is gone.
            let _ = replies.send(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A QEMU that answers from a script, one line for each line it gets.
    fn answering(lines: &'static [&'static str]) -> (Qmp, Receiver<Value>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut asked = BufReader::new(theirs.try_clone().unwrap()).lines();
            for line in std::iter::once(&r#"{"return": {}}"#).chain(lines) {
                if asked.next().is_none() {
                    return;
                }
                (&theirs).write_all(format!("{line}\n").as_bytes()).unwrap();
            }
            asked.next();
        });
        let (sender, events) = channel();
        let (qmp, _) = Qmp::start(ours, move |event| drop(sender.send(event))).unwrap();
        (qmp, events)
    }

    #[test]
    fn events_between_do_not_pass_for_the_reply() {
        let (mut qmp, events) = answering(&["{\"event\": \"STOP\"}\n{\"return\": 7}"]);
        assert_eq!(qmp.execute("query-status", json!({})).unwrap(), 7);
        assert_eq!(events.recv().unwrap()["event"], "STOP");
    }

    #[test]
    fn a_refusal_is_an_error_with_qemus_words() {
        let (mut qmp, _) = answering(&[r#"{"error": {"class": "GenericError", "desc": "no"}}"#]);
        let why = qmp.execute("qom-set", json!({})).unwrap_err().to_string();
        assert_eq!(why, "QMP qom-set: no");
    }
}
