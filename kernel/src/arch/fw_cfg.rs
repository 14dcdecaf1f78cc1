//! fw_cfg: named blobs that QEMU passes to its guest (`-fw_cfg name=…,string=…`).
//!
//! Read through the two classic ports; the interface is QEMU's docs/specs/fw_cfg.
//! Used once at boot, for the kernel's command line.

use alloc::vec::Vec;

use x86_64::instructions::port::Port;

use super::irq_lock::IrqLock;

const SELECTOR_PORT: u16 = 0x510;
const DATA_PORT: u16 = 0x511;

/// Selector keys every fw_cfg has.
const KEY_SIGNATURE: u16 = 0x00;
const KEY_DIRECTORY: u16 = 0x19;

/// Bytes of a name in the directory, padded with zeroes.
const NAME_SIZE: usize = 56;
/// More directory entries than this mean that nothing sensible answers.
const ENTRIES_MAX: u32 = 4096;

static DEVICE: IrqLock<FwCfg> =
    IrqLock::new(FwCfg { selector: Port::new(SELECTOR_PORT), data: Port::new(DATA_PORT) });

struct FwCfg {
    selector: Port<u16>,
    data: Port<u8>,
}

/// The content of the blob called `name`; `None` if there is no such blob, or no fw_cfg.
pub fn read(name: &str) -> Option<Vec<u8>> {
    let mut device = DEVICE.lock();
    device.select(KEY_SIGNATURE);
    if device.bytes::<4>() != *b"QEMU" {
        return None;
    }
    device.select(KEY_DIRECTORY);
    let entries = u32::from_be_bytes(device.bytes()).min(ENTRIES_MAX);
    let (size, key) = (0..entries).find_map(|_| {
        let size = u32::from_be_bytes(device.bytes());
        let key = u16::from_be_bytes(device.bytes());
        let _reserved: [u8; 2] = device.bytes();
        let padded: [u8; NAME_SIZE] = device.bytes();
        let len = padded.iter().position(|&b| b == 0).unwrap_or(NAME_SIZE);
        (padded[..len] == *name.as_bytes()).then_some((size, key))
    })?;
    device.select(key);
    Some((0..size).map(|_| device.byte()).collect())
}

impl FwCfg {
    /// Chooses an item; the data port then starts at its first byte.
    fn select(&mut self, key: u16) {
        // SAFETY: the selector port only chooses what the data port shows.
        unsafe { self.selector.write(key) }
    }

    fn byte(&mut self) -> u8 {
        // SAFETY: reading the data port only moves fw_cfg's own position.
        unsafe { self.data.read() }
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }
}
