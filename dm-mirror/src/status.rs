//! What a person sees of a mirror.
//!
//! Place: [`Target::status`](dm::Target::status) is one line, in the form of
//! Linux's dm-mirror; the message `show` gives a report of several.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;

use crate::leg::LegState;
use crate::mirror::{LegRecord, Mirror};

impl LegState {
    /// One letter, as in Linux: **A**live, being **S**ynchronised, **D**ead.
    fn letter(self) -> char {
        match self {
            LegState::InSync => 'A',
            LegState::Rebuilding { .. } => 'S',
            LegState::Failed(_) => 'D',
        }
    }
}

impl Mirror {
    /// `<#legs> <device>... <regions in sync>/<regions> 1 <letters> 1 core`
    pub(crate) fn status(&self) -> String {
        let state = self.state.lock();
        let mut text = format!("{}", self.legs.len());
        for leg in &self.legs {
            write!(text, " {}", leg.name()).expect("a string takes it all");
        }
        let (done, all) = self.regions_in_sync(&state.legs);
        let letters: String = state.legs.iter().map(|leg| leg.state.letter()).collect();
        write!(text, " {done}/{all} 1 {letters} 1 core").expect("a string takes it all");
        text
    }

    /// Health at a glance, then a line for each leg.
    pub(crate) fn report(&self) -> String {
        let state = self.state.lock();
        let mut text = format!("{}\n", self.health(&state.legs));
        let header = ["LEG", "DEVICE", "READS", "WRITES", "FLUSHES", "READ ERR", "WRITE ERR"];
        let [leg, device, reads, writes, flushes, read_errors, write_errors] = header;
        let _ = writeln!(
            text,
            "{leg:>3}  {device:<12} {reads:>8} {writes:>8} {flushes:>8} {read_errors:>9} {write_errors:>9}  STATE"
        );
        for (index, record) in state.legs.iter().enumerate() {
            let (name, counts) = (self.legs[index].name(), record.counts);
            let _ = writeln!(
                text,
                "{index:>3}  {name:<12} {:>8} {:>8} {:>8} {:>9} {:>9}  {}",
                counts.reads,
                counts.writes,
                counts.flushes,
                counts.read_errors,
                counts.write_errors,
                self.describe(record.state),
            );
        }
        text
    }

    fn health(&self, legs: &[LegRecord]) -> String {
        let in_sync = legs.iter().filter(|leg| leg.state == LegState::InSync).count();
        let rebuilding = legs.iter().any(|leg| matches!(leg.state, LegState::Rebuilding { .. }));
        let word = match (in_sync == legs.len(), rebuilding) {
            (true, _) => "healthy",
            (false, true) => "rebuilding",
            (false, false) => "degraded",
        };
        format!("{word}: {in_sync} of {} legs in sync", legs.len())
    }

    fn describe(&self, state: LegState) -> String {
        match state {
            LegState::InSync => "in sync".into(),
            LegState::Rebuilding { next, .. } => {
                format!("rebuilding, {}%", next.0 * 100 / self.length.0)
            }
            LegState::Failed(why) => format!("failed ({why})"),
        }
    }

    /// Regions that every leg not failed holds, and regions in all.
    fn regions_in_sync(&self, legs: &[LegRecord]) -> (u64, u64) {
        let all = self.length.0.div_ceil(self.region.0);
        let held = |leg: &LegRecord| match leg.state {
            LegState::InSync | LegState::Failed(_) => all,
            LegState::Rebuilding { next, again } => {
                let missing = again.map_or(0, |again| {
                    again.end().0.div_ceil(self.region.0) - again.start().0 / self.region.0
                });
                // Copied, but not flushed yet: not to be called complete.
                (next.0 / self.region.0).saturating_sub(missing).min(all - 1)
            }
        };
        (legs.iter().map(held).min().unwrap_or(all), all)
    }
}
