//! What the guest said, as lines: the ready line, the prompt, the last words.
//!
//! Pure bookkeeping over the serial line's bytes, fed by `guest`. A script's console says by
//! frames when it waits for a line, and how the line before ended. A person's console has no
//! frames and is recognised by its prompt. The firmware moves the cursor before the kernel
//! starts. Escape sequences are dropped, so that a line is what a person would read.

use std::collections::VecDeque;

use super::frames::Frame;

/// The kernel says this when it will take input.
const READY: &str = "dmirror: ready";

/// The kernel's prompt.
pub(crate) const PROMPT: &str = "dmirror> ";

/// How a line of the kernel's log begins.
const LOG: char = '[';

/// How many lines of last words are kept.
const LAST_LINES: usize = 20;

/// The part of the guest's output that still matters.
#[derive(Default)]
pub(super) struct Transcript {
    escape: Escape,
    unfinished: Vec<u8>,
    /// Whole lines that nobody took yet.
    lines: VecDeque<String>,
    last: VecDeque<String>,
    ready: bool,
    /// A line came since input was last sent, at least its echo. So a prompt is a new one, and
    /// not redrawn by the editor or after a line of the log.
    answered: bool,
    /// What a script's console waits for; `None` if there is no script.
    script: Option<Waits>,
}

/// What a script's console said last.
#[derive(Default)]
struct Waits {
    /// Lines that were sent, and have not led to a frame.
    sent: usize,
    /// The last frame.
    last: Option<Frame>,
}

impl Transcript {
    /// The transcript of a guest whose console gets a script.
    pub(super) fn of_script() -> Self {
        Self { script: Some(Waits::default()), ..Self::default() }
    }

    /// Takes note of a frame.
    pub(super) fn frame(&mut self, frame: Frame) {
        if let Some(waits) = &mut self.script {
            waits.sent = waits.sent.saturating_sub(1);
            waits.last = Some(frame);
        }
    }

    /// The frame that answers the last line that was sent, if it has come.
    pub(super) fn answer(&self) -> Option<Frame> {
        let waits = self.script.as_ref()?;
        waits.last.filter(|_| waits.sent == 0)
    }

    /// Takes note of `bytes`; returns them without escape sequences.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::with_capacity(bytes.len());
        plain.extend(bytes.iter().copied().filter(|&byte| self.escape.is_text(byte)));
        for &byte in &plain {
            match byte {
                b'\n' => self.end_line(),
                b'\r' => {}
                _ => self.unfinished.push(byte),
            }
        }
        plain
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.unfinished).into_owned();
        self.unfinished.clear();
        self.ready |= line.ends_with(READY);
        self.answered |= !line.is_empty() && !line.starts_with(LOG);
        if self.last.len() == LAST_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.clone());
        self.lines.push_back(line);
    }

    /// Whether the kernel said that it takes input.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Whether the kernel waits at a prompt for the next line.
    pub(super) fn at_prompt(&self) -> bool {
        if self.script.is_some() {
            return self.answer().is_some_and(|frame| frame != Frame::More);
        }
        self.ready && self.answered && self.unfinished.ends_with(PROMPT.as_bytes())
    }

    /// Input of `lines` lines was sent: the present prompt is used up.
    pub(super) fn sent(&mut self, lines: usize) {
        self.unfinished.clear();
        self.answered = false;
        if let Some(waits) = &mut self.script {
            *waits = Waits { sent: lines, last: None };
        }
    }

    /// The oldest whole line that was not taken yet.
    pub(super) fn take_line(&mut self) -> Option<String> {
        self.lines.pop_front()
    }

    /// The last lines said, an unfinished one included.
    pub(super) fn last_lines(&self) -> Vec<String> {
        let unfinished = String::from_utf8_lossy(&self.unfinished).into_owned();
        let lines = self.last.iter().cloned().chain(std::iter::once(unfinished));
        lines.filter(|line| !line.trim().is_empty()).collect()
    }
}

/// Where in an ECMA-48 escape sequence the stream is.
#[derive(Clone, Copy, Default, PartialEq)]
enum Escape {
    #[default]
    Text,
    Introduced,
    Control,
}

impl Escape {
    /// Steps over `byte`; true if it is text and no part of a sequence.
    fn is_text(&mut self, byte: u8) -> bool {
        let before = *self;
        *self = match (before, byte) {
            (_, 0x1b) => Self::Introduced,
            (Self::Introduced, b'[') => Self::Control,
            (Self::Control, 0x20..=0x3f) => Self::Control,
            _ => Self::Text,
        };
        before == Self::Text && *self == Self::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Transcript {
        let mut transcript = Transcript::default();
        transcript.push(b"dmirror: ready\r\ndmirror> ");
        transcript
    }

    #[test]
    fn a_prompt_counts_only_after_the_ready_line() {
        let mut transcript = Transcript::default();
        transcript.push(b"boot\ndmirror> ");
        assert!(!transcript.at_prompt());
        assert!(ready().at_prompt());
    }

    #[test]
    fn an_echo_redrawn_after_the_prompt_is_no_new_prompt() {
        let mut transcript = ready();
        transcript.sent(1);
        transcript.push(b"\rdmirror> ");
        assert!(!transcript.at_prompt());
        transcript.push(b"disks\r\nvbd0\r\ndmirror> ");
        assert!(transcript.at_prompt());
    }

    #[test]
    fn a_prompt_redrawn_behind_a_line_of_the_log_is_no_new_prompt() {
        let mut transcript = ready();
        transcript.sent(1);
        transcript.push(b"\n[    1.0] WARN  m: a leg is out\r\ndmirror> ");
        assert!(!transcript.at_prompt());
        transcript.push(b"flush m0\r\ndmirror> ");
        assert!(transcript.at_prompt());
    }

    #[test]
    fn a_script_s_console_is_believed_by_its_frames_only() {
        let mut transcript = Transcript::of_script();
        transcript.push(b"dmirror: ready\r\ndmirror> ");
        assert!(!transcript.at_prompt());
        transcript.frame(Frame::Ready);
        assert!(transcript.at_prompt());
        transcript.sent(1);
        transcript.push(b"disks\r\nerror: a name\r\ndmirror> ");
        assert!(!transcript.at_prompt());
        transcript.frame(Frame::Done);
        assert_eq!((transcript.at_prompt(), transcript.answer()), (true, Some(Frame::Done)));
    }

    #[test]
    fn each_line_of_a_here_document_has_a_frame_and_the_last_one_counts() {
        let mut transcript = Transcript::of_script();
        transcript.sent(3);
        for frame in [Frame::More, Frame::More] {
            transcript.frame(frame);
            assert!(!transcript.at_prompt());
            assert_eq!(transcript.answer(), None);
        }
        transcript.frame(Frame::Failed);
        assert_eq!((transcript.at_prompt(), transcript.answer()), (true, Some(Frame::Failed)));
        transcript.sent(1);
        transcript.frame(Frame::More);
        assert_eq!((transcript.at_prompt(), transcript.answer()), (false, Some(Frame::More)));
    }

    #[test]
    fn lines_come_whole_however_the_bytes_are_cut() {
        let mut transcript = Transcript::default();
        for byte in b"one\r\ntwo\r\nthr" {
            transcript.push(&[*byte]);
        }
        assert_eq!(transcript.take_line().as_deref(), Some("one"));
        assert_eq!(transcript.take_line().as_deref(), Some("two"));
        assert_eq!(transcript.take_line(), None);
        assert_eq!(transcript.last_lines(), ["one", "two", "thr"]);
    }

    #[test]
    fn escape_sequences_are_no_text() {
        let mut transcript = Transcript::default();
        let plain = transcript.push(b"\x1b[2J\x1b[01;01H\x1b=Bds\x1b[0mDxe\n");
        assert_eq!(plain, b"BdsDxe\n");
    }
}
