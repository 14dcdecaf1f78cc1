//! What a target is: the part of a mapped device that one table entry describes.
//!
//! Place: the contract between the device mapper and the targets, its own
//! (those in `targets/`) and others' (the mirror).
//!
//! Rules for a target:
//!
//! - It sees only requests that lie within its entry, are not empty, and are aligned to its
//!   [`limits`](Target::limits). It sees no write if it takes none. Extents count from the
//!   entry's start.
//! - It pushes at most one frame on a request
//!   ([`FRAMES_PER_TARGET`](crate::FRAMES_PER_TARGET)). If a request concerns more than one of
//!   its devices, it makes children, by [`bio::split`]: the table cuts requests only at the
//!   borders of entries.
//! - It completes every request exactly once. The table, and so the target, lives until then.
//!   The target's own work (a resync copy, a timer) keeps what it uses alive by an `Arc`.
//! - Its devices are open as long as it lives, and no longer. The target itself keeps the
//!   [`DeviceRef`]s. State that it shares with its work and its requests keeps
//!   [`DeviceHandle`](crate::DeviceHandle)s.
//! - All methods except `strategy` are for control: they may allocate. None
//!   may block.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::fmt;

use bio::{Bio, Limits, Sectors};

use crate::args::{ArgError, Args};
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::part::Part;

/// A kind of target, as registered under the name that tables use.
pub trait TargetType: Send + Sync {
    /// The third word of a table entry.
    fn name(&self) -> &'static str;

    /// The words that follow the name, as `dmsetup targets` shows them; in lines of up to 60
    /// characters. What is in `<>` is to be filled in (`<... device>` with a name, `<#...>` with
    /// the number of what follows), what is in `[]` may be left out, and `...` may be repeated.
    /// From the first line with a colon on, words are explained. Tests make tables of it.
    fn usage(&self) -> &'static str {
        ""
    }

    /// Its version: major (grammar or meaning changed), minor (grew), patch.
    fn version(&self) -> (u16, u16, u16);

    /// Makes a target from the words that follow the name.
    ///
    /// Changes nothing on any device and issues no request: that begins with
    /// [`Target::resume`]. Words left over are refused by the caller.
    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError>;
}

/// One entry's part of a mapped device.
pub trait Target: Any + Send + Sync {
    /// Takes over a request, as [`BlockDevice::strategy`](bio::BlockDevice::strategy)
    /// does; its extent counts from the target's start.
    ///
    /// To push a frame the target needs an `Arc` of what completes it: keep one
    /// in `self`.
    fn strategy(&self, bio: Bio);

    /// Its state, as `dmsetup status` shows it after the target's name; may be empty.
    fn status(&self) -> String;

    /// Its arguments in canonical form: given to [`TargetType::create`] again
    /// they make the same target.
    fn table(&self) -> String;

    /// Does what a person asks for (`dmsetup message`). Returns the answer,
    /// which may be empty.
    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        let _ = words;
        Err(MessageError::NotUnderstood)
    }

    /// The devices it uses, each once, in the order of its arguments.
    fn devices(&self) -> Vec<DeviceRef>;

    /// The parts of its devices that it uses for an entry of `length` sectors. It issues no
    /// request outside them. By default, all of every device.
    fn parts(&self, length: Sectors) -> Vec<Part> {
        let _ = length;
        self.devices().iter().map(|device| Part::whole(device)).collect()
    }

    /// Whether its next FLUSH has to fail, because an acknowledged write is lost. The device
    /// asks a target whose table was replaced, after [`take_over`](Target::take_over), and then
    /// tells the user in its place. It asks the present targets at each resume, and then also
    /// fails the FLUSHes that it held.
    fn owes_failure(&self) -> bool {
        false
    }

    /// The devices to which the target passes a FLUSH on, each once, if it does nothing else
    /// with a FLUSH. A table then flushes a device only once, however many of its entries lie
    /// on it. `None` for a target that does more with a FLUSH, or less.
    fn passes_flush_to(&self) -> Option<Vec<DeviceRef>> {
        None
    }

    /// Passes a FLUSH on to the `nth` of [these](Target::passes_flush_to) alone.
    fn flush_only(&self, bio: Bio, nth: usize) {
        let _ = nth;
        self.strategy(bio);
    }

    /// Whether it serves requests now. If not, it fails them, and its status says why. Such a
    /// failure does not mean that data are lost.
    fn serves(&self) -> bool {
        true
    }

    /// What it can do; constant. [`stack`](crate::stack) helps.
    fn limits(&self) -> Limits;

    /// This target's table replaces another one, whose targets are `before`. Those are
    /// suspended and get no more requests. This target takes over what a person was promised
    /// there and no table says. Called once, before the first [`resume`](Target::resume);
    /// nothing may be issued yet.
    fn take_over(&self, before: &[Arc<dyn Target>]) {
        let _ = before;
    }

    /// The device is about to be suspended, and will wait for all requests. So the target
    /// passes on the requests that it holds back, and holds none back until
    /// [`resume`](Target::resume).
    fn presuspend(&self) {}

    /// Stops all background I/O and calls `done` when it has ended; `done` may
    /// run inside this call and must not be lost.
    ///
    /// Called when no request that the device passed down is in flight. Until `done` is called,
    /// the target gets no request, and is not suspended again, resumed or dropped. After that
    /// it is resumed; or it gets a flush and then another `suspend`; or it is dropped, perhaps
    /// within `done`. A target that was not suspended can be dropped at any time, together with
    /// its device.
    fn suspend(&self, done: Box<dyn FnOnce() + Send>) {
        done();
    }

    /// Starts, or starts again after [`suspend`](Target::suspend); the first
    /// request comes after this. Background I/O may begin.
    fn resume(&self) {}
}

/// Why a target did not do what a message asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// The target knows no such message.
    NotUnderstood,
    /// It does, but refuses: why, and what to do.
    Refused(String),
}

impl fmt::Display for MessageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MessageError::NotUnderstood => f.write_str("the target knows no such message"),
            MessageError::Refused(why) => f.write_str(why),
        }
    }
}

impl core::error::Error for MessageError {}
