//! What a virtio-blk device is and can do: features and configuration space.
//!
//! Place: read once when the disk is set up; the capacity again whenever the
//! device says that it changed. Virtio 1.2, 5.2.3 and 5.2.4.
//!
//! Rule: each number of the device is bounded or refused here, before anything above uses it.

use bio::{Limits, SECTOR_SIZE, Sectors, WriteCache};
use bitflags::bitflags;
use virtio_drivers::transport::Transport;

use super::super::SetupError;
use super::super::ring::SEGMENT_BYTES_MAX;

bitflags! {
    /// The features that the driver knows.
    ///
    /// Left out on purpose: DISCARD does not say what is read afterwards, so the legs of a
    /// mirror could differ. `FreeBlks` is WRITE_ZEROES with the permission to unmap, or
    /// nothing. One queue is used, so no MQ.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u64 {
        /// The longest segment is given.
        const SIZE_MAX = 1 << 1;
        /// The most segments of a request are given.
        const SEG_MAX = 1 << 2;
        /// The device takes no writes.
        const RO = 1 << 5;
        /// The block size is given.
        const BLK_SIZE = 1 << 6;
        /// There is a FLUSH command.
        const FLUSH = 1 << 9;
        /// The device says whether its cache is volatile.
        const CONFIG_WCE = 1 << 11;
        /// There is a WRITE_ZEROES command.
        const WRITE_ZEROES = 1 << 14;
        /// A chain may lie in a table of its own.
        const INDIRECT_DESC = 1 << 28;
        /// Kicks and interrupts are asked for by index.
        const EVENT_IDX = 1 << 29;
        /// The device speaks virtio 1.0 or later.
        const VERSION_1 = 1 << 32;
    }
}

// Offsets in the configuration space (5.2.4).
const CAPACITY: usize = 0;
const SIZE_MAX: usize = 8;
const SEG_MAX: usize = 12;
const BLK_SIZE: usize = 20;
const WRITEBACK: usize = 32;
const MAX_WRITE_ZEROES_SECTORS: usize = 48;
const WRITE_ZEROES_MAY_UNMAP: usize = 56;

/// The largest block size believed.
const BLOCK_SIZE_MAX: u32 = 64 << 10;
/// The largest capacity believed: the bytes fit a signed 64-bit number, as everywhere.
const CAPACITY_MAX: Sectors = Sectors(i64::MAX as u64 / SECTOR_SIZE as u64);
/// How often the configuration is read, at most, until nothing changes meanwhile.
const TRIES: usize = 8;

/// What stays the same while the device is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) features: Features,
    pub(super) limits: Limits,
    /// The most segments of a request.
    pub(super) segments: usize,
    /// The longest of them, in bytes.
    pub(super) segment_bytes: u32,
    /// The longest WRITE_ZEROES, a multiple of the block size.
    pub(super) zeroes_max: Sectors,
}

impl Config {
    /// The configuration and the capacity of a device that agreed to `features`, both as of one
    /// moment.
    pub(super) fn read<D: Transport>(
        device: &D,
        features: Features,
    ) -> Result<(Config, Sectors), SetupError> {
        steady(device, || {
            let config = Config::read_once(device, features)?;
            Ok((config, capacity_once(device, &config)?))
        })
    }

    fn read_once<D: Transport>(device: &D, features: Features) -> Result<Config, SetupError> {
        let has = |feature| features.contains(feature);
        let block_size =
            if has(Features::BLK_SIZE) { word(device, BLK_SIZE)? } else { SECTOR_SIZE as u32 };
        if !block_size.is_power_of_two()
            || !(SECTOR_SIZE as u32..=BLOCK_SIZE_MAX).contains(&block_size)
        {
            return Err(SetupError::BadConfig("block size"));
        }
        let size_max = if has(Features::SIZE_MAX) { word(device, SIZE_MAX)? } else { u32::MAX };
        // A segment holds whole blocks, so that each ends where a block does.
        let segment_bytes = size_max.min(SEGMENT_BYTES_MAX) / block_size * block_size;
        if segment_bytes == 0 {
            return Err(SetupError::BadConfig("a segment holds less than a block"));
        }
        let segments = if has(Features::SEG_MAX) { word(device, SEG_MAX)?.max(1) } else { 1 };
        let zeroes_max =
            if has(Features::WRITE_ZEROES) && byte(device, WRITE_ZEROES_MAY_UNMAP)? == 1 {
                let blocks = block_size / SECTOR_SIZE as u32;
                Sectors((word(device, MAX_WRITE_ZEROES_SECTORS)? / blocks * blocks).into())
            } else {
                Sectors::ZERO
            };
        let write_cache = if has(Features::CONFIG_WCE) && byte(device, WRITEBACK)? == 0 {
            WriteCache::WriteThrough
        } else if has(Features::FLUSH) {
            WriteCache::Volatile
        } else {
            WriteCache::Unknown
        };
        Ok(Config {
            features,
            limits: Limits {
                block_size,
                read_only: has(Features::RO),
                write_cache,
                discard: zeroes_max > Sectors::ZERO,
            },
            segments: segments as usize,
            segment_bytes,
            zeroes_max,
        })
    }
}

/// The capacity now, rounded down to whole blocks. A last block that is only partly on the disk
/// can be neither read nor written.
pub(super) fn capacity<D: Transport>(device: &D, config: &Config) -> Result<Sectors, SetupError> {
    steady(device, || capacity_once(device, config))
}

fn capacity_once<D: Transport>(device: &D, config: &Config) -> Result<Sectors, SetupError> {
    let (low, high) = (word(device, CAPACITY)?, word(device, CAPACITY + 4)?);
    let capacity = Sectors(u64::from(high) << 32 | u64::from(low));
    if capacity > CAPACITY_MAX {
        return Err(SetupError::BadConfig("capacity"));
    }
    let block = u64::from(config.limits.block_size) / SECTOR_SIZE as u64;
    Ok(Sectors(capacity.0 / block * block))
}

/// What `read` finds while the configuration does not change (virtio 1.2, 2.5.1). If a field
/// changed between the reads of its two words, `read` would find half of the old value and half
/// of the new.
fn steady<D: Transport, T>(
    device: &D,
    read: impl Fn() -> Result<T, SetupError>,
) -> Result<T, SetupError> {
    for _ in 0..TRIES {
        let before = device.read_config_generation();
        let found = read();
        if device.read_config_generation() == before {
            return found;
        }
    }
    Err(SetupError::BadConfig("it keeps changing"))
}

fn word<D: Transport>(device: &D, offset: usize) -> Result<u32, SetupError> {
    device.read_config_space(offset).map_err(|_| SetupError::BadConfig("it is too short"))
}

fn byte<D: Transport>(device: &D, offset: usize) -> Result<u8, SetupError> {
    device.read_config_space(offset).map_err(|_| SetupError::BadConfig("it is too short"))
}
