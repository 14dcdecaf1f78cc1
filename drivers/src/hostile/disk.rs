//! A virtio disk that answers anything, and writes anything into its queue.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use virtio_drivers::PhysAddr;
use virtio_drivers::transport::pci::bus::DeviceFunction;
use virtio_drivers::transport::{DeviceStatus, DeviceType, InterruptStatus, Transport};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::answers::{Answers, Borne};
use super::fake::{HostileHal, Rings, lent};
use crate::pcie::Severed;
use crate::virtio::blk::{Features, Interrupt, Options, VirtioBlk};
use crate::virtio::{Device, DeviceFault, Failure};

const PLACE: DeviceFunction = DeviceFunction { bus: 2, device: 0, function: 0 };
/// The most steps with one disk.
const STEPS_MAX: u32 = 48;
/// The most requests that one bio may cost: each moves a sector, and a flush follows.
const SECTORS_MAX: u32 = 64;
/// The most pages that the queue of one disk takes.
const PAGES_MAX: usize = 13;

type Disk = VirtioBlk<HostileHal, Liar>;

struct State {
    answers: Answers,
    rings: Rings,
    used: u16,
    status: DeviceStatus,
    config: [u32; 15],
    /// It keeps the rules of virtio while it is set up.
    meek: bool,
}

#[derive(Clone)]
struct Liar(Arc<Mutex<State>>);

impl Liar {
    fn new(mut answers: Answers) -> Liar {
        let meek = !answers.one_in(4);
        let config = std::array::from_fn(|_| answers.awkward());
        let mut state = State {
            answers,
            rings: Rings::default(),
            used: 0,
            status: DeviceStatus::empty(),
            config,
            meek,
        };
        if meek {
            state.make_sense();
        }
        Liar(Arc::new(Mutex::new(state)))
    }

    fn with<R>(&self, work: impl FnOnce(&mut State) -> R) -> R {
        work(&mut self.0.lock().unwrap())
    }

    fn below(&self, end: u32) -> u32 {
        self.with(|state| state.answers.below(end))
    }
}

impl State {
    /// Makes a configuration that a driver accepts, with some odd word in it.
    fn make_sense(&mut self) {
        let sectors = 64 + self.answers.below(4096);
        (self.config[0], self.config[1]) = (sectors, 0);
        self.config[2] = 512 << self.answers.below(8);
        self.config[3] = self.answers.below(8);
        self.config[5] = 512 << self.answers.below(2);
        (self.config[8], self.config[14]) = (1, 1);
        self.config[12] = self.answers.below(64);
        if self.answers.one_in(4) {
            let at = self.answers.below(15) as usize;
            self.config[at] = self.answers.awkward();
        }
    }

    /// The device does something with its queue.
    fn act(&mut self) {
        let rings = self.rings;
        if rings.size == 0 {
            return;
        }
        let back = self.answers.below(4) as u16;
        let (index, head) = rings.published(back);
        let outstanding = index.wrapping_sub(self.used);
        let head = if self.answers.one_in(16) { self.answers.awkward() } else { head.into() };
        rings.set_status(
            head as u16,
            match self.answers.below(4) {
                0 => self.answers.word() as u8,
                _ => 0,
            },
        );
        let written = match self.answers.below(4) {
            0 => self.answers.awkward(),
            1 => 1,
            _ => 513,
        };
        rings.set_answer(self.used, head, written);
        match self.answers.below(16) {
            0 => self.used = self.answers.word() as u16,
            1 => self.used = self.used.wrapping_sub(1),
            2 => self.used = self.used.wrapping_add(2),
            _ if outstanding == 0 => {}
            _ => self.used = self.used.wrapping_add(1),
        }
        rings.set_used(self.used);
        if self.answers.one_in(4) {
            let (flags, event) = (self.answers.word() as u16, self.answers.awkward() as u16);
            rings.set_wishes(flags, event);
        }
    }
}

impl Device for Liar {
    fn at(&self) -> DeviceFunction {
        PLACE
    }

    fn health(&self) -> Result<(), Failure> {
        match self.below(64) {
            62 => Err(Failure::Gone),
            63 => Err(Failure::Fault(DeviceFault::NeedsReset)),
            _ => Ok(()),
        }
    }
}

impl Transport for Liar {
    fn device_type(&self) -> DeviceType {
        DeviceType::Block
    }

    fn read_device_features(&mut self) -> u64 {
        self.with(|state| {
            let (low, high) = (state.answers.word(), state.answers.awkward());
            let any = u64::from(high) << 32 | u64::from(low);
            if state.meek { any | Features::VERSION_1.bits() } else { any }
        })
    }

    fn write_driver_features(&mut self, _: u64) {}

    fn max_queue_size(&mut self, _: u16) -> u32 {
        self.with(|state| match state.meek {
            true => 4 << state.answers.below(9),
            false => state.answers.awkward(),
        })
    }

    fn notify(&mut self, _: u16) {
        self.with(State::act);
    }

    fn get_status(&self) -> DeviceStatus {
        self.with(|state| match state.meek {
            true => state.status,
            false => DeviceStatus::from_bits_truncate(state.answers.word()),
        })
    }

    fn set_status(&mut self, status: DeviceStatus) {
        self.with(|state| state.status = status);
    }

    fn set_guest_page_size(&mut self, _: u32) {}

    fn requires_legacy_layout(&self) -> bool {
        false
    }

    fn queue_set(
        &mut self,
        _: u16,
        size: u32,
        descriptors: PhysAddr,
        avail: PhysAddr,
        used: PhysAddr,
    ) {
        let size = size.try_into().expect("a queue has at most 32,768 descriptors");
        self.with(|state| state.rings = Rings { size, descriptors, avail, used });
    }

    fn queue_unset(&mut self, _: u16) {}

    fn queue_used(&mut self, _: u16) -> bool {
        false
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        InterruptStatus::from_bits_retain(self.below(8))
    }

    fn read_config_generation(&self) -> u32 {
        self.with(|state| match state.meek {
            true => u32::from(state.answers.one_in(16)),
            false => state.answers.word(),
        })
    }

    fn read_config_space<T: FromBytes + IntoBytes>(
        &self,
        offset: usize,
    ) -> virtio_drivers::Result<T> {
        self.with(|state| {
            if state.answers.one_in(64) {
                let at = state.answers.below(15) as usize;
                state.config[at] = state.answers.awkward();
            }
            let bytes = state.config.as_bytes().get(offset..offset + size_of::<T>());
            let bytes = bytes.ok_or(virtio_drivers::Error::ConfigSpaceTooSmall)?;
            Ok(T::read_from_bytes(bytes).expect("of the right length"))
        })
    }

    fn write_config_space<T: IntoBytes + Immutable>(
        &mut self,
        _: usize,
        _: T,
    ) -> virtio_drivers::Result<()> {
        unreachable!("the driver writes no configuration")
    }
}

/// Counts what came back.
#[derive(Default)]
struct Originator {
    ended: AtomicUsize,
}

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, buf: Buf, bytes: u64, result: IoResult) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(()) if bytes > 0 => {
                let memory = buf.into_read().expect("a read that is done has its memory");
                assert_eq!(memory.len() as u64, bytes);
            }
            Ok(()) => {}
            Err(error) => assert!(error.resid <= SECTORS_MAX as usize * 512),
        }
    }
}

/// One disk, from its reset until its slot has no power.
///
/// # Panics
/// When a promise of this module is broken.
pub fn disk(answers: Answers) -> Borne {
    assert_eq!(lent(), (0, 0), "the disk before left nothing behind");
    let liar = Liar::new(answers);
    let mut options = Options { timeout_ticks: 2, ..Options::default() };
    for feature in [Features::EVENT_IDX, Features::INDIRECT_DESC] {
        options.features.set(feature, liar.below(2) == 0);
    }
    let proof = Severed::of_bus(PLACE.bus);
    let disk = Disk::new("vbd0".into(), liar.clone(), options);
    let usable = disk.is_ok();
    if let Ok(disk) = disk {
        let (pages, _) = lent();
        assert!(pages <= PAGES_MAX, "a queue of {pages} pages");
        let originator = Arc::new(Originator::default());
        let mut issued = 0;
        for _ in 0..liar.below(STEPS_MAX) {
            step(&liar, &disk, &originator, &mut issued);
        }
        // It leaves. Then every request that was issued has ended, and nothing is lent.
        disk.lost();
        liar.with(|state| state.rings.size = 0);
        assert_eq!(originator.ended.load(Ordering::Relaxed), issued, "each request ends once");
        disk.severed(&proof);
        assert_eq!(disk.status().in_flight, 0);
        assert_eq!(lent().1, 0, "what was lent is free");
    }
    assert_eq!(lent(), (0, 0), "and so are the pages of its queue");
    Borne { answers: liar.with(|state| state.answers.given()), usable }
}

fn step(liar: &Liar, disk: &Disk, originator: &Arc<Originator>, issued: &mut usize) {
    match liar.below(16) {
        0..6 => {
            *issued += 1;
            issue(liar, disk, originator);
        }
        6..10 => liar.with(State::act),
        10 => disk.interrupt(Interrupt::Queue),
        11 => disk.interrupt(Interrupt::Line),
        12 => disk.interrupt(Interrupt::Config),
        13 => disk.glance(),
        14 => disk.tick(),
        _ => match liar.below(8) {
            0 => drop(disk.leave()),
            1 => disk.lost(),
            2 => drop(disk.has_identified()),
            _ => drop(disk.status()),
        },
    }
}

fn issue(liar: &Liar, disk: &Disk, originator: &Arc<Originator>) {
    let count = 1 + liar.below(SECTORS_MAX);
    let block = u64::from(disk.limits().block_size) / 512;
    let count = (u64::from(count) / block * block).max(block.min(SECTORS_MAX.into()));
    let room = disk.capacity().0.saturating_sub(count);
    let start = match room {
        0 => 0,
        _ => u64::from(liar.with(|state| state.answers.word())) % room / block * block,
    };
    let extent = Extent::new(Sector(start), Sectors(count));
    let bytes = count as usize * 512;
    let (buf, reads) = match liar.below(6) {
        0 | 1 => (Buf::read(extent, BytesMut::zeroed(bytes)), bytes as u64),
        2 => (Buf::write(extent, Bytes::from_static(&ZEROES[..bytes])), 0),
        3 => (Buf::write_fua(extent, Bytes::from_static(&ZEROES[..bytes])), 0),
        4 => (Buf::freeblks(extent), 0),
        _ => (Buf::flush(), 0),
    };
    disk.strategy(Bio::new(buf, originator.clone(), reads));
}

/// What is written.
static ZEROES: [u8; SECTORS_MAX as usize * 512] = [0; SECTORS_MAX as usize * 512];
