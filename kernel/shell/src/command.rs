//! What can be asked for: one enum, checked as far as the words alone allow.
//!
//! Place: made by [`crate::parse()`], carried out by `kernel/src/console`.
//! Whether a device exists, is large enough or has larger sectors than
//! [`crate::size::SECTOR_BYTES`] is for the console to find out.

use crate::load::Load;
use crate::{Pattern, Size, Span};
use alloc::string::String;
use alloc::vec::Vec;

/// A command with its arguments. Device names (`dev`, `source`, ...) are those
/// of disks or of mapped devices; `name` is that of a mapped device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// List the commands, or explain those that `topic` names; it names some.
    Help {
        /// A command's name, or the first word of several, as `dmsetup`.
        topic: Option<String>,
    },
    /// Show what happened to devices.
    Events {
        /// To which; to all when absent.
        dev: Option<String>,
        /// Go on until Ctrl-C.
        follow: bool,
    },
    /// List the disks and the mapped devices with size and state.
    Disks,
    /// Something with mapped devices.
    Dmsetup(Dmsetup),
    /// Something with a mirror.
    Mirror(Mirror),
    /// Something with a slot that disks come and go by.
    Slot(Slot),
    /// Show a hex dump.
    Read {
        /// Device.
        dev: String,
        /// Where to start.
        offset: Size,
        /// How much; one sector of the device when absent. Never zero, and
        /// the end is a [`Size`] too.
        length: Option<Size>,
    },
    /// Write bytes and fill their last sector with zeroes.
    Write {
        /// Device.
        dev: String,
        /// Where to start.
        offset: Size,
        /// What to write; never empty, of any length in bytes.
        data: Vec<u8>,
    },
    /// Write a pattern.
    Fill {
        /// Device.
        dev: String,
        /// Where.
        span: Span,
        /// What.
        pattern: Pattern,
    },
    /// Read back what [`Command::Fill`] wrote and check it.
    Verify {
        /// Device.
        dev: String,
        /// Where.
        span: Span,
        /// What should be there.
        pattern: Pattern,
    },
    /// Tell where two devices differ.
    Compare {
        /// One device.
        left: String,
        /// The other device.
        right: String,
        /// Where, on both; all of them when absent.
        span: Option<Span>,
    },
    /// Copy from one device to another, with progress.
    Copy {
        /// Device to read.
        source: String,
        /// Device to write.
        target: String,
        /// Where to start reading.
        from: Size,
        /// Where to start writing.
        to: Size,
        /// How much; all that is left of the source when absent. Never zero,
        /// and both ends are a [`Size`] too.
        length: Option<Size>,
    },
    /// Make acknowledged writes durable.
    Flush {
        /// Device.
        dev: String,
    },
    /// Tell a device that a part of it is not needed.
    Discard {
        /// Device.
        dev: String,
        /// Which part.
        span: Span,
    },
    /// Write numbered sectors, read and flush by chance, and tell of each request.
    Torture {
        /// Device.
        dev: String,
        /// Where.
        span: Span,
        /// How many requests.
        count: u64,
        /// What chance begins with.
        seed: u64,
        /// The first request's number.
        first: u64,
    },
    /// Measure a device.
    Bench {
        /// Device.
        dev: String,
        /// What with.
        load: Load,
        /// As JSON.
        json: bool,
    },
    /// Something with the trace.
    Trace(Trace),
    /// List the threads.
    Threads,
    /// Show how memory is used.
    Memory,
    /// Count the interrupts by vector.
    Interrupts,
    /// Say how long the kernel has run.
    Uptime,
    /// Set which log messages are shown.
    Log {
        /// The least severe shown.
        level: log::LevelFilter,
    },
    /// Show states in colours, or not.
    Color {
        /// Whether to.
        on: bool,
    },
    /// Run lines made by chance.
    Fuzz {
        /// The only device that they may change.
        disk: String,
        /// How many lines.
        count: u64,
        /// What chance begins with.
        seed: u64,
    },
    /// Panic, to test the panic path.
    Panic,
    /// End the machine.
    Poweroff,
}

/// The `dmsetup` commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dmsetup {
    /// Make a device from a table, or without one.
    Create {
        /// Name of the new device.
        name: String,
        /// Table text as dmsetup takes it; may have several lines.
        table: Option<String>,
    },
    /// Give a device a table that its next resume makes the active one.
    Load {
        /// Which.
        name: String,
        /// Table text as dmsetup takes it; may have several lines.
        table: String,
    },
    /// Drop the table that was loaded.
    Clear {
        /// Which device's.
        name: String,
    },
    /// Remove a device.
    Remove {
        /// Which.
        name: String,
    },
    /// Remove all devices.
    RemoveAll,
    /// Give a device another name.
    Rename {
        /// Which.
        name: String,
        /// What it is to be called.
        new: String,
    },
    /// Replace a device's table by one that fails every request.
    WipeTable {
        /// Which device's.
        name: String,
    },
    /// Show the table of one device, or of all.
    Table {
        /// Which; all when absent.
        name: Option<String>,
        /// The one that was loaded, not the active one.
        inactive: bool,
        /// As JSON.
        json: bool,
    },
    /// Show the targets' state of one device, or of all.
    Status {
        /// Which; all when absent.
        name: Option<String>,
        /// As JSON.
        json: bool,
    },
    /// Show the state of one device, or of all.
    Info {
        /// Which; all when absent.
        name: Option<String>,
        /// As JSON.
        json: bool,
    },
    /// Show what one device, or each, lies on.
    Deps {
        /// Which; all when absent.
        name: Option<String>,
    },
    /// List the devices' names.
    List {
        /// With what they lie on.
        tree: bool,
        /// As JSON.
        json: bool,
    },
    /// Wait for an event of a device.
    Wait {
        /// Which.
        name: String,
        /// The event counter that was seen; what it is now when absent.
        seen: Option<u64>,
    },
    /// List the target types.
    Targets,
    /// Hold new requests and wait for those in flight.
    Suspend {
        /// Which.
        name: String,
        /// Also flush it.
        flush: bool,
    },
    /// Let requests go on.
    Resume {
        /// Which.
        name: String,
    },
    /// Say something to a target.
    Message {
        /// Which device.
        name: String,
        /// A sector (of 512 bytes) of the target meant.
        sector: u64,
        /// What to say; at least one word.
        words: Vec<String>,
    },
}

/// The `mirror` commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// Make disks the members of a new mirror that remembers.
    Label {
        /// Name of the mirror and of its mapped device.
        name: String,
        /// Its members; at least one.
        disks: Vec<String>,
        /// Also if the disks hold something.
        force: bool,
        /// The size of a region; never zero.
        region: Option<Size>,
    },
    /// Put together the mirrors whose members are there.
    Assemble {
        /// Where to look for members; all whole disks when empty.
        disks: Vec<String>,
    },
    /// Show the state of one mirror, or of all.
    Status {
        /// Which; all when absent.
        name: Option<String>,
        /// How long legs take, in place of the rest.
        latency: bool,
        /// For programs.
        json: bool,
    },
    /// Start a mirror from whatever disks are its members.
    Start {
        /// The name of the mirror, as its members have it.
        name: String,
    },
    /// Stop a mirror cleanly.
    Stop {
        /// Which mirror.
        name: String,
    },
    /// Fail a leg and forget it.
    Remove {
        /// Which mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
        /// Also if one leg alone is left then.
        force: bool,
    },
    /// Copy everything to a leg.
    Rebuild {
        /// Which mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
    },
    /// Choose which leg is read.
    Policy {
        /// Which mirror.
        name: String,
        /// The policy, as the mirror reads it.
        policy: String,
    },
    /// Read a leg only if no other can answer, or like any other.
    WriteMostly {
        /// Which mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
        /// Whether to.
        on: bool,
    },
    /// Say what disks are to mirrors.
    Examine {
        /// Which; all whole disks when empty.
        disks: Vec<String>,
    },
    /// Wait until a mirror has copied all it has to.
    Wait {
        /// Which mirror.
        name: String,
    },
    /// Fail a leg by hand.
    Fail {
        /// Which mirror.
        name: String,
        /// Number of the leg in the mirror's table, from 0.
        leg: usize,
    },
    /// Take a leg back that is out, or a disk as a leg.
    Add {
        /// Which mirror.
        name: String,
        /// Number of the leg, from 0; one beyond the last is a new one.
        leg: usize,
        /// The leg's new disk; the one it has when absent.
        disk: Option<String>,
        /// Also if the disk holds something.
        force: bool,
    },
    /// Have a disk take the place of a leg that serves.
    Replace {
        /// Which mirror.
        name: String,
        /// Number of the leg that is to leave, from 0.
        leg: usize,
        /// The new disk.
        disk: String,
        /// Also if the disk holds something.
        force: bool,
    },
    /// Set how fast a mirror copies.
    Rate {
        /// Which mirror.
        name: String,
        /// The limits, as the mirror reads them.
        rate: String,
    },
    /// Compare the legs of a mirror.
    Check {
        /// Which mirror.
        name: String,
        /// Until that is over, and tell what came of it.
        wait: bool,
    },
    /// Compare the legs of a mirror and make them equal.
    Repair {
        /// Which mirror.
        name: String,
        /// Until that is over, and tell what came of it.
        wait: bool,
    },
    /// End the check or the repair of a mirror.
    Idle {
        /// Which mirror.
        name: String,
    },
    /// Start a mirror without a member that was in sync.
    StartDegraded {
        /// Which mirror.
        name: String,
    },
    /// Start a mirror whose halves ran apart, with one of them.
    Keep {
        /// Which mirror.
        name: String,
        /// Number of the leg whose half is kept, from 0.
        leg: usize,
    },
    /// Make a disk a member of no mirror, or a mirror forget a member.
    Forget {
        /// Which disk; the mirror, if a leg is named.
        device: String,
        /// Number of the mirror's leg, from 0.
        leg: Option<usize>,
        /// Also if it may hold the only copy of the data.
        force: bool,
    },
}

/// The `slot` commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// List the slots.
    List,
    /// Let the device leave.
    Eject {
        /// The number beside the slot.
        slot: u64,
        /// Also if a mapped device uses it.
        force: bool,
    },
    /// Start what is in it.
    Start {
        /// The number beside the slot.
        slot: u64,
    },
    /// Set the disk in it up anew, after it was given up.
    Reset {
        /// The number beside the slot.
        slot: u64,
    },
    /// Take its power away without a word.
    Pull {
        /// The number beside the slot.
        slot: u64,
        /// In how many seconds.
        after: u64,
    },
}

/// What can be done with the trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trace {
    /// Record.
    On {
        /// These layers, each one of `dm mirror disk interrupt thread`; all when absent.
        layers: Option<Vec<String>>,
    },
    /// Record no more.
    Off,
    /// Forget what was recorded.
    Clear,
    /// Show the last records.
    Show {
        /// Only lines that have one of these words, unless there are none.
        words: Vec<String>,
        /// So many lines at most.
        last: u64,
    },
    /// Show all records for a program.
    Dump {
        /// Only lines that have one of these words, unless there are none.
        words: Vec<String>,
    },
}
