//! A new mirror: what is written onto each device to make it a member.
//!
//! Place: the console's `mirror label` and tests plan here and do the writes. Pure: sizes in,
//! writes out.
//!
//! Rules:
//!
//! - The writes go out in three phases ([`Phase::ALL`]); every device is
//!   flushed at the end of each. A crash leaves on each device what was there,
//!   no valid superblock, or a whole member.
//! - Nothing here looks at what lies on a device: [`check_blank`] does, and
//!   whoever labels asks it first.
//!
//! ```
//! use bio::Sectors;
//! use dm_mirror::label::{self, Ids, LabelOptions, Phase};
//!
//! # let (mut dice, capacity) = (0, Sectors::from_bytes(64 << 20).unwrap());
//! # let random = || { dice += 1; dice };
//! let devices = [label::Device { capacity, block_size: 512 }; 2];
//! let ids = Ids::new(devices.len(), random);
//! let label = label::plan(&LabelOptions::new("home"), &ids, &devices)?;
//! for phase in Phase::ALL {
//!     for device in 0..devices.len() {
//!         for (place, unit) in label.writes(device, phase) {
//!             assert_eq!(place.count().bytes(), unit.len()); // write it there
//!         }
//!     }
//!     // flush all devices
//! }
//! # Ok::<(), label::LabelError>(())
//! ```

mod error;
#[cfg(test)]
mod tests;

use alloc::boxed::Box;
use alloc::string::String;

use arrayvec::ArrayVec;
use bio::{Extent, SECTOR_SIZE, Sector, Sectors};
use uuid::Uuid;

use crate::format::{
    Bad, DATA_ALIGN, Geometry, MEMBERS_MAX, MapPage, Marks, MemberEntry, MemberState, Minted,
    PAGES_MAX, REGION_MIN, REGIONS_PER_PAGE, SLOTS, Superblock, UNIT, is_name, newest_superblock,
    page_place, superblock_place,
};

pub use error::{LabelError, Occupied};

/// The region size where nobody chose one. If the map would then have more than
/// [`PAGES_WISHED`] pages, the next power of two with which it does not.
pub const REGION_DEFAULT: Sectors = Sectors(1024);

/// See [`REGION_DEFAULT`]. 16 pages are 64512 regions: a start reads 128 KiB
/// of each member, and after a crash 32 MiB of a terabyte are copied for each
/// place that was being written.
pub const PAGES_WISHED: u32 = 16;

/// What a person may choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelOptions {
    /// What the mirror is called: 1 to 64 bytes that can be seen, no `/`.
    pub name: String,
    /// The size of a region: a power of two from [`REGION_MIN`] on.
    pub region: Option<Sectors>,
    /// Where on each member the data begins: a multiple of every block size,
    /// not before the metadata ends. [`DATA_ALIGN`] where nobody chose, or the
    /// next multiple of it that the map leaves free.
    pub data_start: Option<Sector>,
    /// The caller vouches that the devices hold the same data, so that nothing
    /// needs to be copied before it is read.
    pub clean: bool,
}

impl LabelOptions {
    /// All by default.
    pub fn new(name: impl Into<String>) -> LabelOptions {
        LabelOptions { name: name.into(), region: None, data_start: None, clean: false }
    }
}

/// The identities of a new mirror; none may ever have been used before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The mirror's.
    pub set: Uuid,
    /// That of its first generation.
    pub generation: Uuid,
    /// The members', by slot.
    pub members: ArrayVec<Uuid, MEMBERS_MAX>,
}

impl Ids {
    /// Identities for `members` members, from random bits such as
    /// [`dm::Env::random`] gives. Panics above [`MEMBERS_MAX`].
    pub fn new(members: usize, mut random: impl FnMut() -> u64) -> Ids {
        let mut uuid = || uuid_from(&mut random);
        Ids { set: uuid(), generation: uuid(), members: (0..members).map(|_| uuid()).collect() }
    }
}

/// A random uuid (RFC 9562, version 4) of the next 128 bits.
pub fn uuid_from(mut random: impl FnMut() -> u64) -> Uuid {
    let (high, low) = (random(), random());
    let bytes = Uuid::from_u64_pair(high, low).into_bytes();
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A device that is to be a member, as [`bio::BlockDevice`] describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    /// Its size.
    pub capacity: Sectors,
    /// Its smallest unit of transfer, in bytes: a power of two.
    pub block_size: u32,
}

/// A step of labelling, which every device ends with a flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Whatever the superblocks' slots hold is wiped. So an earlier mirror is never found on
    /// top of the new map, nor in the slot that stays empty. A crash may leave one slot of
    /// two: the member of the earlier mirror as it was a commit ago, which the other members
    /// know to be old.
    Wipe,
    /// The map, which nothing refers to yet.
    Map,
    /// The superblock: from here on the device is a member.
    Superblock,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Phase; 3] = [Phase::Wipe, Phase::Map, Phase::Superblock];
}

/// What to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The mirror as all members have it, on the first of them.
    superblock: Superblock,
    clean: bool,
}

/// A write of one unit: where, and what.
pub type Write = (Extent, Box<[u8; UNIT]>);

/// Plans the mirror of these devices, in the order of their slots. It is as
/// long as the smallest of them allows, in whole blocks of the largest.
///
/// Panics unless `ids` has one member for each device.
pub fn plan(options: &LabelOptions, ids: &Ids, devices: &[Device]) -> Result<Label, LabelError> {
    if devices.is_empty() || devices.len() > MEMBERS_MAX {
        return Err(LabelError::Members(devices.len()));
    }
    assert_eq!(ids.members.len(), devices.len(), "each device needs an identity");
    if !is_name(&options.name) {
        return Err(LabelError::Name(options.name.clone()));
    }
    let mut members = [None; MEMBERS_MAX];
    for (member, uuid) in members.iter_mut().zip(&ids.members) {
        let state = MemberState::InSync;
        *member = Some(MemberEntry { uuid: *uuid, state, base: Uuid::nil(), seen: 0 });
    }
    let superblock = Superblock {
        seq: 1,
        set: ids.set,
        name: options.name.clone(),
        slot: 0,
        generation: ids.generation,
        minted: Minted { by: 0, session: 0 },
        history: ArrayVec::new(),
        version: 1,
        session: 0,
        clean: false,
        incarnation: 1,
        geometry: geometry(options, devices)?,
        members,
    };
    Ok(Label { superblock, clean: options.clean })
}

/// Where regions and data lie, and how much there is of them.
fn geometry(options: &LabelOptions, devices: &[Device]) -> Result<Geometry, LabelError> {
    let align = alignment(devices)?;
    let (smallest, capacity) = devices
        .iter()
        .map(|device| device.capacity)
        .enumerate()
        .min_by_key(|(_, capacity)| *capacity)
        .expect("there is a device");
    let region = region(options, capacity)?;
    // The map of the whole device; that of the mirror is no larger.
    let map = Geometry { region, data_start: Sector(0), length: capacity }.metadata_end();
    let by_default = Sector(map.0.next_multiple_of(DATA_ALIGN.0));
    let data_start = options.data_start.unwrap_or(by_default);
    if !data_start.0.is_multiple_of(align.0) {
        return Err(LabelError::Misaligned { data_start, align });
    }
    let rest = capacity.0.saturating_sub(data_start.0);
    let length = Sectors(rest - rest % align.0);
    if length == Sectors::ZERO {
        let needed = Sectors(data_start.0.saturating_add(align.0));
        return Err(LabelError::TooSmall { device: smallest, capacity, needed });
    }
    let geometry = Geometry { region, data_start, length };
    match geometry.metadata_end() {
        end if data_start < end => Err(LabelError::TooEarly { data_start, end }),
        _ => Ok(geometry),
    }
}

/// The largest block of the devices: what data and length are aligned to.
fn alignment(devices: &[Device]) -> Result<Sectors, LabelError> {
    let mut align = 1;
    for (device, Device { block_size, .. }) in devices.iter().enumerate() {
        let bytes = *block_size as usize;
        // A unit of metadata must be a whole number of blocks.
        if !bytes.is_power_of_two() || !(SECTOR_SIZE..=UNIT).contains(&bytes) {
            return Err(LabelError::BlockSize { device, block_size: *block_size });
        }
        align = align.max(bytes / SECTOR_SIZE);
    }
    Ok(Sectors(align as u64))
}

/// The region size for a mirror of up to `capacity`.
fn region(options: &LabelOptions, capacity: Sectors) -> Result<Sectors, LabelError> {
    let smallest = |from: Sectors, pages: u32| {
        let regions_max = u64::from(pages) * REGIONS_PER_PAGE as u64;
        let mut region = from;
        while capacity.0.div_ceil(region.0) > regions_max {
            region = region + region;
        }
        region
    };
    let Some(region) = options.region else { return Ok(smallest(REGION_DEFAULT, PAGES_WISHED)) };
    let least = smallest(REGION_MIN, PAGES_MAX);
    if region.0.is_power_of_two() && region >= least {
        Ok(region)
    } else {
        Err(LabelError::Region { region, least })
    }
}

impl Label {
    /// Where regions and data lie on each member.
    pub fn geometry(&self) -> Geometry {
        self.superblock.geometry
    }

    /// The superblock that this device gets. Panics if it is none of the mirror's.
    pub fn superblock(&self, device: usize) -> Superblock {
        assert!(self.superblock.members[device].is_some(), "there is no device {device}");
        Superblock { slot: device as u8, ..self.superblock.clone() }
    }

    /// What goes to this device in this phase, in any order.
    pub fn writes(&self, device: usize, phase: Phase) -> impl Iterator<Item = Write> + '_ {
        let (pages, slots) = match phase {
            Phase::Wipe => (1, SLOTS),
            Phase::Map => (self.geometry().pages(), SLOTS),
            Phase::Superblock => (1, SLOTS),
        };
        (0..pages).flat_map(move |page| {
            (0..slots).map(move |slot| match phase {
                Phase::Wipe => (superblock_place(slot), Box::new([0; UNIT])),
                Phase::Superblock => {
                    (superblock_place(slot), Box::new(self.superblock(device).encode()))
                }
                Phase::Map => (page_place(page, slot), Box::new(self.page(device, page).encode())),
            })
        })
    }

    /// A page of this device's map: all regions are dirty, so that the first
    /// start makes the members agree before anything is read.
    fn page(&self, device: usize, number: u32) -> MapPage {
        let superblock = self.superblock(device);
        let regions = if self.clean { 0 } else { self.geometry().regions() as usize };
        let before = number as usize * REGIONS_PER_PAGE;
        let here = regions.saturating_sub(before).min(REGIONS_PER_PAGE);
        let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
        marks[..here].fill(Marks::DIRTY);
        MapPage {
            member: superblock.own().uuid,
            number,
            incarnation: superblock.incarnation,
            seq: 1,
            marks,
        }
    }
}

/// Whether the superblocks' place on a device, given by its two slots, is
/// blank; else what lies there. Says nothing of the rest of the device.
pub fn check_blank(slots: [&[u8]; SLOTS]) -> Result<(), Occupied> {
    match newest_superblock(slots) {
        Ok((_, found)) => {
            Err(Occupied::Member { name: found.name, set: found.set, slot: found.slot })
        }
        Err(Bad::Blank) => Ok(()),
        Err(Bad::Version(version)) => Err(Occupied::Version(version)),
        Err(Bad::Magic) => Err(Occupied::Other),
        Err(bad) => Err(Occupied::Damaged(bad)),
    }
}
