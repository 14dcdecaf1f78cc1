//! A virtio-blk disk (virtio 1.2, 5.2) as a [`BlockDevice`].
//!
//! Place: made by the kernel of a device it found; used by everything above as a `BlockDevice`.
//! It is called in three ways:
//!
//! - [`strategy`](BlockDevice::strategy), by the thread that has a bio: issues it.
//! - [`interrupt`](VirtioBlk::interrupt), in the disk's interrupt thread: reaps answered
//!   requests and completes their bios.
//! - [`glance`](VirtioBlk::glance) and [`tick`](VirtioBlk::tick), in callouts: `glance` makes
//!   up for a kick or an interrupt that was lost; `tick` bars a device that hangs or is gone.
//!
//! A device may leave, and the same one come back (`exchange`). Its users keep the same disk.
//!
//! Rules:
//!
//! - Bios are completed after the lock is released, never under it.
//! - The memory of a request is the device's until the device gives it back. When the device is
//!   barred its bios end at once, without that memory.
//! - A device that holds requests is never reset: under QEMU a reset waits for the backend,
//!   and stops every CPU until it answers.
//! - A device that was released is no longer touched: another device may be in its place.

mod config;
mod exchange;
mod glance;
mod queue;
mod status;
#[cfg(test)]
mod tests;

use alloc::string::String;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bio::sync::{self, Lock, Rank};
use bio::{Bio, BlockDevice, BufCmd, ErrorKind, Extent, Limits, Sectors};
use virtio_drivers::Hal;
use virtio_drivers::transport::{DeviceStatus, InterruptStatus};

use self::config::Config;
pub use self::config::Features;
use self::queue::{Batch, Ended, Queue};
pub use self::status::{Counts, Serial, State, Status};
use super::{Device, Failure, SetupError};

/// How often [`VirtioBlk::glance`] is to be called, in milliseconds. A lost kick or
/// interrupt costs at most two glances; a healthy disk answers in less than one.
pub const GLANCE_MS: u64 = 10;
/// How often [`VirtioBlk::tick`] is to be called, in milliseconds.
pub const TICK_MS: u64 = 1000;
/// Ticks that a device may take for a request before it is barred.
///
/// Ticks, not time. If a guest was stopped for an hour, its clock is an hour later, and the
/// disk had no chance to answer.
pub const TIMEOUT_TICKS: u64 = 30;
/// How often the device is asked whether its reset is done.
const RESET_TRIES: usize = 1000;

/// Why the disk's interrupt thread calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The queue's message: there are answers.
    Queue,
    /// The configuration's message: something about the device changed.
    Config,
    /// The interrupt line, perhaps another device's: the device knows why.
    Line,
}

/// What a disk does at a moment, for a trace.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// It takes over a request.
    Submitted(BufCmd, Extent),
    /// It gives one back.
    Completed(BufCmd, Extent, Result<(), ErrorKind>),
}

/// Is told of each moment, with the disk's name and no lock held.
pub type Probe = fn(&str, Moment);

/// How a disk is to be driven.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The features that may be used. VERSION_1 is not optional.
    pub features: Features,
    /// Ticks that the device may take for a request.
    pub timeout_ticks: u64,
    /// Is told what it does.
    pub probe: Option<Probe>,
}

impl Default for Options {
    /// Everything the driver knows, and [`TIMEOUT_TICKS`].
    fn default() -> Options {
        Options { features: Features::all(), timeout_ticks: TIMEOUT_TICKS, probe: None }
    }
}

/// A virtio-blk disk.
pub struct VirtioBlk<H: Hal, D: Device> {
    name: String,
    config: Config,
    timeout_ticks: AtomicU64,
    /// In sectors; the device may change it.
    capacity: AtomicU64,
    /// How often the device came back.
    resets: AtomicU64,
    /// How many callers are issuing a batch of requests. The device is kicked when none is
    /// left.
    plugs: AtomicUsize,
    probe: Option<Probe>,
    queue: Lock<Queue<H, D>>,
}

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// Resets `device`, agrees on features and starts it. It may interrupt from then on. If an
    /// interrupt comes before anybody listens, a glance finds its answers. `name` is for
    /// messages.
    pub fn new(name: String, mut device: D, options: Options) -> Result<Self, SetupError> {
        let features = negotiate(&mut device, options.features)?;
        let (config, capacity) = Config::read(&device, features)?;
        let mut queue = Queue::new(device, config)?;
        queue.start()?;
        Ok(VirtioBlk {
            name,
            config,
            timeout_ticks: AtomicU64::new(options.timeout_ticks),
            capacity: AtomicU64::new(capacity.0),
            resets: AtomicU64::new(0),
            plugs: AtomicUsize::new(0),
            probe: options.probe,
            queue: Lock::new(Rank::DRIVER, queue),
        })
    }

    /// Called by the disk's interrupt thread when an interrupt came.
    pub fn interrupt(&self, why: Interrupt) {
        let reasons = {
            let mut queue = self.queue.lock();
            let reasons = match why {
                Interrupt::Queue => InterruptStatus::QUEUE_INTERRUPT,
                Interrupt::Config => InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT,
                Interrupt::Line => queue.acknowledge(),
            };
            queue.counts.interrupts += u64::from(!reasons.is_empty());
            reasons
        };
        self.act_on(reasons);
    }

    /// Acts on the reasons of an interrupt.
    fn act_on(&self, reasons: InterruptStatus) {
        if reasons.contains(InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT) {
            self.reconfigure();
        }
        if !reasons.is_empty() {
            self.service();
        }
    }

    /// From now on the device is not kicked, until each plug has had its
    /// [`unplug`](VirtioBlk::unplug): a batch costs one kick. Meanwhile the requests are in the
    /// ring, and a device that polls may begin with them. The caller must not sleep before it
    /// unplugs: other callers' requests wait too.
    pub fn plug(&self) {
        self.plugs.fetch_add(1, Ordering::AcqRel);
    }

    /// Ends a plug. Tells the device of what came meanwhile, unless another caller still plugs.
    /// If the disk was not plugged, it does only that.
    pub fn unplug(&self) {
        let less = |plugs: usize| Some(plugs.saturating_sub(1));
        let before = self.plugs.fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        if before.is_ok_and(|before| before <= 1) {
            // A request that saw the plug is in the ring once the lock is free.
            self.queue.lock().kick();
        }
    }

    /// Changes the time-out, from the next tick on.
    pub fn set_timeout(&self, ticks: u64) {
        self.timeout_ticks.store(ticks, Ordering::Relaxed);
    }

    /// The watchdog, to be called every [`TICK_MS`]. Never waits.
    pub fn tick(&self) {
        let timeout = self.timeout_ticks.load(Ordering::Relaxed);
        self.with_queue(|queue| queue.tick(timeout));
        // The interrupt that says the capacity changed may be lost like any other.
        self.reconfigure();
        self.service();
    }

    /// Whether the device has said who it is, or that it will not say.
    pub fn has_identified(&self) -> bool {
        self.queue.lock().serial.is_some()
    }

    /// What the console shows.
    pub fn status(&self) -> Status {
        let queue = self.queue.lock();
        Status {
            serial: queue.serial.unwrap_or_default(),
            capacity: self.capacity(),
            limits: self.config.limits,
            features: self.config.features,
            state: queue.state,
            in_flight: queue.in_flight(),
            waiting: queue.waiting(),
            counts: queue.counts,
        }
    }

    /// Completes all that is done.
    fn service(&self) {
        loop {
            let mut batch = Batch::new();
            self.with_queue(|queue| queue.harvest(&mut batch));
            if batch.is_empty() {
                break;
            }
            batch.into_iter().for_each(|ended| self.complete(ended));
        }
    }

    /// The device says that its capacity or its health changed.
    fn reconfigure(&self) {
        let changed = self.with_queue(|queue| {
            let device = queue.believed()?;
            let capacity = config::capacity(device, &self.config);
            // Asked last: a device that is gone says that it is as large as can be.
            match device.health() {
                Ok(()) => capacity.ok(),
                Err(failure) => {
                    queue.bar(failure);
                    None
                }
            }
        });
        if let Some(capacity) = changed {
            let before = self.capacity.swap(capacity.0, Ordering::Relaxed);
            if before != capacity.0 {
                log::info!("{}: capacity changed from {before} to {capacity} sectors", self.name);
            }
        }
    }
}

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// Does `work` with the queue. If that barred the disk, says so once the lock is released.
    fn with_queue<R>(&self, work: impl FnOnce(&mut Queue<H, D>) -> R) -> R {
        let (result, before, after) = {
            let mut queue = self.queue.lock();
            let before = queue.state;
            (work(&mut queue), before, queue.state)
        };
        match (before, after) {
            // It was released, so it may leave.
            (State::Barred(_), _) | (State::Leaving, State::Barred(Failure::Gone)) => {}
            (_, State::Barred(failure)) => {
                log::error!("{}: the disk {failure}; it is not used any more", self.name);
            }
            _ => {}
        }
        result
    }

    /// What is wrong with a request before the device is asked.
    fn check(&self, bio: &Bio) -> Result<(), ErrorKind> {
        let Limits { block_size, read_only, discard, .. } = self.config.limits;
        let (cmd, extent) = (bio.cmd(), bio.extent());
        if cmd == BufCmd::Flush {
            return Ok(());
        }
        assert!(!bio.lost_memory(), "a read was issued without memory");
        let block = u64::from(block_size) / bio::SECTOR_SIZE as u64;
        let aligned =
            extent.start().0.is_multiple_of(block) && extent.count().0.is_multiple_of(block);
        if extent.is_empty() || !aligned || !extent.fits(self.capacity()) {
            Err(ErrorKind::Invalid)
        } else if cmd.modifies() && read_only {
            Err(ErrorKind::ReadOnly)
        } else if cmd == BufCmd::FreeBlks && !discard {
            Err(ErrorKind::Unsupported)
        } else {
            Ok(())
        }
    }
}

impl<H: Hal, D: Device> BlockDevice for VirtioBlk<H, D> {
    fn capacity(&self) -> Sectors {
        Sectors(self.capacity.load(Ordering::Relaxed))
    }

    fn limits(&self) -> Limits {
        self.config.limits
    }

    fn resets(&self) -> u64 {
        self.resets.load(Ordering::Acquire)
    }

    fn strategy(&self, bio: Bio) {
        sync::assert_unlocked("strategy");
        if let Err(kind) = self.check(&bio) {
            return bio.fail(kind);
        }
        if let Some(probe) = self.probe {
            probe(&self.name, Moment::Submitted(bio.cmd(), bio.extent()));
        }
        let ended = {
            let mut queue = self.queue.lock();
            let ended = queue.submit(bio);
            if self.plugs.load(Ordering::Acquire) == 0 {
                queue.kick();
            }
            ended
        };
        if let Some(ended) = ended {
            self.complete(ended);
        }
    }
}

impl<H: Hal, D: Device> VirtioBlk<H, D> {
    /// With no lock held.
    fn complete(&self, ended: Ended) {
        let tell = |bio: &Bio, result| {
            if let Some(probe) = self.probe {
                probe(&self.name, Moment::Completed(bio.cmd(), bio.extent(), result));
            }
        };
        match ended {
            Ended::Bio(bio, result) => {
                tell(&bio, result.map_err(|error| error.kind));
                bio.biodone(result);
            }
            Ended::Untouched(bio, kind) => {
                tell(&bio, Err(kind));
                bio.fail(kind);
            }
            Ended::Late(memory) => drop(memory),
        }
    }
}

/// Resets a device that holds no request. False if it does not come out of reset; then it may
/// still reach its queue (virtio 1.2, 2.4.2).
fn reset<D: Device>(device: &mut D) -> bool {
    device.set_status(DeviceStatus::empty());
    (0..RESET_TRIES).any(|_| device.get_status().is_empty())
}

/// Resets the device and agrees on features (virtio 1.2, 3.1.1).
fn negotiate<D: Device>(device: &mut D, wanted: Features) -> Result<Features, SetupError> {
    if !reset(device) {
        return Err(SetupError::StuckInReset);
    }
    let driver = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    device.set_status(driver);
    let offered = Features::from_bits_truncate(device.read_device_features());
    if !offered.contains(Features::VERSION_1) {
        return Err(SetupError::Legacy);
    }
    // A read-only disk is one whether we like it or not.
    let features = offered & (wanted | Features::VERSION_1 | Features::RO);
    device.write_driver_features(features.bits());
    device.set_status(driver | DeviceStatus::FEATURES_OK);
    if !device.get_status().contains(DeviceStatus::FEATURES_OK) {
        return Err(SetupError::FeaturesRefused);
    }
    Ok(features)
}
