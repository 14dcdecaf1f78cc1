//! The devices that are measured.
//!
//! Rule: no two have the same name, not even in two guests.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::json;

use super::matrix::{Cell, SPAN};
use crate::qemu::Disk;

/// What is behind a subject's disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Backing {
    /// Nothing: QEMU answers at once, and forgets.
    Null,
    /// A file in the host's page cache, which is not made durable.
    File,
    /// Nothing, but not more than [`LIMIT`] of it: the disks take longer than the CPU.
    Limited,
}

impl Backing {
    /// All of them, in the order of the results.
    pub(super) const ALL: [Self; 3] = [Self::Null, Self::File, Self::Limited];

    /// Its name in the results.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::File => "file",
            Self::Limited => "limited",
        }
    }
}

/// What a subject is, and the state that it is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A disk by itself: what ratios are to.
    Plain,
    /// A linear device on one disk.
    Linear,
    /// A mirror without records.
    Core,
    /// The same with one leg out.
    CoreDegraded,
    /// A mirror with records, its regions dirty already.
    Steady,
    /// The same with one leg out.
    Degraded,
    /// The same while a leg is rebuilt.
    Rebuilding,
    /// A mirror with records and small regions, all of them clean.
    Untouched,
}

/// A device that is measured.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) kind: Kind,
    pub(super) backing: Backing,
    /// Its name in the guest.
    pub(super) device: &'static str,
    /// Its disks.
    disks: &'static [usize],
    /// Its name in the results.
    pub(super) name: &'static str,
}

const fn subject(
    kind: Kind,
    backing: Backing,
    device: &'static str,
    disks: &'static [usize],
    name: &'static str,
) -> Subject {
    Subject { kind, backing, device, disks, name }
}

/// All of them; each backing begins with its plain disk.
pub(super) const ALL: &[Subject] = &[
    subject(Kind::Plain, Backing::Null, "vbd0", &[0], "raw disk"),
    subject(Kind::Linear, Backing::Null, "linear", &[1], "linear"),
    subject(Kind::Core, Backing::Null, "core", &[2, 3], "mirror core"),
    subject(Kind::CoreDegraded, Backing::Null, "cored", &[4, 5], "mirror core, degraded"),
    subject(Kind::Plain, Backing::File, "vbd6", &[6], "raw disk"),
    subject(Kind::Steady, Backing::File, "steady", &[7, 8], "mirror internal"),
    subject(Kind::Degraded, Backing::File, "degraded", &[9, 10], "mirror internal, degraded"),
    subject(Kind::Rebuilding, Backing::File, "rebuilt", &[11, 12], "mirror internal, rebuilding"),
    subject(Kind::Untouched, Backing::File, "clean", &[13, 14], "mirror internal, first touch"),
    // In a guest of their own: a kernel has 16 disks.
    subject(Kind::Plain, Backing::Limited, "vbd2", &[2], "raw disk"),
    subject(Kind::Core, Backing::Limited, "slow", &[0, 1], "mirror core"),
];

/// What a limited disk does, in bytes a second: 1024 requests of 4 KiB.
const LIMIT: u64 = 4 << 20;

/// The plain disk of a backing.
pub(super) fn plain(backing: Backing) -> &'static Subject {
    let mut all = ALL.iter();
    all.find(|it| it.backing == backing && it.kind == Kind::Plain).expect("each backing has one")
}

/// The size of a disk, in bytes: a rebuild takes longer than a load, and not much.
const DISK_BYTES: u64 = 96 << 20;

/// Data of a mirror without records, in sectors.
const SECTORS: u64 = DISK_BYTES / 512;

/// The disks that do nothing, which come first.
pub(super) fn null_disks() -> Vec<Disk> {
    let null = ALL.iter().filter(|subject| subject.backing == Backing::Null);
    null.flat_map(|subject| subject.disks).map(|_| null_disk()).collect()
}

fn null_disk() -> Disk {
    Disk::blockdev(json!({
        "driver": "null-co", "size": DISK_BYTES, "read-zeroes": true, "latency-ns": 0,
    }))
}

/// The disks that are limited.
pub(super) fn limited_disks() -> Vec<Disk> {
    let limited = ALL.iter().filter(|subject| subject.backing == Backing::Limited);
    limited.flat_map(|subject| subject.disks).map(|_| null_disk().with_rate(LIMIT)).collect()
}

/// All others; images are made in `folder`.
pub(super) fn disks(folder: &Path) -> Result<Vec<Disk>> {
    let fast = ALL.iter().filter(|subject| subject.backing != Backing::Limited);
    let all = fast.flat_map(|subject| subject.disks.iter().map(move |disk| (subject, *disk)));
    all.map(|(subject, disk)| match subject.backing {
        Backing::Null | Backing::Limited => Ok(null_disk()),
        Backing::File => {
            let image = folder.join(format!("disk{disk}.img"));
            File::create(&image)
                .and_then(|file| file.set_len(DISK_BYTES))
                .with_context(|| format!("cannot make {}", image.display()))?;
            Ok(Disk::blockdev(json!({
                "driver": "raw",
                "cache": {"no-flush": true},
                "file": {
                    "driver": "file", "filename": image, "cache": {"no-flush": true},
                },
            })))
        }
    })
    .collect()
}

impl Subject {
    /// The commands that make it, in the state that it is to be in.
    pub(super) fn made_by(&self) -> Vec<String> {
        let Self { kind, device, disks, .. } = *self;
        let legs = || disks.iter().map(|disk| format!("vbd{disk}")).collect::<Vec<_>>();
        let core = || {
            let legs: Vec<_> = legs().iter().map(|leg| format!("{leg} 0")).collect();
            let legs = legs.join(" ");
            format!(
                "dmsetup create {device} --table \"0 {SECTORS} mirror core 2 1024 nosync 2 {legs}\""
            )
        };
        // A label alone does not make the legs equal: that is copied first.
        let label = |region: &str| {
            let label = format!("mirror label {device} {} --region {region}", legs().join(" "));
            [label, format!("mirror wait {device}")]
        };
        let with = |label: [String; 2], then: &[String]| [&label[..], then].concat();
        let fail = || format!("mirror fail {device} 1");
        // Blocks that the host has to find room for would make the first writes slow.
        let fill = || format!("fill {device} 0 {SPAN} seq");
        match kind {
            Kind::Plain if self.backing == Backing::File => vec![fill()],
            Kind::Plain => Vec::new(),
            Kind::Linear => vec![format!(
                "dmsetup create {device} --table \"0 {SECTORS} linear {} 0\"",
                legs()[0]
            )],
            Kind::Core => vec![core()],
            Kind::CoreDegraded => vec![core(), fail()],
            Kind::Steady | Kind::Rebuilding => with(label("512K"), &[fill()]),
            Kind::Degraded => with(label("512K"), &[fail(), fill()]),
            Kind::Untouched => with(label("64K"), &[fill()]),
        }
    }

    /// Whether it gets a load that all get. Limited disks get one, which tells all: they do
    /// the same with any that keeps both legs busy.
    pub(super) fn takes(&self, cell: &Cell) -> bool {
        match self.backing {
            Backing::Null | Backing::File => self.kind != Kind::Untouched,
            Backing::Limited => cell.random && cell.bytes == 4 << 10 && cell.depth == 8,
        }
    }

    /// The commands that bring it back to that state before a load.
    pub(super) fn prepared_by(&self, cell: &Cell) -> Vec<String> {
        let mut lines = Vec::new();
        if self.kind == Kind::Rebuilding {
            lines.push(format!("mirror rebuild {} 1", self.device));
        }
        if cell.writes && self.backing != Backing::Limited {
            // All regions are dirty then, and each subject has had the same.
            let touch = "write --size 512K --length";
            lines.push(format!("bench {} {touch} {SPAN} --requests 64", self.device));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::super::matrix::Matrix;
    use super::*;

    #[test]
    fn limited_disks_get_one_load_of_each_kind_and_the_others_all() {
        let cells = Matrix::new(false).cells;
        let taken = |subject: &Subject| cells.iter().filter(|cell| subject.takes(cell)).count();
        for subject in ALL {
            let expected = match (subject.backing, subject.kind) {
                (Backing::Limited, _) => 2,
                (_, Kind::Untouched) => 0,
                _ => cells.len(),
            };
            assert_eq!(taken(subject), expected, "{}", subject.device);
        }
        let quick = Matrix::new(true).cells;
        assert_eq!(quick.iter().filter(|cell| plain(Backing::Limited).takes(cell)).count(), 2);
    }

    #[test]
    fn each_guests_disks_are_numbered_and_no_name_is_there_twice() {
        let folder = tempfile::tempdir().unwrap();
        let numbers = |limited| {
            let of = ALL.iter().filter(|it| (it.backing == Backing::Limited) == limited);
            let mut numbers: Vec<usize> = of.flat_map(|it| it.disks).copied().collect();
            numbers.sort_unstable();
            numbers
        };
        assert!(numbers(false).into_iter().eq(0..disks(folder.path()).unwrap().len()));
        assert!(numbers(true).into_iter().eq(0..limited_disks().len()));
        assert_eq!(null_disks().len(), 6);
        let mut names: Vec<&str> = ALL.iter().map(|it| it.device).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ALL.len());
    }
}
