//! All disks together: what there is to tell.

use std::path::{Path, PathBuf};

use anyhow::Result;
use dm_mirror::assemble::{Missed, Refusal, Role, Verdict, assemble};
use dm_mirror::format::{Bad, Member, MemberState};

use crate::disk::Disk;
use crate::map::Regions;

pub(crate) struct Report {
    pub(crate) disks: Vec<Disk>,
    /// What a start would decide; an error is the disk whose version is not
    /// known: whoever wrote it may know better who is in sync.
    pub(crate) verdict: Result<Verdict, (usize, u32)>,
}

impl Report {
    /// Reads the disks, and decides as if `keep` had been chosen.
    pub(crate) fn of(paths: &[PathBuf], keep: Option<usize>) -> Result<Report> {
        let disks = paths.iter().map(|path| Disk::read(path)).collect::<Result<Vec<_>>>()?;
        let newer = disks.iter().enumerate().find_map(|(index, disk)| match disk.member {
            Err(Bad::Version(version)) => Some((index, version)),
            _ => None,
        });
        let verdict = match newer {
            Some(newer) => Err(newer),
            None => {
                let found: Vec<Option<&Member>> =
                    disks.iter().map(|disk| disk.member.as_ref().ok()).collect();
                Ok(assemble(&found, keep))
            }
        };
        Ok(Report { disks, verdict })
    }

    pub(crate) fn path(&self, disk: usize) -> &Path {
        &self.disks[disk].path
    }

    /// Why nothing starts, and what to do.
    pub(crate) fn refusal(&self, refusal: &Refusal) -> String {
        match refusal {
            Refusal::NoneInSync => {
                "none of the disks is a member in sync; give the one that is".into()
            }
            Refusal::Sets(sets) => format!(
                "the disks belong to {} mirrors ({}); give those of one",
                sets.len(),
                list(sets)
            ),
            Refusal::Twins(a, b) => format!(
                "{} and {} say that they are the same member; one is a copy, give the other",
                self.path(*a).display(),
                self.path(*b).display()
            ),
            Refusal::SplitBrain { sides, conflict } => format!(
                "halves ran apart: slots {} each have what the other lacks; they may differ in {}; \
                 choose the one to keep (--keep SLOT shows what becomes of the others)",
                list(sides),
                missed(conflict)
            ),
        }
    }
}

/// What a refusal for this version says.
pub(crate) fn unknown_version(path: &Path, version: u32) -> String {
    format!(
        "{} is of version {version}, which is not known here; use what wrote it",
        path.display()
    )
}

/// How much is missed, in words.
pub(crate) fn missed(missed: &Missed) -> String {
    match missed {
        Missed::Everything => "everything".into(),
        Missed::Regions(regions) => counted(regions.len(), "region"),
    }
}

/// The regions that are missed; `None` if that is everything.
pub(crate) fn missed_regions(missed: &Missed) -> Option<Regions> {
    match missed {
        Missed::Everything => None,
        Missed::Regions(regions) => Some(regions.iter().copied().collect()),
    }
}

pub(crate) fn state(state: MemberState) -> &'static str {
    match state {
        MemberState::InSync => "in sync",
        MemberState::Out => "out",
        MemberState::Rebuilding => "rebuilding",
        MemberState::FailedMedia => "failed for its medium",
        MemberState::FailedByHand => "failed by hand",
    }
}

/// What becomes of a slot, and the disk that it is.
pub(crate) fn role(role: &Role) -> (&'static str, Option<usize>) {
    match role {
        Role::Empty => ("empty", None),
        Role::Absent => ("absent", None),
        Role::Missing => ("missing", None),
        Role::InSync { device } => ("in sync", Some(*device)),
        Role::Return { device, .. } => ("to be rebuilt", Some(*device)),
        Role::KeptOut { device, .. } => ("kept out", Some(*device)),
    }
}

/// `1 page`, `2 pages`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `a, b, c`.
pub(crate) fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
