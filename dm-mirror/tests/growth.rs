//! What a mirror takes does not grow with its size, nor with its age.

mod counting;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::{Bio, BlockDevice, Buf, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use bytes::Bytes;
use dm::{Args, Context, DeviceRef, Devices, Env, Target, TargetType, Work};
use dm_mirror::MirrorType;
use dm_mirror::format::{UNIT, UNIT_SECTORS};
use dm_mirror::label::{self, Ids, LabelOptions, Phase};

const MIB: u64 = 1 << 11;
const TIB: u64 = 1 << 31;

/// A disk of any size that keeps what was written, in units, and ends each request at once.
struct Sparse {
    capacity: u64,
    units: Mutex<BTreeMap<u64, Box<[u8; UNIT]>>>,
    reads: AtomicU64,
}

impl Sparse {
    fn put(&self, at: Sector, bytes: &[u8]) {
        let mut units = self.units.lock().unwrap();
        for (sector, bytes) in (at.0..).zip(bytes.chunks(512)) {
            let unit = units.entry(sector / UNIT_SECTORS.0).or_insert_with(|| Box::new([0; UNIT]));
            unit[sector as usize % UNIT_SECTORS.0 as usize * 512..][..512].copy_from_slice(bytes);
        }
    }

    fn get(&self, at: Sector, bytes: &mut [u8]) {
        let units = self.units.lock().unwrap();
        for (sector, bytes) in (at.0..).zip(bytes.chunks_mut(512)) {
            match units.get(&(sector / UNIT_SECTORS.0)) {
                Some(unit) => bytes.copy_from_slice(
                    &unit[sector as usize % UNIT_SECTORS.0 as usize * 512..][..512],
                ),
                None => bytes.fill(0),
            }
        }
    }
}

impl BlockDevice for Sparse {
    fn capacity(&self) -> Sectors {
        Sectors(self.capacity)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, mut bio: Bio) {
        let at = bio.extent().start();
        if let Some(memory) = bio.read_memory() {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.get(at, memory);
        } else if let Some(data) = bio.write_data() {
            self.put(at, data);
        }
        bio.biodone(Ok(()));
    }
}

struct Disks(Vec<DeviceRef>);

impl Devices for Disks {
    fn open(&self, name: &str) -> Option<DeviceRef> {
        self.0.iter().find(|device| &*device.name() == name).cloned()
    }
}

/// A world in which nothing is done later.
struct World(AtomicU64);

impl Env for World {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

struct Done(Mutex<u32>);

impl BufDone for Done {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
        assert_eq!(result, Ok(()));
        *self.0.lock().unwrap() += 1;
    }
}

/// Two legs of this many sectors, labelled as equal, and the mirror's length.
struct Legs {
    sparse: [Arc<Sparse>; 2],
    disks: Disks,
    length: Sectors,
    env: Arc<World>,
}

impl Legs {
    fn new(capacity: u64) -> Legs {
        let sparse = [0, 1].map(|_| {
            Arc::new(Sparse { capacity, units: Mutex::default(), reads: AtomicU64::new(0) })
        });
        let devices =
            [0, 1].map(|_| label::Device { capacity: Sectors(capacity), block_size: 512 });
        let mut next = 0;
        let ids = Ids::new(2, || {
            next += 1;
            next
        });
        let options = LabelOptions { clean: true, ..LabelOptions::new("m") };
        let label = label::plan(&options, &ids, &devices).expect("disks that are large enough");
        for (leg, disk) in sparse.iter().enumerate() {
            for phase in Phase::ALL {
                label
                    .writes(leg, phase)
                    .for_each(|(place, unit)| disk.put(place.start(), &unit[..]));
            }
        }
        let named = |(leg, disk): (usize, &Arc<Sparse>)| {
            DeviceRef::new(&format!("d{leg}"), disk.clone() as Arc<dyn BlockDevice>)
        };
        let disks = Disks(sparse.iter().enumerate().map(named).collect());
        let env = Arc::new(World(AtomicU64::new(1 << 20)));
        Legs { sparse, disks, length: label.geometry().length, env }
    }

    /// A mirror of them that has started.
    fn start(&self) -> Arc<dyn Target> {
        let context = Context {
            length: self.length,
            devices: &self.disks,
            env: self.env.clone(),
            events: Arc::default(),
        };
        let target = MirrorType.create(&mut Args::new("internal 0 2 d0 0 d1 0"), &context).unwrap();
        target.resume();
        target
    }

    fn reads(&self) -> u64 {
        self.sparse.iter().map(|disk| disk.reads.load(Ordering::Relaxed)).sum()
    }
}

/// Writes a sector to each of some regions far from each other.
fn write(target: &Arc<dyn Target>, length: Sectors) {
    let done = Arc::new(Done(Mutex::new(0)));
    for part in 0..8 {
        let extent = Extent::new(Sector(length.0 / 8 * part), Sectors(1));
        let data = Bytes::from_owner(vec![7; 512]);
        target.strategy(Bio::new(Buf::write(extent, data), done.clone(), 0));
    }
    assert_eq!(*done.0.lock().unwrap(), 8);
}

fn stop(target: Arc<dyn Target>) {
    let stopped = Arc::new(Mutex::new(false));
    let told = stopped.clone();
    target.suspend(Box::new(move || *told.lock().unwrap() = true));
    assert!(*stopped.lock().unwrap());
}

/// What it holds while it runs, and the most it held until then, beside its disks: in bytes.
fn memory(capacity: u64) -> (isize, isize) {
    let legs = Legs::new(capacity);
    // The first start writes records; then the disks hold them.
    stop(legs.start());
    let before = counting::begin();
    let target = legs.start();
    assert!(target.status().contains(" AA "), "{}", target.status());
    let (held, most) = (counting::held() - before, counting::most() - before);
    write(&target, legs.length);
    (held, most)
}

#[test]
fn a_mirror_of_a_tebibyte_holds_less_than_a_mebibyte() {
    for capacity in [64 * MIB, TIB, 16 * TIB] {
        let (held, most) = memory(capacity);
        println!("{} MiB: {held} bytes held, {most} at most", capacity / MIB);
        assert!(held < 1 << 20, "{capacity} sectors: {held} bytes");
        assert!(most < 2 << 20, "{capacity} sectors: {most} bytes at most");
    }
}

/// A start reads two superblocks and two copies of each page of the map, of which there are at
/// most 16 unless somebody chose small regions.
#[test]
fn the_start_of_a_large_mirror_reads_its_map_and_nothing_else() {
    for (capacity, pages) in [(64 * MIB, 1), (TIB, 16), (16 * TIB, 16)] {
        let legs = Legs::new(capacity);
        let before = legs.reads();
        let target = legs.start();
        let reads = legs.reads() - before;
        assert!(reads <= 2 * (2 + 2 * pages), "{capacity} sectors: {reads} reads");
        drop(target);
    }
}

#[test]
fn a_thousand_starts_and_stops_leave_nothing_behind() {
    let legs = Legs::new(64 * MIB);
    let round = || {
        let target = legs.start();
        write(&target, legs.length);
        stop(target);
    };
    (0..10).for_each(|_| round());
    let before = counting::held();
    (0..1000).for_each(|_| round());
    assert_eq!(counting::held(), before);
}
