//! All commands: one enum, checked as far as the words alone allow.
//!
//! Place: made by [`crate::parse()`], carried out by `kernel/src/console`. The console finds
//! out whether a device exists, is large enough, and has larger sectors than
//! [`crate::size::SECTOR_BYTES`].

use crate::load::Load;
use crate::{Pattern, Size, Span};
use alloc::string::String;
use alloc::vec::Vec;

/// A command with its arguments. A device's name (`dev`, `source`, ...) is that of a disk or a
/// mapped device; `name` is always that of a mapped device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// List the commands, or explain those that `topic` names. It names at least one.
    Help {
        /// A command's name, or the first word of several, like `dmsetup`.
        topic: Option<String>,
    },
    /// Show what happened to devices.
    Events {
        /// The device; all if absent.
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
    /// Something with a slot by which disks come and go.
    Slot(Slot),
    /// Show a hex dump.
    Read {
        /// The device.
        dev: String,
        /// Where to start.
        offset: Size,
        /// How much; one sector of the device if absent. Never zero, and the end is a [`Size`]
        /// too.
        length: Option<Size>,
    },
    /// Write bytes and fill their last sector with zeroes.
    Write {
        /// The device.
        dev: String,
        /// Where to start.
        offset: Size,
        /// What to write; never empty, of any length in bytes.
        data: Vec<u8>,
    },
    /// Write a pattern.
    Fill {
        /// The device.
        dev: String,
        /// The part of the device.
        span: Span,
        /// What.
        pattern: Pattern,
    },
    /// Read back what [`Command::Fill`] wrote and check it.
    Verify {
        /// The device.
        dev: String,
        /// The part of the device.
        span: Span,
        /// What should be there.
        pattern: Pattern,
    },
    /// Say where two devices differ.
    Compare {
        /// One device.
        left: String,
        /// The other device.
        right: String,
        /// The part of both devices; all of them if absent.
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
        /// How much; the rest of the source if absent. Never zero, and both ends are a [`Size`]
        /// too.
        length: Option<Size>,
    },
    /// Make acknowledged writes durable.
    Flush {
        /// The device.
        dev: String,
    },
    /// Tell a device that a part of it is not needed.
    Discard {
        /// The device.
        dev: String,
        /// Which part.
        span: Span,
    },
    /// Write numbered sectors, read and flush by chance, and print each request.
    Torture {
        /// The device.
        dev: String,
        /// The part of the device.
        span: Span,
        /// How many requests.
        count: u64,
        /// The seed of chance.
        seed: u64,
        /// The first request's number.
        first: u64,
    },
    /// Measure a device.
    Bench {
        /// The device.
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
        /// On or off.
        on: bool,
    },
    /// Run lines made by chance.
    Fuzz {
        /// The only device that they may change.
        disk: String,
        /// How many lines.
        count: u64,
        /// The seed of chance.
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
        /// The device.
        name: String,
        /// Table text as dmsetup takes it; may have several lines.
        table: String,
    },
    /// Drop the table that was loaded.
    Clear {
        /// The device.
        name: String,
    },
    /// Remove a device.
    Remove {
        /// The device.
        name: String,
    },
    /// Remove all devices.
    RemoveAll,
    /// Give a device another name.
    Rename {
        /// The device.
        name: String,
        /// Its new name.
        new: String,
    },
    /// Replace a device's table by one that fails every request.
    WipeTable {
        /// The device.
        name: String,
    },
    /// Show the table of one device, or of all.
    Table {
        /// The device; all if absent.
        name: Option<String>,
        /// The loaded table, not the active one.
        inactive: bool,
        /// As JSON.
        json: bool,
    },
    /// Show the targets' state of one device, or of all.
    Status {
        /// The device; all if absent.
        name: Option<String>,
        /// As JSON.
        json: bool,
    },
    /// Show the state of one device, or of all.
    Info {
        /// The device; all if absent.
        name: Option<String>,
        /// As JSON.
        json: bool,
    },
    /// Show the devices below one device, or below each.
    Deps {
        /// The device; all if absent.
        name: Option<String>,
    },
    /// List the devices' names.
    List {
        /// With the devices below them.
        tree: bool,
        /// As JSON.
        json: bool,
    },
    /// Wait for an event of a device.
    Wait {
        /// The device.
        name: String,
        /// The event counter that was seen; the present one if absent.
        seen: Option<u64>,
    },
    /// List the target types.
    Targets,
    /// Hold new requests and wait for those in flight.
    Suspend {
        /// The device.
        name: String,
        /// Also flush it.
        flush: bool,
    },
    /// Let requests go on.
    Resume {
        /// The device.
        name: String,
    },
    /// Say something to a target.
    Message {
        /// The device.
        name: String,
        /// A sector (of 512 bytes) of the target.
        sector: u64,
        /// What to say; at least one word.
        words: Vec<String>,
    },
}

/// The `mirror` commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mirror {
    /// Make disks the members of a new mirror with superblocks.
    Label {
        /// Name of the mirror and of its mapped device.
        name: String,
        /// Its members; at least one.
        disks: Vec<String>,
        /// Even if the disks hold data.
        force: bool,
        /// The size of a region; never zero.
        region: Option<Size>,
    },
    /// Put together the mirrors whose members are there.
    Assemble {
        /// The disks to search for members; all whole disks if empty.
        disks: Vec<String>,
    },
    /// Show the state of one mirror, or of all.
    Status {
        /// The mirror; all if absent.
        name: Option<String>,
        /// How long legs take, in place of the rest.
        latency: bool,
        /// For programs.
        json: bool,
    },
    /// Start a mirror from its member disks.
    Start {
        /// The name of the mirror, as its members have it.
        name: String,
    },
    /// Stop a mirror cleanly.
    Stop {
        /// The mirror.
        name: String,
    },
    /// Fail a leg and forget it.
    Remove {
        /// The mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
        /// Even if only one leg is left then.
        force: bool,
    },
    /// Copy everything to a leg.
    Rebuild {
        /// The mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
    },
    /// Choose which leg is read.
    Policy {
        /// The mirror.
        name: String,
        /// The policy, as the mirror reads it.
        policy: String,
    },
    /// Read a leg only if no other leg can answer, or like any other leg.
    WriteMostly {
        /// The mirror.
        name: String,
        /// Number of the leg, from 0.
        leg: usize,
        /// On or off.
        on: bool,
    },
    /// Say which mirrors disks are members of.
    Examine {
        /// The disks; all whole disks if empty.
        disks: Vec<String>,
    },
    /// Wait until a mirror has copied all that it has to.
    Wait {
        /// The mirror.
        name: String,
    },
    /// Fail a leg by hand.
    Fail {
        /// The mirror.
        name: String,
        /// Number of the leg in the mirror's table, from 0.
        leg: usize,
    },
    /// Take a leg back that is out, or a disk as a leg.
    Add {
        /// The mirror.
        name: String,
        /// Number of the leg, from 0; one beyond the last is a new leg.
        leg: usize,
        /// The leg's new disk; its present one if absent.
        disk: Option<String>,
        /// Also if the disk holds something.
        force: bool,
    },
    /// Have a disk take the place of a leg that serves.
    Replace {
        /// The mirror.
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
        /// The mirror.
        name: String,
        /// The limits, as the mirror reads them.
        rate: String,
    },
    /// Compare the legs of a mirror.
    Check {
        /// The mirror.
        name: String,
        /// Until that is over, and tell what came of it.
        wait: bool,
    },
    /// Compare the legs of a mirror and make them equal.
    Repair {
        /// The mirror.
        name: String,
        /// Until that is over, and tell what came of it.
        wait: bool,
    },
    /// End the check or the repair of a mirror.
    Idle {
        /// The mirror.
        name: String,
    },
    /// Start a mirror without a member that was in sync.
    StartDegraded {
        /// The mirror.
        name: String,
    },
    /// Start a mirror whose halves ran apart, with one of them.
    Keep {
        /// The mirror.
        name: String,
        /// Number of the leg whose half is kept, from 0.
        leg: usize,
    },
    /// Make a disk a member of no mirror, or a mirror forget a member.
    Forget {
        /// The disk; the mirror, if a leg is named.
        device: String,
        /// Number of the mirror's leg, from 0.
        leg: Option<usize>,
        /// Even if it may hold the only copy of the data.
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
        /// Even if a mapped device uses it.
        force: bool,
    },
    /// Start the device in it.
    Start {
        /// The number beside the slot.
        slot: u64,
    },
    /// Set up anew the disk in it, after it was given up.
    Reset {
        /// The number beside the slot.
        slot: u64,
    },
    /// Take away its power without warning.
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
        /// The layers, each one of `dm mirror disk interrupt thread`; all if absent.
        layers: Option<Vec<String>>,
    },
    /// Stop recording.
    Off,
    /// Forget what was recorded.
    Clear,
    /// Show the last records.
    Show {
        /// Only lines that have one of these words, unless there are none.
        words: Vec<String>,
        /// The most lines.
        last: u64,
    },
    /// Show all records for a program.
    Dump {
        /// Only lines that have one of these words, unless there are none.
        words: Vec<String>,
    },
}
