//! What is told of a mirror in words, for the log that the environment keeps.
//!
//! Place: each place that decides something a person should hear of comes here
//! once it holds no lock. Times are put to it by who keeps the log.

use core::fmt;

use dm::Severity;
use uuid::Uuid;

use crate::leg::{Failure, LegSet};
use crate::mirror::{Mirror, State};

/// What is still to be told.
#[derive(Default)]
pub(crate) struct News {
    /// Legs that went out, which superblocks do not durably say yet.
    excluded: LegSet,
    /// The generation that was told last.
    generation: Uuid,
    /// Regions are being made equal after a crash.
    resyncing: bool,
}

/// Legs in words: `leg 1`, `legs 0, 2`.
struct Legs(LegSet);

impl fmt::Display for Legs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut legs = self.0.iter();
        let first = legs.next().unwrap_or_default();
        let plural = if self.0.iter().count() == 1 { "" } else { "s" };
        write!(f, "leg{plural} {first}")?;
        legs.try_for_each(|leg| write!(f, ", {leg}"))
    }
}

impl News {
    /// A leg went out, and superblocks are to say so.
    pub(crate) fn excluded(&mut self, leg: usize) {
        self.excluded.insert(leg);
    }
}

impl Mirror {
    /// A leg went out.
    pub(crate) fn announce(&self, leg: usize, why: Failure) {
        let name = self.legs[leg].name();
        log::warn!("mirror: leg {leg} ({name}) is out: {why}");
        self.raise(Severity::Warning, format_args!("leg {leg} ({name}) is out: {why}"));
    }

    /// Something happened that a person should hear of, and may wait for.
    pub(crate) fn raise(&self, severity: Severity, what: fmt::Arguments<'_>) {
        self.note(severity, what);
        self.events.raise();
    }

    /// The same, for the log alone.
    pub(crate) fn note(&self, severity: Severity, what: fmt::Arguments<'_>) {
        self.events.note(severity, what);
    }

    /// Requests are served from now on.
    pub(crate) fn announce_start(&self) {
        log::info!("mirror: started");
        let (session, unsettled) = {
            let mut state = self.state.lock();
            let unsettled = state.regions.as_ref().map_or(0, |it| it.unsettled_count());
            state.news.resyncing = unsettled > 0;
            (state.membership.as_ref().map_or(0, |it| it.wanted().session), unsettled)
        };
        self.raise(Severity::Info, format_args!("started, session {session}"));
        if unsettled > 0 {
            let what = format_args!("resync begins: {unsettled} regions may differ after a crash");
            self.note(Severity::Warning, what);
        }
    }

    /// Legs got so far that regions are copied to them.
    pub(crate) fn announce_rebuilding(&self, legs: LegSet) {
        for leg in legs.iter() {
            let (missing, all) = {
                let state = self.state.lock();
                let regions = state.regions.as_ref();
                regions.map_or((0, 0), |it| (it.missing(leg), it.geometry().regions()))
            };
            let name = self.legs[leg].name();
            self.raise(
                Severity::Info,
                format_args!("rebuild of leg {leg} ({name}) begins: {missing} of {all} regions"),
            );
        }
    }

    /// Tells what superblocks have come to say durably.
    pub(crate) fn announce_durable(&self) {
        let (excluded, generation, in_sync) = self.state.lock().take_durable();
        if !excluded.is_empty() {
            let what = format_args!("the exclusion of {} is durable", Legs(excluded));
            self.note(Severity::Info, what);
        }
        if let Some(generation) = generation {
            let (short, ..) = generation.as_fields();
            let what = format_args!("generation {short:08x} is durable on {}", Legs(in_sync));
            self.note(Severity::Info, what);
        }
    }

    /// Tells that regions that could differ are equal, if that is news.
    pub(crate) fn announce_settled(&self) {
        let news = {
            let mut state = self.state.lock();
            let settled = state.regions.as_ref().is_none_or(|it| it.unsettled_count() == 0);
            settled && core::mem::take(&mut state.news.resyncing)
        };
        if news {
            self.raise(Severity::Info, format_args!("resync is over: all legs in sync are equal"));
        }
    }
}

impl State {
    /// The legs whose exclusion became durable, the generation if that is a new one, and
    /// who is in sync by it. Nothing is pending.
    fn take_durable(&mut self) -> (LegSet, Option<Uuid>, LegSet) {
        let (in_sync, excluded) = (self.in_sync(), core::mem::take(&mut self.news.excluded));
        let generation = self.membership.as_ref().map(|it| it.wanted().generation);
        let generation = generation.filter(|it| *it != self.news.generation);
        self.news.generation = generation.unwrap_or(self.news.generation);
        (excluded, generation, in_sync)
    }
}
