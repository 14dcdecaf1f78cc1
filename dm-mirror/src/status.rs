//! What a person sees of a mirror.
//!
//! Place: [`Target::status`](dm::Target::status) is one line, in the form of
//! Linux's dm-mirror; the message `show` gives a report of several.

use alloc::format;
use alloc::string::String;
use core::fmt::Write;
use core::time::Duration;

use crate::check::Check;
use crate::config::Log;
use crate::counts::CAUSES;
use crate::leg::{Failure, LegSet, LegState};
use crate::mirror::{Life, Mirror, State};

impl LegState {
    /// One letter, as in Linux: **A**live, being **S**ynchronised, **D**ead.
    fn letter(self) -> char {
        match self {
            LegState::InSync => 'A',
            LegState::Rebuilding | LegState::Returning => 'S',
            LegState::Failed(_) => 'D',
        }
    }
}

impl Mirror {
    /// `<#legs> <device>... <regions in sync>/<regions> 1 <letters> 1 core`, and while
    /// a check runs ` check <sectors done>/<sectors> <sectors wrong>`.
    pub(crate) fn status(&self) -> String {
        let state = self.state.lock();
        let mut text = format!("{}", self.legs.len());
        for leg in &self.legs {
            write!(text, " {}", leg.name()).expect("a string takes it all");
        }
        let (done, all) = state.regions_in_sync();
        let letters: String = state.legs.iter().map(|leg| leg.state.letter()).collect();
        let log = match self.log {
            Log::Core { .. } => "core",
            Log::Internal => "internal",
        };
        write!(text, " {done}/{all} 1 {letters} 1 {log}").expect("a string takes it all");
        match &state.life {
            Life::Running => {
                let check = state.scrub.check.as_ref().and_then(Check::status);
                if let Some(check) = check {
                    write!(text, " {check}").expect("a string takes it all");
                }
            }
            Life::Starting(_) => text.push_str(" starting"),
            Life::Held(..) => text.push_str(" held"),
            Life::Refused(_) => text.push_str(" refused"),
        }
        text
    }

    /// Health at a glance, then a line for each leg, then why each leg was asked
    /// for what.
    pub(crate) fn report(&self) -> String {
        let now = self.env.now();
        let state = self.state.lock();
        let mut text = format!("{}\n", state.health());
        let header = [
            "LEG",
            "DEVICE",
            "READS",
            "WRITES",
            "FLUSHES",
            "READ ERR",
            "WRITE ERR",
            "REPAIRED",
            "META",
        ];
        let [leg, device, reads, writes, flushes, read_errors, write_errors, repaired, meta] =
            header;
        let _ = writeln!(
            text,
            "{leg:>3}  {device:<12} {reads:>8} {writes:>8} {flushes:>8} {read_errors:>9} {write_errors:>9} {repaired:>8} {meta:>5}  STATE"
        );
        for (index, record) in state.legs.iter().enumerate() {
            let (name, counts) = (self.legs[index].name(), record.counts);
            let _ = writeln!(
                text,
                "{index:>3}  {name:<12} {:>8} {:>8} {:>8} {:>9} {:>9} {:>8} {:>5}  {}",
                counts.reads,
                counts.data_writes(),
                counts.all_flushes(),
                counts.read_errors,
                counts.write_errors,
                counts.repaired,
                counts.metadata_writes(),
                state.describe(index),
            );
        }
        state.add_progress(&mut text, now);
        state.add_map(&mut text);
        if let Some(check) = &state.scrub.check {
            let _ = writeln!(text, "{check}");
        }
        text
    }
}

impl State {
    fn health(&self) -> String {
        match &self.life {
            Life::Starting(_) => return "starting: the members are being read".into(),
            Life::Held(why, _) | Life::Refused(why) => return format!("not started: {why}"),
            Life::Running => {}
        }
        let in_sync = self.in_sync().iter().count();
        let leaves = |why| matches!(why, Failure::NoMember | Failure::Replaced);
        let members =
            self.legs_that(|state| !matches!(state, LegState::Failed(why) if leaves(why)));
        let members = members.iter().count();
        let rebuilding = !self.coming().is_empty();
        let unsettled = self.regions.as_ref().map_or(0, |regions| regions.unsettled_count());
        let word = match (in_sync == members, rebuilding) {
            (true, _) if unsettled > 0 => "resyncing",
            (true, _) => "healthy",
            (false, true) => "rebuilding",
            (false, false) => "degraded",
        };
        format!("{word}: {in_sync} of {members} legs in sync")
    }

    /// How far a resync or a rebuild is, how fast, and how long it takes.
    fn add_progress(&self, text: &mut String, now: Duration) {
        let (done, all) = self.regions_in_sync();
        let Some(regions) = self.regions.as_ref().filter(|_| done < all) else { return };
        let _ = write!(text, "copying: {done} of {all} regions done");
        if let Some(speed) = self.pace.speed(now).filter(|speed| *speed > 0) {
            let left = u64::from(all - done) * regions.geometry().region.0 / 2;
            let _ = write!(text, ", {speed} KiB/s, {} s left", left.div_ceil(speed));
        }
        text.push('\n');
    }

    fn describe(&self, leg: usize) -> String {
        let state = self.describe_state(leg);
        match self.replaces(leg) {
            Some(old) => format!("{state}, to replace leg {old}"),
            None => state,
        }
    }

    fn describe_state(&self, leg: usize) -> String {
        match self.legs[leg].state {
            LegState::InSync => "in sync".into(),
            LegState::Rebuilding if self.legs_to_be_promoted().contains(leg) => {
                "whole, being recorded as in sync".into()
            }
            LegState::Rebuilding => {
                let regions = self.regions.as_ref();
                let (missing, all) =
                    regions.map_or((0, 1), |it| (it.missing(leg), it.geometry().regions().max(1)));
                format!("rebuilding, {}%", u64::from(all - missing) * 100 / u64::from(all))
            }
            LegState::Returning => "returning".into(),
            LegState::Failed(why) => {
                let state = match why {
                    Failure::Absent | Failure::NoMember => format!("{why}"),
                    why => format!("failed ({why})"),
                };
                match &self.legs[leg].stays_out {
                    Some(why) => format!("{state}; stays out: {why}"),
                    None => state,
                }
            }
        }
    }

    /// What the map says, and what the records cost.
    fn add_map(&self, text: &mut String) {
        let (Some(regions), Some(membership)) = (&self.regions, &self.membership) else { return };
        let geometry = regions.geometry();
        let _ = writeln!(
            text,
            "regions: {} of {} sectors; {} dirty, {} to be resynced; session {}",
            geometry.regions(),
            geometry.region,
            regions.dirty_count(),
            regions.unsettled_count(),
            membership.wanted().session,
        );
        for (leg, record) in self.legs.iter().enumerate() {
            let _ = write!(text, "leg {leg}: writes/flushes");
            for (cause, name) in CAUSES {
                let counts = &record.counts;
                let _ = write!(text, " {name} {}/{}", counts.writes(cause), counts.flushes(cause));
            }
            let missing = regions.missing(leg);
            let member = record.state != LegState::Failed(Failure::NoMember);
            let _ = if missing > 0 && member {
                writeln!(text, "; missed {missing} regions")
            } else {
                writeln!(text)
            };
        }
    }

    /// The legs that are on their way back.
    fn coming(&self) -> LegSet {
        self.legs_that(|state| matches!(state, LegState::Rebuilding | LegState::Returning))
    }

    /// Regions that every leg not failed holds, and regions in all.
    fn regions_in_sync(&self) -> (u32, u32) {
        let Some(regions) = &self.regions else { return (0, 0) };
        let all = regions.geometry().regions();
        let rebuilding = self.coming();
        let missing = rebuilding.iter().map(|leg| regions.missing(leg)).max().unwrap_or(0);
        let held = all - missing.max(regions.unsettled_count());
        // A leg that misses nothing but its promotion is not to be called complete.
        (if rebuilding.is_empty() { held } else { held.min(all - 1) }, all)
    }
}
