//! What a request costs a mirror on the host, beside its disks: for a tool that counts
//! instructions.
//!
//! ```text
//! cargo build --release --package bench
//! valgrind --tool=callgrind target/release/bench WHAT REQUESTS
//! ```
//!
//! `WHAT` is `read`, `write` (of two legs), or either with `raw-` before it: the same on one
//! disk, without a mirror; or with `off-` or `on-` before it: with a trace that is off, or on
//! and kept in a ring. Eight requests of 4 KiB are in flight at a time. The disks do
//! nothing; they end what they were given when all eight are there. The count of twice as
//! many requests less this one is what requests cost alone.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use dm::{Args, Context, DeviceRef, Devices, Env, Target, TargetType, Work};
use dm_mirror::trace::{Record, Sink, Trace};
use dm_mirror::{MirrorType, Traced};

const DEPTH: u64 = 8;
const SECTORS: u64 = 8;

/// A disk that holds what it is given until it is told to end it.
#[derive(Default)]
struct Disk(Mutex<Vec<Bio>>);

impl Disk {
    fn end_all(&self) {
        loop {
            let Some(bio) = self.0.lock().expect("nobody panics with it").pop() else { return };
            bio.biodone(Ok(()));
        }
    }
}

impl BlockDevice for Disk {
    fn capacity(&self) -> Sectors {
        Sectors(1 << 20)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        self.0.lock().expect("nobody panics with it").push(bio);
    }
}

struct Disks(Vec<DeviceRef>);

impl Devices for Disks {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        self.0.iter().find(|disk| &*disk.name() == name).cloned()
    }
}

/// A world in which no time passes.
struct Still;

impl Env for Still {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        0
    }
}

/// Gets back the bufs, which the next requests use again.
#[derive(Default)]
struct User(Mutex<Vec<Buf>>);

impl BufDone for User {
    fn buf_done(self: Arc<Self>, buf: Buf, _: u64, result: IoResult) {
        assert_eq!(result, Ok(()));
        self.0.lock().expect("nobody panics with it").push(buf);
    }
}

/// Keeps the last records.
struct Ring(Mutex<(Vec<(Duration, Record)>, usize)>);

impl Sink for Ring {
    fn record(&self, _: u32, at: Duration, record: Record) {
        let mut ring = self.0.lock().expect("nobody panics with it");
        let (kept, next) = &mut *ring;
        match kept.get_mut(*next) {
            Some(place) => *place = (at, record),
            None => kept.push((at, record)),
        }
        *next = (*next + 1) % 1024;
    }
}

/// Whether a mirror has a trace, and whether that is on.
fn mirror(disks: &[Arc<Disk>], traced: Option<bool>) -> Arc<dyn Target> {
    let named = |(n, disk): (usize, &Arc<Disk>)| DeviceRef::new(&format!("d{n}"), disk.clone());
    let context = Context {
        length: Sectors(1 << 20),
        devices: &Disks(disks.iter().enumerate().map(named).collect()),
        env: Arc::new(Still),
        events: Arc::default(),
    };
    let words = "core 2 1024 nosync 2 d0 0 d1 0";
    let target = match traced {
        None => MirrorType.create(&mut Args::new(words), &context),
        Some(on) => {
            let trace = Arc::new(Trace::new(Ring(Mutex::default())));
            trace.switch(on);
            Traced(trace).create(&mut Args::new(words), &context)
        }
    };
    let target = target.unwrap_or_else(|_| panic!("a right table"));
    target.resume();
    target
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let what = args.get(1).map_or("write", String::as_str);
    let requests = args.get(2).map_or(8_000, |count| count.parse().expect("a count"));
    let disks = [(); 2].map(|()| Arc::new(Disk::default()));
    let (prefix, cmd) = what.split_once('-').unwrap_or(("", what));
    let (raw, traced) = match prefix {
        "" => (false, None),
        "raw" => (true, None),
        "off" => (false, Some(false)),
        "on" => (false, Some(true)),
        other => panic!("`{other}-` says nothing here"),
    };
    let target = mirror(&disks, traced);
    let user = Arc::new(User::default());
    let data: Bytes = Bytes::from_owner(vec![1; SECTORS as usize * 512]);
    let mut memory: Vec<BytesMut> = Vec::new();
    for first in (0..requests).step_by(DEPTH as usize) {
        for number in first..first + DEPTH {
            // One after the other in no order that a disk would like.
            let start = number.wrapping_mul(2_654_435_761) % (1 << 17) * SECTORS;
            let extent = Extent::new(Sector(start), Sectors(SECTORS));
            let buf = match cmd {
                "read" => {
                    let fresh = || BytesMut::zeroed(SECTORS as usize * 512);
                    Buf::read(extent, memory.pop().unwrap_or_else(fresh))
                }
                "write" => Buf::write(extent, data.clone()),
                other => panic!("`{other}` is neither read nor write"),
            };
            let bio = Bio::new(buf, user.clone(), 0);
            match raw {
                true => disks[0].strategy(bio),
                false => target.strategy(bio),
            }
        }
        disks.iter().for_each(|disk| disk.end_all());
        let mut ended = user.0.lock().expect("nobody panics with it");
        assert_eq!(ended.len() as u64, DEPTH);
        memory.extend(ended.drain(..).filter_map(Buf::into_read));
    }
}
