//! What a new target gets besides its words, and how it opens the devices that the words name.
//!
//! Place: the parser makes a [`Context`] for each entry, and
//! [`TargetType::create`](crate::TargetType::create) hands it to [`Args`] wherever a device
//! is named.
//!
//! Rule: the refusal of a device names the column of the word that is wrong, like any refusal.

use alloc::format;
use alloc::sync::Arc;

use bio::{Extent, SECTOR_SIZE, Sector, Sectors};

use crate::args::{ArgError, Args, Word};
use crate::devices::{DeviceRef, Devices};
use crate::env::Env;
use crate::events::Events;

/// What a new target gets besides its arguments.
pub struct Context<'a> {
    /// The length of its entry; not zero.
    pub length: Sectors,
    /// Where it finds devices; see [`Args::device`] and [`Args::device_at`].
    pub devices: &'a dyn Devices,
    /// Time, delayed work and randomness.
    pub env: Arc<dyn Env>,
    /// The event counter of the mapped device.
    pub events: Arc<Events>,
}

impl Args<'_> {
    /// The next word as the name of a device, which is opened.
    pub fn device(&mut self, context: &Context<'_>) -> Result<DeviceRef, ArgError> {
        let word = self.next("device name")?;
        open(word, context)
    }

    /// The next two words as a device and the sector at which the target's
    /// length begins there; refused unless that fits the device and its blocks.
    pub fn device_at(&mut self, context: &Context<'_>) -> Result<(DeviceRef, Sector), ArgError> {
        self.part_of_device(context, context.length, "entry's length")
    }

    /// The same for a target that has `length` sectors on that device; `what`
    /// names them in a refusal.
    pub fn part_of_device(
        &mut self,
        context: &Context<'_>,
        length: Sectors,
        what: &str,
    ) -> Result<(DeviceRef, Sector), ArgError> {
        let name = self.next("device name")?;
        let device = open(name, context)?;
        let word = self.next("device offset")?;
        let start = Sector(word.number("device offset")?);
        let capacity = device.capacity();
        let extent = Extent::try_new(start, length).filter(|extent| extent.fits(capacity));
        if extent.is_none() {
            return Err(word.refuse(format!(
                "{length} sectors from {start} on end beyond `{}`, which has {capacity}; \
                 shorten the entry or start earlier",
                name.text
            )));
        }
        let block = u64::from(device.limits().block_size) / SECTOR_SIZE as u64;
        for (value, at, what) in [(start.0, word, "offset"), (length.0, name, what)] {
            if !value.is_multiple_of(block) {
                return Err(at.refuse(format!(
                    "the {what} {value} is no multiple of the block of `{}`; \
                     use multiples of {block} sectors",
                    name.text
                )));
            }
        }
        Ok((device, start))
    }
}

fn open(word: Word<'_>, context: &Context<'_>) -> Result<DeviceRef, ArgError> {
    context.devices.open(word.text).ok_or_else(|| {
        word.refuse(format!("there is no device `{}`; name an existing one", word.text))
    })
}
