//! A record of the trace, and its text: layer, who, what.

use alloc::string::ToString;
use core::fmt;

use bio::{BufCmd, Extent};
use dm_mirror::trace::{cmd_word, error_word};
use drivers::virtio::blk::Moment;

use super::device_name;
use crate::arch::interrupts;
use crate::task;

/// Where records come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Mapped devices.
    Dm,
    /// Mirrors: events, actions, states.
    Mirror,
    /// Drivers of disks.
    Disk,
    /// Interrupts.
    Interrupt,
    /// Switches between threads.
    Thread,
}

/// All layers.
pub const LAYERS_ALL: u8 = 0b11111;

impl Layer {
    /// All of them.
    pub const ALL: [Layer; 5] =
        [Layer::Dm, Layer::Mirror, Layer::Disk, Layer::Interrupt, Layer::Thread];

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Layer::Dm => "dm",
            Layer::Mirror => "mirror",
            Layer::Disk => "disk",
            Layer::Interrupt => "interrupt",
            Layer::Thread => "thread",
        }
    }

    /// Its bit in a set of layers.
    pub fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Record {
    /// At the mapped device of this number.
    Dm(u8, dm::Moment),
    /// In the mirror of this number.
    Mirror(u8, dm_mirror::trace::Record),
    /// In the driver of the disk of this number.
    Disk(u8, Moment),
    /// An interrupt came by this vector.
    Interrupt(u8),
    /// The CPU went to the thread in this slot.
    Switch(u8),
}

impl Record {
    /// Where it comes from.
    pub fn layer(&self) -> Layer {
        match self {
            Record::Dm(..) => Layer::Dm,
            Record::Mirror(..) => Layer::Mirror,
            Record::Disk(..) => Layer::Disk,
            Record::Interrupt(_) => Layer::Interrupt,
            Record::Switch(_) => Layer::Thread,
        }
    }

    /// The names of the vector's source or of the thread, as far as they are known now. Not for
    /// a kernel that goes down: this takes locks.
    pub fn named(&self) -> Option<alloc::string::String> {
        match *self {
            Record::Dm(..) | Record::Mirror(..) | Record::Disk(..) => None,
            Record::Interrupt(vector) => {
                let usage = interrupts::usage();
                let (owner, which) = usage.iter().find(|it| it.vector == vector)?.owner;
                Some(alloc::format!("{owner}-{which}"))
            }
            Record::Switch(slot) => {
                let threads = task::threads();
                let thread = threads.iter().find(|it| it.tid.slot() == usize::from(slot))?;
                Some(thread.name.to_string().replace(' ', "-"))
            }
        }
    }
}

/// What a request asks.
fn asks(f: &mut fmt::Formatter<'_>, word: &str, cmd: BufCmd, extent: Extent) -> fmt::Result {
    let (at, count) = (extent.start(), extent.count());
    write!(f, "{word} cmd={} at={at} count={count}", cmd_word(cmd))
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.layer().word())?;
        match *self {
            Record::Mirror(number, record) => write!(f, "{} {record}", device_name(number)),
            Record::Dm(number, moment) => {
                write!(f, "{} ", device_name(number))?;
                match moment {
                    dm::Moment::Taken(cmd, extent) => asks(f, "taken", cmd, extent),
                    dm::Moment::Ended(cmd, extent, result) => {
                        asks(f, "ended", cmd, extent)?;
                        write!(f, " result={}", error_word(result.err()))
                    }
                }
            }
            Record::Disk(number, moment) => {
                write!(f, "vbd{number} ")?;
                match moment {
                    Moment::Submitted(cmd, extent) => asks(f, "submitted", cmd, extent),
                    Moment::Completed(cmd, extent, result) => {
                        asks(f, "completed", cmd, extent)?;
                        write!(f, " result={}", error_word(result.err()))
                    }
                }
            }
            Record::Interrupt(vector) => write!(f, "cpu interrupt vector={vector:#x}"),
            Record::Switch(slot) => write!(f, "cpu switch to={slot}"),
        }
    }
}
