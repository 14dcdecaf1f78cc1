//! What a mirror takes over from the one that a table described before.
//!
//! Place: [`Target::take_over`](dm::Target::take_over) comes here when a table is
//! exchanged, before the new mirror is resumed. The one before is quiet: no leg owes it
//! a request.
//!
//! What a person set or was promised, and what is known of a leg, is kept in four places:
//!
//! | what | where it lasts |
//! |---|---|
//! | read policy, write-mostly, rate, error threshold | in the table: a new one says them anew |
//! | who is in sync, who was failed by hand, what was missed | on the members |
//! | a loss that no FLUSH told of; a replacement on its way; a leg that is to be taken back; errors of a medium; counts; why a leg stays out | goes over, from leg to leg |
//! | legs of a mirror without records that are out | goes over: their content is old |
//! | a check on its way | ends with the suspension, with a word |
//!
//! Rule: legs are the same if they begin at the same sector of the same device; their
//! numbers may differ. A mirror that shares no leg takes nothing over.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::Sector;
use dm::Severity;

use crate::cache_loss::Loss;
use crate::config::Log;
use crate::counts::Counts;
use crate::errors::Errors;
use crate::leg::LegState;
use crate::mirror::{Mirror, State};
use crate::replace::Replacement;

/// Where a leg lies.
type Place = (Arc<str>, Sector);

/// What is known of one leg.
struct Leg {
    place: Place,
    state: LegState,
    counts: Counts,
    errors: Errors,
    /// How often its device had lost its cache when that was last looked at.
    resets: u64,
    superblock_in_doubt: Option<usize>,
    stays_out: Option<String>,
    /// A person took it out, and no member says so yet.
    by_hand: bool,
    /// A person wants it back, whatever lies on it or not.
    put_off: Option<bool>,
}

/// What one mirror leaves to the next.
struct Estate {
    legs: Vec<Leg>,
    untold: bool,
    replacement: Option<Replacement>,
}

impl Mirror {
    fn place_of(&self, leg: usize) -> Option<Place> {
        let leg = &self.legs[leg];
        leg.device.as_ref().map(|device| (device.name(), leg.offset))
    }

    /// Whether some leg of one is a leg of the other.
    pub(crate) fn shares_leg_with(&self, other: &Mirror) -> bool {
        let places = |mirror: &Mirror| -> Vec<Place> {
            (0..mirror.legs.len()).filter_map(|leg| mirror.place_of(leg)).collect()
        };
        let theirs = places(other);
        places(self).iter().any(|place| theirs.contains(place))
    }

    fn estate(&self) -> Estate {
        let places: Vec<Option<Place>> =
            (0..self.legs.len()).map(|leg| self.place_of(leg)).collect();
        let mut state = self.state.lock();
        let marked = state.marked();
        let leg = |(leg, place): (usize, Option<Place>)| {
            let record = &state.legs[leg];
            // One that no superblock calls rebuilding yet would be out again.
            let returns = record.state == LegState::Returning && !marked.contains(leg);
            let put_off = state.put_off.contains(leg) || returns;
            Some(Leg {
                place: place?,
                state: record.state,
                counts: record.counts,
                errors: record.errors,
                resets: record.resets,
                superblock_in_doubt: record.superblock_in_doubt,
                stays_out: record.stays_out.clone(),
                by_hand: state.by_hand.contains(leg),
                put_off: put_off.then_some(state.forced.contains(leg)),
            })
        };
        let legs = places.into_iter().enumerate().filter_map(leg).collect();
        let (untold, replacement) = (state.loss.is_untold(), state.replacement.take());
        // Whoever takes it over tells it.
        state.loss = Loss::default();
        Estate { legs, untold, replacement }
    }

    /// Goes on where `before` stopped.
    pub(crate) fn take_over(&self, before: &Mirror) {
        let estate = before.estate();
        let here = |place: &Place| {
            (0..self.legs.len()).find(|&it| self.place_of(it).as_ref() == Some(place))
        };
        let matched: Vec<(usize, &Leg)> =
            estate.legs.iter().filter_map(|leg| Some((here(&leg.place)?, leg))).collect();
        let replacement = estate.replacement.map(|it| {
            let new_number = |leg: usize| before.place_of(leg).and_then(|place| here(&place));
            it.renumbered(new_number).ok_or(it)
        });
        let none_in_sync = matched.iter().all(|(_, it)| it.state != LegState::InSync);
        let stale = matches!(self.log, Log::Core { .. }) && none_in_sync;
        {
            let mut state = self.state.lock();
            if estate.untold {
                state.loss = Loss::untold();
            }
            for &(leg, it) in &matched {
                let record = &mut state.legs[leg];
                (record.counts, record.errors) = (it.counts, it.errors);
                // A loss that nobody has noticed yet is noticed by the next request.
                record.resets = it.resets;
                record.superblock_in_doubt = it.superblock_in_doubt;
                record.stays_out.clone_from(&it.stays_out);
                if it.by_hand {
                    state.by_hand.insert(leg);
                }
                if let Some(force) = it.put_off {
                    state.put_off.insert(leg);
                    if force {
                        state.forced.insert(leg);
                    }
                }
            }
            if let Log::Core { .. } = self.log {
                self.take_over_core(&mut state, &matched, before);
            }
            if let Some(Ok(replacement)) = replacement {
                state.replacement = Some(replacement);
            }
        }
        if stale {
            let what = "none of the legs was in sync in the mirror before; their data are old";
            self.note(Severity::Error, format_args!("{what}"));
        }
        if let Some(Err(lost)) = replacement {
            let what = format!("{lost} is off: the new table lacks one of the two legs");
            self.note(Severity::Warning, format_args!("{what}"));
        }
    }
}

impl Mirror {
    /// The legs of a mirror without records, as the mirror before left them. One that is
    /// out holds old data, also where the table would have it be the source; a new one
    /// gets the data, wherever it stands.
    fn take_over_core(&self, state: &mut State, matched: &[(usize, &Leg)], before: &Mirror) {
        let nosync = matches!(self.log, Log::Core { nosync: true, .. });
        let mut sources = matched.iter().filter(|(_, it)| it.state == LegState::InSync);
        let Some(&(source, _)) = sources.next() else { return };
        // What lies behind the end of the mirror before was never made equal, and neither
        // were the records on its members.
        let all_data = matches!(before.log, Log::Core { .. }) && self.length <= before.length;
        let equal = nosync || all_data;
        for leg in 0..self.legs.len() {
            let before = matched.iter().find(|(it, _)| *it == leg).map(|(_, it)| it.state);
            let now = match before {
                Some(LegState::Failed(why)) => LegState::Failed(why),
                Some(LegState::InSync) if equal || leg == source => LegState::InSync,
                None if nosync => LegState::InSync,
                None | Some(LegState::InSync | LegState::Rebuilding | LegState::Returning) => {
                    LegState::Rebuilding
                }
            };
            state.legs[leg].state = now;
            let Some(regions) = &mut state.regions else { continue };
            for region in regions.all() {
                match now {
                    LegState::Rebuilding => regions.miss(leg, region),
                    _ => regions.caught_up(leg, region),
                }
            }
        }
    }
}
