//! A mirror at a moment, in values and not in words: for whoever looks after each event.
//!
//! Place: [`MirrorTarget::view`](crate::MirrorTarget::view) makes one, and allocates nothing.
//! The status line and [`Report`](super::report::Report) put the same into words.

use alloc::vec::Vec;

use arrayvec::ArrayVec;
use bio::{Extent, Sectors};

use super::report::{Health, Standing};
use crate::core::Core;
use crate::core::parts::check::Check;
use crate::core::parts::leg::{Failure, LEGS_MAX, LegState};

/// A mirror at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// How it does.
    pub health: Health,
    legs: ArrayVec<LegView, LEGS_MAX>,
    /// Regions in which legs may differ after a crash.
    pub dirty: u32,
    /// Those DIRTY regions in which the last leg may have lost data: they stay DIRTY until the
    /// next start.
    pub doubtful: u32,
    /// Regions in which they may differ now.
    pub unsettled: u32,
    /// The check that runs.
    pub check: Option<CheckView>,
}

/// A leg at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegView {
    /// What it is to the mirror.
    pub standing: Standing,
    /// How far, if it is coming.
    pub coming: Option<Coming>,
    /// Regions that it missed.
    pub missed: u32,
    /// A person took it out, and no record says so yet.
    pub unrecorded: bool,
}

/// What a mirror that runs knows of a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegionView {
    /// Legs may differ there after a crash.
    pub dirty: bool,
    /// They may differ there now: it answers no read.
    pub unsettled: bool,
    /// The legs that missed something of it, by bits.
    pub missed: u8,
}

/// How far a leg is that is coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coming {
    /// Superblocks are to say first that it is being rebuilt.
    Returning,
    /// It is given what it missed.
    Rebuilding,
    /// It lacks nothing, but no record says yet that it is in sync.
    Whole,
}

/// How far a check or a repair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckView {
    /// It makes legs equal.
    pub repairs: bool,
    /// Sectors that were looked at, ...
    pub done: Sectors,
    /// ... and in all.
    pub all: Sectors,
}

impl View {
    /// Its legs, by their numbers.
    pub fn legs(&self) -> &[LegView] {
        &self.legs
    }

    pub(crate) fn of(core: &Core) -> View {
        let regions = core.regions.as_ref();
        let whole = core.legs_to_be_promoted();
        let leg = |(leg, state): (usize, LegState)| LegView {
            standing: Standing::of(state),
            coming: match state {
                LegState::Returning => Some(Coming::Returning),
                LegState::Rebuilding if whole.contains(leg) => Some(Coming::Whole),
                LegState::Rebuilding => Some(Coming::Rebuilding),
                LegState::InSync | LegState::Failed(_) => None,
            },
            missed: regions.map_or(0, |regions| regions.missing(leg)),
            unrecorded: core.by_hand.is_about(leg),
        };
        View {
            health: core.health(),
            legs: core.legs.iter().map(|leg| leg.state()).enumerate().map(leg).collect(),
            dirty: regions.map_or(0, |regions| regions.dirty_count()),
            doubtful: regions.map_or(0, |regions| regions.doubtful_count()),
            unsettled: regions.map_or(0, |regions| regions.unsettled_count()),
            check: core.scrub.check.as_ref().filter(|it| it.is_running()).map(CheckView::of),
        }
    }
}

impl RegionView {
    /// What is known of all regions that `extent` touches; nothing before the start.
    pub(crate) fn of(core: &Core, extent: Extent) -> Vec<RegionView> {
        let Some(regions) = &core.regions else { return Vec::new() };
        let legs = 0..core.legs.iter().count();
        let view = |region| RegionView {
            dirty: regions.is_dirty(region),
            unsettled: regions.is_unsettled(region),
            missed: legs.clone().map(|leg| u8::from(regions.missed(leg, region)) << leg).sum(),
        };
        regions.geometry().touched(extent).map(view).collect()
    }
}

impl Standing {
    pub(crate) fn of(state: LegState) -> Standing {
        match state {
            LegState::InSync => Standing::InSync,
            LegState::Rebuilding | LegState::Returning => Standing::Coming,
            LegState::Failed(Failure::NoMember) => Standing::NoMember,
            LegState::Failed(_) => Standing::Out,
        }
    }
}

impl CheckView {
    fn of(check: &Check) -> CheckView {
        let &Check { repairs, next, length, .. } = check;
        CheckView { repairs, done: Sectors(next.0), all: length }
    }
}
