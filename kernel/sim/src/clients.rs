//! The clients: each asks, waits for the answer, and asks again.
//!
//! Place: part of a [`World`](crate::World). A client has one request open at a time, so no
//! more requests overlap than there are clients.

use alloc::vec;
use alloc::vec::Vec;

use bio::{Extent, Sector, Sectors};

use crate::chooser::Chooser;
use crate::history::{History, Op};
use crate::scenario::Load;
use crate::stamp::OpId;

/// After this many failures a device is taken for dead, and the clients stop.
pub const FAILURES_MAX: u32 = 16;

/// The clients of a run.
pub(crate) struct Clients<'a> {
    load: &'a Load,
    /// The request that each has open.
    open: Vec<Option<OpId>>,
    /// How many requests each has made.
    made: Vec<usize>,
    made_by_all: u64,
    ready: Vec<usize>,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(load: &'a Load) -> Clients<'a> {
        let clients = match load {
            Load::Script(scripts) => scripts.len(),
            Load::Random { clients, .. } => *clients,
        };
        Clients {
            load,
            open: vec![None; clients],
            made: vec![0; clients],
            made_by_all: 0,
            ready: Vec::with_capacity(clients),
        }
    }

    /// Finds the clients that are ready. With random requests and `goes_on`, they have no end.
    pub(crate) fn look(&mut self, history: &History, goes_on: bool) {
        let failures = history.keep_open(&mut self.open);
        self.ready.clear();
        for (client, open) in self.open.iter().enumerate() {
            let more = match self.load {
                Load::Script(scripts) => self.made[client] < scripts[client].len(),
                Load::Random { ops, .. } => goes_on || self.made_by_all < *ops,
            };
            if more && open.is_none() && failures < FAILURES_MAX {
                self.ready.push(client);
            }
        }
    }

    /// The clients with something to ask for and no request open, as of the last
    /// [`look`](Clients::look). None if the device is given up.
    pub(crate) fn ready(&self) -> &[usize] {
        &self.ready
    }

    /// What the client asks for next, on a device of `capacity` that may know `discard`.
    /// Nothing if the script says a discard and the device knows none.
    pub(crate) fn next(
        &self,
        client: usize,
        capacity: Sectors,
        discard: bool,
        chooser: &mut dyn Chooser,
    ) -> Option<Op> {
        match self.load {
            Load::Script(scripts) => {
                let op = scripts[client][self.made[client]];
                (discard || !matches!(op, Op::Discard(_))).then_some(op)
            }
            Load::Random { extent_max, .. } => {
                let start = chooser.choose(capacity.0 as usize, "start") as u64;
                let longest = extent_max.0.min(capacity.0 - start);
                let count = 1 + chooser.choose(longest as usize, "count") as u64;
                let extent = Extent::new(Sector(start), Sectors(count));
                Some(match chooser.choose(16, "command") {
                    0..6 => Op::Read(extent),
                    6..12 => Op::Write(extent),
                    12 | 13 => Op::WriteFua(extent),
                    15 if discard => Op::Discard(extent),
                    _ => Op::Flush,
                })
            }
        }
    }

    /// The client has asked, or has skipped its turn.
    pub(crate) fn asked(&mut self, client: usize, id: Option<OpId>) {
        self.open[client] = id;
        self.made[client] += 1;
        self.made_by_all += 1;
    }
}
