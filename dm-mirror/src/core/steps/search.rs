//! A search of what legs hold: superblocks, then the map.
//!
//! Place: a start searches all legs; a person's `add` searches one. The hands
//! read (`io/search.rs`). This file knows which legs have not been read, and goes on when
//! all have.
//!
//! Rule: a leg is flushed before it is read, so that all that is found is durable. The machine
//! may have gone down and left the disks their power. Without the flush, a superblock that is
//! only in a cache would be believed, the next one would overwrite the slot before, and a
//! power cut could take both.

use alloc::boxed::Box;
use core::array;

use bio::BufCmd;

use crate::core::Core;
use crate::core::event::Facts;
use crate::core::parts::counts::Cause;
use crate::core::parts::flushes::Who;
use crate::core::parts::found::{Found, Search};
use crate::core::parts::leg::LegSet;

/// What a search is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum For {
    /// The start of a session.
    Start,
    /// A leg that a person adds.
    Return,
}

impl Core {
    /// Has `legs` read. Those of which the table names no device are absent.
    pub(super) fn search(&mut self, legs: LegSet, what: For) {
        let there: LegSet = legs.iter().filter(|&leg| self.facts[leg].there).collect();
        if what == For::Start {
            self.search = Some(Search { left: there, found: array::from_fn(|_| Found::Absent) });
        }
        for leg in there.iter() {
            self.flush_leg(leg, Who::Search, Cause::Super);
        }
        match what {
            For::Start if there.is_empty() => self.search_over(),
            For::Return if there.is_empty() => {
                legs.iter().for_each(|leg| self.returned_leg_found(leg, Found::Absent));
            }
            For::Start | For::Return => {}
        }
    }

    /// The hands are going to read a leg.
    pub(in crate::core) fn searches(&mut self, leg: usize) {
        self.legs[leg].issued(BufCmd::Read, Cause::Super);
    }

    /// A leg was read.
    pub(in crate::core) fn searched(&mut self, leg: usize, found: Found, facts: Box<Facts>) {
        self.facts = facts;
        let Some(search) = &mut self.search else { return self.returned_leg_found(leg, found) };
        search.found[leg] = found;
        search.left.remove(leg);
        if search.left.is_empty() {
            self.search_over();
        }
    }

    fn search_over(&mut self) {
        if let Some(Search { found, .. }) = self.search.take() {
            self.found(&found);
        }
    }
}
