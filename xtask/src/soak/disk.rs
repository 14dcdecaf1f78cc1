//! A disk with a volatile write cache, and what a power cut makes of it.
//!
//! Pure memory; `serve` gives it to QEMU. Rules: a read sees the newest write. A flush makes
//! earlier writes durable. A power cut keeps a random part of the rest, sector by sector, but
//! never an older write over a newer one.

use std::mem;

use fastrand::Rng;

/// The unit that is written whole or not at all, in bytes.
pub(super) const SECTOR: usize = 512;

/// The disk.
#[derive(Clone, Default)]
pub(super) struct Disk {
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Writes that are not durable, in the order in which they came.
    cached: Vec<Write>,
}

#[derive(Clone)]
struct Write {
    at: usize,
    data: Vec<u8>,
}

impl Disk {
    /// A disk that durably holds this.
    pub(super) fn new(content: Vec<u8>) -> Self {
        Self { current: content.clone(), durable: content, cached: Vec::new() }
    }

    /// Its size, in bytes.
    pub(super) fn size(&self) -> usize {
        self.current.len()
    }

    /// The contents that a read sees.
    pub(super) fn content(&self) -> &[u8] {
        &self.current
    }

    /// Writes. The caller has checked that the write fits.
    pub(super) fn write(&mut self, at: usize, data: Vec<u8>) {
        self.current[at..at + data.len()].copy_from_slice(&data);
        self.cached.push(Write { at, data });
    }

    /// Makes all writes durable.
    pub(super) fn flush(&mut self) {
        for Write { at, data } in mem::take(&mut self.cached) {
            self.durable[at..at + data.len()].copy_from_slice(&data);
        }
    }

    /// The power fails. Returns how many of the writes that were not durable are lost, at
    /// least in part.
    pub(super) fn lose_power(&mut self, chance: &mut Rng) -> usize {
        let keep = *chance.choice([0.0, 0.5, 0.9, 1.0].iter()).expect("there are some");
        let mut lost = 0;
        for Write { at, data } in mem::take(&mut self.cached) {
            // A write is kept, lost, or torn: then each sector is kept or lost by chance.
            let torn = chance.u8(..4) == 0;
            let whole = chance.f64() < keep;
            let mut kept_all = true;
            for (index, sector) in data.chunks(SECTOR).enumerate() {
                let kept = if torn { chance.f64() < keep } else { whole };
                kept_all &= kept;
                if kept {
                    let at = at + index * SECTOR;
                    self.durable[at..at + sector.len()].copy_from_slice(sector);
                }
            }
            lost += usize::from(!kept_all);
        }
        self.current.clone_from(&self.durable);
        lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sector(byte: u8) -> Vec<u8> {
        vec![byte; SECTOR]
    }

    #[test]
    fn what_was_flushed_outlives_every_cut() {
        for seed in 0..100 {
            let mut disk = Disk::new(vec![0; 4 * SECTOR]);
            disk.write(SECTOR, sector(1));
            disk.flush();
            disk.write(0, sector(2));
            disk.lose_power(&mut Rng::with_seed(seed));
            assert_eq!(disk.content()[SECTOR..2 * SECTOR], sector(1));
        }
    }

    #[test]
    fn what_was_not_is_kept_or_lost_sector_by_sector() {
        let mut seen = [false; 4];
        for seed in 0..1000 {
            let mut disk = Disk::new(vec![0; 2 * SECTOR]);
            disk.write(0, vec![1; 2 * SECTOR]);
            let lost = disk.lose_power(&mut Rng::with_seed(seed));
            let [a, b] = [0, SECTOR].map(|at| usize::from(disk.content()[at]));
            assert_eq!(lost == 0, a + b == 2);
            seen[2 * a + b] = true;
        }
        assert_eq!(seen, [true; 4]);
    }

    #[test]
    fn an_older_write_never_covers_a_newer_one() {
        for seed in 0..1000 {
            let mut disk = Disk::new(sector(0));
            disk.write(0, sector(1));
            disk.write(0, sector(2));
            disk.flush();
            disk.write(0, sector(3));
            disk.lose_power(&mut Rng::with_seed(seed));
            assert!(disk.content()[0] >= 2);
        }
    }
}
