//! Hex dumps in the form of `hexdump -C`.
//!
//! Place: the `read` command, which reads in pieces: the dump remembers the
//! last row between pieces, since rows that repeat it are shown as one `*`.

use alloc::string::String;
use core::fmt::Write;

/// Bytes in a row.
pub const ROW_BYTES: usize = 16;

/// A dump under way.
///
/// ```
/// use shell::hexdump::HexDump;
/// let mut text = String::new();
/// let mut dump = HexDump::new(0x200);
/// dump.push(b"hello, mirror", &mut text);
/// dump.finish(&mut text);
/// assert_eq!(
///     text,
///     "00000200  68 65 6c 6c 6f 2c 20 6d  69 72 72 6f 72           |hello, mirror|\n\
///      0000020d\n",
/// );
/// ```
#[derive(Debug)]
pub struct HexDump {
    /// The place of the next row, in bytes from the device's start.
    offset: u64,
    last: Option<[u8; ROW_BYTES]>,
    starred: bool,
}

impl HexDump {
    /// A dump of data that begin at `offset`, in bytes.
    pub fn new(offset: u64) -> Self {
        Self { offset, last: None, starred: false }
    }

    /// Appends the rows of `data` to `text`. Every piece but the last is a
    /// multiple of [`ROW_BYTES`].
    pub fn push(&mut self, data: &[u8], text: &mut String) {
        for row in data.chunks(ROW_BYTES) {
            let whole = <[u8; ROW_BYTES]>::try_from(row).ok();
            let repeats = whole.is_some() && whole == self.last;
            if !repeats {
                self.row(row, text);
            } else if !self.starred {
                text.push_str("*\n");
            }
            self.starred = repeats;
            self.last = whole;
            self.offset = self.offset.saturating_add(row.len() as u64);
        }
    }

    /// Appends the last line, the offset after the data.
    pub fn finish(self, text: &mut String) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:08x}", self.offset);
    }

    fn row(&self, row: &[u8], text: &mut String) {
        let _ = write!(text, "{:08x}", self.offset);
        for index in 0..ROW_BYTES {
            text.push_str(if index % 8 == 0 { "  " } else { " " });
            match row.get(index) {
                Some(byte) => {
                    let _ = write!(text, "{byte:02x}");
                }
                None => text.push_str("  "),
            }
        }
        text.push_str("  |");
        text.extend(row.iter().map(|&byte| match byte {
            b' '..=b'~' => char::from(byte),
            _ => '.',
        }));
        text.push_str("|\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dump(offset: u64, pieces: &[&[u8]]) -> String {
        let mut text = String::new();
        let mut dump = HexDump::new(offset);
        for piece in pieces {
            dump.push(piece, &mut text);
        }
        dump.finish(&mut text);
        text
    }

    #[test]
    fn rows_have_hexdumps_columns() {
        let bytes: [u8; 16] = core::array::from_fn(|i| (i * 17) as u8);
        assert_eq!(
            dump(0, &[&bytes]),
            "00000000  00 11 22 33 44 55 66 77  88 99 aa bb cc dd ee ff  |..\"3DUfw........|\n\
             00000010\n"
        );
    }

    #[test]
    fn repeats_are_one_star_however_the_data_is_cut() {
        let mut data = [0; 128];
        data[80] = 1;
        let whole = dump(0x1_0000_0000, &[&data]);
        assert_eq!(whole, dump(0x1_0000_0000, &[&data[..16], &data[16..64], &data[64..]]));
        assert_eq!(
            whole.lines().map(|line| &line[..line.len().min(12)]).collect::<alloc::vec::Vec<_>>(),
            ["100000000  0", "*", "100000050  0", "100000060  0", "*", "100000080"]
        );
    }
}
