//! The clients: each asks, waits for the answer, and asks again.
//!
//! Place: part of a [`World`](crate::World). A client has one request open at
//! a time; as many requests overlap as there are clients.

use alloc::vec;
use alloc::vec::Vec;

use bio::{Extent, Sector, Sectors};

use crate::chooser::Chooser;
use crate::history::{History, Op, OpId};
use crate::scenario::Load;

/// After so many failures a device is taken for dead, and asked no more.
pub const FAILURES_MAX: u32 = 16;

/// The clients of a run.
pub(crate) struct Clients<'a> {
    load: &'a Load,
    clients: Vec<Client>,
    issued: u64,
}

#[derive(Clone, Copy, Default)]
struct Client {
    last: Option<OpId>,
    issued: usize,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(load: &'a Load) -> Clients<'a> {
        let clients = match load {
            Load::Script(scripts) => scripts.len(),
            Load::Random { clients, .. } => *clients,
        };
        Clients { load, clients: vec![Client::default(); clients], issued: 0 }
    }

    /// The clients that have something to ask for and no request open, while
    /// the device is not given up.
    pub(crate) fn ready(&self, history: &History) -> impl Iterator<Item = usize> {
        let ready = |&index: &usize| {
            let client = &self.clients[index];
            let more = match self.load {
                Load::Script(scripts) => client.issued < scripts[index].len(),
                Load::Random { ops, .. } => self.issued < *ops,
            };
            more && client.last.is_none_or(|last| history.has_ended(last))
        };
        let asked = if history.errors() < FAILURES_MAX { self.clients.len() } else { 0 };
        (0..asked).filter(ready)
    }

    /// What the client asks for next, on a device of `capacity`.
    pub(crate) fn next(&self, index: usize, capacity: Sectors, chooser: &mut dyn Chooser) -> Op {
        match self.load {
            Load::Script(scripts) => scripts[index][self.clients[index].issued],
            Load::Random { extent_max, .. } => {
                let start = chooser.choose(capacity.0 as usize, "start") as u64;
                let longest = extent_max.0.min(capacity.0 - start);
                let count = 1 + chooser.choose(longest as usize, "count") as u64;
                let extent = Extent::new(Sector(start), Sectors(count));
                match chooser.choose(16, "command") {
                    0..7 => Op::Read(extent),
                    7..14 => Op::Write(extent),
                    14 => Op::WriteFua(extent),
                    _ => Op::Flush,
                }
            }
        }
    }

    /// The client has asked.
    pub(crate) fn issued(&mut self, index: usize, id: OpId) {
        self.issued += 1;
        self.clients[index] = Client { last: Some(id), issued: self.clients[index].issued + 1 };
    }
}
