//! The machine's disks: found on PCI, named `vbd0`, `vbd1`, ... by their place on the bus.
//!
//! Place: `main` calls `init` once, when threads run; the console and the device mapper
//! look disks up by name. What drives them is the crate `drivers`; this folder gives it
//! the machine: interrupts and their threads (`interrupts`), and a watchdog.
//!
//! Words of the command line: `interrupts=line` keeps MSI-X off; `disk_timeout=SECONDS`
//! bars a disk earlier or later than usual.

mod interrupts;

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::BlockDevice;
use drivers::pci::{Function, Pci};
use drivers::virtio::SetupError;
use drivers::virtio::blk::{Options, Status, TICK_MS, VirtioBlk};
use drivers::virtio::transport::VirtioPci;
use spin::Once;
use virtio_drivers::transport::DeviceType;
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_drivers::transport::pci::virtio_device_type;

pub use self::interrupts::Delivery;
use crate::arch::pci::ConfigSpace;
use crate::arch::platform;
use crate::cmdline::Cmdline;
use crate::mm::dma::KernelHal;
use crate::task::Callout;

/// The most disks that are used: each has an interrupt thread.
pub const DISKS_MAX: usize = 16;

static DISKS: Once<Vec<Disk>> = Once::new();
static WATCHDOG: Once<Callout> = Once::new();

type Block = VirtioBlk<KernelHal, VirtioPci<ConfigSpace>>;

/// A disk of the machine.
pub struct Disk {
    number: usize,
    name: String,
    at: DeviceFunction,
    delivery: Delivery,
    block: Arc<Block>,
}

impl Disk {
    /// `vbd` and its number.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place on the bus.
    pub fn at(&self) -> DeviceFunction {
        self.at
    }

    /// How its interrupts come.
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// What requests are issued to.
    pub fn device(&self) -> Arc<dyn BlockDevice> {
        self.block.clone()
    }

    /// How long it may take for a request before it is barred, from now on. Rounded down
    /// to the watchdog's rounds, of which one is always granted on top.
    pub fn set_timeout(&self, timeout: Duration) {
        self.block.set_timeout(ticks(timeout));
    }

    /// What it is, does and did.
    pub fn status(&self) -> Status {
        self.block.status()
    }
}

/// All disks, in the order of their names; none before `init`.
pub fn all() -> &'static [Disk] {
    DISKS.get().map_or(&[], Vec::as_slice)
}

/// The disk of that name.
pub fn find(name: &str) -> Option<&'static Disk> {
    all().iter().find(|disk| disk.name == name)
}

/// Finds the disks and sets them going. One that cannot be used is reported, and leaves
/// its number unused: the names of the others do not depend on it.
pub fn init(cmdline: &Cmdline) {
    let mut disks = Vec::new();
    if let Some(ecam) = platform().ecam {
        let mut pci = Pci::new(ConfigSpace::new(ecam));
        let found = pci.scan().into_iter().filter(is_disk);
        for (number, function) in found.enumerate() {
            let name = format!("vbd{number}");
            if number >= DISKS_MAX {
                log::warn!("{name} at {}: not used, {DISKS_MAX} are the most", function.at);
                continue;
            }
            match attach(&mut pci, number, &name, &function, cmdline) {
                Ok(disk) => disks.push(disk),
                Err(why) => log::error!("{name} at {}: the device {why}", function.at),
            }
        }
    }
    let disks = DISKS.call_once(|| disks);
    interrupts::listen(disks);
    disks.iter().for_each(announce);
    WATCHDOG.call_once(|| Callout::new(watch)).reset(Duration::from_millis(TICK_MS));
}

fn is_disk(function: &Function) -> bool {
    virtio_device_type(&function.info) == Some(DeviceType::Block)
}

/// Makes a disk of a function.
fn attach(
    pci: &mut Pci<ConfigSpace>,
    number: usize,
    name: &str,
    function: &Function,
    cmdline: &Cmdline,
) -> Result<Disk, SetupError> {
    let mut options = Options::default();
    if let Some(seconds) = cmdline.get("disk_timeout").and_then(|text| text.parse().ok()) {
        options.timeout_ticks = ticks(Duration::from_secs(seconds));
    }
    let at = function.at;
    let want_line = cmdline.get("interrupts") == Some("line");
    let (delivery, wiring) = interrupts::choose(pci, at, number, want_line)?;
    let device = VirtioPci::new::<KernelHal>(pci, at, wiring)?;
    let block = Arc::new(Block::new(name.into(), device, options)?);
    Ok(Disk { number, name: name.into(), at, delivery, block })
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

/// The watchdog's round.
fn watch() {
    all().iter().for_each(|disk| disk.block.tick());
    if let Some(watchdog) = WATCHDOG.get() {
        watchdog.reset(Duration::from_millis(TICK_MS));
    }
}
