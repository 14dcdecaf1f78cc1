//! Where a hostile device gets its answers, and how the device ended.

use std::vec::Vec;

/// A source of answers that can be repeated: from a seed, or from bytes.
#[derive(Clone, Debug)]
pub struct Answers {
    source: Source,
    given: u64,
}

#[derive(Clone, Debug)]
enum Source {
    Chance(u64),
    /// The bytes, and how many of them were used. After the last one come zeroes.
    Bytes(Vec<u8>, usize),
}

impl Answers {
    /// Answers by chance: the same for the same seed.
    pub fn by_chance(seed: u64) -> Answers {
        Answers { source: Source::Chance(seed), given: 0 }
    }

    /// The answers that a fuzzer chose, four bytes each.
    pub fn of_bytes(bytes: &[u8]) -> Answers {
        Answers { source: Source::Bytes(bytes.into(), 0), given: 0 }
    }

    /// How many answers were given.
    pub fn given(&self) -> u64 {
        self.given
    }

    /// The next answer.
    pub(super) fn word(&mut self) -> u32 {
        self.given += 1;
        match &mut self.source {
            // SplitMix64 (Steele, Lea and Flood 2014).
            Source::Chance(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
                (mixed >> 32) as u32
            }
            Source::Bytes(bytes, used) => {
                let mut word = [0; 4];
                let rest = &bytes[(*used).min(bytes.len())..];
                let count = rest.len().min(4);
                word[..count].copy_from_slice(&rest[..count]);
                *used += 4;
                u32::from_le_bytes(word)
            }
        }
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        self.word() % end
    }

    /// True once in `count` times. Never true after the bytes have ended.
    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.below(count) == count - 1
    }

    /// An awkward number: near a border, a power of two, or any.
    pub(super) fn awkward(&mut self) -> u32 {
        let word = self.word();
        match self.below(6) {
            0 => word,
            1 => 1u32.rotate_left(word % 32).wrapping_sub(word >> 30),
            2 => u32::MAX - word % 8,
            3 => word % 8,
            4 => word % 0x200,
            _ => word & 0xffff,
        }
    }
}

/// How a hostile device ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Borne {
    /// How many answers it gave.
    pub answers: u64,
    /// The driver took it for a usable device.
    pub usable: bool,
}
