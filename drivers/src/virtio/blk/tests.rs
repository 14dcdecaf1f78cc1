//! The disk against a device of plain memory.

use std::cell::Cell;
use std::string::ToString;
use std::sync::{Arc, LazyLock, Mutex, mpsc};
use std::vec;
use std::vec::Vec;

use bio::sync::LockWatch;
use bio::{Bio, Buf, BufDone, Extent, IoError, IoResult, Sector, WriteCache};
use bytes::{Bytes, BytesMut};

use super::super::fake::{FakeDevice, FakeHal, FakeTransport, Model};
use super::super::{DeviceFault, Failure};
use super::*;

type Disk = VirtioBlk<FakeHal<true>, FakeTransport>;

/// Bios that ended, by the number they were issued with.
type Endings = mpsc::Receiver<(u64, Buf, IoResult)>;

struct Originator(Mutex<mpsc::Sender<(u64, Buf, IoResult)>>);

impl BufDone for Originator {
    fn buf_done(self: Arc<Self>, buf: Buf, info: u64, result: IoResult) {
        assert_eq!(Watch.held(), 0, "completed under a lock");
        self.0.lock().unwrap().send((info, buf, result)).unwrap();
    }
}

/// Counts the locks that a thread holds, so that completions can check.
struct Watch;

std::thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
}

impl LockWatch for Watch {
    fn enter(&self, _: Rank) {
        HELD.with(|held| held.set(held.get() + 1));
    }

    fn leave(&self, _: Rank) {
        HELD.with(|held| held.set(held.get() - 1));
    }

    fn held(&self) -> usize {
        HELD.with(Cell::get)
    }
}

/// A disk, its device, and what comes back.
struct Bench {
    disk: Disk,
    transport: FakeTransport,
    originator: Arc<Originator>,
    endings: Endings,
}

impl Bench {
    fn new(model: Model) -> Bench {
        Bench::with(model, Options::default())
    }

    fn with(model: Model, options: Options) -> Bench {
        static INSTALLED: LazyLock<()> = LazyLock::new(|| bio::sync::install(&Watch));
        LazyLock::force(&INSTALLED);
        let transport = FakeTransport::new(model);
        let disk = Disk::new("vbd0".into(), transport.clone(), options).unwrap();
        let (sender, endings) = mpsc::channel();
        Bench { disk, transport, originator: Arc::new(Originator(Mutex::new(sender))), endings }
    }

    /// Issues a request; it comes back under `number`.
    fn issue(&self, number: u64, buf: Buf) {
        self.disk.strategy(Bio::new(buf, self.originator.clone(), number));
    }

    /// Lets the device serve all there is, and the disk's thread hear of it.
    fn run(&self) {
        while self.transport.device().serve(usize::MAX) > 0 {
            self.disk.interrupt(Interrupt::Queue);
        }
    }

    /// Issues a request, runs it, and returns its end.
    fn perform(&self, buf: Buf) -> (Buf, IoResult) {
        self.issue(0, buf);
        self.run();
        let (_, buf, result) = self.endings.try_recv().expect("the request ended");
        (buf, result)
    }

    fn device(&self) -> std::sync::MutexGuard<'_, FakeDevice> {
        self.transport.device()
    }

    /// Types of the requests served so far, without the first, GET_ID.
    fn served(&self) -> Vec<u32> {
        self.device().served.iter().map(|request| request.0).filter(|&kind| kind != 8).collect()
    }

    fn state(&self) -> State {
        self.disk.status().state
    }
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn read(start: u64, count: u64) -> Buf {
    Buf::read(extent(start, count), BytesMut::zeroed(count as usize * 512))
}

fn write(start: u64, count: u64, fill: u8) -> Buf {
    Buf::write(extent(start, count), vec![fill; count as usize * 512].into())
}

fn error(kind: ErrorKind, sectors: usize) -> IoResult {
    Err(IoError { kind, resid: sectors * 512 })
}

#[test]
fn what_was_written_is_read_at_the_first_and_last_sector() {
    let bench = Bench::new(Model::disk(64));
    for (at, fill) in [(0, 1), (63, 2)] {
        assert_eq!(bench.perform(write(at, 1, fill)).1, Ok(()));
        let (buf, result) = bench.perform(read(at, 1));
        assert_eq!(result, Ok(()));
        assert!(buf.into_read().unwrap().iter().all(|&byte| byte == fill));
    }
    let image = &bench.device().disk;
    assert!(image[..512].iter().all(|&byte| byte == 1), "the first sector");
    assert!(image[512..63 * 512].iter().all(|&byte| byte == 0), "nothing between");
    assert!(image[63 * 512..].iter().all(|&byte| byte == 2), "the last sector");
}

#[test]
fn wrong_requests_end_before_the_device_hears_of_them() {
    let mut model = Model::disk(64);
    model.set(20, &4096u32.to_le_bytes());
    let bench = Bench::new(model);
    assert_eq!(bench.disk.limits().block_size, 4096);
    let wrong = [read(0, 0), read(64, 8), read(56, 16), read(4, 8), read(0, 4), write(1, 8, 0)];
    for buf in wrong {
        let sectors = buf.extent().count().0 as usize;
        assert_eq!(bench.perform(buf).1, error(ErrorKind::Invalid, sectors));
    }
    assert_eq!(bench.perform(Buf::freeblks(extent(60, 8))).1, error(ErrorKind::Invalid, 8));
    assert_eq!(bench.served(), []);
    assert_eq!(bench.perform(read(56, 8)).1, Ok(()));
}

#[test]
fn a_read_only_disk_takes_no_writes() {
    let mut model = Model::disk(64);
    model.features |= Features::RO.bits();
    // Also when the driver was told to use nothing that it can do without.
    let options = Options { features: Features::empty(), ..Options::default() };
    let bench = Bench::with(model, options);
    assert!(bench.disk.limits().read_only);
    assert_eq!(bench.perform(write(0, 1, 1)).1, error(ErrorKind::ReadOnly, 1));
    assert_eq!(bench.perform(Buf::freeblks(extent(0, 1))).1, error(ErrorKind::ReadOnly, 1));
    assert_eq!(bench.perform(read(0, 1)).1, Ok(()));
}

#[test]
fn a_discard_is_zeroes_that_may_be_unmapped_or_nothing() {
    let mut model = Model::disk(256);
    model.set(48, &100u32.to_le_bytes());
    let bench = Bench::new(model.clone());
    bench.device().disk.fill(1);
    assert_eq!(bench.perform(Buf::freeblks(extent(3, 250))).1, Ok(()));
    let image = bench.device().disk.clone();
    let zero = image.chunks(512).map(|sector| sector.iter().all(|&byte| byte == 0));
    assert!(zero.enumerate().all(|(at, zero)| zero == (3..253).contains(&at)));
    assert_eq!(bench.served(), [13, 13, 13], "no more than the device takes at a time");

    let mut cannot_unmap = model.clone();
    cannot_unmap.set(56, &[0]);
    for model in [model.without(Features::WRITE_ZEROES), cannot_unmap] {
        let bench = Bench::new(model);
        assert!(!bench.disk.limits().discard);
        let (_, result) = bench.perform(Buf::freeblks(extent(0, 1)));
        assert_eq!(result, error(ErrorKind::Unsupported, 1));
    }
}

#[test]
fn what_does_not_fit_a_request_goes_as_several() {
    let mut model = Model::disk(256);
    model.set(8, &1024u32.to_le_bytes());
    model.set(12, &3u32.to_le_bytes());
    let bench = Bench::new(model);
    let data: Vec<u8> = (0..100 * 512u32).map(|i| (i % 249) as u8).collect();
    let buf = Buf::write_fua(extent(10, 100), data.clone().into());
    assert_eq!(bench.perform(buf).1, Ok(()));
    let mut expected = vec![1; 17];
    expected.push(4);
    assert_eq!(bench.served(), expected, "6 sectors each, then the flush");
    assert_eq!(bench.device().disk[10 * 512..110 * 512], data);
    let (buf, result) = bench.perform(read(10, 100));
    assert_eq!(result, Ok(()));
    assert_eq!(buf.into_read().unwrap(), data);
    assert_eq!(bench.disk.status().counts.writes, 1);
}

#[test]
fn a_failure_in_the_middle_tells_what_was_left() {
    let mut model = Model::disk(64);
    model.set(8, &512u32.to_le_bytes());
    model.set(12, &4u32.to_le_bytes());
    let bench = Bench::new(model);
    bench.run();
    bench.issue(0, read(0, 10));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    bench.device().answer = Some(1);
    bench.run();
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Media, 6));
    assert!(buf.into_read().is_some(), "the memory came back");
}

#[test]
fn a_fua_write_is_done_when_it_is_flushed() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(7, Buf::write_fua(extent(0, 1), vec![1; 512].into()));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    assert!(bench.endings.try_recv().is_err(), "written, but not durable");
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
    assert_eq!(bench.served(), [1, 4]);

    bench.issue(8, Buf::write_fua(extent(0, 1), vec![1; 512].into()));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Queue);
    bench.device().answer = Some(1);
    bench.run();
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 1));
}

#[test]
fn a_flush_costs_what_the_cache_needs() {
    let through = {
        let mut model = Model::disk(64);
        model.set(32, &[0]);
        model
    };
    let fua = || Buf::write_fua(extent(0, 1), vec![1; 512].into());
    let cases: [(Model, WriteCache, &[u32]); 4] = [
        (Model::disk(64), WriteCache::Volatile, &[4, 1, 4]),
        (through.clone(), WriteCache::WriteThrough, &[4, 1]),
        // Without the word on its cache, a device with FLUSH needs it.
        (through.without(Features::CONFIG_WCE), WriteCache::Volatile, &[4, 1, 4]),
        (
            Model::disk(64).without(Features::CONFIG_WCE | Features::FLUSH),
            WriteCache::Unknown,
            &[1],
        ),
    ];
    for (model, cache, served) in cases {
        let bench = Bench::new(model);
        assert_eq!(bench.disk.limits().write_cache, cache);
        assert_eq!(bench.perform(Buf::flush()).1, Ok(()));
        assert_eq!(bench.perform(fua()).1, Ok(()));
        assert_eq!(bench.served(), served);
    }
}

#[test]
fn a_bad_answer_is_an_error_of_its_request() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    for (answer, kind) in
        [(1, ErrorKind::Media), (2, ErrorKind::Unsupported), (77, ErrorKind::Media)]
    {
        bench.device().answer = Some(answer);
        assert_eq!(bench.perform(read(0, 2)).1, error(kind, 2));
        assert_eq!(bench.perform(Buf::flush()).1, Err(IoError { kind, resid: 0 }));
    }
    bench.device().answer = None;
    assert_eq!(bench.perform(read(0, 2)).1, Ok(()), "the disk goes on");
    assert_eq!(bench.disk.status().counts.errors, 6);
}

#[test]
fn a_read_that_is_done_but_short_is_an_error() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(0, read(0, 2));
    let mut device = bench.device();
    let chain = device.take().unwrap();
    assert_eq!(device.execute(&chain), 1025);
    device.give(chain.head.into(), 1024);
    drop(device);
    bench.disk.interrupt(Interrupt::Queue);
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 2));
}

#[test]
fn more_requests_than_slots_wait_their_turn() {
    for features in [Features::all(), Features::all() - Features::INDIRECT_DESC] {
        let bench = Bench::with(Model::disk(1024), Options { features, ..Options::default() });
        bench.run();
        (0..1000).for_each(|at| bench.issue(at, write(at, 1, at as u8)));
        let status = bench.disk.status();
        assert_eq!(status.in_flight + status.waiting, 1000);
        assert!(status.waiting >= 872 && status.counts.requests <= 128, "{status:?}");
        bench.run();
        let order: Vec<u64> = bench.endings.try_iter().map(|ending| ending.0).collect();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        let image = &bench.device().disk;
        assert!(image.chunks(512).take(1000).enumerate().all(|(at, s)| s == [at as u8; 512]));
        assert_eq!(bench.disk.status().in_flight, 0);
    }
}

#[test]
fn a_silent_device_is_barred_and_keeps_what_it_was_lent() {
    let options = Options { timeout_ticks: 3, ..Options::default() };
    let bench = Bench::with(Model::disk(1024), options);
    bench.run();
    let data = Bytes::from(vec![9; 512]);
    bench.issue(0, read(0, 1));
    bench.issue(1, Buf::write(extent(5, 1), data.clone()));
    (2..200).for_each(|at| bench.issue(at, read(at, 1)));
    (0..3).for_each(|_| bench.disk.tick());
    assert_eq!(bench.state(), State::Ready, "three whole ticks are allowed");
    assert!(bench.endings.try_recv().is_err());
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Timeout));

    let endings: Vec<_> = bench.endings.try_iter().collect();
    assert_eq!(endings.len(), 200, "every bio ended");
    for (number, buf, result) in endings {
        assert_eq!(result, error(ErrorKind::Timeout, 1));
        let waited = number >= 128;
        assert_eq!(buf.into_read().is_some(), waited, "bio {number}: waiting bios keep memory");
    }
    assert!(!data.is_unique(), "the device may still send the bytes");
    assert_eq!(bench.disk.status().in_flight, 128);
    assert_eq!(bench.perform(read(0, 1)).1, error(ErrorKind::Timeout, 1));

    // It wakes up after all: what it gives back is freed, and no one hears of it.
    bench.run();
    assert_eq!(bench.disk.status().in_flight, 0);
    assert!(data.is_unique());
    assert!(bench.endings.try_recv().is_err());
    assert_eq!(bench.state(), State::Barred(Failure::Timeout), "it stays barred");
    assert_eq!(bench.disk.status().counts.errors, 201);
}

#[test]
fn a_slow_device_is_not_barred_while_it_moves() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 2, ..Options::default() });
    bench.run();
    for at in 0..20 {
        bench.issue(at, read(at, 1));
    }
    for _ in 0..20 {
        bench.disk.tick();
        bench.issue(99, Buf::flush());
        assert_eq!(bench.device().serve(10), 10.min(bench.disk.status().in_flight));
        bench.disk.interrupt(Interrupt::Queue);
    }
    bench.run();
    assert_eq!(bench.state(), State::Ready);
}

#[test]
fn a_transfer_in_parts_stops_when_its_disk_is_barred() {
    let mut model = Model::disk(64);
    model.set(8, &512u32.to_le_bytes());
    model.set(12, &2u32.to_le_bytes());
    let bench = Bench::with(model, Options { timeout_ticks: 0, ..Options::default() });
    bench.run();
    bench.issue(0, read(0, 10));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.tick();
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Timeout, 8));
    assert!(buf.into_read().is_some(), "the device had given the memory back");
    assert_eq!(bench.disk.status().in_flight, 0);
}

#[test]
fn a_vanished_device_is_gone_at_the_next_tick() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    bench.device().present = false;
    bench.disk.tick();
    assert_eq!(bench.state(), State::Barred(Failure::Gone));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Gone, 1));
    assert_eq!(bench.perform(Buf::flush()).1, Err(IoError { kind: ErrorKind::Gone, resid: 0 }));
}

#[test]
fn a_device_that_lies_is_barred_and_not_listened_to() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    bench.issue(0, read(0, 1));
    bench.device().give(99, 1);
    bench.disk.interrupt(Interrupt::Queue);
    let fault = DeviceFault::UnknownRequest { id: 99 };
    assert_eq!(bench.state(), State::Barred(Failure::Fault(fault)));
    let (_, buf, result) = bench.endings.try_recv().unwrap();
    assert_eq!(result, error(ErrorKind::Media, 1));
    assert!(buf.into_read().is_none(), "its memory is not safe from the device");
    bench.run();
    bench.disk.tick();
    assert_eq!(bench.disk.status().in_flight, 1, "what it says now counts for nothing");
}

#[test]
fn a_device_that_asks_for_a_reset_is_barred() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    bench.device().status |= DeviceStatus::DEVICE_NEEDS_RESET;
    bench.disk.interrupt(Interrupt::Config);
    assert_eq!(bench.state(), State::Barred(Failure::Fault(DeviceFault::NeedsReset)));
    assert_eq!(bench.endings.try_recv().unwrap().2, error(ErrorKind::Media, 1));
}

#[test]
fn the_capacity_follows_the_device() {
    let bench = Bench::new(Model::disk(64));
    assert_eq!(bench.perform(read(64, 1)).1, error(ErrorKind::Invalid, 1));
    bench.device().model.set(0, &128u64.to_le_bytes());
    bench.device().disk.resize(128 * 512, 0);
    bench.disk.interrupt(Interrupt::Config);
    assert_eq!(bench.disk.capacity(), Sectors(128));
    assert_eq!(bench.perform(read(127, 1)).1, Ok(()));
    // By the interrupt line the device says what it was.
    bench.device().model.set(0, &8u64.to_le_bytes());
    bench.device().isr = InterruptStatus::DEVICE_CONFIGURATION_INTERRUPT;
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.capacity(), Sectors(8));
}

#[test]
fn an_interrupt_line_is_the_disks_own_only_when_the_device_says_so() {
    let bench = Bench::new(Model::disk(64));
    bench.run();
    let before = bench.disk.status().counts.interrupts;
    bench.device().isr = InterruptStatus::empty();
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.status().counts.interrupts, before);
    bench.issue(0, read(0, 1));
    assert_eq!(bench.device().serve(1), 1);
    bench.disk.interrupt(Interrupt::Line);
    assert_eq!(bench.disk.status().counts.interrupts, before + 1);
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
}

#[test]
fn a_lost_interrupt_costs_a_tick() {
    let bench = Bench::new(Model::disk(64));
    bench.issue(0, read(0, 1));
    bench.device().serve(usize::MAX);
    bench.disk.tick();
    assert_eq!(bench.endings.try_recv().unwrap().2, Ok(()));
}

#[test]
fn the_serial_number_arrives_by_itself() {
    let bench = Bench::new(Model::disk(64));
    assert_eq!(bench.disk.status().serial.as_str(), "");
    bench.run();
    assert_eq!(bench.disk.status().serial.as_str(), "disk-1");
    assert_eq!(bench.disk.status().in_flight, 0);
}

#[test]
fn a_completion_may_issue_the_next_request() {
    /// Reads sector after sector, each from the completion of the one before.
    struct Chain {
        disk: Arc<Disk>,
        last: u64,
        done: mpsc::SyncSender<u64>,
    }
    impl BufDone for Chain {
        fn buf_done(self: Arc<Self>, _: Buf, at: u64, result: IoResult) {
            assert_eq!(result, Ok(()));
            if at == self.last {
                return self.done.send(at).unwrap();
            }
            let disk = self.disk.clone();
            disk.strategy(Bio::new(read(at + 1, 1), self, at + 1));
        }
    }
    let bench = Bench::new(Model::disk(64));
    let (transport, disk) = (bench.transport.clone(), Arc::new(bench.disk));
    let (done, ended) = mpsc::sync_channel(1);
    let chain = Arc::new(Chain { disk: disk.clone(), last: 63, done });
    disk.strategy(Bio::new(read(0, 1), chain, 0));
    while transport.device().serve(1) > 0 {
        disk.interrupt(Interrupt::Queue);
    }
    assert_eq!(ended.try_recv(), Ok(63));
}

#[test]
fn threads_share_a_disk() {
    const EACH: u64 = 500;
    let Bench { disk, transport, originator, endings } = Bench::new(Model::disk(4 * EACH));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (disk, originator) = (&disk, originator.clone());
            scope.spawn(move || {
                for at in thread * EACH..(thread + 1) * EACH {
                    disk.strategy(Bio::new(write(at, 1, at as u8), originator.clone(), at));
                }
            });
        }
        let mut ended = 0;
        while ended < 4 * EACH {
            transport.device().serve(7);
            disk.interrupt(Interrupt::Queue);
            ended +=
                endings.try_iter().inspect(|ending| assert_eq!(ending.2, Ok(()))).count() as u64;
        }
    });
    let image = &transport.device().disk;
    assert!(image.chunks(512).enumerate().all(|(at, sector)| sector == [at as u8; 512]));
}

#[test]
fn unusable_devices_are_refused_with_a_reason() {
    let mut odd_blocks = Model::disk(64);
    odd_blocks.set(20, &1000u32.to_le_bytes());
    let mut small_segments = Model::disk(64);
    small_segments.set(8, &511u32.to_le_bytes());
    let cases = [
        (Model::disk(64).without(Features::VERSION_1), SetupError::Legacy),
        (Model { queue_size: 0, ..Model::disk(64) }, SetupError::QueueTooShort(0)),
        (odd_blocks, SetupError::BadConfig("block size")),
        (small_segments, SetupError::BadConfig("a segment holds less than a block")),
    ];
    for (model, expected) in cases {
        let device = FakeTransport::new(model);
        let error = Disk::new("vbd0".into(), device, Options::default()).err().unwrap();
        assert_eq!(error, expected);
        assert!(!error.to_string().is_empty());
    }
}
