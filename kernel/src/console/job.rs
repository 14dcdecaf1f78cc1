//! A command at work: requests in flight, their memory, progress, Ctrl-C.
//!
//! Place: made by each command that issues requests; `stream` keeps its queue full.
//!
//! Rules:
//!
//! - All requests of a command go through its job, and `Job::finish` waits for those still in
//!   flight: no request of a command is in flight after its prompt. A `Load` waits for its own
//!   requests before it returns to the job.
//! - Ctrl-C keeps a job from issuing more requests. Pressed again, it ends the wait for those
//!   in flight. That is safe, since a request owns its memory, and may end with nobody waiting.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use bio::{Bio, Buf, IoResult, Sectors};
use bytes::BytesMut;
use dm::DeviceHandle;
use shell::format::{Amount, Elapsed, Progress, rate};

use super::screen::{Pace, Screen};
use super::session::room;
use super::{Failure, Input, plural};
use crate::arch::clock;
use crate::kprintln;
use crate::task::{Completion, MaySleep, sleep, with_reserve};

/// How often a wait looks for Ctrl-C.
pub const LOOK_FOR_CTRL_C: Duration = Duration::from_millis(50);

/// How often a condition is looked at that nothing announces.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// How long a stopped job waits for requests in flight before it says so.
const PATIENCE: Duration = Duration::from_secs(1);

/// The end of a request.
type Ended = Completion<(Buf, IoResult)>;

/// A request of a job, to be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What Ctrl-C has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// Nothing.
    No,
    /// To stop, at that time.
    Asked(Duration),
    /// To stop; the job has said that this takes a while.
    Told,
    /// To leave the requests in flight to themselves.
    Leave,
}

/// A command at work.
pub struct Job<'s> {
    may_sleep: &'s MaySleep,
    input: &'s mut Input,
    screen: Screen,
    total: Sectors,
    done: Sectors,
    started: Duration,
    pace: Pace,
    stop: Stop,
    in_flight: BTreeMap<Ticket, Arc<Ended>>,
    issued: u64,
    spare: Vec<BytesMut>,
}

impl<'s> Job<'s> {
    /// A job that is to move `total` sectors. If that is 0, it shows no progress.
    pub fn new(
        may_sleep: &'s MaySleep,
        input: &'s mut Input,
        screen: Screen,
        total: Sectors,
    ) -> Job<'s> {
        Job {
            may_sleep,
            input,
            screen,
            total,
            done: Sectors::ZERO,
            started: now(),
            pace: Pace::default(),
            stop: Stop::No,
            in_flight: BTreeMap::new(),
            issued: 0,
            spare: Vec::new(),
        }
    }

    /// Issues a request.
    pub fn issue(&mut self, device: &DeviceHandle, buf: Buf) -> Ticket {
        let ticket = Ticket(self.issued);
        self.issued += 1;
        let ended = Arc::new(Completion::new("biowait"));
        self.in_flight.insert(ticket, ended.clone());
        with_reserve(|| device.strategy(Bio::new(buf, ended, 0)));
        ticket
    }

    /// Waits for the end of a request. Fails only if Ctrl-C was pressed twice.
    pub fn wait(&mut self, ticket: Ticket) -> Result<(Buf, IoResult), Failure> {
        let ended = self.in_flight.get(&ticket).expect("a ticket is waited for once").clone();
        let end = self.wait_for(|may_sleep| ended.wait_timeout(may_sleep, LOOK_FOR_CTRL_C).ok())?;
        self.in_flight.remove(&ticket);
        Ok(end)
    }

    /// Waits until `look` has an answer. `look` sleeps for [`LOOK_FOR_CTRL_C`] at most. Fails
    /// only if Ctrl-C was pressed twice.
    pub fn wait_for<T>(
        &mut self,
        mut look: impl FnMut(&MaySleep) -> Option<T>,
    ) -> Result<T, Failure> {
        loop {
            if let Some(answer) = look(self.may_sleep) {
                return Ok(answer);
            }
            self.look_for_ctrl_c();
            match self.stop {
                Stop::Leave => return Err(stopped()),
                Stop::Asked(since) if now() - since >= PATIENCE => {
                    self.stop = Stop::Told;
                    self.say(format_args!("waiting for what is in flight; Ctrl-C again leaves it"));
                }
                Stop::No | Stop::Asked(_) | Stop::Told => {}
            }
        }
    }

    /// Fails if Ctrl-C was pressed: then the job issues no more requests.
    pub fn go_on(&mut self) -> Result<(), Failure> {
        self.look_for_ctrl_c();
        if self.stop == Stop::No { Ok(()) } else { Err(stopped()) }
    }

    /// Lets a moment pass before the caller looks again. Fails as [`Job::go_on`] does.
    pub fn pause(&mut self) -> Result<(), Failure> {
        self.go_on()?;
        sleep(self.may_sleep, LOOK_AGAIN);
        Ok(())
    }

    fn look_for_ctrl_c(&mut self) {
        if self.input.interrupted() {
            self.stop = match self.stop {
                Stop::No => Stop::Asked(now()),
                Stop::Asked(_) | Stop::Told | Stop::Leave => Stop::Leave,
            };
        }
    }

    /// Memory of this length, with any contents. Fails if only the reserve has room.
    pub fn memory(&mut self, length: Sectors) -> Result<BytesMut, Failure> {
        let bytes = length.bytes();
        let mut memory = self.spare.pop().unwrap_or_default();
        if memory.capacity() < bytes {
            room(bytes)?;
        }
        memory.resize(bytes, 0);
        Ok(memory)
    }

    /// Takes memory back, to be used again.
    pub fn recycle(&mut self, memory: BytesMut) {
        self.spare.push(memory);
    }

    /// Counts `count` more as done. Shows the progress now and then.
    pub fn advance(&mut self, count: Sectors) {
        self.done = self.done + count;
        self.pace.show(self.screen, &self.progress());
    }

    /// Prints a line, in place of the progress.
    pub fn say(&mut self, line: fmt::Arguments<'_>) {
        self.pace.clear(self.screen);
        kprintln!("{line}");
    }

    fn progress(&self) -> Progress {
        Progress {
            done: self.done.bytes() as u64,
            total: self.total.bytes() as u64,
            elapsed: now() - self.started,
        }
    }

    /// Ends the job: waits for the requests in flight. If the job failed, adds to `outcome` how
    /// far it came.
    pub fn finish(mut self, outcome: Result<(), Failure>) -> Result<Summary, Failure> {
        let left = self.drain();
        self.pace.clear(self.screen);
        let Progress { done, total, elapsed } = self.progress();
        let mut failure = match outcome {
            Ok(()) => return Ok(Summary { done, elapsed }),
            Err(failure) => failure,
        };
        if total > 0 {
            failure.add(&format!("until then: {} of {}", Amount(done), Amount(total)));
        }
        if left > 0 {
            failure.add(&format!("left in flight: {}", plural(left as u64, "request")));
        }
        Err(failure)
    }

    /// Waits for all requests in flight; returns how many Ctrl-C left in flight.
    fn drain(&mut self) -> usize {
        while let Some((&ticket, _)) = self.in_flight.first_key_value() {
            if self.wait(ticket).is_err() {
                // Drops the requests that have ended and only wait to be taken.
                let end = |ended: &Ended| ended.wait_timeout(self.may_sleep, Duration::ZERO);
                self.in_flight.retain(|_, ended| end(ended).is_err());
                break;
            }
        }
        self.in_flight.len()
    }
}

/// What a job did: `64 MiB in 1.2 s, 53.3 MiB/s`.
#[derive(Clone, Copy, Debug)]
pub struct Summary {
    /// Bytes done.
    done: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", Amount(self.done), Elapsed(self.elapsed))?;
        rate(self.done, self.elapsed).map_or(Ok(()), |rate| write!(f, ", {rate}/s"))
    }
}

fn stopped() -> Failure {
    Failure::new("stopped by Ctrl-C".into())
}

fn now() -> Duration {
    Duration::from_nanos(clock::now())
}
