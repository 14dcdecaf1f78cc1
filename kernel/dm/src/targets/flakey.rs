//! flakey: a run of sectors of another device that fails from time to time.
//!
//! Table: `start length flakey <device> <offset> <up> <down> [<#words>
//! <features>]` (as in Linux): good for `up` seconds, then bad for `down`, and so on, counted
//! from the load of the table. The features say what a bad time does:
//!
//! ```text
//! (none)                               everything fails
//! error_reads                          reads fail
//! error_writes                         writes, discards and flushes fail
//! drop_writes                          these succeed, and nothing is done
//! corrupt_bio_byte <n> <r|w> <value> 0 byte n (from 1) of each read, or write, is `value`
//! ```
//!
//! Rules:
//!
//! - A request is as good or bad as the time at which it came.
//! - The last word of `corrupt_bio_byte` is a mask of request flags in Linux. Here it is 0,
//!   since requests have no flags.
//! - A write's memory is its originator's and shared. So a corrupted write is a copy, sent in
//!   place of the original.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

use bio::sync::{Lock, Rank};
use bio::{Bio, BioDone, Buf, BufCmd, BufDone, ErrorKind, IoResult, Limits, Sector, Sectors};

use crate::args::{ArgError, Args, Word};
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::env::Env;
use crate::part::Part;
use crate::target::{Target, TargetType};
use crate::targets::passing::Up;

/// The longest interval, in seconds, as in Linux.
const INTERVAL_MAX: u64 = u32::MAX as u64;

pub(super) struct FlakeyType;

impl TargetType for FlakeyType {
    fn name(&self) -> &'static str {
        "flakey"
    }

    fn usage(&self) -> &'static str {
        "<device> <offset> <seconds up> <seconds down> [<#words> <feature>...]\n\
         features: error_reads, error_writes or drop_writes,\n\
         corrupt_bio_byte <n> <r|w> <value> 0"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let (device, start) = args.device_at(context)?;
        let up = args.number_up_to("up interval", INTERVAL_MAX)?;
        let word = args.next("down interval")?;
        let down = word.number_up_to("down interval", INTERVAL_MAX)?;
        if up + down == 0 {
            return Err(word.refuse("up and down together are 0 seconds; give one of them"));
        }
        let faults = match args.peek() {
            None => Faults::ALL,
            Some(_) => Faults::read(args.group("feature words")?)?,
        };
        let corrupt = faults.corrupt.map(|corrupt| Arc::new(CorruptRead(corrupt)));
        Ok(Arc::new(Flakey {
            device,
            start,
            up_s: up,
            down_s: down,
            loaded: context.env.now(),
            env: context.env.clone(),
            faults,
            up: Arc::new(Up),
            corrupt,
        }))
    }
}

/// What goes wrong in a bad time.
#[derive(Clone, Copy)]
struct Faults {
    reads_fail: bool,
    writes: Writes,
    corrupt: Option<Corrupt>,
}

/// What becomes of writes, discards and flushes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writes {
    Good,
    Fail,
    Drop,
}

/// A byte that is wrong.
#[derive(Clone, Copy)]
struct Corrupt {
    /// Which, from 1.
    nth: u64,
    on: Direction,
    value: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Read,
    Write,
}

impl Faults {
    const NONE: Faults = Faults { reads_fail: false, writes: Writes::Good, corrupt: None };
    const ALL: Faults = Faults { reads_fail: true, writes: Writes::Fail, corrupt: None };

    fn read(mut args: Args<'_>) -> Result<Faults, ArgError> {
        if args.peek().is_none() {
            return Ok(Faults::ALL);
        }
        let mut faults = Faults::NONE;
        while args.peek().is_some() {
            let word = args.next("feature")?;
            faults.add(word, &mut args)?;
        }
        Ok(faults)
    }

    fn add(&mut self, word: Word<'_>, args: &mut Args<'_>) -> Result<(), ArgError> {
        match word.text {
            "error_reads" if !self.reads_fail => self.reads_fail = true,
            "error_writes" if self.writes == Writes::Good => self.writes = Writes::Fail,
            "drop_writes" if self.writes == Writes::Good => self.writes = Writes::Drop,
            "corrupt_bio_byte" if self.corrupt.is_none() => {
                self.corrupt = Some(Corrupt::read(args)?);
            }
            known @ ("error_reads" | "error_writes" | "drop_writes" | "corrupt_bio_byte") => {
                return Err(word.refuse(format!(
                    "`{known}` is given twice, or with what rules it out; give one of them"
                )));
            }
            other => {
                return Err(word.refuse(format!(
                    "there is no feature `{other}`; use error_reads, error_writes, drop_writes \
                     or corrupt_bio_byte"
                )));
            }
        }
        let corrupts = self.corrupt.is_some_and(|corrupt| corrupt.on == Direction::Write);
        if corrupts && self.writes != Writes::Good {
            let reason = "writes that fail or are dropped are not corrupted; use one of the two";
            return Err(word.refuse(reason));
        }
        Ok(())
    }

    /// The features' words, as [`read`](Faults::read) takes them.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.reads_fail {
            words.push("error_reads".into());
        }
        match self.writes {
            Writes::Good => {}
            Writes::Fail => words.push("error_writes".into()),
            Writes::Drop => words.push("drop_writes".into()),
        }
        if let Some(Corrupt { nth, on, value }) = self.corrupt {
            let on = if on == Direction::Read { "r" } else { "w" };
            let all = ["corrupt_bio_byte".into(), format!("{nth}"), on.into(), format!("{value}")];
            words.extend(all);
            words.push("0".into());
        }
        words
    }
}

impl Corrupt {
    fn read(args: &mut Args<'_>) -> Result<Corrupt, ArgError> {
        let word = args.next("number of the byte")?;
        let nth = word.number_up_to("number of the byte", u64::from(u32::MAX))?;
        if nth == 0 {
            return Err(word.refuse("bytes are counted from 1; give at least that"));
        }
        let word = args.next("direction")?;
        let on = match word.text {
            "r" => Direction::Read,
            "w" => Direction::Write,
            other => {
                return Err(word.refuse(format!("`{other}` is no direction; give r or w")));
            }
        };
        let value = args.number_up_to("value of the byte", u64::from(u8::MAX))? as u8;
        let word = args.next("mask of flags")?;
        if word.number("mask of flags")? != 0 {
            return Err(word.refuse("requests have no flags to select them by; give 0"));
        }
        Ok(Corrupt { nth, on, value })
    }

    fn apply(&self, data: &mut [u8]) {
        let byte = usize::try_from(self.nth - 1).ok().and_then(|index| data.get_mut(index));
        if let Some(byte) = byte {
            *byte = self.value;
        }
    }
}

struct Flakey {
    device: DeviceRef,
    start: Sector,
    up_s: u64,
    down_s: u64,
    /// When the table was loaded.
    loaded: Duration,
    env: Arc<dyn Env>,
    faults: Faults,
    up: Arc<Up>,
    corrupt: Option<Arc<CorruptRead>>,
}

impl Flakey {
    /// Whether this is a bad time.
    fn is_down(&self) -> bool {
        let elapsed = self.env.now().saturating_sub(self.loaded).as_secs();
        elapsed % (self.up_s + self.down_s) >= self.up_s
    }

    fn pass(&self, bio: Bio, done: Arc<dyn BioDone>) {
        let start = self.below(&bio);
        self.device.strategy(bio.push_bio(start, done, 0));
    }

    /// Where a request goes on the device.
    fn below(&self, bio: &Bio) -> Sector {
        self.start + (bio.extent().start() - Sector(0))
    }

    fn read(&self, bio: Bio) {
        match &self.corrupt {
            _ if self.faults.reads_fail => bio.fail(ErrorKind::Media),
            Some(corrupt) if corrupt.0.on == Direction::Read => self.pass(bio, corrupt.clone()),
            _ => self.pass(bio, self.up.clone()),
        }
    }

    fn modify(&self, bio: Bio) {
        match self.faults {
            Faults { writes: Writes::Fail, .. } => bio.fail(ErrorKind::Media),
            Faults { writes: Writes::Drop, .. } => bio.biodone(Ok(())),
            Faults { corrupt: Some(corrupt), .. } if corrupt.on == Direction::Write => {
                self.write_corrupted(bio, corrupt);
            }
            _ => self.pass(bio, self.up.clone()),
        }
    }

    fn write_corrupted(&self, bio: Bio, corrupt: Corrupt) {
        let (BufCmd::Write { fua }, Some(data)) = (bio.cmd(), bio.write_data()) else {
            return self.pass(bio, self.up.clone());
        };
        let mut data = data.to_vec();
        corrupt.apply(&mut data);
        let extent = bio.extent().at(self.below(&bio));
        let write = if fua { Buf::write_fua } else { Buf::write };
        let instead = Arc::new(InPlaceOf(Lock::new(Rank::ORIGINATOR, Some(bio))));
        self.device.strategy(Bio::new(write(extent, data.into()), instead, 0));
    }
}

impl Target for Flakey {
    fn strategy(&self, bio: Bio) {
        match bio.cmd() {
            _ if !self.is_down() => self.pass(bio, self.up.clone()),
            BufCmd::Read => self.read(bio),
            BufCmd::Write { .. } | BufCmd::FreeBlks | BufCmd::Flush => self.modify(bio),
        }
    }

    fn status(&self) -> String {
        String::new()
    }

    fn table(&self) -> String {
        let words = self.faults.words();
        let Flakey { device, start, up_s, down_s, .. } = self;
        format!("{} {start} {up_s} {down_s} {} {}", device.name(), words.len(), words.join(" "))
    }

    fn devices(&self) -> Vec<DeviceRef> {
        vec![self.device.clone()]
    }

    fn parts(&self, length: Sectors) -> Vec<Part> {
        vec![Part::new(&self.device, self.start, length)]
    }

    fn limits(&self) -> Limits {
        self.device.limits()
    }
}

/// Completes a read upward, with one byte replaced.
struct CorruptRead(Corrupt);

impl BioDone for CorruptRead {
    fn bio_done(self: Arc<Self>, mut bio: Bio, _info: u64, result: IoResult) {
        if result.is_ok()
            && let Some(memory) = bio.read_memory()
        {
            self.0.apply(memory);
        }
        bio.biodone(result);
    }
}

/// A request that was replaced by another one. It ends as the other one ends.
struct InPlaceOf(Lock<Option<Bio>>);

impl BufDone for InPlaceOf {
    fn buf_done(self: Arc<Self>, _buf: Buf, _info: u64, result: IoResult) {
        let bio = self.0.lock().take();
        bio.expect("a request ends once").biodone(result);
    }
}
