//! A virtio-blk device made of plain memory, for tests. It obeys the rules or breaks them.
//!
//! Place: the other end of `ring` and `blk` in their tests. The device runs only
//! when a test calls it, in the test's thread, so every order can be chosen.
//! Addresses on its bus are the addresses of the process.
//!
//! It is unsafe like a real device: it follows addresses that it finds in memory.

use std::alloc::Layout;
use std::boxed::Box;
use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::ptr::{self, NonNull};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::vec;
use std::vec::Vec;

use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use virtio_drivers::{BufferDirection, Hal, PAGE_SIZE, PhysAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::blk::Features;
use super::ring::passes;
use super::{Device, DeviceFault, Failure};

/// Memory as a device sees it. With `BOUNCE`, shared memory is copied to a bounce buffer and
/// back, so that a test notices if too little is shared or unshared.
pub(super) struct FakeHal<const BOUNCE: bool>;

std::thread_local! {
    /// Pages of queues that this thread made.
    static PAGES_OUT: Cell<usize> = const { Cell::new(0) };
}

/// How many pages the queues of this thread have.
pub(super) fn pages_out() -> usize {
    PAGES_OUT.with(Cell::get)
}

/// The bounce buffers of the memory shared now, by address.
static BOUNCED: LazyLock<Mutex<HashMap<PhysAddr, Box<[u8]>>>> = LazyLock::new(Mutex::default);

// SAFETY: memory of the process's own allocator.
unsafe impl<const BOUNCE: bool> Hal for FakeHal<BOUNCE> {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let layout = Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: the layout is not empty.
        let memory = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }).unwrap();
        PAGES_OUT.with(|out| out.set(out.get() + pages));
        (memory.as_ptr().expose_provenance() as PhysAddr, memory)
    }

    unsafe fn dma_dealloc(_: PhysAddr, memory: NonNull<u8>, pages: usize) -> i32 {
        let layout = Layout::from_size_align(pages * PAGE_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: from `dma_alloc`, with the same number of pages.
        unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
        PAGES_OUT.with(|out| out.set(out.get() - pages));
        0
    }

    unsafe fn mmio_phys_to_virt(_: PhysAddr, _: usize) -> NonNull<u8> {
        unreachable!("the fake device has no registers")
    }

    unsafe fn share(buffer: NonNull<[u8]>, direction: BufferDirection) -> PhysAddr {
        assert!(!buffer.is_empty());
        if !BOUNCE {
            return buffer.cast::<u8>().as_ptr().expose_provenance() as PhysAddr;
        }
        let mut bounce = match direction {
            // SAFETY: the caller's buffer is valid for reads.
            BufferDirection::DriverToDevice => unsafe { buffer.as_ref() }.into(),
            _ => vec![0xee; buffer.len()].into_boxed_slice(),
        };
        let address = bounce.as_mut_ptr().expose_provenance() as PhysAddr;
        BOUNCED.lock().unwrap().insert(address, bounce);
        address
    }

    unsafe fn unshare(paddr: PhysAddr, mut buffer: NonNull<[u8]>, direction: BufferDirection) {
        if BOUNCE {
            let bounce = BOUNCED.lock().unwrap().remove(&paddr).expect("it was shared");
            assert_eq!(bounce.len(), buffer.len(), "shared and unshared alike");
            if direction == BufferDirection::DeviceToDriver {
                // SAFETY: the caller's buffer is valid, and its alone.
                unsafe { buffer.as_mut() }.copy_from_slice(&bounce);
            }
        }
    }
}

/// Where every fake device is.
pub(super) const PLACE: DeviceFunction = DeviceFunction { bus: 2, device: 0, function: 0 };

/// How the device behaves.
#[derive(Clone)]
pub(super) struct Model {
    /// What it offers.
    pub(super) features: u64,
    pub(super) queue_size: u32,
    pub(super) config: [u8; 60],
    /// What it answers to GET_ID.
    pub(super) serial: [u8; 20],
    /// The configurations that follow, one after each read: each is a generation.
    pub(super) changes: VecDeque<[u8; 60]>,
    pub(super) generation: u32,
}

impl Model {
    /// A disk of `sectors` with all features that the driver knows but RO.
    pub(super) fn disk(sectors: u64) -> Model {
        let mut model = Model {
            features: (Features::all() - Features::RO).bits(),
            queue_size: 256,
            config: [0; 60],
            serial: *b"disk-1\0-------------",
            changes: VecDeque::new(),
            generation: 0,
        };
        model.set(0, &sectors.to_le_bytes());
        model.set(8, &(1u32 << 20).to_le_bytes());
        model.set(12, &254u32.to_le_bytes());
        model.set(20, &512u32.to_le_bytes());
        model.set(32, &[1]);
        model.set(48, &64u32.to_le_bytes());
        model.set(56, &[1]);
        model
    }

    /// Without some features.
    pub(super) fn without(mut self, features: Features) -> Model {
        self.features &= !features.bits();
        self
    }

    /// Writes into the configuration space.
    pub(super) fn set(&mut self, offset: usize, bytes: &[u8]) {
        self.config[offset..offset + bytes.len()].copy_from_slice(bytes);
    }
}

/// The device itself.
pub(super) struct FakeDevice {
    pub(super) model: Model,
    /// What the driver accepted.
    pub(super) accepted: u64,
    pub(super) status: DeviceStatus,
    /// False once it was pulled out.
    pub(super) present: bool,
    /// The contents.
    pub(super) disk: Vec<u8>,
    /// Requests served, in order: type and sector.
    pub(super) served: Vec<(u32, u64)>,
    /// Answers this instead of doing the request.
    pub(super) answer: Option<u8>,
    /// It was told of requests since it last went to sleep.
    pub(super) kicked: bool,
    pub(super) kicks: usize,
    /// It interrupts.
    pub(super) interrupting: bool,
    pub(super) isr: InterruptStatus,
    /// How often it was asked why it interrupts.
    pub(super) acknowledged: usize,
    /// It interrupts by a line; only the raising of the line is noticed.
    pub(super) by_line: bool,
    /// Says whether the next kick or interrupt is lost on its way.
    pub(super) loses: Box<dyn FnMut() -> bool + Send>,
    size: u16,
    descriptors: PhysAddr,
    avail: PhysAddr,
    used: PhysAddr,
    next_avail: u16,
    pub(super) next_used: u16,
}

/// A request as the device finds it.
pub(super) struct Chain {
    pub(super) head: u16,
    /// Address, length, and whether the device writes.
    pub(super) parts: Vec<(PhysAddr, u32, bool)>,
}

/// The driver's handle; the test has the other.
#[derive(Clone)]
pub(super) struct FakeTransport(Arc<Mutex<FakeDevice>>);

impl FakeTransport {
    pub(super) fn new(model: Model) -> FakeTransport {
        let sectors = u64::from_le_bytes(model.config[..8].try_into().unwrap());
        FakeTransport(Arc::new(Mutex::new(FakeDevice {
            // It may say more than it has.
            disk: vec![0; sectors.min(1 << 16) as usize * 512],
            model,
            accepted: 0,
            status: DeviceStatus::empty(),
            present: true,
            served: Vec::new(),
            answer: None,
            kicked: false,
            kicks: 0,
            interrupting: false,
            isr: InterruptStatus::empty(),
            acknowledged: 0,
            by_line: false,
            loses: Box::new(|| false),
            size: 0,
            descriptors: 0,
            avail: 0,
            used: 0,
            next_avail: 0,
            next_used: 0,
        })))
    }

    /// The device, for the test to run it.
    pub(super) fn device(&self) -> MutexGuard<'_, FakeDevice> {
        self.0.lock().unwrap()
    }
}

impl FakeDevice {
    fn event_idx(&self) -> bool {
        self.accepted & Features::EVENT_IDX.bits() != 0
    }

    /// The next request that the driver made available.
    pub(super) fn take(&mut self) -> Option<Chain> {
        if load::<u16>(self.avail + 2) == self.next_avail {
            return None;
        }
        let head = load(self.avail + 4 + 2 * u64::from(self.next_avail % self.size));
        self.next_avail = self.next_avail.wrapping_add(1);
        let (address, length, flags, _) = descriptor(self.descriptors, head);
        let parts = match flags & 4 {
            0 => follow(self.descriptors, head, self.size),
            _ => follow(address, 0, (length / 16) as u16),
        };
        Some(Chain { head, parts })
    }

    /// Gives a request back, and interrupts if the driver wants it.
    pub(super) fn give(&mut self, id: u32, written: u32) {
        let element = self.used + 4 + 8 * u64::from(self.next_used % self.size);
        store(element, id);
        store(element + 4, written);
        self.set_used(self.next_used.wrapping_add(1));
        let (old, new) = (self.next_used.wrapping_sub(1), self.next_used);
        let wanted = if self.event_idx() {
            passes(load(self.avail + 4 + 2 * u64::from(self.size)), old, new)
        } else {
            load::<u16>(self.avail) & 1 == 0
        };
        if wanted {
            let raised = self.by_line && !self.isr.is_empty();
            self.interrupting |= !raised && !(self.loses)();
            self.isr |= InterruptStatus::QUEUE_INTERRUPT;
        }
    }

    /// Says that it used everything before index `used`.
    pub(super) fn set_used(&mut self, used: u16) {
        self.next_used = used;
        store(self.used + 2, used);
    }

    /// Goes to sleep until the driver kicks it.
    pub(super) fn sleep(&mut self) {
        self.kicked = false;
        if self.event_idx() {
            store(self.used + 4 + 8 * u64::from(self.size), self.next_avail);
        }
    }

    /// If it was kicked: wakes up, serves all requests, and goes to sleep.
    pub(super) fn wake(&mut self) {
        if self.kicked {
            self.want_kicks(false);
            self.serve(usize::MAX);
            self.want_kicks(true);
            self.sleep();
        }
    }

    /// Goes on at another index, as if it had served that many requests.
    pub(super) fn skip_to(&mut self, index: u16) {
        self.next_avail = index;
        self.set_used(index);
        self.sleep();
    }

    /// Without EVENT_IDX: whether it wants to be kicked.
    pub(super) fn want_kicks(&mut self, wanted: bool) {
        store(self.used, u16::from(!wanted));
    }

    /// Serves up to `limit` requests as a disk would. Returns how many.
    pub(super) fn serve(&mut self, limit: usize) -> usize {
        for served in 0..limit {
            let Some(chain) = self.take() else { return served };
            let written = self.execute(&chain);
            self.give(chain.head.into(), written);
        }
        limit
    }

    /// Does what a request asks. Returns how many bytes it wrote.
    pub(super) fn execute(&mut self, chain: &Chain) -> u32 {
        let header = chain.parts[0].0;
        let (kind, sector): (u32, u64) = (load(header), load(header + 8));
        self.served.push((kind, sector));
        let (&(status, ..), payload) = chain.parts[1..].split_last().unwrap();
        if let Some(answer) = self.answer {
            store(status, answer);
            return 1;
        }
        let mut written = 1;
        let mut at = sector as usize * 512;
        for &(address, length, writes) in payload {
            let part = at..at + length as usize;
            match kind {
                0 => copy_out(&self.disk[part.clone()], address),
                1 => copy_in(address, &mut self.disk[part.clone()]),
                8 => copy_out(&self.model.serial, address),
                _ => panic!("a payload for command {kind}"),
            }
            at = part.end;
            written += if writes { length } else { 0 };
        }
        if kind == 13 {
            let (start, count): (u64, u32) = (load(header + 16), load(header + 24));
            assert_eq!((sector, load::<u32>(header + 28)), (0, 1), "reserved word and UNMAP");
            self.disk[start as usize * 512..][..count as usize * 512].fill(0);
        }
        store(status, 0u8);
        written
    }
}

impl Device for FakeTransport {
    fn at(&self) -> DeviceFunction {
        PLACE
    }

    fn health(&self) -> Result<(), Failure> {
        let device = self.device();
        if !device.present {
            Err(Failure::Gone)
        } else if device.status.contains(DeviceStatus::DEVICE_NEEDS_RESET) {
            Err(Failure::Fault(DeviceFault::NeedsReset))
        } else {
            Ok(())
        }
    }
}

impl Transport for FakeTransport {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        self.device().model.features
    }

    fn write_driver_features(&mut self, features: u64) {
        let mut device = self.device();
        assert_eq!(features & !device.model.features, 0, "only what was offered");
        device.accepted = features;
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        if queue == 0 { self.device().model.queue_size } else { 0 }
    }

    fn notify(&mut self, _: u16) {
        let mut device = self.device();
        device.kicked |= !(device.loses)();
        device.kicks += 1;
    }

    fn get_status(&self) -> DeviceStatus {
        self.device().status
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.device().status = status;
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(&mut self, _: u16, size: u32, desc: PhysAddr, avail: PhysAddr, used: PhysAddr) {
        assert!(desc.is_multiple_of(16) && avail.is_multiple_of(2) && used.is_multiple_of(4));
        let mut device = self.device();
        (device.descriptors, device.avail, device.used) = (desc, avail, used);
        device.size = size.try_into().unwrap();
        assert!(device.size.is_power_of_two() && size <= device.model.queue_size);
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        self.device().size != 0
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        let mut device = self.device();
        device.acknowledged += 1;
        std::mem::take(&mut device.isr)
    }

    fn read_config_generation(&self) -> u32 {
        self.device().model.generation
    }

    fn read_config_space<T: FromBytes + IntoBytes>(
        &self,
        offset: usize,
    ) -> virtio_drivers::Result<T> {
        let mut device = self.device();
        let bytes = device.model.config.get(offset..offset + size_of::<T>());
        let bytes = bytes.ok_or(virtio_drivers::Error::ConfigSpaceTooSmall)?;
        let value = T::read_from_bytes(bytes).unwrap();
        if let Some(config) = device.model.changes.pop_front() {
            device.model.config = config;
            device.model.generation += 1;
        }
        Ok(value)
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        _: usize,
        _: T,
    ) -> virtio_drivers::Result<()> {
        unreachable!("the driver writes no configuration")
    }
}

/// The parts of the chain that starts at `index` of a table of `size`.
fn follow(table: PhysAddr, mut index: u16, size: u16) -> Vec<(PhysAddr, u32, bool)> {
    let mut parts = Vec::new();
    loop {
        assert!(index < size && parts.len() < size.into(), "a chain stays in its table");
        let (address, length, flags, next) = descriptor(table, index);
        parts.push((address, length, flags & 2 != 0));
        if flags & 1 == 0 {
            return parts;
        }
        index = next;
    }
}

fn descriptor(table: PhysAddr, index: u16) -> (PhysAddr, u32, u16, u16) {
    let at = table + 16 * u64::from(index);
    (load(at), load(at + 8), load(at + 12), load(at + 14))
}

pub(super) fn load<T: Copy>(address: PhysAddr) -> T {
    // SAFETY: the driver put the address there for the device to read.
    unsafe { ptr::read_volatile(ptr::with_exposed_provenance(address as usize)) }
}

pub(super) fn store<T>(address: PhysAddr, value: T) {
    // SAFETY: the driver put the address there for the device to write.
    unsafe { ptr::write_volatile(ptr::with_exposed_provenance_mut(address as usize), value) };
}

fn copy_out(from: &[u8], to: PhysAddr) {
    // SAFETY: the driver lent this much there.
    unsafe { ptr::copy(from.as_ptr(), ptr::with_exposed_provenance_mut(to as usize), from.len()) };
}

fn copy_in(from: PhysAddr, to: &mut [u8]) {
    // SAFETY: the driver lent this much there.
    unsafe { ptr::copy(ptr::with_exposed_provenance(from as usize), to.as_mut_ptr(), to.len()) };
}
