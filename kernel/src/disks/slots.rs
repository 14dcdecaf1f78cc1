//! The slots that disks come and go by: one thread turns them all.
//!
//! Place: `drivers::pcie` knows what is done with a slot and when; here it gets its
//! interrupts, its time, and the disks. The device mapper hears of disks that are new.
//!
//! Rules:
//!
//! - The thread sleeps until a port interrupts, something falls due, the watchdog misses a
//!   disk, or the console has an order.
//! - A port without MSI-X, or with `interrupts=line`, is looked at every second instead.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use bio::BlockDevice;
use bio::sync::{Lock, Rank};
use dm::{Dm, Event, Severity};
use drivers::pci::{Function, Pci};
use drivers::pcie::{self, News, Port, Slot, Stage, Tenant};
use drivers::virtio::SetupError;
use drivers::virtio::blk::{Interrupt, State, Status};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::interrupts::{self, Delivery};
use super::{Block, DISKS, DISKS_MAX, Disk, Settings, announce, attach, each, enlist, is_disk};
use crate::arch::clock;
use crate::arch::interrupts::Vector;
use crate::arch::pci::ConfigSpace;
use crate::events;
use crate::mm::dma::KernelHal;
use crate::task::{MaySleep, Priority, WaitChan, sleep, spawn, with_reserve};

/// How often a port is looked at that does not interrupt.
const POLL: Duration = Duration::from_secs(1);
/// How long a new disk may take to tell its serial number, and how often it is asked.
const IDENTIFY_MAX: Duration = Duration::from_secs(2);
const IDENTIFY_GLANCE: Duration = Duration::from_millis(10);

/// Taken with no other lock, and no other one under it.
const RANK: Rank = Rank(80);

static RUNG: AtomicBool = AtomicBool::new(false);
static CHAN: WaitChan = WaitChan::new("slots");
/// Those that are being obeyed stay until what came of it is in the view.
static ORDERS: Lock<Vec<(u16, Order)>> = Lock::new(RANK, Vec::new());
static VIEW: Lock<Vec<View>> = Lock::new(RANK, Vec::new());

/// What a person has a slot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Let the device leave, as its button does, but at once.
    Eject,
    /// Start what is in it.
    Start,
    /// Set the disk in it up anew, if it was given up.
    Reset,
    /// Switch its power off behind everybody's back, as if the device were torn out.
    Pull,
}

/// A slot as a person sees it.
#[derive(Clone, Debug)]
pub struct View {
    /// The number beside it.
    pub number: u16,
    /// The port above it.
    pub port: DeviceFunction,
    /// Where it stands.
    pub stage: Stage,
    /// The disks in it, by name.
    pub disks: String,
    /// How its events come.
    pub events: &'static str,
}

/// The slots as they stand, in the order of their ports.
pub fn view() -> Vec<View> {
    VIEW.lock().clone()
}

/// Has a slot do something.
pub fn order(number: u16, order: Order) {
    ORDERS.lock().push((number, order));
    ring();
}

/// Where a slot stands, once it stands still and has obeyed all orders.
pub fn settled(number: u16) -> Option<Stage> {
    let ordered = ORDERS.lock().iter().any(|order| order.0 == number);
    let stage = VIEW.lock().iter().find(|slot| slot.number == number).map(|slot| slot.stage);
    stage.filter(|stage| !ordered && matches!(stage, Stage::Off | Stage::On))
}

/// Has the thread look at all slots. Interrupt handlers may do so.
pub(super) fn ring() {
    RUNG.store(true, Ordering::Release);
    CHAN.wakeup();
}

fn raised(_: usize) {
    ring();
}

/// The slots of the machine, not yet looked after.
pub struct Slots {
    pci: Pci<ConfigSpace>,
    slots: Vec<Looked>,
    settings: Settings,
}

/// A slot that is looked after.
struct Looked {
    slot: Slot,
    /// Its port interrupts.
    interrupts: bool,
}

impl Slots {
    /// The slots below the ports among `functions`.
    pub(super) fn find(
        mut pci: Pci<ConfigSpace>,
        functions: &[Function],
        settings: Settings,
    ) -> Slots {
        let mut slots = Vec::new();
        for port in pcie::ports(&pci, functions) {
            match port {
                Ok(port) => {
                    let interrupts = !settings.want_line && wire(&mut pci, &port);
                    // Nobody would answer: disks share its line.
                    pci.mute_line(port.at, true);
                    let slot = Slot::new(&mut pci, port);
                    slots.push(Looked { slot, interrupts });
                }
                Err((at, why)) => log::error!("port at {at}: it {why}"),
            }
        }
        Slots { pci, slots, settings }
    }

    /// Starts the thread that looks after them; `dm` is to know disks that come.
    pub fn look_after(self, dm: &'static Dm) {
        if self.slots.is_empty() {
            return;
        }
        log::info!("hot plug: {} slots", self.slots.len());
        self.publish();
        let mut slots = self;
        let thread = spawn("slots", Priority::Kernel, move |may_sleep| slots.run(dm, may_sleep));
        if let Err(why) = thread {
            log::error!("no thread for slots: {why}; disks cannot come and go");
        }
    }

    fn run(&mut self, dm: &'static Dm, may_sleep: &MaySleep) {
        loop {
            // A disk that leaves gives back what it had: that is how memory gets free.
            let due = with_reserve(|| self.round(dm, may_sleep));
            let rung = || RUNG.swap(false, Ordering::Acquire).then_some(());
            let polled = self.slots.iter().any(|it| !it.interrupts).then_some(POLL);
            let wait = due.map(|due| due.saturating_sub(now())).into_iter().chain(polled).min();
            match wait {
                None => CHAN.wait_until(may_sleep, rung),
                // That the time has come is as good a reason as any.
                Some(wait) => drop(CHAN.wait_until_timeout(may_sleep, wait, rung)),
            }
        }
    }

    /// Does what is to be done now. Returns when there is more.
    fn round(&mut self, dm: &'static Dm, may_sleep: &MaySleep) -> Option<Duration> {
        let obeyed = self.obey(dm, may_sleep);
        let due = self.turn(dm, may_sleep);
        self.publish();
        ORDERS.lock().drain(..obeyed);
        due
    }

    /// Passes on what the console wants. Returns how many orders it had.
    fn obey(&mut self, dm: &'static Dm, may_sleep: &MaySleep) -> usize {
        let orders = ORDERS.lock().clone();
        for &(number, order) in &orders {
            let slot = self.slots.iter_mut().find(|it| it.slot.port().number == number);
            let Some(Looked { slot, .. }) = slot else { continue };
            let heard = match order {
                Order::Eject => slot.eject(),
                Order::Start => slot.start(),
                Order::Reset => {
                    let (bus, settings) = (slot.port().bus, self.settings);
                    House { bus, settings, dm, may_sleep }.reset(&mut self.pci, slot.port());
                    true
                }
                Order::Pull => {
                    slot.port().pull(&mut self.pci);
                    true
                }
            };
            if !heard {
                log::warn!("slot {number}: it is {}", slot.stage());
            }
        }
        orders.len()
    }

    /// Gives each slot a turn. Returns when the next one is due.
    fn turn(&mut self, dm: &'static Dm, may_sleep: &MaySleep) -> Option<Duration> {
        let Slots { pci, slots, settings } = self;
        let mut due = None;
        for Looked { slot, .. } in slots {
            let (number, bus) = (slot.port().number, slot.port().bus);
            let mut house = House { bus, settings: *settings, dm, may_sleep };
            let next = slot.turn(pci, &mut house, now());
            if let Some(news) = next.news {
                tell(&format!("slot {number}"), severity(news), &format!("{news}"));
                if news == News::Left {
                    house.lost();
                }
            }
            due = due.into_iter().chain(next.at).min();
        }
        due
    }

    fn publish(&self) {
        let view = |Looked { slot, interrupts }: &Looked| {
            let port = slot.port();
            let disks: Vec<&str> = lodgers(port.bus).map(|disk| disk.name.as_str()).collect();
            View {
                number: port.number,
                port: port.at,
                stage: slot.stage(),
                disks: disks.join(" "),
                events: if *interrupts { "MSI-X" } else { "polled" },
            }
        };
        let views = self.slots.iter().map(view).collect();
        let before = mem::replace(&mut *VIEW.lock(), views);
        drop(before);
    }
}

/// Keeps what happened for `events`, and shows it now.
fn tell(device: &str, severity: Severity, what: &str) {
    log::info!("{device}: {what}");
    events::note(&Event { device, severity, what: format_args!("{what}") });
}

fn severity(news: News) -> Severity {
    match news {
        News::Pressed | News::Stays | News::Arrived | News::Left => Severity::Info,
        News::Silent | News::Busy(_) | News::TornOut | News::PowerFault => Severity::Warning,
    }
}

fn now() -> Duration {
    Duration::from_nanos(clock::now())
}

/// Has a port interrupt by MSI-X. False if it cannot.
fn wire(pci: &mut Pci<ConfigSpace>, port: &Port) -> bool {
    let vectors = usize::from(port.vector) + 1;
    if pci.msix_vectors(port.at).unwrap_or(0) < vectors {
        return false;
    }
    let Some(vector) = Vector::allocate("slot", raised, port.number.into()) else { return false };
    let messages = vec![interrupts::message(vector); vectors];
    match pci.set_msix::<KernelHal>(port.at, &messages) {
        Ok(()) => true,
        Err(why) => {
            log::warn!("port at {}: it {why}; it is polled", port.at);
            false
        }
    }
}

/// The disks behind a port whose devices are there, as far as anybody has noticed.
fn lodgers(bus: u8) -> impl Iterator<Item = &'static Disk> {
    each().filter(move |disk| disk.at.bus == bus && disk.attached.load(Ordering::Relaxed))
}

/// What drives the devices of one slot.
struct House<'a> {
    bus: u8,
    settings: Settings,
    dm: &'static Dm,
    may_sleep: &'a MaySleep,
}

impl House<'_> {
    /// Nobody drives the devices any more.
    fn lost(&self) {
        for disk in lodgers(self.bus) {
            disk.attached.store(false, Ordering::Relaxed);
            disk.block.lost();
        }
    }

    /// Sets disks up anew that were given up. Not one that still holds requests: under
    /// QEMU the whole machine would wait for it.
    fn reset(&self, pci: &mut Pci<ConfigSpace>, port: &Port) {
        for disk in lodgers(self.bus) {
            let Status { state, in_flight, .. } = disk.status();
            if !matches!(state, State::Barred(_)) {
                continue;
            }
            if in_flight > 0 {
                let what =
                    format!("it holds {in_flight} requests, and is not reset before it answers");
                tell(&disk.name, Severity::Warning, &what);
            } else if let Err(why) = self.lodge(pci, port, disk.at) {
                log::error!("{}: the device {why}", disk.name);
            }
        }
    }

    /// Makes a disk of a device that came: the one that was there before, or a new one.
    fn lodge(
        &self,
        pci: &mut Pci<ConfigSpace>,
        port: &Port,
        at: DeviceFunction,
    ) -> Result<(), SetupError> {
        // The one that was there last is the most likely one to come back.
        let before = each().filter(|disk| disk.at == at).last();
        let Some(number) = before.map(|disk| disk.number).or_else(free_number) else {
            log::warn!("disk at {at}: not used, {DISKS_MAX} are the most");
            return Ok(());
        };
        let (delivery, block) = self.attach(pci, port, number, at)?;
        let known = each().filter(|disk| disk.at == at).find(|disk| disk.block.is_same(&block));
        match known {
            Some(disk) if disk.number == number => self.welcome_back(pci, disk, block),
            Some(disk) => {
                let (_, block) = self.attach(pci, port, disk.number, at)?;
                self.welcome_back(pci, disk, block);
            }
            None if before.is_none() => self.welcome(pci, number, at, delivery, block),
            None => match free_number() {
                Some(number) => {
                    let (delivery, block) = self.attach(pci, port, number, at)?;
                    self.welcome(pci, number, at, delivery, block);
                }
                None => log::warn!("disk at {at}: another one than before, and no name is left"),
            },
        }
        Ok(())
    }

    /// Sets a device up and waits until it has said who it is. It raises no line until it
    /// is somebody's.
    fn attach(
        &self,
        pci: &mut Pci<ConfigSpace>,
        port: &Port,
        number: usize,
        at: DeviceFunction,
    ) -> Result<(Delivery, Block), SetupError> {
        pci.mute_line(at, true);
        // Pin A of the first device below a port leads where the port's own does.
        let line = pci.interrupt_line(port.at);
        let (delivery, block) = attach(pci, number, at, line, &self.settings)?;
        let limit = now() + IDENTIFY_MAX;
        while block.status().in_flight > 0 && now() < limit {
            block.interrupt(Interrupt::Queue);
            block.glance();
            sleep(self.may_sleep, IDENTIFY_GLANCE);
        }
        Ok((delivery, block))
    }

    fn welcome_back(&self, pci: &mut Pci<ConfigSpace>, disk: &'static Disk, block: Block) {
        disk.block.lost();
        if disk.block.take_over(block) {
            disk.attached.store(true, Ordering::Relaxed);
            pci.mute_line(disk.at, disk.delivery == Delivery::Messages);
            tell(&disk.name, Severity::Info, "the disk is back");
        }
    }

    fn welcome(
        &self,
        pci: &mut Pci<ConfigSpace>,
        number: usize,
        at: DeviceFunction,
        delivery: Delivery,
        block: Block,
    ) {
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
            let (at, id) = (function.at, format!("{}", function.info));
            if !is_disk(&function) {
                log::warn!("slot {}: {id} at {at} is not used: no disk", port.number);
            } else if let Err(why) = self.lodge(pci, port, at) {
                log::error!("disk at {at}: the device {why}");
            }
        }
    }

    fn leave(&mut self) -> usize {
        lodgers(self.bus).map(|disk| disk.block.leave()).sum()
    }

    fn lost(&mut self) {
        House::lost(self);
    }
}
