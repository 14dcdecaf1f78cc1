//! Offsets and lengths as people write them.
//!
//! Place: the edge where bytes become sectors. Every command decides the same way: a plain
//! number is **bytes**; the suffix `s` means 512-byte sectors, `K`, `M` and `G` powers of 1024
//! (either case). Decimal, or hexadecimal after `0x`. Every size is a whole number of sectors;
//! sums are checked.

use core::fmt;

/// Bytes of a sector in tables and with the suffix `s`, whatever the device's own sector size
/// is.
pub const SECTOR_BYTES: u64 = 512;

/// A whole number of sectors, at most `u64::MAX` bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size {
    bytes: u64,
}

/// Why a word is no size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeError {
    /// No digits, or something that is no digit among them.
    NotANumber,
    /// The letter after the digits is no unit.
    UnknownUnit(char),
    /// More than `u64::MAX` bytes.
    TooLarge,
    /// Not a whole number of sectors; with the number of bytes.
    NotSectors(u64),
}

impl fmt::Display for SizeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotANumber => f.write_str("is no size: digits, then nothing, s, K, M or G"),
            Self::UnknownUnit(unit) => {
                write!(f, "ends in {unit:?}, which is no unit: s (sectors), K, M or G")
            }
            Self::TooLarge => f.write_str("is more than 2^64 bytes"),
            Self::NotSectors(bytes) => {
                let below = bytes / SECTOR_BYTES;
                write!(f, "is no whole number of sectors: {below}s is {}", below * SECTOR_BYTES)?;
                match (below + 1).checked_mul(SECTOR_BYTES) {
                    Some(above) => write!(f, ", {}s is {above} bytes", below + 1),
                    None => f.write_str(" bytes"),
                }
            }
        }
    }
}

impl Size {
    /// Nothing, or the start of a device.
    pub const ZERO: Self = Self { bytes: 0 };

    /// A number of sectors of [`SECTOR_BYTES`]; `None` beyond `u64::MAX` bytes.
    pub const fn from_sectors(sectors: u64) -> Option<Self> {
        match sectors.checked_mul(SECTOR_BYTES) {
            Some(bytes) => Some(Self { bytes }),
            None => None,
        }
    }

    /// Reads a size as the module describes it.
    ///
    /// ```
    /// use shell::Size;
    /// assert_eq!(Size::parse("64M").unwrap().bytes(), 64 << 20);
    /// assert_eq!(Size::parse("8s").unwrap().sectors(), 8);
    /// assert_eq!(
    ///     Size::parse("1000").unwrap_err().to_string(),
    ///     "is no whole number of sectors: 1s is 512, 2s is 1024 bytes",
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<Self, SizeError> {
        let hexadecimal = text.starts_with("0x") || text.starts_with("0X");
        let (digits, unit) = match text.chars().next_back() {
            Some(last) if last.is_ascii_digit() => (text, 1),
            Some(last) if hexadecimal && last.is_ascii_hexdigit() => (text, 1),
            Some(last) => {
                let digits = &text[..text.len() - last.len_utf8()];
                // If the digits are no number either, that is the error to report.
                number(digits)?;
                (digits, unit(last).ok_or(SizeError::UnknownUnit(last))?)
            }
            None => return Err(SizeError::NotANumber),
        };
        let bytes = number(digits)?.checked_mul(unit).ok_or(SizeError::TooLarge)?;
        if bytes % SECTOR_BYTES != 0 {
            return Err(SizeError::NotSectors(bytes));
        }
        Ok(Self { bytes })
    }

    /// In bytes.
    pub const fn bytes(self) -> u64 {
        self.bytes
    }

    /// In sectors of [`SECTOR_BYTES`].
    pub const fn sectors(self) -> u64 {
        self.bytes / SECTOR_BYTES
    }

    /// The sum, unless it is more than `u64::MAX` bytes.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.bytes.checked_add(other.bytes) {
            Some(bytes) => Some(Self { bytes }),
            None => None,
        }
    }
}

fn unit(letter: char) -> Option<u64> {
    match letter.to_ascii_uppercase() {
        'S' => Some(SECTOR_BYTES),
        'K' => Some(1 << 10),
        'M' => Some(1 << 20),
        'G' => Some(1 << 30),
        _ => None,
    }
}

/// A number without a unit: decimal, or hexadecimal after `0x`.
pub fn number(text: &str) -> Result<u64, SizeError> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(SizeError::NotANumber);
    }
    u64::from_str_radix(digits, radix).map_err(|_| SizeError::TooLarge)
}

/// A part of a device: not empty, and its end is a [`Size`] too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    offset: Size,
    length: Size,
}

impl Span {
    /// `None` if the length is zero or the end is beyond `u64::MAX` bytes.
    pub fn new(offset: Size, length: Size) -> Option<Self> {
        offset.checked_add(length)?;
        (length > Size::ZERO).then_some(Self { offset, length })
    }

    /// Where it starts.
    pub const fn offset(self) -> Size {
        self.offset
    }

    /// How long it is.
    pub const fn length(self) -> Size {
        self.length
    }

    /// Where it ends: the first byte after it.
    pub const fn end(self) -> Size {
        Size { bytes: self.offset.bytes + self.length.bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn units_and_both_number_systems() {
        for (text, bytes) in [
            ("0", 0),
            ("512", 512),
            ("3s", 1536),
            ("3S", 1536),
            ("4K", 4096),
            ("4k", 4096),
            ("2M", 2 << 20),
            ("1g", 1 << 30),
            ("0x200", 512),
            ("0x10s", 8192),
            ("0X10k", 16384),
            ("18446744073709551104", u64::MAX - 511),
        ] {
            assert_eq!(Size::parse(text).map(Size::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, why) in [
            ("", SizeError::NotANumber),
            ("K", SizeError::NotANumber),
            ("-1", SizeError::NotANumber),
            ("+512", SizeError::NotANumber),
            ("1.5M", SizeError::NotANumber),
            ("0x", SizeError::UnknownUnit('x')),
            ("0xK", SizeError::NotANumber),
            ("12KiB", SizeError::NotANumber),
            ("vbd0", SizeError::NotANumber),
            ("12x", SizeError::UnknownUnit('x')),
            ("512ä", SizeError::UnknownUnit('ä')),
            ("18446744073709551616", SizeError::TooLarge),
            ("18014398509481984K", SizeError::TooLarge),
            ("99999999999999999999999G", SizeError::TooLarge),
            ("1000", SizeError::NotSectors(1000)),
            ("18446744073709551615", SizeError::NotSectors(u64::MAX)),
        ] {
            assert_eq!(Size::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn the_nearest_sectors_are_named_where_they_exist() {
        assert_eq!(
            SizeError::NotSectors(u64::MAX).to_string(),
            "is no whole number of sectors: 36028797018963967s is 18446744073709551104 bytes"
        );
    }

    #[test]
    fn a_span_is_never_empty_and_never_wraps() {
        let sectors = |n| Size::from_sectors(n).unwrap();
        assert_eq!(Span::new(sectors(1), Size::ZERO), None);
        assert_eq!(Span::new(sectors(u64::MAX / 512), sectors(1)), None);
        let span = Span::new(sectors(2), sectors(3)).unwrap();
        assert_eq!(
            (span.offset(), span.length(), span.end()),
            (sectors(2), sectors(3), sectors(5))
        );
        assert_eq!(Size::from_sectors(u64::MAX / 256), None);
    }
}
