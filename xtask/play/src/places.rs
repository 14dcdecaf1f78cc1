//! Where on a leg something is, in words.
//!
//! Place: the account counts sectors from the beginning of a disk, where a leg's records are;
//! clients count from the mirror's first sector. The page shows what clients see.

use bio::Sector;
use dm_mirror::format::{SLOTS, superblock_place};
use sim::Subject;

use crate::run::Run;

/// What a sector of a leg is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Superblock,
    Map,
    /// The mirror's sector of this number.
    Data(u64),
}

/// What this sector of this leg is for.
pub(crate) fn part(run: &Run<'_>, leg: usize, sector: Sector) -> Part {
    let data = run.mapped().data_start(leg);
    let superblocks = run.lives.mirror.window.offset + superblock_place(SLOTS - 1).end().0;
    match sector {
        _ if sector >= data => Part::Data(sector.0 - data.0),
        _ if sector.0 < superblocks => Part::Superblock,
        _ => Part::Map,
    }
}

/// A line of the account, with places as a client counts them.
pub(crate) fn told(run: &Run<'_>, line: &str) -> String {
    placed(run, line).unwrap_or_else(|| line.to_owned())
}

/// The same of a line about a request to a leg: `leg 0: write 32+2 completes`.
fn placed(run: &Run<'_>, line: &str) -> Option<String> {
    let (leg, what) = line.strip_prefix("leg ")?.split_once(": ")?;
    let leg: usize = leg.parse().ok()?;
    let extent = |word: &str| -> Option<(u64, u64)> {
        let (start, count) = word.split_once('+')?;
        Some((start.parse().ok()?, count.parse().ok()?))
    };
    let (word, (start, count)) = what.split(' ').find_map(|word| Some((word, extent(word)?)))?;
    let place = match part(run, leg, Sector(start)) {
        Part::Superblock => "of the superblock".into(),
        Part::Map => "of the map".into(),
        Part::Data(start) => format!("{start}+{count}"),
    };
    Some(format!("leg {leg}: {}", what.replacen(word, &place, 1)))
}

/// The first leg that holds something else in the one run than in the other, and the first and
/// the last of its sectors that do.
pub(crate) fn difference(one: &Run<'_>, other: &Run<'_>) -> Option<(usize, Sector, Sector)> {
    let legs = one.world.legs().iter().zip(other.world.legs()).enumerate();
    legs.into_iter().find_map(|(leg, (disk, other))| {
        let end = one.mapped().data_start(leg) + one.lives.scenario.sectors;
        let differs = |&at: &u64| disk.contents(Sector(at)) != other.contents(Sector(at));
        let first = (0..end.0).find(differs)?;
        let last = (first..end.0).rev().find(differs)?;
        Some((leg, Sector(first), Sector(last)))
    })
}
