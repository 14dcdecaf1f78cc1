//! Several threads on one mirror: what real concurrency adds to the simulator.
//!
//! Disks in memory, some requests completing inside `strategy` and some in a
//! thread of the disk; one dies on the way; the device is suspended and
//! resumed all the time. Readers of two sectors that one thread writes with
//! ascending numbers must never see one go back, nor less than was acknowledged.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bio::{
    Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoResult, Limits, SECTOR_SIZE, Sector,
    Sectors,
};
use bytes::BytesMut;
use dm::{Dm, Env, MappedDevice, Suspend, Work};
use dm_mirror::MirrorType;

const LENGTH: u64 = 2048;

/// Requests of each thread in a round.
const REQUESTS: u64 = 600;

/// How long a request may take before it is called lost.
const PATIENCE: Duration = Duration::from_secs(60);

/// A disk in memory.
struct Ram {
    data: Mutex<Vec<u8>>,
    thread: mpsc::Sender<Bio>,
    /// Counts requests; it dies at `dies_at`.
    count: AtomicU64,
    dies_at: u64,
}

impl Ram {
    fn new(dies_at: u64) -> Arc<Ram> {
        let (thread, requests) = mpsc::channel::<Bio>();
        let data = Mutex::new(vec![0; LENGTH as usize * SECTOR_SIZE]);
        let ram = Arc::new(Ram { data, thread, count: AtomicU64::new(0), dies_at });
        let disk = Arc::downgrade(&ram);
        thread::spawn(move || {
            for bio in requests {
                match disk.upgrade() {
                    Some(disk) => disk.perform(bio),
                    None => bio.fail(ErrorKind::Gone),
                }
            }
        });
        ram
    }

    fn perform(&self, mut bio: Bio) {
        if self.count.load(Ordering::Relaxed) >= self.dies_at {
            return bio.fail(ErrorKind::Gone);
        }
        let bytes = bio.extent().start().0 as usize * SECTOR_SIZE
            ..bio.extent().end().0 as usize * SECTOR_SIZE;
        {
            let mut data = self.data.lock().unwrap();
            if let Some(written) = bio.write_data() {
                data[bytes].copy_from_slice(written);
            } else if let Some(memory) = bio.read_memory() {
                memory.copy_from_slice(&data[bytes]);
            }
        }
        bio.biodone(Ok(()));
    }
}

impl BlockDevice for Ram {
    fn capacity(&self) -> Sectors {
        Sectors(LENGTH)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        if self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(3) {
            self.perform(bio);
        } else {
            self.thread.send(bio).expect("the disk's thread waits for requests");
        }
    }
}

/// Work is done by a thread.
struct Worker(Mutex<mpsc::Sender<Arc<dyn Work>>>);

impl Worker {
    fn start() -> Arc<Worker> {
        let (sender, work) = mpsc::channel::<Arc<dyn Work>>();
        thread::spawn(move || work.into_iter().for_each(Work::run));
        Arc::new(Worker(Mutex::new(sender)))
    }
}

impl Env for Worker {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, work: Arc<dyn Work>) {
        self.0.lock().unwrap().send(work).expect("the worker waits for work");
    }
    fn random(&self) -> u64 {
        4
    }
}

struct Waiter(mpsc::Sender<(Buf, IoResult)>);

impl BufDone for Waiter {
    fn buf_done(self: Arc<Self>, buf: Buf, _: u64, result: IoResult) {
        self.0.send((buf, result)).expect("somebody waits");
    }
}

/// Issues a request and waits for its end.
fn perform(device: &MappedDevice, buf: Buf) -> (Buf, IoResult) {
    let (sender, end) = mpsc::channel();
    device.strategy(Bio::new(buf, Arc::new(Waiter(sender)), 0));
    end.recv_timeout(PATIENCE).expect("a request was lost")
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// The sectors that carry the numbers, and the numbers themselves.
struct Numbers {
    begun: AtomicU64,
    acknowledged: AtomicU64,
}

fn write_numbers(device: &MappedDevice, numbers: &Numbers) {
    for number in 1..=REQUESTS {
        numbers.begun.store(number, Ordering::SeqCst);
        let mut data = vec![0; 2 * SECTOR_SIZE];
        for sector in data.chunks_exact_mut(SECTOR_SIZE) {
            sector[..8].copy_from_slice(&number.to_le_bytes());
        }
        let (_, result) = perform(device, Buf::write(extent(7, 2), data.into()));
        result.expect("a leg is left");
        numbers.acknowledged.store(number, Ordering::SeqCst);
        if number % 16 == 0 {
            perform(device, Buf::flush()).1.expect("a leg is left");
        }
    }
}

/// Reads the numbers, and writes elsewhere in between.
fn read_numbers(device: &MappedDevice, numbers: &Numbers, reader: u64) {
    let mut last = 0;
    for turn in 0..REQUESTS {
        let least = numbers.acknowledged.load(Ordering::SeqCst).max(last);
        let memory = BytesMut::zeroed(2 * SECTOR_SIZE);
        let (buf, result) = perform(device, Buf::read(extent(7, 2), memory));
        result.expect("a leg is left");
        let most = numbers.begun.load(Ordering::SeqCst);
        let memory = buf.into_read().expect("a read that succeeded has its memory");
        let seen = memory
            .chunks_exact(SECTOR_SIZE)
            .map(|sector| u64::from_le_bytes(sector[..8].try_into().expect("eight bytes")));
        for number in seen {
            assert!((least..=most).contains(&number), "{number} is not in {least}..={most}");
            last = number.max(last);
        }
        let at = 16 + (reader * 509 + turn * 13) % (LENGTH - 32);
        let data = vec![reader as u8; 8 * SECTOR_SIZE];
        perform(device, Buf::write(extent(at, 8), data.into())).1.expect("a leg is left");
    }
}

fn round(sync: &str, dying: Option<usize>) {
    let dm = Dm::new(Worker::start());
    dm.add_type(Arc::new(MirrorType)).unwrap();
    for disk in 0..3 {
        let dies_at = if dying == Some(disk) { 500 } else { u64::MAX };
        dm.add_disk(&format!("d{disk}"), Ram::new(dies_at)).unwrap();
    }
    let device = dm.create("m").unwrap();
    let answer = |say: mpsc::Sender<_>| Box::new(move |result| say.send(result).unwrap());
    let (say, said) = mpsc::channel();
    dm.load("m", &format!("0 {LENGTH} mirror core 1 {sync} 3 d0 0 d1 0 d2 0")).unwrap();
    device.resume(answer(say.clone()));
    said.recv_timeout(PATIENCE).expect("a resume was lost").unwrap();
    let numbers = Numbers { begun: AtomicU64::new(0), acknowledged: AtomicU64::new(0) };
    thread::scope(|scope| {
        scope.spawn(|| write_numbers(&device, &numbers));
        for reader in 1..4 {
            let (device, numbers) = (&device, &numbers);
            scope.spawn(move || read_numbers(device, numbers, reader));
        }
        for turn in 0..20 {
            let how = if turn % 2 == 0 { Suspend::Flush } else { Suspend::NoFlush };
            device.suspend(how, answer(say.clone()));
            said.recv_timeout(PATIENCE).expect("a suspend was lost").unwrap();
            device.resume(answer(say.clone()));
            said.recv_timeout(PATIENCE).expect("a resume was lost").unwrap();
        }
    });
    dm.remove("m", answer(say));
    said.recv_timeout(PATIENCE).expect("a remove was lost").unwrap();
}

#[test]
fn readers_never_see_a_number_go_back() {
    for _ in 0..4 {
        round("nosync", None);
        round("sync", None);
    }
}

#[test]
fn readers_never_see_a_number_go_back_while_a_leg_dies() {
    for dying in 0..3 {
        round("nosync", Some(dying));
    }
    for dying in 1..3 {
        round("sync", Some(dying));
    }
}
