//! A PCI function, and a port above it, whose configuration space says anything.

use std::sync::{Arc, Mutex};
use std::vec;

use virtio_drivers::transport::Transport;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::answers::{Answers, Borne};
use super::fake::{HostileHal, MEMORY_END, scribble};
use crate::pci::{HalfWords, Message, Pci};
use crate::pcie::{place, ports};
use crate::virtio::Device;
use crate::virtio::transport::{Interrupts, VirtioPci};

/// The most reads of configuration space that one device costs: a little more than all
/// functions of two buses cost.
const READS_MAX: usize = 20_000;

const PORT: DeviceFunction = DeviceFunction { bus: 0, device: 3, function: 0 };
const DEVICE: DeviceFunction = DeviceFunction { bus: 2, device: 0, function: 0 };

/// A correct virtio disk: words by their offset.
const DISK: &[(u8, u32)] = &[
    (0x00, 0x1042_1af4),
    (0x04, 0x0010_0000),
    (0x10, 0x9000_0000),
    (0x20, 0x000c),
    (0x24, 0x80),
    (0x34, 0x40),
    // MSI-X, then common configuration, notification, ISR and device configuration.
    (0x40, 0x0001_5011),
    (0x44, 0x0000_0800),
    (0x50, 0x0110_6409),
    (0x54, 4),
    (0x5c, 0x38),
    (0x64, 0x0214_7809),
    (0x68, 4),
    (0x6c, 0x3000),
    (0x70, 0x1000),
    (0x74, 4),
    (0x78, 0x0310_8809),
    (0x7c, 4),
    (0x80, 0x1000),
    (0x84, 4),
    (0x88, 0x0410_0009),
    (0x8c, 4),
    (0x90, 0x2000),
    (0x94, 0x1000),
];

/// A correct port with a slot.
const ROOT_PORT: &[(u8, u32)] = &[
    (0x00, 0x000c_1b36),
    (0x04, 0x0010_0000),
    (0x0c, 0x0001_0000),
    (0x18, 0x0000_0200),
    (0x20, 0x8110_8100),
    (0x24, 0x0011_0001),
    (0x28, 0x8),
    (0x2c, 0x8),
    (0x34, 0x40),
    (0x40, 0x0142_0010),
    (0x4c, 1 << 20),
    (0x54, 7 << 19 | 0x43),
];

/// Which bits of the device's BARs can be written: BAR 0 has 4 KiB, BAR 4 has 16 KiB and a
/// second word.
const MASKS: [u32; 6] = [!0xfff, 0, 0, 0, !0x3fff, u32::MAX];

struct Space {
    answers: Answers,
    device: [u32; 64],
    port: [u32; 64],
    masks: [u32; 6],
    /// One in this many words read differs from the read before.
    lies: u32,
    reads: usize,
}

#[derive(Clone)]
struct Liar(Arc<Mutex<Space>>);

fn words(of: &[(u8, u32)]) -> [u32; 64] {
    let mut words = [0; 64];
    of.iter().for_each(|&(offset, word)| words[usize::from(offset / 4)] = word);
    words
}

impl Liar {
    /// A correct device and port, except for some words.
    fn new(mut answers: Answers) -> Liar {
        let (mut device, mut port, mut masks) = (words(DISK), words(ROOT_PORT), MASKS);
        for _ in 0..answers.below(8) {
            let (at, word) = (answers.below(64) as usize, answers.word());
            let awkward = answers.awkward();
            match answers.below(7) {
                0 => device[at] = awkward,
                1 => device[at] ^= 1 << (word % 32),
                // A link of the list of capabilities, or a field behind it.
                2 => device[at] = device[at] & !0xff00 | word & 0xff00,
                3 => device[16 + at % 48] = awkward,
                4 => masks[at % 6] = awkward,
                // A BAR longer than an offset reaches.
                5 => (masks[4], masks[5], device[8]) = (0, !0 << (1 + word % 8), 0xc),
                _ => port[at] = awkward,
            }
        }
        let lies = match answers.below(4) {
            0 => 4,
            1 => 64,
            _ => u32::MAX,
        };
        Liar(Arc::new(Mutex::new(Space { answers, device, port, masks, lies, reads: 0 })))
    }

    fn with<R>(&self, work: impl FnOnce(&mut Space) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }
}

impl ConfigurationAccess for Liar {
    fn read_word(&self, at: DeviceFunction, offset: u8) -> u32 {
        assert!(offset.is_multiple_of(4), "a word is where words are");
        self.with(|space| {
            space.reads += 1;
            assert!(space.reads < READS_MAX, "reading comes to an end");
            let index = usize::from(offset / 4);
            match at {
                PORT => space.port[index],
                DEVICE if space.lies != u32::MAX && space.answers.one_in(space.lies) => {
                    space.answers.awkward()
                }
                DEVICE => space.device[index],
                _ => u32::MAX,
            }
        })
    }

    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        self.with(|space| {
            let index = usize::from(offset / 4);
            let mask = match index {
                1 => 0xffff,
                4..10 => space.masks[index - 4],
                _ => u32::MAX,
            };
            match at {
                DEVICE => space.device[index] = space.device[index] & !mask | value & mask,
                PORT => space.port[index] = value,
                _ => {}
            }
        });
    }

    unsafe fn unsafe_clone(&self) -> Liar {
        self.clone()
    }
}

impl HalfWords for Liar {
    fn write_half(&mut self, _: DeviceFunction, offset: u8, _: u16) {
        assert!(offset.is_multiple_of(2), "half a word is where halves are");
    }
}

fn message() -> Message {
    // SAFETY: the device has no way to write it.
    unsafe { Message::new(0xfee0_0000, 0x40) }
}

/// One device behind one port, from discovery to its first doorbell.
///
/// # Panics
/// When a promise of this module is broken.
pub fn function(answers: Answers) -> Borne {
    let liar = Liar::new(answers);
    liar.with(|space| scribble(&mut space.answers));
    let reserved = vec![0..=MEMORY_END - 1, 1 << 46..=u64::MAX];
    let mut pci = Pci::new(liar.clone(), reserved);
    // Looking at every place of two buses costs a hundred times what the rest does.
    if liar.with(|space| space.answers.one_in(64)) {
        let found = pci.scan();
        for port in ports(&pci, &found).into_iter().flatten() {
            let _ = place(&mut pci, &port);
        }
    }
    let _ = pci.msix_vectors(PORT);
    let wiring = match liar.with(|space| space.answers.below(2)) {
        0 => Interrupts::Line,
        _ => Interrupts::Msix { config: message(), queue: message() },
    };
    let device = VirtioPci::new::<HostileHal>(&mut pci, DEVICE, wiring);
    let usable = device.is_ok();
    if let Ok(mut device) = device {
        let _ = (device.health(), device.ack_interrupt(), device.read_device_features());
        let _ = (device.max_queue_size(0), device.read_config_generation());
        for offset in (0..64).step_by(4) {
            let _ = device.read_config_space::<u32>(offset);
        }
        device.queue_set(0, 8, 0x1000, 0x2000, 0x3000);
        device.notify(0);
    }
    Borne { answers: liar.with(|space| space.answers.given()), usable }
}
