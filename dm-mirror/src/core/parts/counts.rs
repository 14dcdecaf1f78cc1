//! What each leg was asked, and why.
//!
//! Place: part of a leg's record. `face/status.rs` shows the counts. Tests hold the mirror to
//! its cost: one data write a leg in the steady state, and no flush.

use bio::BufCmd;

/// Why a leg is asked for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The mirror's user asked.
    User,
    /// A resync, a rebuild or a repair.
    Copy,
    /// A write begins in a clean region.
    Intent,
    /// Regions become clean.
    Clean,
    /// Who is in sync changed, or a session begins or ends.
    Super,
    /// A record that is durable is to stand twice.
    Copies,
}

/// All causes, with their names.
pub(crate) const CAUSES: [(Cause, &str); 6] = [
    (Cause::User, "user"),
    (Cause::Copy, "copy"),
    (Cause::Intent, "intent"),
    (Cause::Clean, "clean"),
    (Cause::Super, "superblock"),
    (Cause::Copies, "second"),
];

/// What a leg was asked since the mirror was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) reads: u64,
    writes: [u64; CAUSES.len()],
    flushes: [u64; CAUSES.len()],
    pub(crate) read_errors: u64,
    pub(crate) write_errors: u64,
    /// Chunks rewritten because of what was read, and found good then.
    pub(crate) repaired: u64,
    /// Records that a start found torn or damaged, and writes anew.
    pub(crate) records_repaired: u64,
}

impl Counts {
    /// A leg is asked for something.
    #[inline]
    pub(crate) fn issued(&mut self, cmd: BufCmd, cause: Cause) {
        match cmd {
            BufCmd::Read => self.reads += 1,
            BufCmd::Write { .. } | BufCmd::FreeBlks => self.writes[cause as usize] += 1,
            BufCmd::Flush => self.flushes[cause as usize] += 1,
        }
    }

    /// Writes and discards for this cause.
    pub(crate) fn writes(&self, cause: Cause) -> u64 {
        self.writes[cause as usize]
    }

    /// Flushes for this cause.
    pub(crate) fn flushes(&self, cause: Cause) -> u64 {
        self.flushes[cause as usize]
    }

    /// Writes of data.
    pub(crate) fn data_writes(&self) -> u64 {
        self.writes(Cause::User) + self.writes(Cause::Copy)
    }

    /// Writes of metadata.
    pub(crate) fn metadata_writes(&self) -> u64 {
        self.writes.iter().sum::<u64>() - self.data_writes()
    }

    /// Flushes for whatever cause.
    pub(crate) fn all_flushes(&self) -> u64 {
        self.flushes.iter().sum()
    }
}
