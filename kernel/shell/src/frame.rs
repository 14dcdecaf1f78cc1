//! Frames: what the console says to the program that types a script.
//!
//! Place: `kernel/src/console` sends one whenever a script's session waits for a line.
//! `xtask/src/qemu/frames.rs` takes them out of the text again; `xtask`'s scripts rely on
//! nothing else.
//!
//! Rules: a frame is the character [`BEGIN`], a word, the character [`END`]. No other output
//! has these two characters: all output passes [`without_marks`]. So no name, table, echo or
//! line of the log can be taken for a frame, or break one. A person's session has no frames.

/// Begins a frame: the control character RS.
pub const BEGIN: char = '\x1e';
/// Ends a frame: the control character US.
pub const END: char = '\x1f';

/// Printed in place of a mark.
const INSTEAD: &str = "?";

/// What the console waits for, and how the line before it ended.
///
/// ```
/// use shell::frame::Frame;
/// assert_eq!(Frame::Failed.to_string(), "\x1efailed\x1f");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
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
    /// All of them.
    pub const ALL: [Frame; 5] =
        [Frame::Ready, Frame::Done, Frame::Failed, Frame::Asks, Frame::More];

    /// The word that stands for it.
    pub fn word(self) -> &'static str {
        match self {
            Frame::Ready => "ready",
            Frame::Done => "done",
            Frame::Failed => "failed",
            Frame::Asks => "asks",
            Frame::More => "more",
        }
    }
}

impl core::fmt::Display for Frame {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{BEGIN}{}{END}", self.word())
    }
}

/// The pieces of `text` that can be printed, with another character for each mark.
///
/// ```
/// let printed: String = shell::frame::without_marks("a\x1edone\x1fb").collect();
/// assert_eq!(printed, "a?done?b");
/// ```
pub fn without_marks(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split([BEGIN, END]).enumerate();
    pieces.flat_map(|(number, piece)| [if number == 0 { "" } else { INSTEAD }, piece])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::{String, ToString};

    #[test]
    fn no_text_imitates_a_frame() {
        for frame in Frame::ALL {
            let printed: String = without_marks(&format!("{frame}x{frame}")).collect();
            assert!(!printed.contains([BEGIN, END]), "{printed:?}");
            assert_eq!(printed, format!("?{0}?x?{0}?", frame.word()));
        }
        let plain = "error: no\r\n\x1b[K\u{fffd}";
        assert_eq!(without_marks(plain).collect::<String>(), plain);
    }

    #[test]
    fn each_frame_has_a_word_of_its_own() {
        for (number, frame) in Frame::ALL.into_iter().enumerate() {
            assert!(Frame::ALL[..number].iter().all(|other| other.word() != frame.word()));
            assert!(frame.to_string().starts_with(BEGIN) && frame.to_string().ends_with(END));
        }
    }
}
