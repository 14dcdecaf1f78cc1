//! What the scheduler knows about a thread, and the names of things.
//!
//! Place: leaf types of [`Sched`](crate::Sched) and of the console's listing.

use core::fmt;
use core::time::Duration;

use arrayvec::ArrayString;

use crate::TIME_SLICE;

/// A thread: its slot in the table. The slot is used again after the thread was reaped.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Tid(pub(crate) u8);

impl Tid {
    /// The slot, below [`THREADS_MAX`](crate::THREADS_MAX).
    pub const fn slot(self) -> usize {
        self.0 as usize
    }
}

/// A CPU: its index, below the number given to [`Sched::new`](crate::Sched::new).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CpuId(pub u8);

/// Which thread goes first. A thread runs only while no thread of a higher priority wants to
/// run. Threads of equal priority take turns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Priority {
    /// Runs when there is nothing to do: each CPU's idle thread, and no other.
    Idle,
    /// Ordinary threads: the console, resync workers, tests.
    Kernel,
    /// Callouts: they may wait for an interrupt thread, not for ordinary work.
    SoftInterrupt,
    /// Interrupt threads: device service and completions.
    Interrupt,
}

impl Priority {
    /// How many there are.
    pub(crate) const COUNT: usize = Priority::Interrupt as usize + 1;
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Priority::Idle => "idle",
            Priority::Kernel => "kernel",
            Priority::SoftInterrupt => "softint",
            Priority::Interrupt => "intr",
        })
    }
}

/// What a thread is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// On a CPU.
    Running(CpuId),
    /// Waiting for a CPU.
    Runnable,
    /// Waiting for a wake-up or a deadline.
    Sleeping,
    /// Ended; its slot and its stack wait to be reaped.
    Dead,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            State::Running(_) => "run",
            State::Runnable => "ready",
            State::Sleeping => "sleep",
            State::Dead => "dead",
        })
    }
}

/// What threads sleep on: any number that only its owner uses, such as the address of the
/// object that is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Chan {
    /// The identity, by which wake-ups find it.
    pub id: usize,
    /// For the listing.
    pub name: &'static str,
}

/// A thread's name, for people. A long name is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name(ArrayString<{ Name::LEN_MAX }>);

impl Name {
    /// The longest name, in bytes.
    pub const LEN_MAX: usize = 16;

    /// `name`, cut to [`Name::LEN_MAX`] at a character boundary.
    pub fn new(name: &str) -> Name {
        let end = (0..=name.len().min(Name::LEN_MAX)).rev().find(|&at| name.is_char_boundary(at));
        let mut short = ArrayString::new();
        short.push_str(&name[..end.unwrap_or(0)]);
        Name(short)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The error: there are [`THREADS_MAX`](crate::THREADS_MAX) threads already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TableFull;

impl fmt::Display for TableFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all {} thread slots are in use", crate::THREADS_MAX)
    }
}

/// One line of the console's `threads`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ThreadInfo {
    /// Its slot.
    pub tid: Tid,
    /// Its name.
    pub name: Name,
    /// Its priority.
    pub priority: Priority,
    /// What it is doing.
    pub state: State,
    /// The channel it sleeps on, or is about to.
    pub wait: Option<&'static str>,
    /// CPU time used, up to the last tick or switch.
    pub cpu_time: Duration,
    /// How many times it was given a CPU.
    pub switches: u64,
}

/// A thread's record in the table.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) name: Name,
    pub(crate) priority: Priority,
    pub(crate) state: State,
    /// How its last sleep ended.
    pub(crate) wakeup: crate::Wakeup,
    /// The rest of its turn.
    pub(crate) slice: Duration,
    pub(crate) cpu_time: Duration,
    pub(crate) switches: u64,
}

impl Thread {
    pub(crate) fn new(name: Name, priority: Priority, state: State) -> Thread {
        Thread {
            name,
            priority,
            state,
            wakeup: crate::Wakeup::Woken,
            slice: TIME_SLICE,
            cpu_time: Duration::ZERO,
            switches: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(Name::new("softclock").as_str(), "softclock");
        assert_eq!(Name::new("0123456789abcdefgh").as_str(), "0123456789abcdef");
        assert_eq!(Name::new("0123456789abcdeß").as_str(), "0123456789abcde");
    }
}
