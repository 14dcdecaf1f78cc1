//! Devices that came to a slot: what drives them, and which disk they are.
//!
//! Place: the tenant of each slot; `slots` calls it in its thread. The device mapper hears of
//! disks that are new.
//!
//! Rules:
//!
//! - A device gets a name only when it has said who it is. By its serial number it is a disk
//!   that was there before, or another one. If it does not say, the watchdog gives it up like
//!   any other device, and it has no name.
//! - A device raises no line until somebody drives it.
//! - A released device is not touched. The memory that it was lent is free only once its slot
//!   has no power, or it was reset.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use core::time::Duration;

use bio::BlockDevice;
use dm::{Dm, Severity};
use drivers::pci::Pci;
use drivers::pcie::{self, Due, Introduced, Port, Severed, Tenant};
use drivers::virtio::SetupError;
use drivers::virtio::blk::{Interrupt, State, Status, TICK_MS};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::interrupts::{self, Delivery};
use super::slots::{now, tell};
use super::{Block, DISKS, DISKS_MAX, Disk, Settings, announce, attach, each, enlist, is_disk};
use crate::arch::pci::ConfigSpace;
use crate::task::{MaySleep, sleep};

/// How long the slots wait for a device to say who it is. After that they go on, and look
/// again now and then.
const IDENTIFY_MAX: Duration = Duration::from_secs(2);
const IDENTIFY_GLANCE: Duration = Duration::from_millis(10);

/// A device that has no name yet.
pub(super) struct Newcomer {
    at: DeviceFunction,
    /// The disk that it is set up as, whose messages it sends.
    number: usize,
    delivery: Delivery,
    block: Block,
    /// How often it was set up.
    setups: usize,
    /// When the watchdog looks at it next.
    tick: Duration,
    /// It will get no name, and the memory that it was lent is not free yet.
    refused: bool,
}

/// The disks behind a port whose devices are there, as far as the kernel has noticed.
pub(super) fn lodgers(bus: u8) -> impl Iterator<Item = &'static Disk> {
    each().filter(move |disk| disk.at.bus == bus && disk.attached.load(Ordering::Relaxed))
}

/// The tenant of one slot: drives its devices.
pub(super) struct House<'a> {
    pub(super) bus: u8,
    pub(super) settings: Settings,
    pub(super) dm: &'static Dm,
    pub(super) may_sleep: &'a MaySleep,
    pub(super) newcomers: &'a mut Vec<Newcomer>,
}

impl House<'_> {
    /// Nobody drives the devices from now on.
    pub(super) fn lost(&mut self) {
        for disk in lodgers(self.bus) {
            disk.attached.store(false, Ordering::Relaxed);
            disk.block.lost();
        }
        for newcomer in self.newcomers.iter_mut() {
            newcomer.block.lost();
            newcomer.refused = true;
        }
    }

    /// Sets up anew the disks that were given up. A disk that still holds requests is left out:
    /// under QEMU the whole machine would wait for it.
    pub(super) fn reset(&mut self, pci: &mut Pci<ConfigSpace>, port: &Port) {
        for disk in lodgers(self.bus) {
            let Status { state, in_flight, .. } = disk.status();
            if !matches!(state, State::Barred(_)) {
                continue;
            }
            if in_flight > 0 {
                let what =
                    format!("it holds {in_flight} requests, and is not reset before it answers");
                tell(&disk.name, Severity::Warning, &what);
            } else {
                disk.block.release();
                self.lodge(pci, port, disk.at);
            }
        }
    }

    /// Sets up a device that has come, and waits a while until it has said who it is.
    fn lodge(&mut self, pci: &mut Pci<ConfigSpace>, port: &Port, at: DeviceFunction) {
        if self.newcomers.iter().any(|it| it.at == at && !it.refused) {
            return log::warn!("disk at {at}: it has not said yet who it is");
        }
        // The disk that was there last is the most likely to come back.
        let before = each().filter(|disk| disk.at == at).last();
        let Some(number) = before.map(|disk| disk.number).or_else(free_number) else {
            return log::warn!("disk at {at}: not used, {DISKS_MAX} are the most");
        };
        match self.set_up(pci, port, number, at, 1) {
            Ok(newcomer) => self.newcomers.push(newcomer),
            Err(why) => return log::error!("disk at {at}: the device {why}"),
        }
        let limit = now() + IDENTIFY_MAX;
        while self.introduce(pci, port).is_some() && now() < limit {
            sleep(self.may_sleep, IDENTIFY_GLANCE);
        }
    }

    /// Sets a device up as disk `number`.
    fn set_up(
        &self,
        pci: &mut Pci<ConfigSpace>,
        port: &Port,
        number: usize,
        at: DeviceFunction,
        setups: usize,
    ) -> Result<Newcomer, SetupError> {
        pci.mute_line(at, true);
        // Pin A of the first device below a port leads where the port's own does.
        let line = pci.interrupt_line(port.at);
        let (delivery, block) = attach(pci, number, at, line, &self.settings)?;
        let tick = now() + Duration::from_millis(TICK_MS);
        Ok(Newcomer { at, number, delivery, block, setups, tick, refused: false })
    }

    /// Names the devices that have said who they are. Returns when to look again, if some have
    /// not.
    pub(super) fn introduce(
        &mut self,
        pci: &mut Pci<ConfigSpace>,
        port: &Port,
    ) -> Option<Duration> {
        let asked: Vec<_> = self.newcomers.extract_if(.., |it| !it.refused).collect();
        for mut newcomer in asked {
            newcomer.look();
            if newcomer.block.has_identified() {
                self.name(pci, port, newcomer);
            } else if let State::Barred(why) = newcomer.block.status().state {
                log::error!("disk at {}: the device {why}; it has no name", newcomer.at);
                self.refuse(newcomer);
            } else {
                self.newcomers.push(newcomer);
            }
        }
        let waiting = self.newcomers.iter().any(|it| !it.refused);
        waiting.then(|| now() + IDENTIFY_GLANCE)
    }

    /// Makes a disk of a device that has said who it is: the one that was there before, or a
    /// new one.
    fn name(&mut self, pci: &mut Pci<ConfigSpace>, port: &Port, newcomer: Newcomer) {
        let Newcomer { at, number, setups, .. } = newcomer;
        let known =
            each().filter(|disk| disk.at == at).find(|disk| disk.block.is_same(&newcomer.block));
        let introduced = Introduced {
            number,
            setups,
            known: known.map(|disk| disk.number),
            is_free: DISKS[number].get().is_none(),
            next_free: free_number(),
        };
        match introduced.due() {
            Due::Back(number) => {
                let disk = DISKS[number].get().expect("a disk that is known has its number");
                welcome_back(pci, disk, newcomer.block);
            }
            Due::New => self.welcome(pci, newcomer),
            Due::Again(number) => {
                if !newcomer.block.release() {
                    log::error!("disk at {at}: the device does not come out of reset");
                    return self.refuse(newcomer);
                }
                match self.set_up(pci, port, number, at, setups + 1) {
                    Ok(newcomer) => self.newcomers.push(newcomer),
                    Err(why) => log::error!("disk at {at}: the device {why}"),
                }
            }
            Due::Fickle => {
                log::error!("disk at {at}: it says each time that it is another one");
                self.refuse(newcomer);
            }
            Due::Nameless => {
                log::warn!("disk at {at}: another one than before, and no name is left");
                self.refuse(newcomer);
            }
        }
    }

    /// Releases a device that gets no name.
    fn refuse(&mut self, newcomer: Newcomer) {
        if !newcomer.block.release() {
            self.newcomers.push(Newcomer { refused: true, ..newcomer });
        }
    }

    fn welcome(&self, pci: &mut Pci<ConfigSpace>, newcomer: Newcomer) {
        let Newcomer { at, number, delivery, block, .. } = newcomer;
        let disk = enlist(number, at, delivery, block);
        interrupts::listen_to(disk);
        pci.mute_line(at, delivery == Delivery::Messages);
        announce(disk);
        tell(&disk.name, Severity::Info, "a new disk");
        let device: Arc<dyn BlockDevice> = disk.device();
        if let Err(why) = self.dm.add_disk(&disk.name, device) {
            log::error!("{}: {why}", disk.name);
        }
    }
}

impl Newcomer {
    /// Does for a newcomer what interrupt thread, glances and watchdog do for a disk with a
    /// name.
    fn look(&mut self) {
        self.block.interrupt(Interrupt::Queue);
        self.block.glance();
        if now() >= self.tick {
            self.tick = now() + Duration::from_millis(TICK_MS);
            self.block.tick();
        }
    }
}

fn welcome_back(pci: &mut Pci<ConfigSpace>, disk: &'static Disk, block: Block) {
    disk.block.lost();
    if disk.block.take_over(block) {
        disk.attached.store(true, Ordering::Relaxed);
        pci.mute_line(disk.at, disk.delivery == Delivery::Messages);
        tell(&disk.name, Severity::Info, "the disk is back");
    }
}

/// The first name that no disk has had.
fn free_number() -> Option<usize> {
    DISKS.iter().position(|disk| disk.get().is_none())
}

impl Tenant<ConfigSpace> for House<'_> {
    fn arrived(&mut self, pci: &mut Pci<ConfigSpace>, port: &Port) {
        if let Err(why) = pcie::place(pci, port) {
            return log::error!("slot {}: the device {why}", port.number);
        }
        for function in pci.functions(port.bus) {
            if is_disk(&function) {
                self.lodge(pci, port, function.at);
            } else {
                let (number, id) = (port.number, function.info.to_string());
                log::warn!("slot {number}: {id} at {} is not used: no disk", function.at);
            }
        }
    }

    fn leave(&mut self) -> usize {
        let named: usize = lodgers(self.bus).map(|disk| disk.block.leave()).sum();
        let newcomers = self.newcomers.iter().map(|it| it.block.leave());
        named + newcomers.sum::<usize>()
    }

    fn lost(&mut self) {
        House::lost(self);
    }

    fn severed(&mut self, proof: &Severed) {
        each().for_each(|disk| disk.block.severed(proof));
        for newcomer in self.newcomers.drain(..) {
            newcomer.block.severed(proof);
        }
    }
}
