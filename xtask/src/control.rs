//! The connection between a `cargo xtask run` and another xtask that acts on its guest.
//!
//! The run listens on a socket. A link in the folder of its guest leads to the socket
//! (`guests`). A conversation is a line of JSON, an array of words; the answer is a line of
//! JSON, `{"ok": TEXT}` or `{"error": TEXT}`. After `["console"]` the connection is the guest's
//! serial line instead.
//!
//! Rule: everything is done by the run's own thread, between two events of its guest.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::guests::{self, Place};
use crate::qemu::Event;
use crate::scratch::Scratch;

const SOCKET: &str = "guest.sock";

/// The longest question.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;

/// How long a write of the guest's output to a serial line may take.
const PATIENCE: Duration = Duration::from_millis(500);

/// A request of another xtask, and the way back to it.
pub(crate) struct Request {
    /// The words: `disk pull 1`.
    pub(crate) words: Vec<String>,
    stream: UnixStream,
    /// The rest of the connection; some of it may have been read already.
    rest: BufReader<UnixStream>,
}

impl Request {
    /// Answers, and ends the conversation. An asker that has left gets no answer.
    pub(crate) fn answer(self, answer: Result<String>) {
        let answer = match answer {
            Ok(text) => json!({ "ok": text }),
            Err(why) => json!({ "error": format!("{why:#}") }),
        };
        let _ = writeln!(&self.stream, "{answer}");
    }

    /// The connection itself, to become the serial line. If `keys` is given, input from the
    /// connection arrives there as keys.
    pub(crate) fn into_line(self, keys: Option<Sender<Event>>) -> Result<UnixStream> {
        let mut theirs = self.rest;
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(length @ 1..) = theirs.read(&mut buffer) {
                let event = Event::Keys(buffer[..length].to_vec());
                if keys.as_ref().is_some_and(|keys| keys.send(event).is_err()) {
                    return;
                }
            }
        });
        // A reader that does not read must not hold up the others.
        self.stream.set_write_timeout(Some(PATIENCE))?;
        Ok(self.stream)
    }
}

/// The listening side; the socket is there as long as this.
pub(crate) struct Door {
    link: PathBuf,
    _folder: Scratch,
}

impl Door {
    /// Opens the door; requests arrive as events.
    pub(crate) fn open(events: Sender<Event>, place: &Place) -> Result<Self> {
        let folder = Scratch::in_temp()?;
        let socket = folder.path().join(SOCKET);
        let listener = UnixListener::bind(&socket)
            .with_context(|| format!("cannot listen on {}", socket.display()))?;
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let events = events.clone();
                thread::spawn(move || drop(take_question(stream, &events)));
            }
        });
        let link = place.control();
        symlink(&socket, &link).with_context(|| format!("cannot make {}", link.display()))?;
        Ok(Self { link, _folder: folder })
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.link);
    }
}

fn take_question(stream: UnixStream, events: &Sender<Event>) -> Result<()> {
    let mut rest = BufReader::new(stream.try_clone()?);
    let mut line = Vec::new();
    rest.by_ref().take(QUESTION_BYTES_MAX).read_until(b'\n', &mut line)?;
    let words: Value = serde_json::from_slice(&line)?;
    let words = words.as_array().context("no array of words")?;
    let words = words.iter().map(|word| word.as_str().unwrap_or_default().to_owned()).collect();
    events
        .send(Event::Asked(Request { words, stream, rest }))
        .map_err(|_| anyhow!("nobody listens"))
}

/// Asks the guest with this number, or the one that runs; returns its answer.
pub(crate) fn ask(guest: Option<u32>, words: &[&str]) -> Result<String> {
    let stream = begin(guest, words)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let answer: Value = serde_json::from_str(&answer)
        .map_err(|_| anyhow!("the guest was ended before it answered"))?;
    match (answer["ok"].as_str(), answer["error"].as_str()) {
        (Some(text), _) => Ok(text.to_owned()),
        (None, why) => bail!("{}", why.unwrap_or("an answer that is none")),
    }
}

/// Begins a conversation with the guest with this number, or the one that runs.
pub(crate) fn begin(guest: Option<u32>, words: &[&str]) -> Result<UnixStream> {
    let guest = guests::choose(guest)?;
    let stream = fs::read_link(&guest.control).and_then(UnixStream::connect);
    let mut stream = stream.with_context(|| {
        format!("guest {} begins or ends just now, and takes no orders", guest.number)
    })?;
    writeln!(stream, "{}", json!(words))?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    fn asked(question: &str) -> (UnixStream, Option<Request>) {
        let ((mut ours, theirs), (sender, events)) = (UnixStream::pair().unwrap(), channel());
        ours.write_all(question.as_bytes()).unwrap();
        let taken = take_question(theirs, &sender);
        let request = events.try_iter().find_map(|event| match event {
            Event::Asked(request) => Some(request),
            _ => None,
        });
        assert_eq!(taken.is_ok(), request.is_some());
        (ours, request)
    }

    #[test]
    fn an_answer_goes_to_who_asked() {
        let (ours, request) = asked("[\"disk\", \"pull\", \"1\"]\n");
        let request = request.unwrap();
        assert_eq!(request.words, ["disk", "pull", "1"]);
        request.answer(Err(anyhow!("there is no vbd1")));
        let answer: String = BufReader::new(ours).lines().map(Result::unwrap).collect();
        assert_eq!(answer, r#"{"error":"there is no vbd1"}"#);
    }

    #[test]
    fn what_follows_the_question_is_the_serial_lines() {
        let (_ours, request) = asked("[\"console\"]\ndisks\r");
        let (sender, events) = channel();
        let _line = request.unwrap().into_line(Some(sender)).unwrap();
        let Ok(Event::Keys(keys)) = events.recv() else { panic!("no keys") };
        assert_eq!(keys, b"disks\r");
    }

    #[test]
    fn a_question_that_is_none_is_dropped() {
        assert!(asked("{\"disk\": 1}\n").1.is_none());
        assert!(asked("GET / HTTP/1.1\n").1.is_none());
    }
}
