//! Where two contents differ, for a person: the first sectors that differ, each with a byte of
//! both, and how many differ in all.

use alloc::format;
use alloc::string::String;

use bio::SECTOR_SIZE;

use crate::console::job::{Job, Summary};
use crate::console::{Failure, plural};

/// Sectors that are shown; the others are counted.
const SHOWN_MAX: u64 = 8;

/// The differences of two contents so far.
pub struct Differences {
    left: String,
    right: String,
    sectors: u64,
    bytes: u64,
}

impl Differences {
    /// No difference so far, between contents of these names.
    pub fn new(left: &str, right: &str) -> Differences {
        Differences { left: left.into(), right: right.into(), sectors: 0, bytes: 0 }
    }

    /// Counts the differences in a chunk that starts at `offset` (in bytes), and shows the
    /// first ones.
    pub fn note(&mut self, job: &mut Job<'_>, offset: u64, left: &[u8], right: &[u8]) {
        let sectors = left.chunks(SECTOR_SIZE).zip(right.chunks(SECTOR_SIZE));
        for (index, (left, right)) in sectors.enumerate().filter(|(_, (left, right))| left != right)
        {
            let differing = || left.iter().zip(right).enumerate().filter(|(_, (l, r))| l != r);
            let count = differing().count() as u64;
            self.sectors += 1;
            self.bytes += count;
            if let Some((at, (l, r))) = differing().next()
                && self.sectors <= SHOWN_MAX
            {
                let at = offset + (index * SECTOR_SIZE + at) as u64;
                job.say(format_args!(
                    "  sector {}: {}, the first at {at:#x}: {} {l:02x}, {} {r:02x}",
                    at / SECTOR_SIZE as u64,
                    differ(count, "byte"),
                    self.left,
                    self.right
                ));
            } else if self.sectors == SHOWN_MAX + 1 {
                job.say(format_args!("  ..."));
            }
        }
    }

    /// The end of a job that looked for differences: a failure if there was one.
    pub fn conclude(&self, job: Result<Summary, Failure>) -> Result<Summary, Failure> {
        let found = format!("{} in {}", plural(self.bytes, "byte"), differ(self.sectors, "sector"));
        match job {
            Ok(summary) if self.sectors == 0 => Ok(summary),
            Ok(summary) => Err(Failure::new(format!("{found}, of {summary}"))),
            Err(mut failure) => {
                if self.sectors > 0 {
                    failure.add(&found);
                }
                Err(failure)
            }
        }
    }
}

/// `1 sector differs`, `2 sectors differ`.
fn differ(count: u64, thing: &str) -> String {
    let ending = if count == 1 { "s" } else { "" };
    format!("{} differ{ending}", plural(count, thing))
}
