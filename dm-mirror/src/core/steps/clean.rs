//! Lazy cleaning: regions in which nothing happens any more become clean.
//!
//! Place: woken by the first write to a clean region; looks again and again while regions
//! are DIRTY. Also part of the way to a clean stop.
//!
//! Rules:
//!
//! - R5, which `region.rs` keeps: a region becomes clean only if every leg that has it was
//!   flushed after the last write to it. The user's flushes count, so a mirror whose user
//!   flushes is cleaned almost for free.
//! - Nothing becomes clean while an exclusion is not durable. Otherwise a crash could
//!   leave the clean record and lose the exclusion, and the leg would be believed.
//! - Only a clean stop waits for records of clean regions.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::core::Core;
use crate::core::event::{Action, Alarm};
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::FlushFor;
use crate::core::parts::journal::Journal;

/// How long nothing happens in a region before it is looked at.
const CLEAN_DELAY: Duration = Duration::from_millis(500);

impl Core {
    /// Has the cleaner look, later, if there is something to look after and it sleeps.
    pub(in crate::core) fn wake_cleaner(&mut self) -> bool {
        let wake = self.cleaner_sleeps() && !self.suspension.suspended;
        if wake {
            self.cleaner.awake = true;
            self.act(Action::Set(Alarm::Clean, CLEAN_DELAY));
        }
        wake
    }

    /// The cleaner looks for regions in which nothing happens.
    pub(super) fn look_for_idle_regions(&mut self) {
        self.cleaner.awake = false;
        let flushed = self.legs.flushed();
        let busy = self.pending() || self.cleaner.flushing || self.suspension.suspended;
        let Some(regions) = &mut self.regions else { return };
        let idle = regions.idle_legs_to_flush(&flushed, false);
        if idle.any && !busy && !idle.to_flush.is_empty() {
            self.cleaner.flushing = true;
            self.start_own_flush(FlushFor::Cleaning, idle.to_flush, Cause::Clean);
        } else if !busy {
            self.clean_now();
        }
        self.stand_twice();
    }

    /// Has each page of the maps stand twice.
    pub(super) fn stand_twice(&mut self) {
        for leg in self.writable().iter() {
            let journal = self.legs[leg].journal.as_mut();
            journal.filter(|journal| journal.has_alone()).map(Journal::stand_twice);
        }
    }

    /// The cleaner's own flush has ended.
    pub(super) fn cleaner_flushed(&mut self) {
        self.cleaner.flushing = false;
        self.clean_now();
    }

    /// Makes clean what may be, and has it recorded.
    pub(super) fn clean_now(&mut self) {
        if self.pending() {
            return;
        }
        let (flushed, writable) = (self.legs.flushed(), self.writable());
        let Core { regions, legs, cleaner, .. } = self;
        let Some(regions) = regions else { return };
        let mut pages: Vec<u32> = regions.clean(&flushed);
        pages.extend(mem::take(&mut cleaner.pages));
        if pages.is_empty() {
            return;
        }
        for leg in writable.iter() {
            if let Some(journal) = &mut legs[leg].journal {
                journal.change(pages.iter().copied());
            }
        }
    }

    /// Whether the cleaner sleeps though it has something to look after.
    pub(super) fn cleaner_sleeps(&self) -> bool {
        !self.cleaner.awake && self.has_to_clean()
    }

    /// Whether the cleaner has something to look after: a region that may become clean, a
    /// page that stands in one slot only.
    fn has_to_clean(&self) -> bool {
        let active = self.regions.as_ref().is_some_and(|it| it.has_active());
        let alone = |leg: usize| self.legs[leg].journal.as_ref().is_some_and(Journal::has_alone);
        active || self.writable().iter().any(alone)
    }
}
