//! What a table says of a mirror: the grammar, and the value that the words mean.
//!
//! ```text
//! start length mirror core <#args> [region_size] [[no]sync]
//!                     <#legs> <device> <offset> ...
//!                     [<#features> feature ...]
//! start length mirror internal <#args>
//!                     <#legs> <device> <offset> ... [<#features> feature ...]
//! ```
//!
//! `core` keeps its state in memory. `internal` has a superblock and a region map on every
//! member, which a label made. With `internal` a device may be `-`: a member that is not
//! there.
//!
//! Sizes are in sectors of 512 bytes. Features: `handle_errors` (accepted as in Linux, and
//! always in force), `read_policy <policy>` (see `core/parts/policy.rs`),
//! `start_degraded=hold|run`, `write_mostly=<leg>` (may be repeated: that leg is read only if
//! no other can answer), `sync_rate=<min>,<max>` (KiB/s; `none` is no limit; see
//! `core/parts/pace.rs`), `error_threshold=<n>,<seconds>` (default 20,3600; see
//! `core/parts/errors.rs`).
//!
//! Place: a [`Table`] is pure. It names devices and opens none. `face/config.rs` makes a mirror
//! of a table, and [`MirrorTarget::to_table`](crate::MirrorTarget::to_table) gives the table of
//! a mirror. A console changes it and loads its [line](Table::line).
//!
//! Rules:
//!
//! - What [`Display`](fmt::Display) prints, [`FromStr`] reads as the same value.
//! - A member's records lie at the beginning of its disk. So a leg that gets another disk
//!   begins there, wherever it began before.
//!
//! ```
//! use dm_mirror::table::Table;
//! let table: Table = "internal 0 2 vbd0 0 - 0 1 start_degraded=run".parse()?;
//! let legs: Vec<&str> = table.legs().iter().map(|leg| leg.name()).collect();
//! assert_eq!(legs, ["vbd0", "-"]);
//! let table = table.with_leg(1, "vbd1").with_leg(2, "vbd2").without_leg(0);
//! assert_eq!(table.to_string(), "internal 0 3 - 0 vbd1 0 vbd2 0 1 start_degraded=run");
//! assert_eq!("internal 0 none".parse::<Table>().unwrap_err().column, 12);
//! # Ok::<(), dm::ArgError>(())
//! ```

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::{Extent, Sector, Sectors};
use dm::{ArgError, Args, Line, Word};

use crate::core::Log;
use crate::core::parts::errors::Threshold;
use crate::core::parts::leg::{LEGS_MAX, LegSet};
use crate::core::parts::pace::Rate;
use crate::core::parts::policy::ReadPolicy;

/// The target's name in a table.
pub const TARGET: &str = "mirror";

/// The region size where the table gives none.
const REGION_DEFAULT: Sectors = Sectors(1024);

/// The smallest region: a page of memory, as in Linux.
const REGION_MIN: Sectors = Sectors(8);

/// A leg without a device.
const ABSENT: &str = "-";

/// What a table says of a mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    pub(crate) log: Log,
    pub(crate) legs: ArrayVec<Leg, LEGS_MAX>,
    pub(crate) features: Features,
}

/// What a table says of a leg.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The name of its device; `None` for a member that is not there.
    pub device: Option<Arc<str>>,
    /// Where on the device it begins.
    pub offset: Sector,
}

/// The features of a table entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) read_policy: ReadPolicy,
    pub(crate) start_degraded: bool,
    pub(crate) write_mostly: LegSet,
    pub(crate) sync_rate: Rate,
    pub(crate) error_threshold: Threshold,
}

impl Table {
    /// A mirror with records on its members, which are these devices; `None` is a member that
    /// is not there. Panics unless there are 1 to [`LEGS_MAX`].
    pub fn internal<'d>(devices: impl IntoIterator<Item = Option<&'d str>>) -> Table {
        let legs: ArrayVec<Leg, LEGS_MAX> = devices.into_iter().map(Leg::at_begin).collect();
        assert!(!legs.is_empty(), "a mirror has a leg");
        Table { log: Log::Internal, legs, features: Features::default() }
    }

    /// A mirror that keeps its state in memory. It begins by copying the first device to the
    /// others, or `nosync` says that they hold the same. Panics unless there are 1 to
    /// [`LEGS_MAX`].
    pub fn core<'d>(devices: impl IntoIterator<Item = &'d str>, nosync: bool) -> Table {
        let log = Log::Core { region: REGION_DEFAULT, nosync };
        Table { log, ..Table::internal(devices.into_iter().map(Some)) }
    }

    /// Whether it has records on its members.
    pub fn remembers(&self) -> bool {
        self.log == Log::Internal
    }

    /// Its legs, by their numbers.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// The name of a leg's device; `None` if the leg has none, or if there is no such leg.
    pub fn device(&self, leg: usize) -> Option<&str> {
        self.legs.get(leg)?.device.as_deref()
    }

    /// The same with a device as the leg, which may be one more. Panics if there is neither
    /// such a leg nor room for it.
    pub fn with_leg(&self, leg: usize, device: &str) -> Table {
        let (mut table, with) = (self.clone(), Leg::at_begin(Some(device)));
        match table.legs.get_mut(leg) {
            Some(leg) => *leg = with,
            None => table.legs.insert(leg, with),
        }
        table
    }

    /// The same with a leg that has no device. Panics if there is no such leg.
    pub fn without_leg(&self, leg: usize) -> Table {
        let mut table = self.clone();
        table.legs[leg] = Leg::at_begin(None);
        table
    }

    /// The line of a table that has no other: a device of `length` sectors.
    pub fn line(&self, length: Sectors) -> Line {
        let extent = Extent::new(Sector(0), length);
        Line { extent, target: TARGET, words: self.to_string() }
    }
}

impl Leg {
    fn at_begin(device: Option<&str>) -> Leg {
        Leg { device: device.map(Arc::from), offset: Sector(0) }
    }

    /// What its device is called; `-` if there is none.
    pub fn name(&self) -> &str {
        self.device.as_deref().unwrap_or(ABSENT)
    }
}

/// The words that a mirror may be refused for once its table has been read.
pub(crate) struct Words<'a> {
    /// The one that asks for the memory of the mirror's state: the region size, or what stands
    /// in its place.
    pub(crate) size: Word<'a>,
    /// The number of legs.
    pub(crate) legs: Word<'a>,
    /// Of each leg its device and its offset, and what follows.
    pub(crate) places: ArrayVec<Args<'a>, LEGS_MAX>,
}

impl FromStr for Table {
    type Err = ArgError;

    /// Reads the words after `mirror`, all of them.
    fn from_str(text: &str) -> Result<Table, ArgError> {
        let mut args = Args::new(text);
        let (table, _) = Table::parse(&mut args)?;
        args.end().map(|()| table)
    }
}

impl Table {
    /// Reads the words after `mirror`.
    pub(crate) fn parse<'a>(args: &mut Args<'a>) -> Result<(Table, Words<'a>), ArgError> {
        let word = args.next("log type")?;
        let count = args.peek().unwrap_or(word);
        let group = args.group("log arguments")?;
        let (log, size) = match word.text {
            "core" => parse_core(count, group)?,
            "internal" => group.end().map(|()| (Log::Internal, word))?,
            text => {
                let reason = format!("there is no log type `{text}`; use `core` or `internal`");
                return Err(word.refuse(reason));
            }
        };
        let word = args.next("number of legs")?;
        let count = word.number("number of legs")?;
        if count == 0 || count > LEGS_MAX as u64 {
            return Err(word.refuse(format!("a mirror has 1 to {LEGS_MAX} legs, not {count}")));
        }
        let (mut legs, mut places) = (ArrayVec::new(), ArrayVec::new());
        for _ in 0..count {
            places.push(args.clone());
            legs.push(parse_place(args)?);
        }
        let features = match args.peek() {
            Some(_) => parse_features(args.group("features")?, legs.len())?,
            None => Features::default(),
        };
        Ok((Table { log, legs, features }, Words { size, legs: word, places }))
    }
}

/// The arguments of `core`, and the word that asks for the region size. That is `count`, which
/// counts the arguments, if the size is the default.
fn parse_core<'a>(count: Word<'a>, mut args: Args<'a>) -> Result<(Log, Word<'a>), ArgError> {
    let (mut region, mut size) = (REGION_DEFAULT, count);
    if let Some(word) = args.peek()
        && word.text.starts_with(|c: char| c.is_ascii_digit())
    {
        region = Sectors(args.number("region size")?);
        if !region.0.is_power_of_two() || region < REGION_MIN {
            return Err(word.refuse(format!(
                "a region of {region} sectors is not possible; \
                 use a power of two from {REGION_MIN} on"
            )));
        }
        size = word;
    }
    let nosync = args.next_if("nosync").is_some();
    if !nosync {
        args.next_if("sync");
    }
    args.end()?;
    Ok((Log::Core { region, nosync }, size))
}

/// A leg's device and offset.
fn parse_place(args: &mut Args<'_>) -> Result<Leg, ArgError> {
    let name = args.next("device name")?.text;
    let offset = Sector(args.number("device offset")?);
    Ok(Leg { device: (name != ABSENT).then(|| name.into()), offset })
}

fn parse_features(mut args: Args<'_>, legs: usize) -> Result<Features, ArgError> {
    let mut features = Features::default();
    while args.peek().is_some() {
        let word = args.next("feature")?;
        match word.text {
            "handle_errors" => {}
            "read_policy" => {
                let word = args.next("read policy")?;
                let policy = ReadPolicy::parse(word.text, legs);
                features.read_policy = policy.map_err(|why| word.refuse(why))?;
            }
            "start_degraded=hold" => features.start_degraded = false,
            "start_degraded=run" => features.start_degraded = true,
            text if text.starts_with("write_mostly=") => {
                features.write_mostly.insert(parse_leg(word, "write_mostly=", legs)?);
            }
            text if text.starts_with("sync_rate=") => {
                let rate = Rate::parse(&text["sync_rate=".len()..]);
                features.sync_rate = rate.ok_or_else(|| word.refuse(NO_RATE))?;
            }
            text if text.starts_with("error_threshold=") => {
                features.error_threshold = parse_threshold(word)?;
            }
            text => {
                return Err(word.refuse(format!(
                    "there is no feature `{text}`; use `handle_errors`, `read_policy <policy>`, \
                     `start_degraded=hold|run`, `write_mostly=<leg>`, `sync_rate=<min>,<max>` \
                     or `error_threshold=<n>,<seconds>`"
                )));
            }
        }
    }
    Ok(features)
}

/// `error_threshold=<n>,<seconds>`
fn parse_threshold(word: Word<'_>) -> Result<Threshold, ArgError> {
    let numbers = word.text.split_once('=').and_then(|(_, numbers)| numbers.split_once(','));
    let parsed = numbers.and_then(|(errors, seconds)| {
        let (errors, seconds) = (errors.parse().ok()?, seconds.parse::<u32>().ok()?);
        let halving = Duration::from_secs(u64::from(seconds));
        (!halving.is_zero()).then_some(Threshold { errors, halving })
    });
    parsed.ok_or_else(|| {
        word.refuse(format!(
            "`{}` is no threshold; use a number of errors, a comma and the seconds after which \
             half of them are forgotten, as in `error_threshold={}`",
            word.text,
            Threshold::default()
        ))
    })
}

/// What is said of a rate that cannot be.
pub(crate) const NO_RATE: &str = "a rate is `<min>,<max>` in KiB/s, from 1 on or `none`; the \
                                  first is not above the second";

/// The leg that follows `prefix`.
fn parse_leg(word: Word<'_>, prefix: &str, legs: usize) -> Result<usize, ArgError> {
    let leg = word.text.strip_prefix(prefix).and_then(|leg| leg.parse().ok());
    leg.filter(|leg| *leg < legs)
        .ok_or_else(|| word.refuse(format!("`{prefix}` wants a leg, one of 0 to {}", legs - 1)))
}

impl fmt::Display for Table {
    /// The words after `mirror`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Table { log, legs, features } = self;
        match log {
            Log::Core { region, nosync: true } => write!(f, "core 2 {region} nosync")?,
            Log::Core { region, nosync: false } => write!(f, "core 2 {region} sync")?,
            Log::Internal => f.write_str("internal 0")?,
        }
        write!(f, " {}", legs.len())?;
        legs.iter().try_for_each(|leg| write!(f, " {} {}", leg.name(), leg.offset))?;
        match &features.words()[..] {
            [] => Ok(()),
            words => write!(f, " {} {}", words.len(), words.join(" ")),
        }
    }
}

impl Features {
    /// The words of those that differ from the default.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.read_policy != ReadPolicy::default() {
            words.extend(["read_policy".into(), format!("{}", self.read_policy)]);
        }
        if self.start_degraded {
            words.push("start_degraded=run".into());
        }
        words.extend(self.write_mostly.iter().map(|leg| format!("write_mostly={leg}")));
        if self.sync_rate != Rate::default() {
            words.push(format!("sync_rate={}", self.sync_rate));
        }
        if self.error_threshold != Threshold::default() {
            words.push(format!("error_threshold={}", self.error_threshold));
        }
        words
    }
}
