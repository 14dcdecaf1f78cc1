//! Nobody can write a table that the device mapper falls over: tables made by chance, near
//! to valid ones and far from them, are loaded or refused in words, within bounded memory.
//!
//! `FUZZ_INPUTS` and `FUZZ_SEED` say how many and which; input `n` of a seed is the first
//! one of seed + `n`, and a panic prints that.

mod counting;

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use bio::{Bio, BlockDevice, Limits, Sectors};
use dm::bounds::TABLE_BYTES_MAX;
use dm::{Dm, DmError, Env, Slot, Work};
use dm_mirror::table::Table;
use dm_mirror::{LEGS_MAX, MirrorType};
use sim::Random;

/// Tables in the test command.
const INPUTS: u64 = 20_000;

/// What one table may hold at most, whatever it says, in bytes.
const MEMORY_MAX: usize = 16 * 1024 * 1024;

thread_local! {
    static INPUT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A world with [`MEMORY_MAX`] of memory.
struct Small;

impl Env for Small {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {}
    fn random(&self) -> u64 {
        4
    }
    fn has_room(&self, bytes: usize) -> bool {
        counting::held() + bytes as isize <= MEMORY_MAX as isize
    }
}

/// A disk of any size that holds nothing.
struct Disk(u64, Limits);

impl BlockDevice for Disk {
    fn capacity(&self) -> Sectors {
        Sectors(self.0)
    }
    fn limits(&self) -> Limits {
        self.1
    }
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
}

/// A device mapper with disks of all kinds and a few mapped devices.
fn world() -> Dm {
    let dm = Dm::new(Arc::new(Small));
    dm.add_type(Arc::new(MirrorType)).unwrap();
    let plain = Limits::default();
    for (name, sectors, limits) in [
        ("vbd0", 64, plain),
        ("vbd1", 1 << 20, plain),
        ("vbd2", 64, Limits { block_size: 4096, ..plain }),
        ("vbd3", 64, Limits { read_only: true, ..plain }),
        ("vast", u64::MAX, plain),
        ("none", 0, plain),
    ] {
        dm.add_disk(name, Arc::new(Disk(sectors, limits))).unwrap();
    }
    for (name, table) in
        [("d0", "0 64 linear vbd1 0"), ("d1", "0 64 linear d0 0"), ("d2", "0 64 linear d1 0")]
    {
        dm.create(name).unwrap();
        dm.load(name, table).unwrap();
        dm.get(name).unwrap().resume(Box::new(|result| assert_eq!(result, Ok(()))));
    }
    dm.create("tried").unwrap();
    dm
}

/// Tables by chance.
struct Tables(Random);

impl Tables {
    fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.0.below(words.len() as u64) as usize]
    }

    /// Most often one that fits, sometimes one at the edge of what there is.
    fn number(&mut self) -> String {
        let number = match self.0.below(20) {
            0..13 => 8 * self.0.below(9),
            13..15 => self.0.below(70),
            15 => 1 << self.0.below(64),
            16 => (1_u64 << self.0.below(64)).wrapping_sub(1),
            17 => u64::MAX - self.0.below(3),
            18 => self.0.bits(),
            _ => {
                return self
                    .one_of(&["-1", "x", "0x8", "18446744073709551616", "007", "1e9"])
                    .into();
            }
        };
        number.to_string()
    }

    fn device(&mut self) -> String {
        let names = [
            "vbd0", "vbd1", "vbd1", "vbd1", "vbd2", "vbd3", "vast", "vast", "none", "d0", "d2",
            "tried", "zz", "-",
        ];
        self.one_of(&names).into()
    }

    fn device_at(&mut self) -> String {
        format!("{} {}", self.device(), self.number())
    }

    /// The words behind an entry's place.
    fn target(&mut self) -> String {
        match self.0.below(9) {
            0 => "zero".into(),
            1 => "error".into(),
            2 => format!("linear {}", self.device_at()),
            3 => {
                let count = 1 + self.0.below(4);
                let legs: String = (0..count).map(|_| format!(" {}", self.device_at())).collect();
                let count = if self.0.below(8) == 0 { self.number() } else { count.to_string() };
                format!("striped {count} {}{legs}", self.number())
            }
            4 => {
                let ways = (0..1 + self.0.below(3)).map(|_| {
                    let place = self.device_at();
                    format!("{place} {}", self.number())
                });
                format!("delay {}", ways.collect::<Vec<_>>().join(" "))
            }
            5 => {
                let (place, up, down) = (self.device_at(), self.number(), self.number());
                let features = [
                    "",
                    " 0",
                    " 1 error_reads",
                    " 1 drop_writes",
                    " 2 drop_writes error_writes",
                    " 5 corrupt_bio_byte 1 r 0 0",
                    " 5 corrupt_bio_byte 0 w 256 9",
                ];
                format!("flakey {place} {up} {down}{}", self.one_of(&features))
            }
            _ => self.mirror(),
        }
    }

    fn mirror(&mut self) -> String {
        let log = match self.0.below(6) {
            0 => "internal 0".to_string(),
            1 => "core 0".into(),
            2 => "core 1 nosync".into(),
            3 => format!("core 2 {} sync", self.number()),
            4 => format!("core 2 {} nosync", 8 << self.0.below(12)),
            _ => format!("core {} 8", self.number()),
        };
        let count = 1 + self.0.below(5);
        let legs: String = (0..count).map(|_| format!(" {}", self.device_at())).collect();
        let features = [
            "",
            "",
            " 0",
            " 1 handle_errors",
            " 2 read_policy prefer=1",
            " 2 read_policy least_pending",
            " 1 start_degraded=run",
            " 1 write_mostly=0",
            " 2 write_mostly=1 write_mostly=0",
            " 1 write_mostly=9",
            " 1 sync_rate=1,18446744073709551615",
            " 1 sync_rate=2,1",
            " 1 sync_rate=none,none",
            " 1 error_threshold=4294967295,4294967295",
            " 1 error_threshold=1,0",
            " 3 read_policy",
            " 18446744073709551615 x",
        ];
        format!("mirror {log} {count}{legs}{}", self.one_of(&features))
    }

    /// A table, of which something may be spoilt.
    fn table(&mut self) -> String {
        let mut table = String::new();
        let mut start = 0_u64;
        for _ in 0..1 + self.0.below(4) {
            let length = match self.0.below(8) {
                0 => 1 << self.0.below(56),
                1 => self.0.below(70),
                _ => 8 * (1 + self.0.below(8)),
            };
            table += &format!("{start} {length} {}\n", self.target());
            start = start.saturating_add(length);
        }
        match self.0.below(12) {
            // Characters that are lost, doubled, or others.
            0 => {
                let mut chars: Vec<char> = table.chars().collect();
                for _ in 0..1 + self.0.below(4) {
                    let at = self.0.below(chars.len() as u64) as usize;
                    let wrong = ['\0', ' ', '\n', '\t', '#', 'ä', '\u{2028}', '9', '-', '"'];
                    let wrong = wrong[self.0.below(wrong.len() as u64) as usize];
                    match self.0.below(3) {
                        0 if chars.len() > 1 => drop(chars.remove(at)),
                        1 => chars.insert(at, wrong),
                        _ => chars[at] = wrong,
                    }
                }
                chars.into_iter().collect()
            }
            // Words in another order.
            1 => {
                let mut words: Vec<&str> = table.split(' ').collect();
                let a = self.0.below(words.len() as u64) as usize;
                let b = self.0.below(words.len() as u64) as usize;
                words.swap(a, b);
                words.join(" ")
            }
            2 => format!("# {table}"),
            3 if self.0.below(200) == 0 => {
                let lines = 1 + self.0.below(1100);
                (0..lines).map(|line| format!("{line} 1 zero\n")).collect()
            }
            3 if self.0.below(200) == 0 => table + &" ".repeat(TABLE_BYTES_MAX),
            _ => table,
        }
    }
}

fn check_refusal(table: &str, error: &dm::TableError) {
    let line = table.lines().nth(error.line - 1).unwrap_or("");
    assert!(error.line <= table.lines().count().max(1), "{error}");
    assert!((1..=line.chars().count() + 1).contains(&error.column), "{error}");
    assert!(!error.reason.is_empty() && !error.reason.contains('\n'), "{error}");
}

/// Loads a table; whether it was accepted.
fn try_table(dm: &Dm, table: &str) -> bool {
    match dm.load("tried", table) {
        Ok(()) => {
            let tried = dm.get("tried").unwrap();
            let printed = tried.table(Slot::Inactive).unwrap();
            dm.load("tried", &printed).unwrap();
            assert_eq!(tried.table(Slot::Inactive).unwrap(), printed);
            tried.clear().unwrap();
            true
        }
        Err(DmError::Table(error)) => {
            check_refusal(table, &error);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// A mirror's table in which legs got other devices or lost theirs, by chance; `None` if its
/// words are none.
fn exchanged(tables: &mut Tables) -> Option<Table> {
    let words = tables.mirror();
    let mut table: Table = words.strip_prefix("mirror ")?.parse().ok()?;
    for _ in 0..tables.0.below(4) {
        let legs = table.legs().len();
        table = match tables.0.below(3) {
            0 => table.without_leg(tables.0.below(legs as u64) as usize),
            1 if legs < LEGS_MAX => table.with_leg(legs, tables.one_of(&["vbd0", "d1"])),
            _ => table.with_leg(tables.0.below(legs as u64) as usize, "vast"),
        };
    }
    Some(table)
}

#[test]
fn a_mirrors_table_is_read_as_it_was_printed_whatever_was_exchanged() {
    let (inputs, seed) = (parameter("FUZZ_INPUTS", INPUTS), parameter("FUZZ_SEED", 1 << 33));
    let mut tried = 0;
    for number in 0..inputs {
        let seed = seed.wrapping_add(number);
        let Some(table) = exchanged(&mut Tables(Random::new(seed))) else { continue };
        let printed = table.to_string();
        let read = printed.parse();
        assert_eq!(read, Ok(table), "{printed}\nreplay: FUZZ_INPUTS=1 FUZZ_SEED={seed}");
        tried += 1;
    }
    assert!(inputs < 1000 || tried > inputs / 5, "the mix lost its point: {tried} of {inputs}");
}

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

#[test]
fn a_table_by_chance_is_loaded_or_refused_within_its_memory() {
    let (inputs, seed) = (parameter("FUZZ_INPUTS", INPUTS), parameter("FUZZ_SEED", 1 << 32));
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        INPUT.with_borrow(|input| eprintln!("{input}"));
        report(info);
    }));
    let dm = world();
    let (mut accepted, mut most) = (0, 0);
    for number in 0..inputs {
        let seed = seed.wrapping_add(number);
        let table = Tables(Random::new(seed)).table();
        INPUT.with_borrow_mut(|input| {
            input.clear();
            input.push_str(&table);
            input.push_str("replay: FUZZ_INPUTS=1 FUZZ_SEED=");
            input.push_str(&seed.to_string());
        });
        let before = counting::begin();
        accepted += u64::from(try_table(&dm, &table));
        most = most.max(counting::most() - before);
        assert!(most <= MEMORY_MAX as isize, "{most} bytes");
        assert_eq!(counting::held(), before, "something of a table stays");
    }
    println!("{inputs} tables, {accepted} accepted, at most {most} bytes for one");
    let enough = inputs < 1000 || (inputs / 20..inputs / 2).contains(&accepted);
    assert!(enough, "the mix lost its point: {accepted} of {inputs} are accepted");
}
