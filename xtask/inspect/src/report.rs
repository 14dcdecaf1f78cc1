//! All disks together: what there is to tell.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use dm_mirror::assemble::{Contest, Missed, Places, Refusal, Role, Verdict, assemble, places};
use dm_mirror::format::{Bad, Member, MemberState};

use crate::disk::Disk;
use crate::map::Regions;

pub(crate) struct Report {
    pub(crate) disks: Vec<Disk>,
    /// The disks that have no place in the mirror: another one has it.
    pub(crate) left_out: Vec<usize>,
    /// What a start would decide of the others.
    pub(crate) verdict: Result<Verdict, Undecided>,
}

/// Why nobody is asked how to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Undecided {
    /// A disk's version is not known: whoever wrote it may know better who is in sync.
    Version(usize, u32),
    /// Disks contest a place.
    Contest(Contest),
}

impl Report {
    /// Reads the disks, and decides as if the half of `keep`, one of them, had been chosen.
    pub(crate) fn of(paths: &[PathBuf], keep: Option<&Path>) -> Result<Report> {
        let place = |keep: &Path| {
            let place = paths.iter().position(|path| path == keep);
            place.with_context(|| format!("--keep {}: name one of the disks", keep.display()))
        };
        let keep = keep.map(place).transpose()?;
        let disks = paths.iter().map(|path| Disk::read(path)).collect::<Result<Vec<_>>>()?;
        let (left_out, verdict) = match placed(&disks) {
            Ok((found, left_out)) => {
                // As the kernel does: a disk on which the data would not fit is not used.
                let fitting = disks
                    .iter()
                    .zip(&found)
                    .map(|(disk, member)| member.filter(|member| disk.holds_all_data(member)));
                let fitting: Vec<Option<&Member>> = fitting.collect();
                (left_out, Ok(assemble(&fitting, keep)))
            }
            Err(undecided) => (Vec::new(), Err(undecided)),
        };
        Ok(Report { disks, left_out, verdict })
    }

    pub(crate) fn path(&self, disk: usize) -> &Path {
        &self.disks[disk].path
    }

    /// Disks by their paths.
    fn names(&self, disks: &[usize]) -> String {
        let names: Vec<_> = disks.iter().map(|disk| self.path(*disk).display()).collect();
        match &names[..] {
            [a, b] => format!("{a} and {b}"),
            names => list(names),
        }
    }

    /// Halves that ran apart, each with its disks.
    fn halves(&self, sides: &[Vec<usize>]) -> String {
        let half = |(n, side): (usize, &Vec<usize>)| {
            let which = if n == 0 { "one" } else { "another" };
            format!("{} on {which} side", self.names(side))
        };
        sides.iter().enumerate().map(half).collect::<Vec<_>>().join(", ")
    }

    /// Why nobody is asked how to start, and what to do.
    pub(crate) fn undecided(&self, why: &Undecided) -> String {
        match why {
            Undecided::Version(disk, version) => format!(
                "{} is of version {version}, which is not known here; use the program that wrote it",
                self.path(*disk).display()
            ),
            Undecided::Contest(Contest::Copies(a, b)) => format!(
                "{} say that they are the same member; one is a copy, give the other",
                self.names(&[*a, *b])
            ),
            Undecided::Contest(Contest::Apart { member, sides }) => {
                format!(
                    "halves ran apart, {}, and two disks have the place of member {member}; give \
                     those of one",
                    self.halves(sides)
                )
            }
        }
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
            Refusal::Twins(a, b) => {
                format!("{} have one place; give one of them", self.names(&[*a, *b]))
            }
            Refusal::SplitBrain { sides, conflict } => format!(
                "halves ran apart, {}: each has what the others lack; they may differ in {}; \
                 choose the one to keep (--keep DISK shows what becomes of the others)",
                self.halves(sides),
                missed(conflict)
            ),
        }
    }
}

/// The members that have places, and the disks that have none, as whoever makes a mirror of
/// them decides. Disks of several mirrors are all handed on: the start refuses them.
fn placed(disks: &[Disk]) -> Result<(Vec<Option<&Member>>, Vec<usize>), Undecided> {
    let mut found: Vec<Option<&Member>> = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        match &disk.member {
            Err(Bad::Version(version)) => return Err(Undecided::Version(index, *version)),
            member => found.push(member.as_ref().ok()),
        }
    }
    let mut sets = found.iter().flatten().map(|it| it.superblock.set);
    let first = sets.next();
    let of_one = sets.all(|set| Some(set) == first);
    let places = if of_one { places(&found) } else { None };
    let Places { left_out, .. } = match places {
        None => return Ok((found, Vec::new())),
        Some(places) => places.map_err(Undecided::Contest)?,
    };
    left_out.iter().for_each(|disk| found[*disk] = None);
    Ok((found, left_out))
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

/// `1 second copy`, `2 second copies`.
pub(crate) fn copies(count: usize) -> String {
    format!("{count} second cop{}", if count == 1 { "y" } else { "ies" })
}

/// `1 page`, `2 pages`.
pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// `a, b, c`.
pub(crate) fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(T::to_string).collect::<Vec<_>>().join(", ")
}
