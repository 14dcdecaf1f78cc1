//! Images of members by chance: whatever lies on the disks, what is read is right, or the
//! mirror does not start and says why.
//!
//! Members are taken out of several lives: clean, dirty, degraded, being rebuilt. Then
//! records are damaged (their checksums are wrong), or forged (right), or both, and the
//! mirror is started. Damage is held against what the members really held. A forged record
//! may say anything: there the decision is held against a second opinion (`plain`), and what
//! is read must be what a member that is in sync holds. In any case a start ends, and writes
//! nothing to disks that it refuses.
//!
//! `FUZZ_INPUTS` and `FUZZ_SEED` say how many and which; input `n` of a seed is the first
//! one of seed + `n`, and a failure names that.

mod plain;
mod rig;

use std::collections::BTreeSet;
use std::sync::Arc;

use bio::{Extent, Limits, SECTOR_SIZE, Sector, Sectors};
use dm_mirror::assemble::{Verdict, assemble};
use dm_mirror::format::{Geometry, Member, newest_of};
use plain::bytes::{self, MARKS, UNIT};
use plain::{Plain, Roles, objection};
use rig::labels;
use rig::recorded::{DATA, REGION, Recorded};
use sim::{Random, SimDisk};

/// Images in the test command.
const INPUTS: u64 = 10_000;

/// More steps than the start of any of these mirrors takes, and what it copies then.
const STEPS_MAX: usize = 200_000;

/// One image in so many is started, and one with a map of two pages; all are decided.
const STARTED_ONE_IN: u64 = 3;
const LARGE_ONE_IN: u64 = 200;

/// What a leg holds: its records, and the value of each region that is looked at.
#[derive(Clone)]
struct Leg {
    metadata: Vec<u8>,
    values: Vec<u8>,
}

/// Legs at some moment, and what of them is true.
struct Life {
    name: &'static str,
    /// Where the data begins, and how long it is.
    data: u64,
    length: u64,
    geometry: Geometry,
    legs: Vec<Leg>,
    /// The regions that are looked at.
    regions: Vec<u64>,
    /// What each of them may hold.
    right: Vec<BTreeSet<u8>>,
}

impl Life {
    /// The legs of `rig` as they are; leg 0 has what is right.
    fn of(name: &'static str, rig: &Recorded, data: u64, length: u64, regions: &[u64]) -> Life {
        let leg = |disk: &Arc<SimDisk>| {
            let mut metadata = vec![0; data as usize * SECTOR_SIZE];
            for (sector, at) in metadata.chunks_mut(SECTOR_SIZE).zip(0..) {
                disk.durable(Sector(at)).fill(sector);
            }
            let value = |region: &u64| {
                let mut sector = [0; SECTOR_SIZE];
                disk.durable(Sector(data + region * REGION)).fill(&mut sector);
                sector[0]
            };
            Leg { metadata, values: regions.iter().map(value).collect() }
        };
        let legs: Vec<Leg> = rig.disks.iter().map(leg).collect();
        let right = legs[0].values.iter().map(|value| BTreeSet::from([*value])).collect();
        let geometry = rig.superblock(0).geometry;
        Life { name, data, length, geometry, legs, regions: regions.into(), right }
    }

    /// The legs were written to when the power went: they differ here.
    fn differ(mut self, regions: &[usize]) -> Life {
        for &nth in regions {
            for (leg, value) in self.legs.iter_mut().zip(100..) {
                leg.values[nth] = value;
            }
            self.right[nth] = self.legs.iter().map(|leg| leg.values[nth]).collect();
        }
        self
    }

    fn disks(&self, legs: &[Leg]) -> Vec<Arc<SimDisk>> {
        let disk = |leg: &Leg| {
            let disk = SimDisk::new(Sectors(self.data + self.length), Limits::default());
            disk.preset(Sector(0), &leg.metadata);
            for (region, value) in self.regions.iter().zip(&leg.values) {
                let bytes = vec![*value; REGION as usize * SECTOR_SIZE];
                disk.preset(Sector(self.data + region * REGION), &bytes);
            }
            disk
        };
        legs.iter().map(disk).collect()
    }
}

/// All regions of a small mirror.
const SMALL: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

fn small_lives(legs: usize) -> Vec<Life> {
    let small = |name, rig: &Recorded| Life::of(name, rig, DATA, rig::LENGTH, &SMALL);
    let filled = || {
        let mut rig = Recorded::new(legs);
        SMALL.iter().for_each(|region| rig.put(region * REGION, REGION, *region as u8 + 1));
        rig.rest();
        rig
    };
    let degraded = || {
        let mut rig = filled();
        rig.message("fail 1").unwrap();
        rig.settle();
        rig.put(2 * REGION, REGION, 42);
        rig.put(5 * REGION, REGION, 45);
        rig.sync();
        rig
    };
    let clean = filled();
    assert!(clean.stop());
    let mut dirty = filled();
    dirty.put(REGION, 2 * REGION, 50);
    dirty.twice();
    let rebuilt = degraded();
    rebuilt.message("sync_rate 1,1").unwrap();
    rebuilt.message("add 1").unwrap();
    rebuilt.until(|rig| rig.message("show").unwrap().contains("rebuilding"));
    let degraded = degraded();
    degraded.rest();
    vec![
        small("clean", &clean),
        small("dirty", &dirty).differ(&[1, 2]),
        small("degraded", &degraded),
        small("rebuilt", &rebuilt),
    ]
}

/// A mirror whose map has two pages: regions on both, and at the border.
fn large_lives() -> Vec<Life> {
    let border = MARKS as u64;
    let regions = [0, 3, border - 1, border, border + 3, border + 7];
    let (data, length) = (48, (border + 8) * REGION);
    let filled = || {
        let disks = labels::disks_with(data, length);
        let mut rig = Recorded::by_table(disks, length, "internal 0 2 vbd0 0 vbd1 0", 0);
        rig.settle();
        regions.iter().zip(1..).for_each(|(region, value)| rig.put(region * REGION, REGION, value));
        rig.rest();
        rig
    };
    let large = |name, rig: &Recorded| Life::of(name, rig, data, length, &regions);
    let clean = filled();
    assert!(clean.stop());
    let mut dirty = filled();
    dirty.put((border - 1) * REGION, 2 * REGION, 50);
    dirty.twice();
    let mut degraded = filled();
    degraded.message("fail 1").unwrap();
    degraded.settle();
    degraded.put((border - 1) * REGION, 2 * REGION, 60);
    degraded.rest();
    degraded.sync();
    vec![
        large("clean, two pages", &clean),
        large("dirty, two pages", &dirty).differ(&[2, 3]),
        large("degraded, two pages", &degraded),
    ]
}

/// Chance, and what it makes of images.
struct Chance(Random);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0.below(n as u64) as usize
    }

    /// Damages a record of a leg; its checksum is wrong then, or the unit is blank.
    fn damage(&mut self, leg: &mut Leg, units: usize) {
        let unit = self.below(units);
        let unit = &mut leg.metadata[unit * UNIT..][..UNIT];
        match self.below(5) {
            0 => unit.fill(0),
            1 => unit.fill(0x55),
            2 => unit[self.below(8) * SECTOR_SIZE..][..SECTOR_SIZE].fill(0),
            3 => {
                let (from, to) = (self.below(UNIT), self.below(UNIT));
                unit[from.min(to)..from.max(to)]
                    .iter_mut()
                    .for_each(|it| *it = self.below(256) as u8);
            }
            _ => {
                for _ in 0..1 + self.below(3) {
                    unit[self.below(UNIT)] ^= 1 << self.below(8);
                }
            }
        }
    }

    /// A number near another one, or anywhere, or near the end of all.
    fn number(&mut self, near: u64) -> u64 {
        match self.below(5) {
            0 => near.wrapping_add(self.0.below(4)),
            1 => near.wrapping_sub(self.0.below(4)),
            2 => (1 << 62) - 2 + self.0.below(4),
            3 => (1 << 63) - 2 + self.0.below(4),
            _ => self.0.below(64),
        }
    }

    /// Some generation that one of the legs knows, or none that anybody does.
    fn generation(&mut self, legs: &[Leg]) -> [u8; 16] {
        let from = &legs[self.below(legs.len())].metadata[self.below(2) * UNIT..];
        let at = match self.below(4) {
            0 => bytes::GENERATION,
            1 | 2 => bytes::HISTORY + 16 * self.below(3),
            _ => return [self.below(4) as u8; 16],
        };
        from[at..at + 16].try_into().unwrap()
    }

    /// Changes a field of a superblock, in both copies.
    fn forge_superblock(&mut self, legs: &mut [Leg]) {
        let (leg, other, nth) = (self.below(legs.len()), self.below(4), self.below(legs.len()));
        let entry = bytes::MEMBERS + nth * bytes::ENTRY;
        let generation = self.generation(legs);
        let newest = usize::from({
            let seq = |slot: usize| bytes::u64_at(&legs[leg].metadata[slot * UNIT..], bytes::SEQ);
            seq(1) > seq(0)
        });
        let mut unit = legs[leg].metadata[newest * UNIT..][..UNIT].to_vec();
        let number = |unit: &[u8], chance: &mut Chance, at| chance.number(bytes::u64_at(unit, at));
        let counters = [bytes::SEQ, bytes::VERSION, bytes::SESSION, bytes::MINTED];
        match self.below(9) {
            0 => {
                let at = counters[other];
                let number = number(&unit, self, at);
                bytes::put_u64(&mut unit, at, number);
            }
            1 => {
                let at = entry + bytes::SEEN;
                let number = number(&unit, self, at);
                bytes::put_u64(&mut unit, at, number);
            }
            2 | 3 => unit[entry + bytes::STATE] = 1 + self.below(6) as u8,
            4 => unit[entry + bytes::BASE..][..16].copy_from_slice(&generation),
            5 => unit[bytes::GENERATION..][..16].copy_from_slice(&generation),
            6 => {
                unit[83] = unit[83].max(1 + other as u8);
                unit[bytes::HISTORY + 16 * other..][..16].copy_from_slice(&generation);
            }
            7 => unit[bytes::INCARNATION] ^= 1 << self.below(8),
            _ => {
                let at = 16 + self.below(576 - 16);
                unit[at] ^= 1 << self.below(8);
            }
        }
        bytes::seal(&mut unit);
        for slot in 0..2 {
            legs[leg].metadata[slot * UNIT..][..UNIT].copy_from_slice(&unit);
        }
    }

    /// Changes a page of a map, in both copies.
    fn forge_page(&mut self, leg: &mut Leg, life: &Life) {
        let pages = (life.data as usize * SECTOR_SIZE / UNIT - 2) / 2;
        let first = (2 + 2 * self.below(pages)) * UNIT;
        let mut unit = leg.metadata[first..][..UNIT].to_vec();
        match self.below(8) {
            0 => unit[16 + self.below(48)] ^= 1 << self.below(8),
            _ => {
                for _ in 0..1 + self.below(3) {
                    let region = life.regions[self.below(life.regions.len())] as usize % MARKS;
                    unit[64 + region] = [0, 1, 16, 32, 64, 33, 48][self.below(7)];
                }
            }
        }
        bytes::seal(&mut unit);
        for slot in 0..2 {
            leg.metadata[first + slot * UNIT..][..UNIT].copy_from_slice(&unit);
        }
    }
}

/// What was done to the images.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Done {
    Damaged,
    Forged,
    Both,
}

/// What became of an image.
#[derive(Default)]
struct Counts {
    ran: u64,
    held: u64,
    decided: u64,
}

fn members(legs: &[Leg]) -> Vec<Option<Member>> {
    let member = |leg: &Leg| {
        let units: Vec<&[u8]> = leg.metadata.chunks(UNIT).collect();
        let newest = newest_of([units[0], units[1]]).ok()?;
        Member::from_bytes(newest, &leg.metadata[2 * UNIT..]).ok()
    };
    legs.iter().map(member).collect()
}

/// Starts the mirror and looks at what it answers: a region answers what it `may`, and if
/// records are `true_ones`, one thing only.
fn start(life: &Life, legs: &[Leg], may: &dyn Fn(usize) -> BTreeSet<u8>, true_ones: bool) -> bool {
    let names: String = (0..legs.len()).map(|leg| format!(" vbd{leg} 0")).collect();
    let table = format!("internal 0 {}{names}", legs.len());
    let mut rig = Recorded::by_table(life.disks(legs), life.length, &table, 7);
    let ends = (0..STEPS_MAX).any(|_| !rig.step());
    assert!(ends, "a start takes more than {STEPS_MAX} steps");
    if !rig.runs() {
        let report = rig.message("show").unwrap();
        assert!(report.contains("not started: "), "no reason: {report}");
        for (leg, before) in legs.iter().enumerate() {
            let place = Extent::new(Sector(0), Sectors(life.data));
            assert!(rig.bytes(leg, place) == before.metadata, "leg {leg} was written to: {report}");
        }
        return false;
    }
    for (nth, region) in life.regions.iter().enumerate() {
        let read: BTreeSet<u8> = legs.iter().map(|_| rig.get(region * REGION, REGION)).collect();
        assert!(read.is_subset(&may(nth)), "region {region} reads {read:?}, not {:?}", may(nth));
        assert!(!true_ones || read.len() == 1, "region {region} reads {read:?}, by turns");
    }
    true
}

fn take(life: &Life, chance: &mut Chance, counts: &mut Counts) {
    let mut legs = life.legs.clone();
    let done =
        [Done::Damaged, Done::Damaged, Done::Forged, Done::Forged, Done::Both][chance.below(5)];
    if done != Done::Damaged {
        for _ in 0..1 + chance.below(3) {
            if chance.below(3) == 0 {
                let leg = chance.below(legs.len());
                chance.forge_page(&mut legs[leg], life);
            } else {
                chance.forge_superblock(&mut legs);
            }
        }
    }
    if done != Done::Forged {
        let (units, leg) = (life.data as usize * SECTOR_SIZE / UNIT, chance.below(legs.len()));
        for _ in 0..1 + chance.below(2) {
            chance.damage(&mut legs[leg], units);
        }
    }
    let whole = members(&legs);
    let found: Vec<Option<&Member>> = whole.iter().map(Option::as_ref).collect();
    let verdict = assemble(&found, None);
    let cut = found.iter().flatten().any(|it| it.superblock.geometry != life.geometry);
    let judged = done == Done::Forged && !cut;
    if judged {
        let read = |(leg, member): (&Leg, &Option<Member>)| {
            member.as_ref().and_then(|_| Plain::read(&leg.metadata))
        };
        let plain: Vec<_> = legs.iter().zip(&whole).map(read).collect();
        let objection = objection(&plain, &verdict, (life.length / REGION) as usize);
        assert_eq!(objection, None, "{}", verdict.in_words(&|leg| format!("leg {leg}")));
    }
    counts.decided += 1;
    let one_in = if life.data > DATA { LARGE_ONE_IN } else { STARTED_ONE_IN };
    if chance.0.below(one_in) != 0 {
        return;
    }
    let roles = match &verdict {
        Verdict::Start(plan) => Roles::of(plan),
        Verdict::Hold { .. } | Verdict::Refuse(_) => Roles::default(),
    };
    let may = |nth: usize| match done {
        Done::Damaged => life.right[nth].clone(),
        Done::Forged if judged => {
            let keeps = roles.keeping(life.regions[nth] as usize);
            keeps.map(|leg| legs[leg].values[nth]).collect()
        }
        Done::Forged | Done::Both => (0..=u8::MAX).collect(),
    };
    let ran = start(life, &legs, &may, done == Done::Damaged);
    *(if ran { &mut counts.ran } else { &mut counts.held }) += 1;
}

fn parameter(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

/// Says which input it was that failed.
struct Input<'l>(&'l str, u64);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Input(life, seed) = self;
            println!("{life}; replay: FUZZ_INPUTS=1 FUZZ_SEED={seed}");
        }
    }
}

#[test]
fn an_image_by_chance_is_read_right_or_not_started() {
    let (inputs, seed) = (parameter("FUZZ_INPUTS", INPUTS), parameter("FUZZ_SEED", 1 << 32));
    let lives: Vec<Life> =
        [small_lives(2), small_lives(3), large_lives()].into_iter().flatten().collect();
    let mut counts = Counts::default();
    for seed in (0..inputs).map(|number| seed.wrapping_add(number)) {
        let mut chance = Chance(Random::new(seed));
        let life = &lives[chance.below(lives.len())];
        let _input = Input(life.name, seed);
        take(life, &mut chance, &mut counts);
    }
    let Counts { ran, held, decided } = counts;
    println!("{decided} images; {ran} were started, {held} not, and said why");
    let mixed = inputs < 1000 || ran > inputs / 20 && held > inputs / 40;
    assert!(mixed, "the mix lost its point: {ran} ran, {held} did not");
}
