//! Check and repair of the whole mirror: do the legs hold the same?
//!
//! Place: a person starts it (messages `check` and `repair`; `idle` ends it). `scrub.rs` runs
//! it, chunk by chunk, and `face/status.rs` shows it.
//!
//! Rules:
//!
//! - All legs in sync at the start are read, each for itself. Where one cannot read
//!   a chunk, its blocks are read one by one.
//! - A check writes nothing. A repair rewrites what differs, or cannot be read, from the leg
//!   that reads go to first. It leaves unsettled regions alone: the resync makes these equal.
//! - It ends early, and says so, if a leg of it goes out or the mirror is suspended.
//! - Every sector that is wrong is counted, and the first findings are listed. A finding says
//!   whether the map allows legs to differ there, because a write was on its way.

use alloc::format;
use alloc::string::ToString;

use bio::{Extent, Sector, Sectors};

use crate::core::Core;
use crate::core::event::Answer;
use crate::core::parts::check::{Check, End, Wrong};
use crate::core::parts::leg::LegSet;
use crate::core::parts::news::News;
use crate::core::parts::region::Regions;
use crate::core::parts::requests::Looks;

impl Core {
    /// Starts a check, which `repairs` or only looks.
    pub(super) fn start_check(&mut self, repairs: bool) -> Answer {
        let legs = self.in_sync();
        if !self.runs() || self.suspension.suspended {
            return Err("the mirror does not run".into());
        }
        if let Some(check) = self.scrub.check.as_ref().filter(|it| it.is_running()) {
            return Err(format!("a {} runs already; `idle` ends it", check.name()));
        }
        if legs.iter().count() < 2 {
            return Err("one leg alone is in sync: there is nothing to compare it with".into());
        }
        self.scrub.check = Some(Check::new(repairs, legs, self.setup.length));
        self.scrub.alarmed = false;
        Ok("started".into())
    }

    /// A person wants the check that runs to end.
    pub(super) fn stop_check(&mut self) -> Answer {
        let running = self.scrub.check.as_mut().filter(|it| it.is_running());
        running.map(|check| check.stop = true).ok_or("no check runs")?;
        Ok("it ends with the chunk in flight".into())
    }

    /// Ends the check that runs, if it is time, and tells what came of it.
    pub(super) fn end_check(&mut self) {
        let (in_sync, suspended) = (self.in_sync(), self.suspension.suspended);
        let Some(check) = self.scrub.check.as_mut().filter(|it| it.is_running()) else {
            return;
        };
        let out = check.legs.without(in_sync).iter().next();
        check.end = match out {
            _ if check.next == Sector(check.length.0) => Some(End::Done),
            _ if suspended => Some(End::Suspended),
            _ if check.stop => Some(End::Stopped),
            Some(leg) => Some(End::LegOut(leg)),
            None => None,
        };
        if !check.is_running() {
            let (text, good) = (check.to_string(), check.is_all_well());
            let line = text.lines().next().unwrap_or_default();
            self.tell(News::Checked(line.into(), good));
        }
    }

    /// Whether the legs' copies of a chunk are to be compared: all these legs are still in
    /// sync, and none failed to read it, or it is a single block.
    pub(super) fn is_comparable(&self, extent: Extent, looks: &Looks) -> bool {
        let in_sync = self.in_sync();
        let legs = self.scrub.check.as_ref().map_or(LegSet::EMPTY, |check| check.legs);
        let whole = extent.count() > self.setup.block;
        let all_gave = legs.without(looks.readable).is_empty();
        legs.without(in_sync).is_empty() && (all_gave || !whole)
    }

    /// Notes what is wrong with a chunk that all legs were read for. `differ` has, sector by
    /// sector, the legs that differ from the source. Returns, if anything is to be rewritten,
    /// the source, the legs to rewrite and the number of sectors.
    pub(super) fn judge_chunk(
        &mut self,
        extent: Extent,
        looks: &Looks,
        source: Option<usize>,
        differ: &[LegSet],
    ) -> Option<(usize, LegSet, Sectors)> {
        let (in_sync, unsettled) = (self.in_sync(), self.is_unsettled(extent));
        let whole = extent.count() > self.setup.block;
        let Core { scrub, regions, .. } = self;
        let check = scrub.check.as_mut()?;
        if !check.legs.without(in_sync).is_empty() {
            return None;
        }
        let unreadable = check.legs.without(looks.readable);
        if whole && !unreadable.is_empty() {
            check.by_block_to = extent.end();
            return None;
        }
        check.next = extent.end();
        let (mut targets, mut count) = (LegSet::EMPTY, Sectors::ZERO);
        for nth in 0..extent.count().0 {
            let at = extent.start() + Sectors(nth);
            let differ = differ.get(nth as usize).copied().unwrap_or_default();
            if differ.or(unreadable).is_empty() {
                continue;
            }
            let expected = regions.as_ref().is_some_and(|it| may_differ(it, at, check.legs));
            check.found(at, Wrong { differ, unreadable, expected });
            targets = targets.or(differ).or(unreadable);
            count = count + Sectors(1);
        }
        let repair = check.repairs && !unsettled && !targets.is_empty();
        source.filter(|_| repair).map(|source| (source, targets, count))
    }
}

/// Whether the map says that these legs may differ in a sector.
fn may_differ(regions: &Regions, at: Sector, legs: LegSet) -> bool {
    let mut touched = regions.geometry().touched(Extent::new(at, Sectors(1)));
    touched.any(|region| {
        regions.is_dirty(region) || legs.iter().any(|leg| regions.missed(leg, region))
    })
}
