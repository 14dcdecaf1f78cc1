//! Every bound of `dm::bounds`, from both sides, and what a stack of tables costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bio::{Bio, BlockDevice, Buf, BufCmd, Limits, Sectors};
use dm::bounds::{
    DEPTH_MAX, DEVICES_MAX, ENTRIES_MAX, FLUSHES_MAX, STRIPES_MAX, TABLE_BYTES_MAX, TABLE_ROOM,
};
use dm::{Devices, Dm, DmError, Env, NO_ROOM, TableError, Work};

use crate::bench::{Originator, disk, dm, running};

/// Loads a table into a device of its own, and returns the refusal.
fn load(dm: &Dm, table: &str) -> Result<(), TableError> {
    if dm.get("tried").is_err() {
        dm.create("tried").unwrap();
    }
    match dm.load("tried", table) {
        Ok(()) => Ok(()),
        Err(DmError::Table(error)) => Err(error),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refused(result: Result<(), TableError>, line: usize, column: usize, reason: &str) {
    let error = result.expect_err("it was accepted");
    assert_eq!((error.line, error.column), (line, column), "{error}");
    assert!(error.reason.starts_with(reason), "{error}");
}

/// So many entries of a sector each.
fn entries(count: usize, target: impl Fn(usize) -> String) -> String {
    (0..count).map(|nth| format!("{nth} 1 {}\n", target(nth))).collect()
}

#[test]
fn a_table_has_a_longest_text() {
    let dm = dm();
    let table = |bytes: usize| {
        let table = "0 8 zero\n# ";
        format!("{table}{}", "x".repeat(bytes - table.len()))
    };
    assert_eq!(load(&dm, &table(TABLE_BYTES_MAX)), Ok(()));
    refused(load(&dm, &table(TABLE_BYTES_MAX + 1)), 2, 1, "the table is longer than 65536 bytes");
    let umlauts = "ä".repeat(TABLE_BYTES_MAX);
    refused(load(&dm, &umlauts), 1, 1, "the table is longer than 65536 bytes");
}

#[test]
fn a_table_has_a_largest_number_of_entries() {
    let dm = dm();
    let zeroes = |count| entries(count, |_| "zero".into());
    assert_eq!(load(&dm, &zeroes(ENTRIES_MAX)), Ok(()));
    let comment = format!("{}# the end\n", zeroes(ENTRIES_MAX));
    assert_eq!(load(&dm, &comment), Ok(()), "a comment is no entry");
    let more = zeroes(ENTRIES_MAX + 1);
    refused(load(&dm, &more), ENTRIES_MAX + 1, 1, "a table has at most 1024 entries");
}

#[test]
fn an_entry_has_a_largest_number_of_stripes() {
    let dm = dm();
    disk(&dm, "a", STRIPES_MAX * 8 + 8);
    let table = |stripes: u64| {
        let parts: String = (0..stripes).map(|nth| format!(" a {}", nth * 8)).collect();
        format!("0 {} striped {stripes} 8{parts}", stripes * 8)
    };
    assert_eq!(load(&dm, &table(STRIPES_MAX)), Ok(()));
    refused(load(&dm, &table(STRIPES_MAX + 1)), 1, 15, "65 stripes are too many; use at most 64");
    let all = "0 18014398509481984 striped 18014398509481984 1 a 0";
    refused(load(&dm, all), 1, 29, "18014398509481984 stripes are too many");
}

#[test]
fn there_is_a_largest_number_of_devices() {
    let dm = dm();
    disk(&dm, "a", 8);
    for number in 1..DEVICES_MAX {
        dm.create(&format!("d{number}")).unwrap();
    }
    assert_eq!(dm.create("more").map(drop), Err(DmError::TooMany));
    let another = sim::SimDisk::new(Sectors(8), Limits::default());
    assert_eq!(dm.add_disk("more", another), Err(DmError::TooMany));
    assert_eq!(dm.create("a").map(drop), Err(DmError::Exists("a".into())));
    dm.remove("d1", Box::new(|result| assert_eq!(result, Ok(()))));
    dm.create("more").unwrap();
}

#[test]
fn times_have_a_longest() {
    let dm = dm();
    disk(&dm, "a", 8);
    for (words, column) in [
        ("delay a 0 4294967295", None),
        ("delay a 0 4294967296", Some(15)),
        ("flakey a 0 4294967295 4294967295", None),
        ("flakey a 0 4294967296 1", Some(16)),
        ("flakey a 0 1 4294967296", Some(18)),
        ("flakey a 0 1 1 5 corrupt_bio_byte 4294967295 r 255 0", None),
        ("flakey a 0 1 1 5 corrupt_bio_byte 4294967296 r 255 0", Some(39)),
        ("flakey a 0 1 1 5 corrupt_bio_byte 1 r 256 0", Some(43)),
    ] {
        let loaded = load(&dm, &format!("0 8 {words}"));
        assert_eq!(loaded.err().map(|error| error.column), column, "{words}");
    }
}

/// A disk that counts what it is asked.
#[derive(Default)]
struct Counting {
    flushes: AtomicUsize,
    others: AtomicUsize,
    resets: AtomicUsize,
}

impl BlockDevice for Counting {
    fn capacity(&self) -> Sectors {
        Sectors(1 << 20)
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn strategy(&self, bio: Bio) {
        let count = if bio.cmd() == BufCmd::Flush { &self.flushes } else { &self.others };
        count.fetch_add(1, Relaxed);
        bio.biodone(Ok(()));
    }
    fn resets(&self) -> u64 {
        self.resets.fetch_add(1, Relaxed);
        7
    }
}

impl Counting {
    /// Flushes and looks at resets since the last call.
    fn asked(&self) -> (usize, usize) {
        assert_eq!(self.others.load(Relaxed), 0);
        (self.flushes.swap(0, Relaxed), self.resets.swap(0, Relaxed))
    }
}

fn counting(dm: &Dm, name: &str) -> Arc<Counting> {
    let disk = Arc::<Counting>::default();
    dm.add_disk(name, disk.clone()).unwrap();
    disk
}

/// What a flush of `name`, and a look at its resets, comes to at a disk.
fn cost(dm: &Dm, name: &str, disk: &Counting) -> (usize, usize) {
    let originator = Originator::new(dm, name);
    disk.asked();
    originator.issue(Buf::flush(), 0);
    assert_eq!(originator.end().1, Ok(()));
    dm.open(name).unwrap().resets();
    disk.asked()
}

#[test]
fn a_stack_of_large_tables_flushes_a_disk_once() {
    let dm = dm();
    let a = counting(&dm, "a");
    for level in 1..=DEPTH_MAX {
        let below = if level == 1 { "a".into() } else { format!("d{}", level - 1) };
        let table = match level {
            1 | 3 => entries(ENTRIES_MAX, |nth| format!("linear {below} {nth}")),
            _ => entries(ENTRIES_MAX, |nth| format!("striped 1 1 {below} {nth}")),
        };
        let device = dm.create(&format!("d{level}")).unwrap();
        dm.load(&format!("d{level}"), &table[..]).unwrap();
        device.resume(Box::new(|result| assert_eq!(result, Ok(()))));
        assert_eq!(device.deps(dm::Slot::Active).unwrap(), [below.as_str().into()]);
        assert_eq!(cost(&dm, &format!("d{level}"), &a), (1, 1), "level {level}");
    }
}

#[test]
fn a_device_that_entries_share_is_flushed_once() {
    let dm = dm();
    let disks = ["a", "b", "c"].map(|name| counting(&dm, name));
    running(
        &dm,
        "d",
        "0 8 linear a 0\n8 16 striped 2 8 b 0 a 8\n24 16 striped 2 8 c 0 c 8\n\
         40 8 linear b 8\n48 8 zero\n56 8 error",
    );
    let originator = Originator::new(&dm, "d");
    originator.issue(Buf::flush(), 0);
    assert_eq!(originator.end().1, Ok(()));
    let flushes = disks.each_ref().map(|disk| disk.asked().0);
    assert_eq!(flushes, [1; 3]);
    running(&dm, "nothing", "0 8 zero\n8 8 error");
    let originator = Originator::new(&dm, "nothing");
    originator.issue(Buf::flush(), 0);
    assert_eq!(originator.end().1, Ok(()));
}

/// `delay` has a flush of its own in each entry, so these do multiply.
#[test]
fn what_a_flush_becomes_is_bounded() {
    let (dm, clock) = crate::bench::dm_with_clock();
    let a = counting(&dm, "a");
    let delays = |count, below: &str| entries(count, |_| format!("delay {below} 0 0"));
    running(&dm, "low", &delays(32, "a"));
    running(&dm, "top", &delays(FLUSHES_MAX / 32, "low"));
    assert_eq!(cost(&dm, "top", &a), (FLUSHES_MAX, 1));
    let more = delays(FLUSHES_MAX / 32 + 1, "low");
    refused(load(&dm, &more), 33, 1, "a flush of this table would become more than 1024");
    // A lower device that grows makes those above too expensive; one that shrinks does not.
    let reason = "with this table a flush of `top`, which lies on it, would become more";
    let Err(DmError::Table(error)) = dm.load("low", &delays(33, "a")) else { panic!("accepted") };
    assert!(error.reason.starts_with(reason), "{error}");
    dm.load("low", &delays(31, "a")).unwrap();
    dm.load("low", &delays(32, "a")).unwrap();
    // The inactive table may serve the next moment.
    running(&dm, "low2", &delays(8, "a"));
    running(&dm, "top2", "0 1 linear low2 0");
    dm.load("top2", &delays(100, "low2")).unwrap();
    let Err(DmError::Table(error)) = dm.load("low2", &delays(11, "a")) else { panic!("accepted") };
    assert!(error.reason.contains("a flush of `top2`, which lies on it"), "{error}");
    dm.get("top2").unwrap().clear().unwrap();
    dm.load("low2", &delays(11, "a")).unwrap();
    drop(clock);
}

/// Many ways lead down through a few devices; each is looked at once.
#[test]
fn a_stack_of_many_ways_is_walked_device_by_device() {
    let dm = dm();
    counting(&dm, "a");
    let width = 4;
    for level in 0..DEPTH_MAX {
        for nth in 0..width {
            let parts: String = match level {
                0 => entries(1, |_| "linear a 0".into()),
                _ => entries(width, |lower| format!("linear d{}-{lower} 0", level - 1)),
            };
            running(&dm, &format!("d{level}-{nth}"), &parts);
        }
    }
    let wide = entries(width, |lower| format!("linear d{}-{lower} 0", DEPTH_MAX - 1));
    refused(load(&dm, &wide), 1, 1, "over `d3-0` 5 mapped devices would be stacked");
}

/// A world without memory: nothing is begun there.
struct Full(usize);

impl Env for Full {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        0
    }
    fn has_room(&self, bytes: usize) -> bool {
        bytes <= self.0
    }
}

#[test]
fn where_memory_is_short_a_table_is_refused_in_words() {
    for (room, created, loaded) in
        [(0, false, false), (TABLE_ROOM - 1, true, false), (TABLE_ROOM, true, true)]
    {
        let dm = Dm::new(Arc::new(Full(room)));
        let device = dm.create("d");
        assert_eq!(device.as_ref().err(), (!created).then_some(&DmError::NoRoom));
        if device.is_err() {
            continue;
        }
        let refusal = TableError { line: 1, column: 1, reason: NO_ROOM.into() };
        let expected = if loaded { Ok(()) } else { Err(DmError::Table(refusal)) };
        assert_eq!(dm.load("d", "0 8 zero"), expected, "{room}");
    }
}
