//! From a disk's interrupt to the thread that serves it.
//!
//! Place: below `disks`; above the vectors of `arch` and the interrupt threads of `task`.
//! Rule: a handler notes the reason, rings the bell and returns. A line is closed by its
//! handler, and opened again when its disks were served.
//!
//! A disk with MSI-X has a thread of its own. Disks that share an interrupt line share its
//! thread, which asks each of them. An interrupt that comes before its thread has started
//! waits.

use alloc::format;
use alloc::sync::Arc;
use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicU8, Ordering};

use drivers::pci::{Message, Pci};
use drivers::virtio::SetupError;
use drivers::virtio::blk::Interrupt;
use drivers::virtio::transport::{Interrupts, VECTORS};
use spin::Once;
use virtio_drivers::transport::pci::bus::DeviceFunction;

use super::{Block, DISKS_MAX, Disk, each, losses, plug};
use crate::arch::interrupts::Vector;
use crate::arch::ioapic::{self, Wiring};
use crate::arch::pci::ConfigSpace;
use crate::task::{Bell, ithread};

/// Lines that firmware routes INTx pins to: those of the ISA bus.
const LINES_MAX: usize = 16;

// What a source has pending.
const QUEUE: u8 = 1;
const CONFIG: u8 = 2;
const LINE: u8 = 4;

static DISKS: [Source; DISKS_MAX] = [const { Source::new() }; DISKS_MAX];
static LINES: [Source; LINES_MAX] = [const { Source::new() }; LINES_MAX];

/// How a disk interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// By MSI-X.
    Messages,
    /// By an interrupt line, shared with others.
    Line(u8),
    /// Not at all: glances find the answers, some milliseconds late.
    None,
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Delivery::Messages => f.write_str("MSI-X"),
            Delivery::Line(line) => write!(f, "interrupt line {line}"),
            Delivery::None => f.write_str("no interrupt"),
        }
    }
}

/// Where a device's interrupt pin leads, if that is known, and whether the line is wanted.
pub(super) struct Pin {
    pub(super) line: Option<u8>,
    /// Even if the device could send messages.
    pub(super) wanted: bool,
}

/// A source of interrupts, and the thread that serves it.
struct Source {
    pending: AtomicU8,
    bell: Once<Bell>,
    /// The messages of a disk, which it keeps while its device is away.
    messages: Once<Interrupts>,
}

impl Source {
    const fn new() -> Source {
        Source { pending: AtomicU8::new(0), bell: Once::new(), messages: Once::new() }
    }

    /// The handler's part.
    fn raise(&self, what: u8) {
        self.pending.fetch_or(what, Ordering::Release);
        if let Some(bell) = self.bell.get() {
            bell.ring();
        }
    }

    /// The thread's part.
    fn take(&self) -> u8 {
        self.pending.swap(0, Ordering::Acquire)
    }

    /// Starts the thread. It begins with the interrupts that came before.
    fn start(&self, name: &str, service: Arc<dyn Fn() + Send + Sync>) {
        match ithread(name, service) {
            Ok(bell) => self.bell.call_once(|| bell).ring(),
            Err(why) => log::error!("{name}: no interrupt thread: {why}"),
        }
    }
}

/// Chooses how the device at `at`, disk `number`, shall interrupt, and allocates a vector for
/// each message.
pub(super) fn choose(
    pci: &Pci<ConfigSpace>,
    at: DeviceFunction,
    number: usize,
    pin: Pin,
) -> Result<(Delivery, Interrupts), SetupError> {
    if !pin.wanted && pci.msix_vectors(at)? >= VECTORS {
        let vector = |owner, handler| Vector::allocate(owner, handler, number);
        let messages = &DISKS[number].messages;
        if messages.get().is_none()
            && let (Some(config), Some(queue)) =
                (vector("vbd config", config_changed), vector("vbd queue", queue_answered))
        {
            messages
                .call_once(|| Interrupts::Msix { config: message(config), queue: message(queue) });
        }
        if let Some(&wiring) = messages.get() {
            return Ok((Delivery::Messages, wiring));
        }
    }
    let line = pin.line.filter(|&line| usize::from(line) < LINES_MAX);
    Ok((line.map_or(Delivery::None, Delivery::Line), Interrupts::Line))
}

/// The message of a vector. The device keeps the vector for good.
pub(super) fn message(vector: Vector) -> Message {
    let message = vector.msi();
    mem::forget(vector);
    message
}

/// Starts the threads of all disks, and opens their lines.
pub(super) fn listen() {
    each().filter(|disk| disk.delivery == Delivery::Messages).for_each(hear);
    for line in 0..LINES_MAX {
        if each().any(|disk| disk.delivery == Delivery::Line(line as u8)) {
            open(line);
        }
    }
}

/// Starts the thread of a disk that came later, or opens its line.
pub(super) fn listen_to(disk: &'static Disk) {
    match disk.delivery {
        Delivery::Messages => hear(disk),
        Delivery::Line(line) if LINES[usize::from(line)].bell.get().is_none() => open(line.into()),
        Delivery::Line(_) | Delivery::None => {}
    }
}

/// Starts the thread of a disk.
fn hear(disk: &'static Disk) {
    let source = &DISKS[disk.number];
    source.start(&disk.name, Arc::new(move || serve(source, &disk.block)));
}

/// Starts the thread of a line and opens the line.
fn open(line: usize) {
    let Some(vector) = Vector::allocate("irq", line_raised, line) else {
        return log::error!("line {line}: no interrupt vector is left");
    };
    let service = move || {
        if LINES[line].take() == LINE {
            let _batch = plug();
            let on_line = each().filter(|disk| disk.delivery == Delivery::Line(line as u8));
            on_line.for_each(|disk| disk.block.interrupt(Interrupt::Line));
            ioapic::unmask(line as u8);
        }
    };
    LINES[line].start(&format!("irq{line}"), Arc::new(service));
    ioapic::connect(line as u8, &vector, Wiring::Pci);
    mem::forget(vector);
    // QEMU's I/O APIC does not see a line that was raised before it was connected. So look once
    // without an interrupt; that lowers the line.
    LINES[line].raise(LINE);
}

fn serve(source: &Source, block: &Block) {
    // Requests that are issued because others ended are a batch too.
    let _batch = plug();
    let pending = source.take();
    if pending & CONFIG != 0 {
        block.interrupt(Interrupt::Config);
    }
    if pending & QUEUE != 0 {
        block.interrupt(Interrupt::Queue);
    }
}

// The handlers: interrupts are off.

fn queue_answered(disk: usize) {
    if !losses::lost() {
        DISKS[disk].raise(QUEUE);
    }
}

fn config_changed(disk: usize) {
    DISKS[disk].raise(CONFIG);
}

fn line_raised(line: usize) {
    ioapic::mask(line as u8);
    LINES[line].raise(LINE);
}
