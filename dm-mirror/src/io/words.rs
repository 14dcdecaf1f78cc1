//! News of a mirror in words: for the log that the environment keeps, and for whoever waits
//! for events.
//!
//! Place: the hands come here with each piece of [`News`], and hold no lock. The keeper of the
//! log adds the time.

use core::fmt;

use dm::Severity;

use crate::core::parts::leg::LegSet;
use crate::core::parts::news::News;
use crate::io::Mirror;

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

impl Mirror {
    /// Tells a person what happened.
    pub(crate) fn tell(&self, news: &News) {
        use Severity::{Error, Info, Warning};
        let name = |leg: usize| self.legs[leg].name();
        match news {
            &News::Out(leg, why) => {
                log::warn!("mirror: leg {leg} ({}) is out: {why}", name(leg));
                self.raise(Warning, format_args!("leg {leg} ({}) is out: {why}", name(leg)));
            }
            &News::Lost(leg, why) => {
                let name = name(leg);
                let what = format_args!(
                    "leg {leg} ({name}) may have lost data that was not flushed ({why}); as the last \
                     leg in sync it stays"
                );
                log::warn!("mirror: {what}");
                self.raise(Error, what);
            }
            News::Started { session, unsettled } => {
                log::info!("mirror: started");
                self.raise(Info, format_args!("started, session {session}"));
                if *unsettled > 0 {
                    let what =
                        format_args!("resync begins: {unsettled} regions may differ after a crash");
                    self.note(Warning, what);
                }
            }
            News::NotStarted(why) => {
                log::warn!("mirror: {why}");
                self.raise(Error, format_args!("not started: {why}"));
            }
            News::Settled => {
                self.raise(Info, format_args!("resync is over: all legs in sync are equal"));
            }
            &News::Rebuilding { leg, missing, all } => {
                let name = name(leg);
                let what = format_args!(
                    "rebuild of leg {leg} ({name}) begins: {missing} of {all} regions"
                );
                self.raise(Info, what);
            }
            &News::InSync(leg) => {
                log::info!("mirror: leg {leg} ({}) is in sync", name(leg));
                self.raise(Info, format_args!("leg {leg} ({}) is in sync", name(leg)));
            }
            &News::Excluded(legs) => {
                self.note(Info, format_args!("the exclusion of {} is durable", Legs(legs)));
            }
            &News::Generation(generation, in_sync) => {
                let (short, ..) = generation.as_fields();
                let what = format_args!("generation {short:08x} is durable on {}", Legs(in_sync));
                self.note(Info, what);
            }
            News::TakenBack(leg) => self.raise(Info, format_args!("leg {leg} is taken back")),
            News::StaysOut(leg, why) => {
                log::warn!("mirror: leg {leg} stays out: {why}");
                self.raise(Warning, format_args!("leg {leg} stays out: {why}"));
            }
            &News::StaysRival(leg) => {
                let name = name(leg);
                log::warn!(
                    "mirror: leg {leg} ({name}) has old data, and its superblock does not say so"
                );
                let what = format_args!(
                    "leg {leg} ({name}) has old data, and its superblock could not be written to say \
                     so; do not start it without the others"
                );
                self.raise(Warning, what);
            }
            News::ReplacementOff(off) => {
                self.note(Warning, format_args!("{off} is off: its disk is not there"));
            }
            News::ReplacementLost(lost) => {
                let what = format_args!("{lost} is off: the new table lacks one of the two legs");
                self.note(Warning, what);
            }
            News::OldData => {
                let what = "none of the legs was in sync in the old table; their data are old";
                self.note(Error, format_args!("{what}"));
            }
            &News::NoRoom(leg, map) => {
                let (name, bytes) = (name(leg), map.bytes());
                let what = format_args!(
                    "leg {leg} ({name}) counts as absent: no memory for its map of {bytes} bytes"
                );
                self.note(Error, what);
            }
            &News::Repaired(leg, extent) => {
                log::info!("mirror: leg {leg} ({}) repaired: {extent}", name(leg));
                self.note(Warning, format_args!("leg {leg} ({}) repaired: {extent}", name(leg)));
            }
            News::DiffersFromWritten(leg) => {
                log::warn!("mirror: leg {leg} does not hold what was written to it");
            }
            News::Checked(line, good) => {
                log::info!("mirror: {line}");
                self.raise(if *good { Info } else { Warning }, format_args!("{line}"));
            }
            News::Stopped { recorded: true } => {
                self.note(Info, format_args!("stopped cleanly"));
            }
            News::Stopped { recorded: false } => {
                let what =
                    format_args!("stopped, but no superblock could be written to record that");
                self.note(Warning, what);
            }
        }
    }

    /// Something happened that a person should hear of, and may wait for.
    fn raise(&self, severity: Severity, what: fmt::Arguments<'_>) {
        self.note(severity, what);
        self.events.raise();
    }

    /// The same, for the log alone.
    fn note(&self, severity: Severity, what: fmt::Arguments<'_>) {
        self.events.note(severity, what);
    }
}
