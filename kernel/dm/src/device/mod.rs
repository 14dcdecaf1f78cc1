//! A mapped device: the way of a request, and what a person may ask.
//!
//! Place: a [`BlockDevice`] like any other, so mapped devices stack. The
//! [registry](crate::Dm) makes, loads, renames and removes it; `suspend.rs`
//! stops and starts it.
//!
//! Rules:
//!
//! - Every request in flight is counted, from `strategy` to the return of its
//!   completion; so is every call of `strategy`. Suspending waits for both.
//! - While the device is not running, requests are held in order of arrival.
//! - Its lock is never held across a call into a target or a completion.

pub(crate) mod suspend;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use bio::sync::{self, Lock, Rank};
use bio::{Bio, BlockDevice, BufCmd, ErrorKind, Limits, Sector, Sectors};

use crate::devices::{DeviceHandle, Mapped};
use crate::entry::Entry;
use crate::env::{Moment, Probe};
use crate::error::{DmError, TableError};
use crate::events::Events;
use crate::line::{self, Line};
use crate::part::Part;
use crate::table::{Counts, Table};
use crate::target::{MessageError, Target};

/// A device made of targets.
pub struct MappedDevice {
    state: Lock<State>,
    events: Arc<Events>,
    /// Is told of requests.
    probe: Option<Probe>,
}

/// Everything about a device that changes.
struct State {
    mode: Mode,
    /// Serves the requests; `None` until the first resume.
    active: Option<Arc<Table>>,
    /// Loaded; the next resume makes it the active one.
    inactive: Option<Arc<Table>>,
    /// Requests passed to the active table that have not completed.
    in_flight: usize,
    /// Calls into the active table that have not returned.
    calls: usize,
    /// Requests that wait for a resume.
    held: VecDeque<Bio>,
    /// Is added to the active table's count of [`resets`](BlockDevice::resets), so that a new
    /// table continues the count of the old one.
    resets: u64,
    /// A flush that failed in a suspension, until a FLUSH has told the user.
    untold: Option<Untold>,
    /// To be called when nothing is in flight.
    idle: Option<Box<dyn FnOnce() + Send>>,
}

/// A flush that failed in a suspension.
struct Untold {
    kind: ErrorKind,
    /// How many of the requests that were held when it failed still wait. A FLUSH among them
    /// may have come before the acknowledgement of a write that is now lost. So it fails too,
    /// and does not count as the one that told the user.
    held: usize,
}

/// What a mapped device does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Passes them on.
    Running,
    /// Holds new ones, and waits for those in flight.
    Suspending,
    /// Holds them; nothing is in flight.
    Suspended,
    /// Passes on the held ones, behind which new ones queue.
    Resuming,
    /// Fails them with [`ErrorKind::Gone`].
    Removed,
}

/// Which of a device's tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The one that serves the requests.
    Active,
    /// The one that the next resume makes active.
    Inactive,
}

/// A mapped device at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// What it does with requests.
    pub mode: Mode,
    /// Whether it has an active table.
    pub active: bool,
    /// Whether it has an inactive table.
    pub inactive: bool,
    /// Requests that its targets have.
    pub in_flight: usize,
    /// Requests that wait for a resume.
    pub held: usize,
    /// Its event counter.
    pub events: u64,
}

impl MappedDevice {
    /// A device without a table, suspended.
    pub(crate) fn new(events: Events, probe: Option<Probe>) -> Arc<MappedDevice> {
        let state = State {
            mode: Mode::Suspended,
            active: None,
            inactive: None,
            in_flight: 0,
            calls: 0,
            held: VecDeque::new(),
            resets: 0,
            untold: None,
            idle: None,
        };
        let events = Arc::new(events);
        Arc::new(MappedDevice { state: Lock::new(Rank::DM_DEVICE, state), events, probe })
    }

    /// Passes a request to `table`, which was counted by [`State::enter`].
    fn pass(&self, table: Arc<Table>, bio: Bio) {
        table.strategy(bio);
        drop(table);
        self.leave(|state| &mut state.calls);
    }

    fn go_on(&self, admission: Admission) {
        match admission {
            Admission::Passed(bio, table) => self.pass(table, bio),
            Admission::Refused(bio, kind) => {
                if let Some(probe) = self.probe {
                    probe(
                        &|| self.events.device(),
                        Moment::Ended(bio.cmd(), bio.extent(), Err(kind)),
                    );
                }
                bio.fail(kind);
            }
            Admission::Held => {}
        }
    }

    fn leave(&self, count: impl FnOnce(&mut State) -> &mut usize) {
        let idle = {
            let mut state = self.state.lock();
            *count(&mut state) -= 1;
            if state.is_idle() { state.idle.take() } else { None }
        };
        if let Some(idle) = idle {
            idle();
        }
    }

    /// Puts `table` into the inactive slot; returns what was there, to be
    /// dropped when no lock is held.
    pub(crate) fn load(&self, table: Arc<Table>) -> Result<Option<Arc<Table>>, DmError> {
        let mut state = self.state.lock();
        if state.mode == Mode::Removed {
            return Err(DmError::Removed);
        }
        if let Some(active) = &state.active {
            check_blocks(active, &table)?;
        }
        Ok(state.inactive.replace(table))
    }

    /// Drops the inactive table.
    pub fn clear(&self) -> Result<(), DmError> {
        let table = self.state.lock().inactive.take();
        table.map(drop).ok_or(DmError::NoTable)
    }

    /// The device at a glance.
    pub fn info(&self) -> Info {
        let events = self.events.count();
        let state = self.state.lock();
        Info {
            mode: state.mode,
            active: state.active.is_some(),
            inactive: state.inactive.is_some(),
            in_flight: state.in_flight,
            held: state.held.len(),
            events,
        }
    }

    /// The event counter, to wait on.
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// A table's text: one entry a line, as [`Dm::load`](crate::Dm::load) takes it.
    pub fn table(&self, slot: Slot) -> Result<String, DmError> {
        Ok(line::text(&self.lines(slot)?))
    }

    /// The state of the active table's targets: `start length target status`,
    /// one a line.
    pub fn status(&self) -> Result<String, DmError> {
        Ok(line::text(&self.status_lines()?))
    }

    /// The lines of a table: of each target its arguments.
    pub fn lines(&self, slot: Slot) -> Result<Vec<Line>, DmError> {
        Ok(self.get(slot)?.lines(|target| target.table()))
    }

    /// The lines of the active table's status: of each target its state.
    pub fn status_lines(&self) -> Result<Vec<Line>, DmError> {
        Ok(self.get(Slot::Active)?.lines(|target| target.status()))
    }

    /// The names of the devices that a table's targets use, each once.
    pub fn deps(&self, slot: Slot) -> Result<Vec<Arc<str>>, DmError> {
        Ok(self.get(slot)?.below().iter().map(|(_, device)| device.name()).collect())
    }

    /// The parts of devices that a table's targets use.
    pub fn parts(&self, slot: Slot) -> Result<Vec<Part>, DmError> {
        Ok(self.get(slot)?.parts())
    }

    /// Sends a message to the target at `sector`, and returns its answer.
    pub fn message(&self, sector: Sector, words: &[&str]) -> Result<String, MessageError> {
        let refused = |why: String| MessageError::Refused(why);
        let table = self.get(Slot::Active).map_err(|error| refused(error.to_string()))?;
        let entry = table.find(sector).ok_or_else(|| {
            let capacity = table.capacity();
            refused(format!("the device ends at {capacity}; name a sector before that"))
        })?;
        entry.target.message(words)
    }

    /// Calls `look` with the active table's target at `sector`, if that is a `T`.
    pub fn look_at<T: Target, R>(&self, sector: Sector, look: impl FnOnce(&T) -> R) -> Option<R> {
        let table = self.get(Slot::Active).ok()?;
        let target: &dyn Any = &*table.find(sector)?.target;
        target.downcast_ref().map(look)
    }

    fn get(&self, slot: Slot) -> Result<Arc<Table>, DmError> {
        let state = self.state.lock();
        let table = match slot {
            Slot::Active => &state.active,
            Slot::Inactive => &state.inactive,
        };
        table.clone().ok_or(DmError::NoTable)
    }
}

impl Counts for MappedDevice {
    fn completed(&self) {
        self.leave(|state| &mut state.in_flight);
    }
}

impl Mapped for MappedDevice {
    /// The mapped devices that its tables, both of them, lie on.
    fn lower(&self) -> Vec<Arc<dyn Mapped>> {
        let state = self.state.lock();
        state.active.iter().chain(&state.inactive).flat_map(|table| table.lower()).collect()
    }

    /// The devices to which its active table passes a flush on, and those of its inactive
    /// table, as in [`FlushPlan::to`](crate::flush::FlushPlan::to).
    fn flushed(&self) -> [Vec<Option<DeviceHandle>>; 2] {
        let state = self.state.lock();
        [&state.active, &state.inactive].map(|table| {
            let flushed = table.iter().flat_map(|table| table.flush_plan().to());
            flushed.map(|(_, device)| device.clone()).collect()
        })
    }
}

/// A device's block never grows: the devices above rely on it.
fn check_blocks(active: &Table, new: &Table) -> Result<(), TableError> {
    let block = active.limits().block_size;
    for Entry { limits, place: (line, column), .. } in new.entries() {
        if limits.block_size > block {
            let reason = format!(
                "blocks of {} bytes in a device whose blocks have {block}; create a new device",
                limits.block_size
            );
            return Err(TableError { line: *line, column: *column, reason });
        }
    }
    Ok(())
}

impl State {
    /// Counts a request, and the call that passes it to the active table.
    fn enter(&mut self) -> Arc<Table> {
        self.in_flight += 1;
        self.calls += 1;
        self.active.clone().expect("a device that runs has a table")
    }

    /// Whether the targets have no request, and no call into them is under way.
    fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.calls == 0
    }

    /// A flush failed that the user did not issue: the user's next FLUSH has to fail.
    fn flush_failed(&mut self, kind: ErrorKind) {
        let kind = self.untold.as_ref().map_or(kind, |untold| untold.kind);
        self.untold = Some(Untold { kind, held: self.held.len() });
    }

    /// Passes on a request that was `held`, or has just come. A FLUSH that has to tell of a
    /// flush that failed in a suspension is not passed on: it fails.
    fn pass(&mut self, bio: Bio, held: bool) -> Admission {
        let Some(untold) = &mut self.untold else {
            return Admission::Passed(bio, self.enter());
        };
        let (kind, early) = (untold.kind, held && untold.held > 0);
        untold.held -= usize::from(early);
        if bio.cmd() != BufCmd::Flush {
            return Admission::Passed(bio, self.enter());
        }
        if !early {
            self.untold = None;
        }
        Admission::Refused(bio, kind)
    }

    /// What becomes of a new request.
    fn admit(&mut self, bio: Bio) -> Admission {
        match self.mode {
            Mode::Removed => Admission::Refused(bio, ErrorKind::Gone),
            _ if self.active.is_none() => Admission::Refused(bio, ErrorKind::Invalid),
            Mode::Running => self.pass(bio, false),
            Mode::Suspending | Mode::Suspended | Mode::Resuming => {
                self.held.push_back(bio);
                Admission::Held
            }
        }
    }
}

enum Admission {
    Passed(Bio, Arc<Table>),
    Refused(Bio, ErrorKind),
    Held,
}

impl BlockDevice for MappedDevice {
    /// The active table's length; nothing until there is one.
    fn capacity(&self) -> Sectors {
        self.state.lock().active.as_ref().map_or(Sectors::ZERO, |table| table.capacity())
    }

    /// The active table's limits. A later table may change them, but the block size does not
    /// grow.
    fn limits(&self) -> Limits {
        self.state.lock().active.as_ref().map_or(Limits::default(), |table| table.limits())
    }

    fn strategy(&self, bio: Bio) {
        sync::assert_unlocked("strategy");
        if let Some(probe) = self.probe {
            probe(&|| self.events.device(), Moment::Taken(bio.cmd(), bio.extent()));
        }
        let admission = self.state.lock().admit(bio);
        self.go_on(admission);
    }

    /// The sum over the active table's devices. A new table goes on counting where the old one
    /// stopped.
    fn resets(&self) -> u64 {
        let (table, before) = {
            let state = self.state.lock();
            (state.active.clone(), state.resets)
        };
        table.map_or(before, |table| before.wrapping_add(table.resets()))
    }
}
