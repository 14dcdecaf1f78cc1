//! Keys out of bytes: UTF-8 characters, control keys and terminal escape sequences.
//!
//! Place: the first stage of [`crate::LineEditor`]. A terminal sends one key
//! as several bytes, which may arrive one interrupt at a time; the decoder keeps
//! the half-read key between calls, in constant memory.
//!
//! Rules: every byte is accepted. Bytes that are no UTF-8 become
//! [`char::REPLACEMENT_CHARACTER`], never nothing, so that a damaged line is noticed and
//! refused instead of meaning something else. CR, LF and CR LF are one [`Key::Enter`] each.

/// One key press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A printable character, or the replacement character for damaged bytes.
    Char(char),
    /// A control key, named by its capital letter: Ctrl-C is `Ctrl('C')`.
    Ctrl(char),
    /// CR, LF, or CR LF.
    Enter,
    /// The tabulator.
    Tab,
    /// Erase to the left (BS or DEL, whichever the terminal sends).
    Backspace,
    /// Erase to the right.
    Delete,
    /// Cursor left.
    Left,
    /// Cursor right.
    Right,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Start of the line.
    Home,
    /// End of the line.
    End,
    /// A complete escape sequence, or control character, without a meaning here.
    Unknown,
}

/// Turns bytes into keys; see the module's rules.
///
/// ```
/// use shell::keys::{Key, KeyDecoder};
/// let mut decoder = KeyDecoder::default();
/// assert_eq!(decoder.feed(0x1b), [None, None]);
/// assert_eq!(decoder.feed(b'['), [None, None]);
/// assert_eq!(decoder.feed(b'D'), [Some(Key::Left), None]);
/// ```
#[derive(Debug, Default)]
pub struct KeyDecoder {
    state: State,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
}

/// What has been read of the current key.
#[derive(Debug, Default, Clone, Copy)]
enum State {
    #[default]
    Ground,
    /// `bytes[..have]` of a character that takes `need` bytes.
    Utf8 { bytes: [u8; 4], have: usize, need: usize },
    /// ESC.
    Escape,
    /// ESC O, the application mode of cursor keys.
    Ss3,
    /// ESC [ and its first number; further parameters (modifiers) are skipped.
    Csi { number: u16, first: bool },
}

impl KeyDecoder {
    /// Takes one byte and gives the keys it completes, in order. Only damaged
    /// UTF-8 gives two: its replacement, and the key of the byte that broke it.
    pub fn feed(&mut self, byte: u8) -> [Option<Key>; 2] {
        let after_cr = core::mem::replace(&mut self.after_cr, byte == b'\r');
        if after_cr && byte == b'\n' {
            return [None, None];
        }
        match core::mem::take(&mut self.state) {
            State::Utf8 { bytes, have, need } => self.utf8(byte, bytes, have, need),
            // A control character inside a sequence cancels it and acts.
            State::Escape if byte >= 0x20 => [self.escape(byte), None],
            State::Ss3 if byte >= 0x20 => [Some(cursor_key(byte)), None],
            State::Csi { number, first } if byte >= 0x20 => [self.csi(byte, number, first), None],
            _ => [self.ground(byte), None],
        }
    }

    fn ground(&mut self, byte: u8) -> Option<Key> {
        Some(match byte {
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            0x08 | 0x7f => Key::Backspace,
            0x1b => {
                self.state = State::Escape;
                return None;
            }
            0x01..=0x1a => Key::Ctrl(char::from(byte + b'@')),
            0x00..=0x1f => Key::Unknown,
            0x20..=0x7e => Key::Char(char::from(byte)),
            _ => match utf8_length(byte) {
                Some(need) => {
                    self.state = State::Utf8 { bytes: [byte, 0, 0, 0], have: 1, need };
                    return None;
                }
                None => Key::Char(char::REPLACEMENT_CHARACTER),
            },
        })
    }

    fn utf8(&mut self, byte: u8, mut bytes: [u8; 4], have: usize, need: usize) -> [Option<Key>; 2] {
        const DAMAGED: Option<Key> = Some(Key::Char(char::REPLACEMENT_CHARACTER));
        if byte & 0xc0 != 0x80 {
            return [DAMAGED, self.ground(byte)];
        }
        bytes[have] = byte;
        if have + 1 < need {
            self.state = State::Utf8 { bytes, have: have + 1, need };
            return [None, None];
        }
        let character =
            core::str::from_utf8(&bytes[..need]).ok().and_then(|text| text.chars().next());
        match character {
            // C1 controls would command the terminal when echoed.
            Some(c) if c.is_control() => [Some(Key::Unknown), None],
            Some(c) => [Some(Key::Char(c)), None],
            None => [DAMAGED, None],
        }
    }

    fn escape(&mut self, byte: u8) -> Option<Key> {
        match byte {
            b'[' => self.state = State::Csi { number: 0, first: true },
            b'O' => self.state = State::Ss3,
            _ => return Some(Key::Unknown),
        }
        None
    }

    /// ECMA-48, 5.4: parameters 0x30 to 0x3f, intermediates 0x20 to 0x2f, one
    /// final byte from 0x40.
    fn csi(&mut self, byte: u8, mut number: u16, mut first: bool) -> Option<Key> {
        match byte {
            b'0'..=b'9' if first => {
                number = number.saturating_mul(10).saturating_add(u16::from(byte - b'0'));
            }
            0x20..=0x3f => first = false,
            b'~' => {
                return Some(match number {
                    1 | 7 => Key::Home,
                    3 => Key::Delete,
                    4 | 8 => Key::End,
                    _ => Key::Unknown,
                });
            }
            _ => return Some(cursor_key(byte)),
        }
        self.state = State::Csi { number, first };
        None
    }
}

/// The final byte that `ESC [` and `ESC O` sequences share.
fn cursor_key(byte: u8) -> Key {
    match byte {
        b'A' => Key::Up,
        b'B' => Key::Down,
        b'C' => Key::Right,
        b'D' => Key::Left,
        b'H' => Key::Home,
        b'F' => Key::End,
        _ => Key::Unknown,
    }
}

/// The length in bytes of a character that starts with `first`, if one can.
fn utf8_length(first: u8) -> Option<usize> {
    match first {
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = KeyDecoder::default();
        bytes.iter().flat_map(|&byte| decoder.feed(byte)).flatten().collect()
    }

    #[test]
    fn every_way_to_end_a_line_is_one_enter() {
        assert_eq!(keys(b"\r"), [Key::Enter]);
        assert_eq!(keys(b"\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\n"), [Key::Enter]);
        assert_eq!(keys(b"\r\r"), [Key::Enter, Key::Enter]);
        assert_eq!(keys(b"\n\n"), [Key::Enter, Key::Enter]);
        assert_eq!(keys(b"\r\n\r\n"), [Key::Enter, Key::Enter]);
        assert_eq!(keys(b"\ra\n"), [Key::Enter, Key::Char('a'), Key::Enter]);
    }

    #[test]
    fn cursor_keys_of_both_modes_and_of_both_numberings() {
        for (bytes, key) in [
            (&b"\x1b[A"[..], Key::Up),
            (b"\x1b[B", Key::Down),
            (b"\x1b[C", Key::Right),
            (b"\x1b[D", Key::Left),
            (b"\x1bOA", Key::Up),
            (b"\x1bOD", Key::Left),
            (b"\x1b[H", Key::Home),
            (b"\x1bOH", Key::Home),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[7~", Key::Home),
            (b"\x1b[F", Key::End),
            (b"\x1bOF", Key::End),
            (b"\x1b[4~", Key::End),
            (b"\x1b[8~", Key::End),
            (b"\x1b[3~", Key::Delete),
            (b"\x1b[3;5~", Key::Delete),
            (b"\x1b[1;5D", Key::Left),
            (b"\x08", Key::Backspace),
            (b"\x7f", Key::Backspace),
            (b"\x09", Key::Tab),
            (b"\x01", Key::Ctrl('A')),
            (b"\x17", Key::Ctrl('W')),
        ] {
            assert_eq!(keys(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn unknown_sequences_are_swallowed_whole() {
        for bytes in [&b"\x1b[99~"[..], b"\x1b[200~", b"\x1b[?25h", b"\x1bx", b"\x1b[ q", b"\0"] {
            assert_eq!(keys(bytes), [Key::Unknown], "{bytes:?}");
        }
        assert_eq!(keys(b"\x1b[99999999999999999999~"), [Key::Unknown]);
    }

    #[test]
    fn a_control_key_cancels_a_half_read_sequence() {
        assert_eq!(keys(b"\x1b\x03"), [Key::Ctrl('C')]);
        assert_eq!(keys(b"\x1b[12\x03"), [Key::Ctrl('C')]);
        assert_eq!(keys(b"\x1b\x1b[A"), [Key::Up]);
        assert_eq!(keys(b"\x1bO\r"), [Key::Enter]);
    }

    #[test]
    fn characters_of_every_length() {
        let text = "aä€😀";
        assert_eq!(keys(text.as_bytes()), text.chars().map(Key::Char).collect::<Vec<_>>());
    }

    #[test]
    fn damaged_utf8_is_shown_and_never_swallows_its_neighbour() {
        let damaged = Key::Char(char::REPLACEMENT_CHARACTER);
        assert_eq!(keys(b"\xffa"), [damaged, Key::Char('a')]);
        assert_eq!(keys(b"\xc3a"), [damaged, Key::Char('a')]);
        assert_eq!(keys(b"\xe2\x82\r"), [damaged, Key::Enter]);
        assert_eq!(keys(b"\xc3\x1b[D"), [damaged, Key::Left]);
        assert_eq!(keys(b"\xc3\xc3\xa4"), [damaged, Key::Char('ä')]);
        // A surrogate and an over-long form are whole but no characters.
        assert_eq!(keys(b"\xed\xa0\x80"), vec![damaged]);
        assert_eq!(keys(b"\xe0\x80\x80"), vec![damaged]);
    }

    #[test]
    fn c1_controls_are_no_characters() {
        assert_eq!(keys("\u{9b}".as_bytes()), [Key::Unknown]);
    }
}
