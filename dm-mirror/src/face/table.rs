//! The table grammar of the mirror.
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
//! Place: [`MirrorType`](crate::MirrorType) parses its arguments here, and
//! [`Target::table`](dm::Target::table) prints them again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use core::time::Duration;

use arrayvec::ArrayVec;
use bio::{Extent, Sector, Sectors};
use dm::{ArgError, Args, Context, DeviceRef, NO_ROOM, Word};

use crate::core::parts::errors::Threshold;
use crate::core::parts::leg::{LEGS_MAX, LegSet};
use crate::core::parts::pace::Rate;
use crate::core::parts::policy::ReadPolicy;
use crate::core::parts::region::{REGIONS_MAX, Regions};
use crate::core::{Core, Log, Setup, Wishes};
use crate::format::{Geometry, MemberId};
use crate::io::Mirror;
use crate::io::leg::{self, Leg};
use crate::io::times::Times;

/// The region size where the table gives none.
const REGION_DEFAULT: Sectors = Sectors(1024);

/// The smallest region: a page of memory, as in Linux.
const REGION_MIN: Sectors = Sectors(8);

/// What a table entry says.
pub(crate) struct Config {
    pub(crate) setup: Setup,
    pub(crate) wishes: Wishes,
    /// The regions of a mirror that keeps its state in memory.
    pub(crate) regions: Option<Regions>,
    pub(crate) legs: ArrayVec<Leg, LEGS_MAX>,
    /// The legs' devices, held open.
    pub(crate) devices: Vec<DeviceRef>,
    /// Room for how long the legs take.
    pub(crate) times: Times,
}

impl Config {
    /// Parses the words after `mirror`.
    pub(crate) fn parse(args: &mut Args<'_>, context: &Context<'_>) -> Result<Config, ArgError> {
        let word = args.next("log type")?;
        let count = args.peek().unwrap_or(word);
        let words = args.group("log arguments")?;
        let (log, regions) = match word.text {
            "core" => parse_core(count, words, context)?,
            "internal" if !context.env.has_room(own_bytes()) => return Err(word.refuse(NO_ROOM)),
            "internal" => words.end().map(|()| (Log::Internal, None))?,
            text => {
                let reason = format!("there is no log type `{text}`; use `core` or `internal`");
                return Err(word.refuse(reason));
            }
        };
        let (legs, devices, times) = parse_legs(args, context, log)?;
        let features = match args.peek() {
            Some(_) => parse_features(args.group("features")?, legs.len())?,
            None => Features::default(),
        };
        let Features { read_policy, start_degraded, write_mostly, sync_rate, error_threshold } =
            features;
        let block = u64::from(leg::limits(&legs).block_size) / bio::SECTOR_SIZE as u64;
        let setup = Setup {
            legs: legs.len(),
            length: context.length,
            log,
            start_degraded,
            error_threshold,
            block: Sectors(block),
        };
        let wishes = Wishes { read_policy, write_mostly, sync_rate };
        Ok(Config { setup, wishes, regions, legs, devices, times })
    }
}

/// The features of a table entry.
#[derive(Default)]
struct Features {
    read_policy: ReadPolicy,
    start_degraded: bool,
    write_mostly: LegSet,
    sync_rate: Rate,
    error_threshold: Threshold,
}

/// How much memory a mirror takes beside its regions, in bytes.
fn own_bytes() -> usize {
    Core::bytes() + Times::bytes(LEGS_MAX)
}

/// The arguments of `core`, and the regions. `count` is the word that counts the arguments: a
/// refusal of the default region size names it.
fn parse_core(
    count: Word<'_>,
    mut args: Args<'_>,
    context: &Context<'_>,
) -> Result<(Log, Option<Regions>), ArgError> {
    let mut region = REGION_DEFAULT;
    let mut asked = count;
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
        asked = word;
    }
    let regions = core_regions(asked, region, context)?;
    let nosync = args.next_if("nosync").is_some();
    if !nosync {
        args.next_if("sync");
    }
    args.end()?;
    Ok((Log::Core { region, nosync }, Some(regions)))
}

/// The regions of a mirror that keeps its state in memory, each of this size. Refuses the word
/// that `asked` for that size if there are too many regions, or memory is short.
fn core_regions(
    asked: Word<'_>,
    region: Sectors,
    context: &Context<'_>,
) -> Result<Regions, ArgError> {
    let length = context.length;
    let count = length.0.div_ceil(region.0);
    if count > REGIONS_MAX {
        let least = length.0.div_ceil(REGIONS_MAX).next_power_of_two();
        return Err(asked.refuse(format!(
            "{length} sectors in regions of {region} are {count} regions, and a mirror has at \
             most {REGIONS_MAX}; use regions of {least} or more"
        )));
    }
    if !context.env.has_room(own_bytes() + Regions::bytes(count as usize)) {
        return Err(asked.refuse(NO_ROOM));
    }
    let geometry = Geometry { region, data_start: Sector(0), length };
    let members = core::array::from_fn(MemberId::new);
    Regions::try_new(geometry, members, false).map_err(|_| asked.refuse(NO_ROOM))
}

fn parse_legs(
    args: &mut Args<'_>,
    context: &Context<'_>,
    log: Log,
) -> Result<(ArrayVec<Leg, LEGS_MAX>, Vec<DeviceRef>, Times), ArgError> {
    let word = args.next("number of legs")?;
    let count = word.number("number of legs")?;
    if count == 0 || count > LEGS_MAX as u64 {
        return Err(word.refuse(format!("a mirror has 1 to {LEGS_MAX} legs, not {count}")));
    }
    let times = Times::try_new(count as usize).map_err(|_| word.refuse(NO_ROOM))?;
    let (mut legs, mut devices) = (ArrayVec::new(), Vec::<DeviceRef>::new());
    for _ in 0..count {
        if log == Log::Internal && args.next_if("-").is_some() {
            let offset = Sector(args.number("device offset")?);
            legs.push(Leg { device: None, offset });
            continue;
        }
        let name = args.peek();
        let (device, offset) = args.device_at(context)?;
        let leg = Leg { device: Some(device.handle()), offset };
        check_leg(name.expect("a leg has a name"), &device, &leg, &legs, context.length)?;
        if devices.iter().all(|other| other.name() != leg.name()) {
            devices.push(device);
        }
        legs.push(leg);
    }
    if devices.is_empty() {
        return Err(word.refuse("no member is there; name one".to_string()));
    }
    Ok((legs, devices, times))
}

/// A leg must take writes, and share no sector with another.
fn check_leg(
    word: Word<'_>,
    device: &DeviceRef,
    leg: &Leg,
    others: &[Leg],
    length: Sectors,
) -> Result<(), ArgError> {
    let name = word.text;
    if device.limits().read_only {
        return Err(word.refuse(format!("`{name}` is read-only; a leg must take writes")));
    }
    let extent = Extent::new(leg.offset, length);
    let shares = |other: &&Leg| {
        other.name() == leg.name() && Extent::new(other.offset, length).overlaps(extent)
    };
    match others.iter().position(|other| shares(&other)) {
        Some(other) => Err(word.refuse(format!(
            "`{name}` holds leg {other} already; name another device or another offset"
        ))),
        None => Ok(()),
    }
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

/// The arguments that make this mirror again.
pub(crate) fn table(mirror: &Mirror) -> String {
    let (setup, read_policy, write_mostly, rate) =
        mirror.look(|core| (core.setup, core.read_policy, core.write_mostly, core.pace.rate));
    let legs = mirror.legs.len();
    let mut text = match setup.log {
        Log::Core { region, nosync } => {
            let sync = if nosync { "nosync" } else { "sync" };
            format!("core 2 {region} {sync} {legs}")
        }
        Log::Internal => format!("internal 0 {legs}"),
    };
    for leg in &mirror.legs {
        write!(text, " {} {}", leg.name(), leg.offset).expect("a string takes it all");
    }
    let mut features: Vec<String> = Vec::new();
    if read_policy != ReadPolicy::default() {
        features.extend(["read_policy".into(), format!("{read_policy}")]);
    }
    if setup.start_degraded {
        features.push("start_degraded=run".into());
    }
    features.extend(write_mostly.iter().map(|leg| format!("write_mostly={leg}")));
    if rate != Rate::default() {
        features.push(format!("sync_rate={rate}"));
    }
    if setup.error_threshold != Threshold::default() {
        features.push(format!("error_threshold={}", setup.error_threshold));
    }
    if !features.is_empty() {
        let (count, words) = (features.len(), features.join(" "));
        write!(text, " {count} {words}").expect("a string takes it all");
    }
    text
}
