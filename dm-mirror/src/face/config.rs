//! What a mirror is made of: what its table says, with the devices open and memory taken.
//!
//! Place: [`MirrorType`](crate::MirrorType) makes a [`Config`] of the words of a table.
//! `face/table.rs` has their grammar.
//!
//! Rule: all words are read before a device is opened. So a mistake in the words is named
//! before any of a device, wherever it stands.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use arrayvec::ArrayVec;
use bio::{Extent, Sector, Sectors};
use dm::{ArgError, Args, Context, DeviceRef, NO_ROOM, Word};

use super::table::{self, Features, Table, Words};
use crate::core::parts::leg::LEGS_MAX;
use crate::core::parts::region::{REGIONS_MAX, Regions};
use crate::core::{Core, Log, Setup, Wishes};
use crate::format::{Geometry, MemberId};
use crate::io::Mirror;
use crate::io::leg::{self, Leg};
use crate::io::times::Times;

/// What a mirror is made of.
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
    /// Reads the words after `mirror`, and opens the devices that they name.
    pub(crate) fn parse(args: &mut Args<'_>, context: &Context<'_>) -> Result<Config, ArgError> {
        let (table, words) = Table::parse(args)?;
        let regions = match table.log {
            Log::Core { region, .. } => Some(core_regions(words.size, region, context)?),
            Log::Internal if context.env.has_room(own_bytes()) => None,
            Log::Internal => return Err(words.size.refuse(NO_ROOM)),
        };
        let times = Times::try_new(table.legs.len()).map_err(|_| words.legs.refuse(NO_ROOM))?;
        let (legs, devices) = open_legs(&table, words, context)?;
        let block = u64::from(leg::limits(&legs).block_size) / bio::SECTOR_SIZE as u64;
        let Features { read_policy, start_degraded, write_mostly, sync_rate, error_threshold } =
            table.features;
        let setup = Setup {
            legs: legs.len(),
            length: context.length,
            log: table.log,
            start_degraded,
            error_threshold,
            block: Sectors(block),
        };
        let wishes = Wishes { read_policy, write_mostly, sync_rate };
        Ok(Config { setup, wishes, regions, legs, devices, times })
    }
}

/// How much memory a mirror takes beside its regions, in bytes.
fn own_bytes() -> usize {
    Core::bytes() + Times::bytes(LEGS_MAX)
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

/// Opens the device of each leg.
fn open_legs(
    table: &Table,
    words: Words<'_>,
    context: &Context<'_>,
) -> Result<(ArrayVec<Leg, LEGS_MAX>, Vec<DeviceRef>), ArgError> {
    let (mut legs, mut devices) = (ArrayVec::new(), Vec::<DeviceRef>::new());
    for (leg, mut place) in table.legs.iter().zip(words.places) {
        if leg.device.is_none() && table.remembers() {
            legs.push(Leg { device: None, offset: leg.offset });
            continue;
        }
        let name = place.peek().expect("a leg has a name");
        let (device, offset) = place.device_at(context)?;
        let leg = Leg { device: Some(device.handle()), offset };
        check_leg(name, &device, &leg, &legs, context.length)?;
        if devices.iter().all(|other| other.name() != leg.name()) {
            devices.push(device);
        }
        legs.push(leg);
    }
    if devices.is_empty() {
        return Err(words.legs.refuse("no member is there; name one".to_string()));
    }
    Ok((legs, devices))
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

/// The table that makes this mirror again.
pub(crate) fn table(mirror: &Mirror) -> Table {
    let leg = |leg: &Leg| table::Leg {
        device: leg.device.as_ref().map(|device| device.name()),
        offset: leg.offset,
    };
    let legs = mirror.legs.iter().map(leg).collect();
    mirror.look(|core| Table {
        log: core.setup.log,
        legs,
        features: Features {
            read_policy: core.read_policy,
            start_degraded: core.setup.start_degraded,
            write_mostly: core.write_mostly,
            sync_rate: core.pace.rate,
            error_threshold: core.setup.error_threshold,
        },
    })
}
