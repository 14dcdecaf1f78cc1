//! Fingerprints of 128 bits, to recognise states that were seen before.
//!
//! Place: `image.rs` and [`crashes`](crate::crashes) fold equal states by these fingerprints.
//! Two lanes of Steele, Lea and Flood's SplitMix64 finalizer: the same on every machine, and
//! easy to find collisions for.

use core::hash::{Hash, Hasher};

/// A fingerprint in the making.
#[derive(Clone, Debug)]
pub(crate) struct Digest([u64; 2]);

/// The fingerprint of one value.
pub(crate) fn digest_of(value: impl Hash) -> u128 {
    let mut digest = Digest::new();
    value.hash(&mut digest);
    digest.sum()
}

impl Digest {
    pub(crate) fn new() -> Digest {
        Digest([0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03])
    }

    pub(crate) fn sum(&self) -> u128 {
        u128::from(self.0[0]) << 64 | u128::from(self.0[1])
    }
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) ^ bytes.len() as u64);
    }

    fn write_u64(&mut self, word: u64) {
        let [a, b] = self.0;
        self.0 = [mix(a ^ word), mix(b.rotate_left(23).wrapping_add(word))];
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }

    fn finish(&self) -> u64 {
        self.0[0] ^ self.0[1]
    }
}
