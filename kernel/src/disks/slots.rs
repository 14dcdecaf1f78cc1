//! The slots by which disks come and go: one thread serves them all.
//!
//! Place: `drivers::pcie` decides what is done with a slot and when. This file gives it
//! interrupts, the time and the disks; `newcomers` names a device that has come.
//!
//! Rules:
//!
//! - The thread sleeps until a port interrupts, something falls due, the watchdog misses a
//!   disk, or the console has an order.
//! - A port without MSI-X, or with `interrupts=line`, is looked at every second instead.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use bio::sync::{Lock, Rank};
use dm::{Dm, Event, Severity};
use drivers::pci::{Function, Pci};
use drivers::pcie::{self, News, Port, Slot, Stage};
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::newcomers::{House, Newcomer, lodgers};
use super::{Settings, interrupts};
use crate::arch::clock;
use crate::arch::interrupts::Vector;
use crate::arch::pci::ConfigSpace;
use crate::events;
use crate::mm::dma::KernelHal;
use crate::task::{MaySleep, Priority, WaitChan, spawn, with_reserve};

/// How often a port that does not interrupt is looked at.
const POLL: Duration = Duration::from_secs(1);

/// Taken with no other lock held, and no other lock is taken under it.
const RANK: Rank = Rank(80);

static RUNG: AtomicBool = AtomicBool::new(false);
static CHAN: WaitChan = WaitChan::new("slots");
/// An order stays here until its outcome is in the view.
static ORDERS: Lock<Vec<(u16, Order)>> = Lock::new(RANK, Vec::new());
static VIEW: Lock<Vec<View>> = Lock::new(RANK, Vec::new());

/// What a person orders a slot to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Let the device leave, as its button does, but at once.
    Eject,
    /// Start the device in it.
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
    /// Its stage.
    pub stage: Stage,
    /// The disks in it, by name.
    pub disks: String,
    /// How its events are noticed.
    pub events: &'static str,
}

/// The slots and their stages, in the order of their ports.
pub fn view() -> Vec<View> {
    VIEW.lock().clone()
}

/// Orders a slot to do something.
pub fn order(number: u16, order: Order) {
    ORDERS.lock().push((number, order));
    ring();
}

/// A slot's stage, once it no longer changes and all orders were obeyed.
pub fn settled(number: u16) -> Option<Stage> {
    let ordered = ORDERS.lock().iter().any(|order| order.0 == number);
    let stage = VIEW.lock().iter().find(|slot| slot.number == number).map(|slot| slot.stage);
    stage.filter(|stage| !ordered && matches!(stage, Stage::Off | Stage::On))
}

/// Makes the thread look at all slots. Interrupt handlers may call it.
pub(super) fn ring() {
    RUNG.store(true, Ordering::Release);
    CHAN.wakeup();
}

fn raised(_: usize) {
    ring();
}

/// The slots of the machine, before their thread starts.
pub struct Slots {
    pci: Pci<ConfigSpace>,
    slots: Vec<Looked>,
    settings: Settings,
}

/// A slot in the care of the thread.
struct Looked {
    slot: Slot,
    /// Its port interrupts.
    interrupts: bool,
    /// The devices in it that have not yet said who they are.
    newcomers: Vec<Newcomer>,
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
                    // Nobody would serve it, and disks share its line.
                    pci.mute_line(port.at, true);
                    let slot = Slot::new(&mut pci, port);
                    slots.push(Looked { slot, interrupts, newcomers: Vec::new() });
                }
                Err((at, why)) => log::error!("port at {at}: it {why}"),
            }
        }
        Slots { pci, slots, settings }
    }

    /// Starts the thread that looks after them. `dm` is told of disks that come.
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
            // With the reserve: a disk that leaves gives memory back.
            let due = with_reserve(|| self.round(dm, may_sleep));
            let rung = || RUNG.swap(false, Ordering::Acquire).then_some(());
            let polled = self.slots.iter().any(|it| !it.interrupts).then_some(POLL);
            let wait = due.map(|due| due.saturating_sub(now())).into_iter().chain(polled).min();
            match wait {
                None => CHAN.wait_until(may_sleep, rung),
                // A time-out is as good a reason as any to look.
                Some(wait) => drop(CHAN.wait_until_timeout(may_sleep, wait, rung)),
            }
        }
    }

    /// Does what is due now. Returns when more is due.
    fn round(&mut self, dm: &'static Dm, may_sleep: &MaySleep) -> Option<Duration> {
        let obeyed = self.obey(dm, may_sleep);
        let due = self.turn(dm, may_sleep);
        self.publish();
        ORDERS.lock().drain(..obeyed);
        due
    }

    /// Carries out the console's orders. Returns how many there were.
    fn obey(&mut self, dm: &'static Dm, may_sleep: &MaySleep) -> usize {
        let orders = ORDERS.lock().clone();
        for &(number, order) in &orders {
            let slot = self.slots.iter_mut().find(|it| it.slot.port().number == number);
            let Some(Looked { slot, newcomers, .. }) = slot else { continue };
            let heard = match order {
                Order::Eject => slot.eject(),
                Order::Start => slot.start(),
                Order::Reset => {
                    let (bus, settings) = (slot.port().bus, self.settings);
                    let mut house = House { bus, settings, dm, may_sleep, newcomers };
                    house.reset(&mut self.pci, slot.port());
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
        for Looked { slot, newcomers, .. } in slots {
            let (number, bus) = (slot.port().number, slot.port().bus);
            let mut house = House { bus, settings: *settings, dm, may_sleep, newcomers };
            let next = slot.turn(pci, &mut house, now());
            if let Some(news) = next.news {
                tell(&format!("slot {number}"), severity(news), &format!("{news}"));
                if news == News::Left {
                    house.lost();
                }
            }
            let asked = house.introduce(pci, slot.port());
            due = due.into_iter().chain(next.at).chain(asked).min();
        }
        due
    }

    fn publish(&self) {
        let view = |Looked { slot, interrupts, .. }: &Looked| {
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

/// Notes what happened for the command `events`, and shows it now.
pub(super) fn tell(device: &str, severity: Severity, what: &str) {
    log::info!("{device}: {what}");
    events::note(&Event { device, severity, what: format_args!("{what}") });
}

fn severity(news: News) -> Severity {
    match news {
        News::Pressed | News::Stays | News::Arrived | News::Left => Severity::Info,
        News::Silent | News::Busy(_) | News::TornOut | News::PowerFault => Severity::Warning,
    }
}

/// The time since boot.
pub(super) fn now() -> Duration {
    Duration::from_nanos(clock::now())
}

/// Makes a port interrupt by MSI-X. False if it cannot.
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
