//! What a mirror takes over from the one that a table described before.
//!
//! Place: [`Target::take_over`](dm::Target::take_over) comes here when a table is exchanged,
//! before the new mirror is resumed. The old mirror is quiet: no leg owes it a request. The
//! hands say which legs are the same (`io/exchange.rs`).
//!
//! What a person set or was promised, and what is known of a leg, is kept in four places:
//!
//! | what | where it lasts |
//! |---|---|
//! | read policy, write-mostly, rate, error threshold | in the table: a new one says them anew |
//! | who is in sync, who was failed by hand, what was missed | on the members |
//! | a loss that no FLUSH told of; a replacement on its way; a leg that is to be taken back; errors of a medium; counts, and how long a leg took; why a leg stays out | goes over, from leg to leg |
//! | what starts that failed may have left on members that are missing | goes over: a person is told |
//! | legs of a mirror without records that are out | goes over: their content is old |
//! | a check on its way | ends with the suspension, with a word |
//!
//! Rule: legs are the same if they begin at the same sector of the same device; their
//! numbers may differ. A mirror that shares no leg takes nothing over. That a person took a
//! member out goes over wherever the member is now: a later table may name its disk again.

use alloc::string::String;
use alloc::vec::Vec;

use bio::Sectors;

use crate::core::parts::counts::Counts;
use crate::core::parts::errors::Errors;
use crate::core::parts::leg::{LEGS_MAX, LegState};
use crate::core::parts::loss::Loss;
use crate::core::parts::news::News;
use crate::core::parts::not_started::InDoubt;
use crate::core::parts::replacement::Replacement;
use crate::core::parts::taken_out::TakenOut;
use crate::core::{Core, Log, Setup};

/// What is known of one leg.
struct LegEstate {
    state: LegState,
    counts: Counts,
    errors: Errors,
    /// How often its device had lost its cache when that was last looked at.
    resets: u64,
    stays_out: Option<String>,
    /// A person wants it back, whatever lies on it or not.
    put_off: Option<bool>,
}

/// What one mirror leaves to the next.
pub(crate) struct Estate {
    log: Log,
    length: Sectors,
    legs: Vec<LegEstate>,
    untold: bool,
    in_doubt: InDoubt,
    by_hand: TakenOut,
    replacement: Option<Replacement>,
}

/// For each leg of the mirror before, its number in the new one, if it has one there.
pub(crate) type Renumbered = [Option<usize>; LEGS_MAX];

impl Core {
    /// Leaves what another mirror goes on with.
    pub(crate) fn leave(&mut self) -> Estate {
        let marked = self.marked();
        let leg = |leg: usize| {
            let record = &self.legs[leg];
            // A leg that no superblock calls rebuilding yet would be out again.
            let returns = record.state() == LegState::Returning && !marked.contains(leg);
            let put_off = self.put_off.contains(leg) || returns;
            LegEstate {
                state: record.state(),
                counts: record.counts,
                errors: record.errors,
                resets: record.resets,
                stays_out: record.stays_out.clone(),
                put_off: put_off.then_some(self.forced.contains(leg)),
            }
        };
        let legs = (0..self.legs.len()).map(leg).collect();
        let (untold, replacement) = (self.loss.is_untold(), self.replacement.take());
        // Whoever takes it over tells it.
        self.loss = Loss::default();
        let (in_doubt, by_hand) = (self.in_doubt.clone(), self.by_hand.clone());
        let Setup { log, length, .. } = self.setup;
        Estate { log, length, legs, untold, in_doubt, by_hand, replacement }
    }

    /// Goes on where another mirror stopped.
    pub(crate) fn take_over(&mut self, estate: &Estate, renumbered: Renumbered) {
        let legs = estate.legs.iter().enumerate();
        let matched: Vec<(usize, &LegEstate)> =
            legs.filter_map(|(before, leg)| Some((renumbered[before]?, leg))).collect();
        let replacement =
            estate.replacement.map(|it| it.renumbered(|leg| renumbered[leg]).ok_or(it));
        let none_in_sync = matched.iter().all(|(_, it)| it.state != LegState::InSync);
        let stale = matches!(self.setup.log, Log::Core { .. }) && none_in_sync;
        if estate.untold {
            self.loss = Loss::untold();
        }
        self.in_doubt.go_on(&estate.in_doubt);
        self.by_hand.go_on(&estate.by_hand, |leg| renumbered[leg]);
        for &(leg, it) in &matched {
            let record = &mut self.legs[leg];
            (record.counts, record.errors) = (it.counts, it.errors);
            // A loss that nobody has noticed yet is noticed by the next request.
            record.resets = it.resets;
            record.stays_out.clone_from(&it.stays_out);
            if let Some(force) = it.put_off {
                self.put_off.insert(leg);
                if force {
                    self.forced.insert(leg);
                }
            }
        }
        if let Log::Core { .. } = self.setup.log {
            self.take_over_core(&matched, estate);
        }
        match replacement {
            Some(Ok(replacement)) => self.replacement = Some(replacement),
            Some(Err(lost)) => self.tell(News::ReplacementLost(lost)),
            None => {}
        }
        if stale {
            self.tell(News::OldData);
        }
    }

    /// The legs of a mirror without records, as the mirror before left them. A leg that is out
    /// holds old data, even where the table makes it the source. A new leg gets the data,
    /// wherever it stands in the table.
    fn take_over_core(&mut self, matched: &[(usize, &LegEstate)], estate: &Estate) {
        let nosync = matches!(self.setup.log, Log::Core { nosync: true, .. });
        let mut sources = matched.iter().filter(|(_, it)| it.state == LegState::InSync);
        let Some(&(source, _)) = sources.next() else { return };
        // Data behind the end of the old mirror were never made equal, and neither were the
        // records on its members.
        let all_data = matches!(estate.log, Log::Core { .. }) && self.setup.length <= estate.length;
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
            self.legs.set(leg, now);
            let Some(regions) = &mut self.regions else { continue };
            for region in regions.all() {
                match now {
                    LegState::Rebuilding => regions.miss(leg, region),
                    _ => regions.caught_up(leg, region),
                }
            }
        }
    }
}
