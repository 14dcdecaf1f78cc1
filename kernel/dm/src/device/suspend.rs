//! Suspending, resuming and ending a mapped device, all split-phase: the
//! caller gives a callback instead of waiting.
//!
//! Place: the other half of `device/mod.rs`, whose state it changes.
//!
//! A suspension goes like this: hold new requests; tell the targets to hold none back; wait
//! until nothing is in flight; flush every target; let every target end its background I/O;
//! call back. A resume swaps the tables if a new one is loaded (and suspends first if need
//! be), starts the targets, and passes on the held requests in order. An end is a suspension
//! without flush and without a way back.
//!
//! Rules:
//!
//! - A flush that failed in a suspension is told to the device's user too: the lost writes are
//!   the user's, not those of the person who suspended the device. Each FLUSH that was held
//!   fails, and so does the next one after these. FLUSHes that were held also fail if a target
//!   has to tell of a loss by itself; the target then fails the next one.
//! - What belongs to a person and no table says goes over when tables are exchanged
//!   ([`Target::take_over`]). An example: a leg that a person failed stays out.
//! - A callback runs in the caller's thread or in the one that completed
//!   the last request. It holds no lock and must not sleep.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufCmd, BufDone, ErrorKind, IoResult};

use super::{Admission, MappedDevice, Mode};
use crate::env::Severity;
use crate::error::DmError;
use crate::table::Table;
use crate::target::Target;

/// Hears of the end of a suspend, resume or remove.
pub type Done = Box<dyn FnOnce(Result<(), DmError>) + Send>;

/// How to suspend a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspend {
    /// Make durable what was written so far.
    Flush,
    /// Do not; for devices whose flush may fail or hang.
    NoFlush,
}

impl MappedDevice {
    /// Suspends the device. `done` is called when nothing is in flight. A device that is
    /// already suspended is flushed if `how` says so. That makes up for a flush that was left
    /// out or failed.
    ///
    /// Errors: [`DmError::Flush`], although the device is suspended; [`DmError::Changing`] and
    /// [`DmError::Removed`].
    pub fn suspend(self: &Arc<Self>, how: Suspend, done: Done) {
        let begun = {
            let mut state = self.state.lock();
            match state.mode {
                Mode::Suspended if how == Suspend::NoFlush || state.active.is_none() => Ok(None),
                Mode::Running | Mode::Suspended => {
                    state.mode = Mode::Suspending;
                    Ok(state.active.clone())
                }
                Mode::Suspending | Mode::Resuming => Err(DmError::Changing),
                Mode::Removed => Err(DmError::Removed),
            }
        };
        match begun {
            Ok(Some(table)) => Quiesce::new(self, table, how, done).start(),
            Ok(None) => done(Ok(())),
            Err(error) => done(Err(error)),
        }
    }

    /// Makes the loaded table, if there is one, the active one, and lets the device run. A
    /// running device is suspended with a flush first. If that flush fails, the device stays
    /// suspended, and another resume swaps the tables all the same.
    ///
    /// Errors: as [`suspend`](Self::suspend), and [`DmError::NoTable`].
    pub fn resume(self: &Arc<Self>, done: Done) {
        let swap = {
            let state = self.state.lock();
            state.mode == Mode::Running && state.inactive.is_some()
        };
        if !swap {
            return done(self.activate());
        }
        let device = self.clone();
        let then = move |result: Result<(), DmError>| done(result.and_then(|()| device.activate()));
        self.suspend(Suspend::Flush, Box::new(then));
    }

    /// Suspended to running, with the loaded table if there is one.
    fn activate(&self) -> Result<(), DmError> {
        let (loaded, more) = self.more_resets();
        let (table, old) = {
            let mut state = self.state.lock();
            match state.mode {
                Mode::Running => return Ok(()),
                Mode::Suspended => {}
                Mode::Suspending | Mode::Resuming => return Err(DmError::Changing),
                Mode::Removed => return Err(DmError::Removed),
            }
            if state.inactive.as_ref().map(Arc::as_ptr) != loaded.as_ref().map(Arc::as_ptr) {
                return Err(DmError::Changing);
            }
            let new = state.inactive.take();
            state.resets = state.resets.wrapping_add(more);
            let old = if new.is_some() { mem::replace(&mut state.active, new) } else { None };
            let table = state.active.clone().ok_or(DmError::NoTable)?;
            state.mode = Mode::Resuming;
            (table, old)
        };
        if let Some(old) = old {
            let before: Vec<Arc<dyn Target>> =
                old.entries().iter().map(|entry| entry.target.clone()).collect();
            table.entries().iter().for_each(|entry| entry.target.take_over(&before));
            if before.iter().any(|target| target.owes_failure()) {
                self.state.lock().flush_failed(ErrorKind::Media);
            }
        }
        for bio in self.held_flushes_that_say_too_little(&table) {
            bio.fail(ErrorKind::Media);
        }
        for entry in table.entries() {
            entry.target.resume();
        }
        drop(table);
        while let Some(held) = self.next_held() {
            self.go_on(held);
        }
        self.events.note(Severity::Info, format_args!("resumed"));
        Ok(())
    }

    /// Takes out the held FLUSHes if a target has to tell of a loss. Such a FLUSH came while
    /// other requests were in flight. The target would take it for a FLUSH that came after
    /// everything it acknowledged.
    fn held_flushes_that_say_too_little(&self, table: &Table) -> VecDeque<Bio> {
        if !table.entries().iter().any(|entry| entry.target.owes_failure()) {
            return VecDeque::new();
        }
        let mut state = self.state.lock();
        let held = mem::take(&mut state.held);
        let (flushes, others) = held.into_iter().partition(|bio| bio.cmd() == BufCmd::Flush);
        state.held = others;
        flushes
    }

    /// The loaded table, and how many resets the active one, if there is one, counts more.
    /// Called without the lock, since the devices below take theirs.
    fn more_resets(&self) -> (Option<Arc<Table>>, u64) {
        let (active, loaded) = {
            let state = self.state.lock();
            (state.active.clone(), state.inactive.clone())
        };
        let more = match (&active, &loaded) {
            (Some(active), Some(loaded)) => active.resets().wrapping_sub(loaded.resets()),
            _ => 0,
        };
        (loaded, more)
    }

    /// The next held request. If there is none, the device runs from now on.
    fn next_held(&self) -> Option<Admission> {
        let mut state = self.state.lock();
        let Some(bio) = state.held.pop_front() else {
            state.mode = Mode::Running;
            return None;
        };
        Some(state.pass(bio, true))
    }

    /// Ends the device, unless it is between suspended and running: from now
    /// on requests fail. The rest is for [`End::run`], when no lock is held.
    pub(crate) fn end(self: &Arc<Self>) -> Result<End, DmError> {
        let mut state = self.state.lock();
        let running = match state.mode {
            Mode::Running => state.active.clone(),
            Mode::Suspended => None,
            Mode::Suspending | Mode::Resuming => return Err(DmError::Changing),
            Mode::Removed => return Err(DmError::Removed),
        };
        state.mode = Mode::Removed;
        let (held, inactive) = (mem::take(&mut state.held), state.inactive.take());
        Ok(End { device: self.clone(), held, inactive, running })
    }

    /// Nothing is in flight and all targets are quiet. `flushed` is the result of the
    /// suspension's flush.
    fn quiesced(&self, flushed: IoResult) {
        let ended = {
            let mut state = self.state.lock();
            // A target tells of a loss once, and it told this flush: the user's FLUSH must fail
            // too.
            if let Err(error) = flushed {
                state.flush_failed(error.kind);
            }
            if state.mode != Mode::Removed {
                state.mode = Mode::Suspended;
                drop(state);
                return self.events.note(Severity::Info, format_args!("suspended"));
            }
            state.active.take()
        };
        drop(ended);
        self.events.note(Severity::Info, format_args!("removed"));
        self.events.raise();
    }
}

/// What is left to do for a device that takes no more requests.
#[must_use]
pub(crate) struct End {
    device: Arc<MappedDevice>,
    held: VecDeque<Bio>,
    inactive: Option<Arc<Table>>,
    /// The active table, if its targets are still at work.
    running: Option<Arc<Table>>,
}

impl End {
    /// Fails the held requests, ends the targets and drops the tables.
    pub(crate) fn run(self, done: Done) {
        drop(self.inactive);
        for bio in self.held {
            bio.fail(ErrorKind::Gone);
        }
        match self.running {
            Some(table) => Quiesce::new(&self.device, table, Suspend::NoFlush, done).start(),
            None => {
                self.device.quiesced(Ok(()));
                done(Ok(()));
            }
        }
    }
}

/// A suspension on its way; each step hands it to the next.
struct Quiesce {
    device: Arc<MappedDevice>,
    table: Arc<Table>,
    how: Suspend,
    flushed: IoResult,
    done: Done,
}

impl Quiesce {
    fn new(device: &Arc<MappedDevice>, table: Arc<Table>, how: Suspend, done: Done) -> Quiesce {
        Quiesce { device: device.clone(), table, how, flushed: Ok(()), done }
    }

    /// Waits until nothing is in flight.
    fn start(self) {
        for entry in self.table.entries() {
            entry.target.presuspend();
        }
        let device = self.device.clone();
        let mut state = device.state.lock();
        if state.is_idle() {
            drop(state);
            self.flush();
        } else {
            state.idle = Some(Box::new(|| self.flush()));
        }
    }

    fn flush(self) {
        if self.how == Suspend::NoFlush {
            return self.end_background();
        }
        let table = self.table.clone();
        let step = Step::new(self, Quiesce::end_background);
        table.flush(step.clone());
        drop(table);
        drop(step);
    }

    /// Lets every target end its background I/O.
    fn end_background(self) {
        let table = self.table.clone();
        let step = Step::new(self, Quiesce::finish);
        for entry in table.entries() {
            let token = step.clone();
            entry.target.suspend(Box::new(move || drop(token)));
        }
        drop(table);
        drop(step);
    }

    fn finish(self) {
        let serve = self.table.entries().iter().any(|entry| entry.target.serves());
        drop(self.table);
        self.device.quiesced(if serve { self.flushed } else { Ok(()) });
        (self.done)(self.flushed.map_err(DmError::Flush));
    }
}

/// A step of a suspension that takes a while. Each party that the step waits for holds a
/// reference. So does the thread that began the step, while it uses the table. Dropping the
/// last reference takes the next step.
struct Step {
    quiesce: Lock<Option<Quiesce>>,
    next: fn(Quiesce),
}

impl Step {
    fn new(quiesce: Quiesce, next: fn(Quiesce)) -> Arc<Step> {
        Arc::new(Step { quiesce: Lock::new(Rank::ORIGINATOR, Some(quiesce)), next })
    }
}

/// The flush has ended.
impl BufDone for Step {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, result: IoResult) {
        let mut quiesce = self.quiesce.lock();
        let quiesce = quiesce.as_mut().expect("a step waits for its flush");
        quiesce.flushed = result;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        (self.next)(self.quiesce.get_mut().take().expect("a step is taken once"));
    }
}
