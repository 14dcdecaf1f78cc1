//! delay: passes requests on after a while.
//!
//! Table: `start length delay <device> <offset> <ms> [<device> <offset> <ms> [<device> <offset>
//! <ms>]]` (as in Linux; DragonFly knows the first two). One triple is for all requests; with
//! two, the second is for writes, discards and flushes; with three, the third is for flushes.
//! Status: how many reads, writes and flushes are being delayed.
//!
//! Rules:
//!
//! - Requests of a kind (read, write, flush) are passed on in their order. Those
//!   of different kinds may overtake each other, as on a disk.
//! - A suspension waits for no delay: see [`Target::presuspend`].
//! - If flushes go to another device than writes, nothing is promised about durability
//!   ([`WriteCache::Unknown`]), unless the writes need no flush.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{Bio, BufCmd, Limits, Sector, Sectors, WriteCache};

use crate::args::{ArgError, Args};
use crate::context::Context;
use crate::devices::{DeviceHandle, DeviceRef};
use crate::env::{Env, Work};
use crate::limits::stack;
use crate::part::Part;
use crate::target::{Target, TargetType};
use crate::targets::passing::{Up, each_once};

/// The longest delay, in milliseconds: 49 days, as in Linux.
const DELAY_MS_MAX: u64 = u32::MAX as u64;

pub(super) struct DelayType;

impl TargetType for DelayType {
    fn name(&self) -> &'static str {
        "delay"
    }

    fn usage(&self) -> &'static str {
        "<device> <offset> <ms>\n\
         [<write device> <offset> <ms> [<flush device> <offset> <ms>]]"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let mut ways = Vec::from([Way::read(args, context)?]);
        while ways.len() < KINDS && args.peek().is_some() {
            ways.push(Way::read(args, context)?);
        }
        Ok(Arc::new(Delay::new(ways, context.env.clone())))
    }
}

/// Kinds of requests: reads, writes, flushes.
const KINDS: usize = 3;

/// Where requests of some kind go, and after how long.
#[derive(Clone)]
struct Way {
    device: DeviceRef,
    start: Sector,
    delay_ms: u64,
}

impl Way {
    fn read(args: &mut Args<'_>, context: &Context<'_>) -> Result<Way, ArgError> {
        let (device, start) = args.device_at(context)?;
        Ok(Way { device, start, delay_ms: args.number_up_to("delay", DELAY_MS_MAX)? })
    }
}

struct Delay {
    /// As in the table: one to three.
    ways: Vec<Way>,
    /// For reads, writes and flushes.
    lanes: [Arc<Lane>; KINDS],
    limits: Limits,
    up: Arc<Up>,
}

impl Delay {
    fn new(ways: Vec<Way>, env: Arc<dyn Env>) -> Delay {
        let of_kind = |kind: usize| &ways[kind.min(ways.len() - 1)];
        let lanes = [0, 1, 2].map(|kind| Arc::new(Lane::new(of_kind(kind), env.clone())));
        let limits = limits(of_kind(0), of_kind(1), of_kind(2));
        Delay { ways, lanes, limits, up: Arc::new(Up) }
    }
}

/// What can be promised when reads, writes and flushes go these ways.
fn limits(read: &Way, write: &Way, flush: &Way) -> Limits {
    let all = stack([read, write, flush].map(|way| way.device.limits()));
    let Limits { read_only, write_cache, discard, .. } = write.device.limits();
    let flushed = write.device.name() == flush.device.name();
    let write_cache = match write_cache {
        WriteCache::Volatile if !flushed => WriteCache::Unknown,
        cache => cache,
    };
    Limits { read_only, write_cache, discard, ..all }
}

impl Target for Delay {
    fn strategy(&self, bio: Bio) {
        let kind = match bio.cmd() {
            BufCmd::Read => 0,
            BufCmd::Write { .. } | BufCmd::FreeBlks => 1,
            BufCmd::Flush => 2,
        };
        let lane = &self.lanes[kind];
        let start = lane.start + (bio.extent().start() - Sector(0));
        lane.take(bio.push_bio(start, self.up.clone(), 0));
    }

    fn status(&self) -> String {
        let [reads, writes, flushes] = self.lanes.each_ref().map(|lane| lane.delayed());
        format!("{reads} {writes} {flushes}")
    }

    fn table(&self) -> String {
        let words = |way: &Way| format!("{} {} {}", way.device.name(), way.start, way.delay_ms);
        self.ways.iter().map(words).collect::<Vec<_>>().join(" ")
    }

    fn devices(&self) -> Vec<DeviceRef> {
        each_once(self.ways.iter().map(|way| &way.device))
    }

    fn parts(&self, length: Sectors) -> Vec<Part> {
        self.ways.iter().map(|way| Part::new(&way.device, way.start, length)).collect()
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn presuspend(&self) {
        self.lanes.iter().for_each(|lane| lane.hurry());
    }

    fn resume(&self) {
        self.lanes.iter().for_each(|lane| lane.state.lock().hurries = false);
    }
}

/// The requests of a kind that wait for their time.
struct Lane {
    device: DeviceHandle,
    start: Sector,
    delay: Duration,
    env: Arc<dyn Env>,
    state: Lock<State>,
}

struct State {
    /// By order of arrival, each with the time when it is to go on.
    waiting: VecDeque<(Duration, Bio)>,
    /// Nothing is delayed at present.
    hurries: bool,
}

impl Lane {
    fn new(way: &Way, env: Arc<dyn Env>) -> Lane {
        let state = State { waiting: VecDeque::new(), hurries: false };
        Lane {
            device: way.device.handle(),
            start: way.start,
            delay: Duration::from_millis(way.delay_ms),
            env,
            state: Lock::new(Rank::TARGET, state),
        }
    }

    fn delayed(&self) -> usize {
        self.state.lock().waiting.len()
    }

    fn take(self: &Arc<Self>, bio: Bio) {
        if self.delay.is_zero() {
            return self.device.strategy(bio);
        }
        let due = self.env.now() + self.delay;
        let at_once = {
            let mut state = self.state.lock();
            if state.hurries {
                Some(bio)
            } else {
                state.waiting.push_back((due, bio));
                None
            }
        };
        match at_once {
            Some(bio) => self.device.strategy(bio),
            None => self.env.run_after(self.delay, self.clone()),
        }
    }

    /// Passes on all requests that wait, and delays none from now on.
    fn hurry(&self) {
        self.state.lock().hurries = true;
        self.pass_on(Duration::MAX);
    }

    /// Passes on the requests that are due at `now`.
    fn pass_on(&self, now: Duration) {
        let next = || self.state.lock().waiting.pop_front_if(|(due, _)| *due <= now);
        while let Some((_, bio)) = next() {
            self.device.strategy(bio);
        }
    }
}

/// The delay of one request is over. Others may be due as well, or none, if a
/// suspension came before.
impl Work for Lane {
    fn run(self: Arc<Self>) {
        self.pass_on(self.env.now());
    }
}
