//! Test patterns: data that show where on the device they belong.
//!
//! Place: `fill` writes them and `verify` checks them, chunk by chunk, in any order. So each
//! byte depends on the pattern and its own offset alone.

use crate::size::number;

/// What a part of a device is filled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// The same byte everywhere. It cannot show misplaced sectors.
    Byte(u8),
    /// Each group of 8 bytes holds its own offset in bytes, big endian: a hex dump shows the
    /// same number in the data and in its margin.
    Seq,
    /// Pseudo-random bytes of this seed; other seeds and other offsets differ.
    Random(u64),
}

/// Bytes that are computed together.
const WORD: usize = 8;

impl Pattern {
    /// Reads `seq`, `random=SEED`, or a byte in decimal or after `0x`.
    ///
    /// ```
    /// use shell::Pattern;
    /// assert_eq!(Pattern::parse("0xa5"), Some(Pattern::Byte(0xa5)));
    /// assert_eq!(Pattern::parse("random=7"), Some(Pattern::Random(7)));
    /// assert_eq!(Pattern::parse("256"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("random=") {
            Some(seed) => number(seed).ok().map(Self::Random),
            None if text == "seq" => Some(Self::Seq),
            None => Some(Self::Byte(u8::try_from(number(text).ok()?).ok()?)),
        }
    }

    /// Fills `data` with the bytes that belong at `offset` (in bytes, a multiple of 8) of the
    /// device.
    ///
    /// ```
    /// let mut sector = [0; 512];
    /// shell::Pattern::Seq.fill(0x1000, &mut sector);
    /// assert_eq!(sector[8..16], 0x1008_u64.to_be_bytes());
    /// ```
    pub fn fill(self, offset: u64, data: &mut [u8]) {
        assert!(offset.is_multiple_of(WORD as u64), "patterns are filled by words of 8 bytes");
        for (index, chunk) in data.chunks_mut(WORD).enumerate() {
            let word = self.word(offset / WORD as u64 + index as u64);
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// Index of the first byte of `data` that does not belong at `offset` (in
    /// bytes, a multiple of 8) of the device.
    pub fn first_difference(self, offset: u64, data: &[u8]) -> Option<usize> {
        assert!(offset.is_multiple_of(WORD as u64), "patterns are checked by words of 8 bytes");
        for (index, chunk) in data.chunks(WORD).enumerate() {
            let word = self.word(offset / WORD as u64 + index as u64);
            if *chunk != word[..chunk.len()] {
                let within = chunk.iter().zip(&word).take_while(|(found, right)| found == right);
                return Some(index * WORD + within.count());
            }
        }
        None
    }

    /// The word of this number, counted from the start of the device.
    fn word(self, index: u64) -> [u8; WORD] {
        match self {
            Self::Byte(byte) => [byte; WORD],
            Self::Seq => index.wrapping_mul(WORD as u64).to_be_bytes(),
            Self::Random(seed) => splitmix64(splitmix64(seed).wrapping_add(index)).to_be_bytes(),
        }
    }
}

/// One output of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom
/// number generators", 2014), whose state is its argument.
pub fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_the_same_however_they_are_cut() {
        for pattern in [Pattern::Byte(7), Pattern::Seq, Pattern::Random(3)] {
            let mut whole = [0; 4096];
            pattern.fill(1 << 40, &mut whole);
            for (index, part) in whole.chunks(512).enumerate() {
                let offset = (1 << 40) + 512 * index as u64;
                assert_eq!(pattern.first_difference(offset, part), None, "{pattern:?}");
            }
        }
    }

    #[test]
    fn the_first_wrong_byte_is_named() {
        for pattern in [Pattern::Byte(7), Pattern::Seq, Pattern::Random(3)] {
            for wrong in [0, 7, 8, 300, 511] {
                let mut sector = [0; 512];
                pattern.fill(512, &mut sector);
                sector[wrong] ^= 0x80;
                assert_eq!(pattern.first_difference(512, &sector), Some(wrong), "{pattern:?}");
            }
        }
    }

    #[test]
    fn a_misplaced_sector_is_seen() {
        for pattern in [Pattern::Seq, Pattern::Random(3)] {
            let mut sector = [0; 512];
            pattern.fill(512, &mut sector);
            assert!(pattern.first_difference(1024, &sector).is_some(), "{pattern:?}");
        }
        let mut sector = [0; 512];
        Pattern::Random(3).fill(512, &mut sector);
        assert!(Pattern::Random(4).first_difference(512, &sector).is_some());
    }

    #[test]
    fn splitmix64_is_the_published_one() {
        // First output of the reference implementation seeded with 1234567.
        assert_eq!(splitmix64(1_234_567), 6_457_827_717_110_365_317);
    }

    #[test]
    fn wrong_patterns_are_refused() {
        for text in ["", "256", "0x100", "-1", "random", "random=", "random=x", "SEQ", "0xg"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }
}
