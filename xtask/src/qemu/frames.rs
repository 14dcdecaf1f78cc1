//! Frames: what a script's console says about itself, taken out of its output.
//!
//! The kernel's side, and why nothing else can look like a frame, is
//! `kernel/shell/src/frame.rs`. `session` separates the two. A frame with an unknown word is
//! dropped, and so is a beginning without an end.

/// Begin and end of a frame: the control characters RS and US.
const BEGIN: u8 = 0x1e;
const END: u8 = 0x1f;

/// The longest word of a frame.
const WORD_MAX: usize = 16;

/// What the console waits for, and how the line before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// For a command; no line was run before.
    Ready,
    /// For a command; the one before did what it was to do.
    Done,
    /// For a command; the one before failed, or was refused.
    Failed,
    /// For a command; the one before left a mirror that waits for a person's word, and
    /// failed unless this command is that word.
    Asks,
    /// For the next line of a here-document.
    More,
}

impl Frame {
    fn of(word: &[u8]) -> Option<Self> {
        match word {
            b"ready" => Some(Self::Ready),
            b"done" => Some(Self::Done),
            b"failed" => Some(Self::Failed),
            b"asks" => Some(Self::Asks),
            b"more" => Some(Self::More),
            _ => None,
        }
    }
}

/// What the serial line brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text, as it came.
    Text(Vec<u8>),
    /// A frame.
    Frame(Frame),
}

/// Separates frames from text, however the bytes are cut.
#[derive(Default)]
pub(super) struct Frames {
    /// The word of a frame whose end has not come.
    word: Option<Vec<u8>>,
}

impl Frames {
    /// The pieces in these bytes, in order.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let (mut pieces, mut text) = (Vec::new(), Vec::new());
        for &byte in bytes {
            match (&mut self.word, byte) {
                (_, BEGIN) => self.word = Some(Vec::new()),
                (Some(word), END) => {
                    if let Some(frame) = Frame::of(word) {
                        if !text.is_empty() {
                            pieces.push(Piece::Text(std::mem::take(&mut text)));
                        }
                        pieces.push(Piece::Frame(frame));
                    }
                    self.word = None;
                }
                (Some(word), _) if word.len() == WORD_MAX => self.word = None,
                (Some(word), _) => word.push(byte),
                (None, _) => text.push(byte),
            }
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Piece {
        Piece::Text(text.into())
    }

    #[test]
    fn frames_are_parted_from_text_however_the_bytes_are_cut() {
        let said = b"error: a name\ndmirror> \x1edone\x1fdisks\n> \x1emore\x1f";
        let whole = Frames::default().push(said);
        let (done, more) = (Piece::Frame(Frame::Done), Piece::Frame(Frame::More));
        assert_eq!(whole, [text("error: a name\ndmirror> "), done, text("disks\n> "), more]);
        let (mut frames, mut got) = (Frames::default(), (Vec::new(), Vec::new()));
        for &byte in said {
            for piece in frames.push(&[byte]) {
                match piece {
                    Piece::Text(bytes) => got.0.extend(bytes),
                    Piece::Frame(frame) => got.1.push(frame),
                }
            }
        }
        assert_eq!(got.0, b"error: a name\ndmirror> disks\n> ");
        assert_eq!(got.1, [Frame::Done, Frame::More]);
    }

    #[test]
    fn only_a_known_word_between_its_marks_is_a_frame() {
        let mut frames = Frames::default();
        assert_eq!(frames.push(b"done failed \x1enews\x1f\x1f"), [text("done failed \x1f")]);
        assert_eq!(frames.push(b"\x1e0123456789abcdef0, text"), [text(", text")]);
        assert_eq!(frames.push(b"\x1edo\x1eready\x1f"), [Piece::Frame(Frame::Ready)]);
    }
}
