//! What a person sees of a mirror.
//!
//! Place: [`Target::status`](dm::Target::status) is one line, in the form of
//! Linux's dm-mirror; [`Report`] is everything, and the message `show` gives it in lines.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use bio::Sectors;

use super::report::{Copying, Cost, Health, LegReport, Map, Report, Standing};
use crate::core::parts::check::Check;
use crate::core::parts::counts::CAUSES;
use crate::core::parts::leg::{Failure, LegSet, LegState};
use crate::core::parts::legs::LegRecord;
use crate::core::parts::not_started::NotStarted;
use crate::core::{Core, Life, Log};
use crate::io::Mirror;

/// One letter, as in Linux: **A**live, being **S**ynchronised, **D**ead.
fn letter(leg: &LegRecord) -> char {
    match Standing::of(leg.state()) {
        Standing::InSync => 'A',
        Standing::Coming => 'S',
        Standing::Out | Standing::NoMember => 'D',
    }
}

/// `<#legs> <device>... <regions in sync>/<regions> 1 <letters> 1 core`, and while
/// a check runs ` check <sectors done>/<sectors> <sectors wrong>`.
pub(crate) fn status(mirror: &Mirror) -> String {
    let mut text = format!("{}", mirror.legs.len());
    for leg in &mirror.legs {
        write!(text, " {}", leg.name()).expect("a string takes it all");
    }
    mirror.look(|core| {
        let (done, all) = core.regions_in_sync();
        let letters: String = core.legs.iter().map(letter).collect();
        let log = match core.setup.log {
            Log::Core { .. } => "core",
            Log::Internal => "internal",
        };
        write!(text, " {done}/{all} 1 {letters} 1 {log}").expect("a string takes it all");
        match &core.life {
            Life::Running => {
                let check = core.scrub.check.as_ref().and_then(Check::status);
                if let Some(check) = check {
                    write!(text, " {check}").expect("a string takes it all");
                }
            }
            Life::New(_) | Life::Searching(_) | Life::Opening(_) => text.push_str(" starting"),
            Life::Held(_) => text.push_str(" held"),
            Life::Refused(_) => text.push_str(" refused"),
        }
    });
    text
}

/// Everything that there is to see, at this moment.
pub(crate) fn report(mirror: &Mirror) -> Report {
    let now = mirror.env.now();
    let names: Vec<Arc<str>> = mirror.legs.iter().map(|leg| leg.name()).collect();
    mirror.look(|core| {
        let legs = names.into_iter().enumerate().map(|(leg, name)| core.report_leg(leg, name));
        Report {
            health: core.health(),
            summary: core.summary(),
            question: core.not_started().and_then(NotStarted::question),
            legs: legs.collect(),
            replacing: core.replaced(),
            copying: core.copying(now),
            region: core.regions.as_ref().map(|regions| regions.geometry().region),
            map: core.map(),
            check: core.scrub.check.as_ref().map(|check| format!("{check}")),
            read_policy: format!("{}", core.read_policy),
            sync_rate: format!("{}", core.pace.rate),
        }
    })
}

impl Core {
    /// How the mirror does.
    pub(super) fn health(&self) -> Health {
        match &self.life {
            Life::New(_) | Life::Searching(_) | Life::Opening(_) => return Health::Starting,
            Life::Held(_) => return Health::Held,
            Life::Refused(_) => return Health::Refused,
            Life::Running => {}
        }
        let unsettled = self.regions.as_ref().is_some_and(|it| it.unsettled_count() > 0);
        let complete = self.in_sync() == self.members();
        match (complete, self.coming().is_empty()) {
            (true, _) if unsettled => Health::Resyncing,
            (true, _) => Health::Healthy,
            (false, false) => Health::Rebuilding,
            (false, true) => Health::Degraded,
        }
    }

    /// The same in words.
    fn summary(&self) -> String {
        let word = match self.health() {
            Health::Starting => return "starting: the members are being read".into(),
            Health::Held | Health::Refused => {
                let why = self.not_started().map_or("", |it| &it.why);
                return format!("not started: {why}");
            }
            Health::Healthy => "healthy",
            Health::Resyncing => "resyncing",
            Health::Rebuilding => "rebuilding",
            Health::Degraded => "degraded",
        };
        let [in_sync, members] = [self.in_sync(), self.members()].map(|legs| legs.iter().count());
        format!("{word}: {in_sync} of {members} legs in sync")
    }

    /// The legs that have a place of their own in the mirror.
    fn members(&self) -> LegSet {
        let leaves = |why| matches!(why, Failure::NoMember | Failure::Replaced);
        self.legs_that(|state| !matches!(state, LegState::Failed(why) if leaves(why)))
    }

    fn report_leg(&self, leg: usize, device: Arc<str>) -> LegReport {
        let record = &self.legs[leg];
        let (state, counts) = (record.state(), &record.counts);
        let standing = Standing::of(state);
        let regions = self.regions.as_ref();
        let missed = regions.map_or(0, |regions| regions.missing(leg));
        let missed_sectors = regions.map_or(Sectors::ZERO, |it| it.missing_sectors(leg));
        let cost = |(cause, name)| Cost {
            cause: name,
            writes: counts.writes(cause),
            flushes: counts.flushes(cause),
        };
        LegReport {
            device,
            standing,
            state: self.describe(leg),
            write_mostly: self.write_mostly.contains(leg),
            reads: counts.reads,
            writes: counts.data_writes(),
            flushes: counts.all_flushes(),
            metadata: counts.metadata_writes(),
            read_errors: counts.read_errors,
            write_errors: counts.write_errors,
            repaired: counts.repaired,
            records_repaired: counts.records_repaired,
            outstanding: self.legs[leg].outstanding,
            owes: standing == Standing::Out && self.owes(leg),
            missed: if standing == Standing::NoMember { 0 } else { missed },
            missed_sectors: if standing == Standing::NoMember {
                Sectors::ZERO
            } else {
                missed_sectors
            },
            costs: CAUSES.map(cost).into(),
        }
    }

    /// How far a resync or a rebuild is, how fast, and how long it takes.
    fn copying(&self, now: Duration) -> Option<Copying> {
        let (done, all) = self.regions_in_sync();
        let regions = self.regions.as_ref().filter(|_| done < all)?;
        let speed = self.pace.speed(now).filter(|speed| *speed > 0);
        let missing = self.coming().iter().map(|leg| regions.missing_sectors(leg)).max();
        let missing = missing.unwrap_or_default().max(regions.unsettled_sectors());
        let all_sectors = regions.geometry().length;
        let kib = missing.0.div_ceil(2);
        let left = speed.map(|speed| Duration::from_secs(kib.div_ceil(speed)));
        let done_sectors = all_sectors - missing;
        Some(Copying { done, done_sectors, all, all_sectors, speed, left })
    }

    /// What the map says.
    fn map(&self) -> Option<Map> {
        let (regions, wanted) = (self.regions.as_ref()?, self.membership.as_ref()?.wanted());
        let (generation, ..) = wanted.generation.as_fields();
        Some(Map {
            regions: regions.geometry().regions(),
            dirty: regions.dirty_count(),
            unsettled: regions.unsettled_count(),
            session: wanted.session,
            generation: format!("{generation:08x}"),
        })
    }

    fn describe(&self, leg: usize) -> String {
        let state = self.describe_state(leg);
        match self.replaces(leg) {
            Some(old) => format!("{state}, to replace leg {old}"),
            None => state,
        }
    }

    fn describe_state(&self, leg: usize) -> String {
        if let Some(it) = self.not_started()
            && !it.legs[leg].is_empty()
        {
            return it.legs[leg].clone();
        }
        match self.legs[leg].state() {
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
