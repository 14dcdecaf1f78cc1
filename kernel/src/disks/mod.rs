//! The machine's disks: found on PCI, named `vbd0`, `vbd1`, ... by their place on the bus.
//!
//! Place: `main` calls `init` once, when threads run; the console and the device mapper look
//! disks up by name. The crate `drivers` drives them. This folder connects it to the machine:
//! interrupts and their threads (`interrupts`), glances and a watchdog, and the slots by which
//! disks come and go (`slots`, `newcomers`).
//!
//! Rule: a name belongs to one disk for good. A disk that was taken out gets its name again
//! when it comes back to its place. Any other disk gets the next name that was never used.
//!
//! Words of the command line: `interrupts=line` keeps MSI-X off; `disk_timeout=SECONDS`
//! bars a disk earlier or later than usual; `lose=N` loses kicks and interrupts (`losses`).

mod interrupts;
mod losses;
mod newcomers;
mod slots;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

use bio::BlockDevice;
use drivers::pci::{Function, Pci};
use drivers::virtio::blk::{GLANCE_MS, Options, State, Status, TICK_MS, VirtioBlk};
use drivers::virtio::lossy::Lossy;
use drivers::virtio::transport::VirtioPci;
use drivers::virtio::{Failure, SetupError};
use spin::Once;
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_drivers::transport::pci::virtio_device_type;

pub use self::interrupts::Delivery;
pub use self::slots::{Order, Slots, View, order, settled, view};
use crate::arch::pci::ConfigSpace;
use crate::arch::{addresses, platform};
use crate::cmdline::Cmdline;
use crate::mm::dma::KernelHal;
use crate::task::Callout;
use crate::trace;

/// The most disks that are used: each has an interrupt thread.
pub const DISKS_MAX: usize = 16;

static DISKS: [Once<Disk>; DISKS_MAX] = [const { Once::new() }; DISKS_MAX];
static WATCHDOG: Once<Callout> = Once::new();
static GLANCE: Once<Callout> = Once::new();

type Block = VirtioBlk<KernelHal, Lossy<VirtioPci<ConfigSpace>>>;

/// A disk of the machine.
pub struct Disk {
    number: usize,
    name: String,
    at: DeviceFunction,
    delivery: Delivery,
    /// Its device is in its place, as far as the kernel has noticed.
    attached: AtomicBool,
    block: Arc<Block>,
}

/// How disks are driven, by the command line.
#[derive(Clone, Copy)]
struct Settings {
    want_line: bool,
    options: Options,
}

impl Disk {
    /// `vbd` and its number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the bus.
    pub fn at(&self) -> DeviceFunction {
        self.at
    }

    /// How it interrupts.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The device that requests are issued to.
    pub fn device(&self) -> Arc<dyn BlockDevice> {
        self.block.clone()
    }

    /// How long it may take for a request before it is barred, from now on. Rounded down to the
    /// watchdog's rounds, plus one round.
    pub fn set_timeout(&self, timeout: Duration) {
        self.block.set_timeout(ticks(timeout));
    }

    /// The disk's status.
    pub fn status(&self) -> Status {
        self.block.status()
    }
}

/// All disks, in the order of their names; none before `init`.
pub fn all() -> Vec<&'static Disk> {
    each().collect()
}

fn each() -> impl Iterator<Item = &'static Disk> {
    DISKS.iter().filter_map(Once::get)
}

/// While this exists, no disk is kicked for new requests; the kicks come when it is dropped. So
/// a batch of requests costs each disk one kick. The holder must not sleep.
pub struct Plug(());

/// Begins a batch of requests.
#[must_use = "the batch ends when this goes"]
pub fn plug() -> Plug {
    each().for_each(|disk| disk.block.plug());
    Plug(())
}

impl Drop for Plug {
    /// A disk that came meanwhile is kicked once too often.
    fn drop(&mut self) {
        each().for_each(|disk| disk.block.unplug());
    }
}

/// The disk of that name.
pub fn find(name: &str) -> Option<&'static Disk> {
    each().find(|disk| disk.name == name)
}

/// Finds the disks and starts them. A disk that cannot be used is reported, and its number
/// stays unused, so the names of the others do not depend on it. Returns the slots by which
/// others may come.
pub fn init(cmdline: &Cmdline) -> Option<Slots> {
    losses::init(cmdline);
    let settings = Settings::new(cmdline);
    let slots = platform().ecam.map(|ecam| {
        let mut pci = Pci::new(ConfigSpace::new(ecam), addresses::taken());
        let functions = pci.scan();
        for (number, function) in functions.iter().filter(|it| is_disk(it)).enumerate() {
            if number >= DISKS_MAX {
                log::warn!("disk at {}: not used, {DISKS_MAX} are the most", function.at);
                continue;
            }
            let line = pci.interrupt_line(function.at);
            match attach(&mut pci, number, function.at, line, &settings) {
                Ok((delivery, block)) => drop(enlist(number, function.at, delivery, block)),
                Err(why) => log::error!("vbd{number} at {}: the device {why}", function.at),
            }
        }
        Slots::find(pci, &functions, settings)
    });
    interrupts::listen();
    each().for_each(announce);
    GLANCE.call_once(|| Callout::new(glance)).reset(Duration::from_millis(GLANCE_MS));
    WATCHDOG.call_once(|| Callout::new(watch)).reset(Duration::from_millis(TICK_MS));
    slots
}

impl Settings {
    fn new(cmdline: &Cmdline) -> Settings {
        let mut options = Options { probe: Some(trace::disk), ..Options::default() };
        if let Some(seconds) = cmdline.get("disk_timeout").and_then(|text| text.parse().ok()) {
            options.timeout_ticks = ticks(Duration::from_secs(seconds));
        }
        Settings { want_line: cmdline.get("interrupts") == Some("line"), options }
    }
}

fn is_disk(function: &Function) -> bool {
    virtio_device_type(&function.info) == Some(DeviceType::Block)
}

/// Sets up the device at `at` as disk `number`, with that disk's interrupts. `line` is where
/// its pin leads.
fn attach(
    pci: &mut Pci<ConfigSpace>,
    number: usize,
    at: DeviceFunction,
    line: Option<u8>,
    settings: &Settings,
) -> Result<(Delivery, Block), SetupError> {
    let line = interrupts::Pin { line, wanted: settings.want_line };
    let (delivery, wiring) = interrupts::choose(pci, at, number, line)?;
    let device = VirtioPci::new::<KernelHal>(pci, at, wiring)?;
    let device = Lossy::new(device, losses::lost);
    match Block::new(format!("vbd{number}"), device, settings.options) {
        Ok(block) => Ok((delivery, block)),
        Err(why) => {
            pci.disable(at);
            Err(why)
        }
    }
}

/// Makes a disk of what `attach` returned. From now on everybody can find it by its name.
fn enlist(number: usize, at: DeviceFunction, delivery: Delivery, block: Block) -> &'static Disk {
    let (attached, block) = (AtomicBool::new(true), Arc::new(block));
    let name = format!("vbd{number}");
    DISKS[number].call_once(|| Disk { number, name, at, delivery, attached, block })
}

fn announce(disk: &Disk) {
    let Status { capacity, limits, .. } = disk.status();
    log::info!(
        "{} at {}: {capacity} sectors, blocks of {}{}, {}",
        disk.name,
        disk.at,
        limits.block_size,
        if limits.read_only { ", read-only" } else { "" },
        disk.delivery
    );
}

fn ticks(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX) / TICK_MS
}

/// Looks for kicks and interrupts that were lost.
fn glance() {
    each().for_each(|disk| disk.block.glance());
    if let Some(glance) = GLANCE.get() {
        glance.reset(Duration::from_millis(GLANCE_MS));
    }
}

/// The watchdog's round. It rings for disks that are gone: a slot does not notice by itself
/// that its power is gone.
fn watch() {
    each().for_each(|disk| disk.block.tick());
    let gone = |disk: &Disk| {
        disk.attached.load(Ordering::Relaxed) && disk.status().state == State::Barred(Failure::Gone)
    };
    if each().any(gone) {
        slots::ring();
    }
    if let Some(watchdog) = WATCHDOG.get() {
        watchdog.reset(Duration::from_millis(TICK_MS));
    }
}
