//! The whole image: what was written is what is read and what each leg has,
//! whatever its shape and whoever is left.

mod rig;

use Survives::{All, Durable};
use bio::{BufCmd, Limits};
use rig::recorded::{Ask, REGION, Recorded, Survives};
use rig::{LENGTH, Rig};

/// A byte for each sector, by chance.
fn chance() -> Vec<u8> {
    let mut random = sim::Random::new(1);
    (0..LENGTH).map(|_| random.below(256) as u8).collect()
}

#[test]
fn legs_are_taken_away_one_by_one_and_the_image_is_the_same_under_each_read_policy() {
    for policy in ["round_robin", "least_pending", "prefer=0", "prefer=1", "prefer=2"] {
        let table = format!("core 1 nosync 3 vbd0 0 vbd1 0 vbd2 0 2 read_policy {policy}");
        let mut rig = Rig::nosync(3).with_table(&table);
        let image = chance();
        (0..).zip(&image).for_each(|(sector, value)| rig.write_all(sector, 1, *value));
        for gone in [None, Some(0), Some(2)] {
            if let Some(leg) = gone {
                rig.message(&format!("fail {leg}")).unwrap();
            }
            let read: Vec<u8> = (0..LENGTH).map(|sector| rig.read_back(sector, 1)).collect();
            assert_eq!(read, image, "{policy}, {gone:?} taken away last");
        }
    }
}

/// Extents at both ends, on and across the ends of regions, of every length.
fn shapes() -> impl Iterator<Item = (u64, u64)> {
    let starts = [0, 1, REGION - 1, REGION, REGION + 1, 3 * REGION - 2, LENGTH / 2, LENGTH - 1];
    let counts = [1, 2, 3, REGION - 1, REGION, REGION + 1, 2 * REGION + 3, LENGTH];
    let all = starts.into_iter().flat_map(move |start| counts.map(|count| (start, count)));
    all.filter(|(start, count)| start + count <= LENGTH)
}

#[test]
fn writes_of_any_shape_are_the_same_on_every_leg_and_touch_nothing_else() {
    let mut rig = Recorded::new(3);
    let mut image = vec![0; LENGTH as usize];
    for ((start, count), value) in shapes().zip(1..) {
        rig.put(start, count, value);
        image[start as usize..][..count as usize].fill(value);
        for leg in 0..3 {
            let held: Vec<u8> = (0..LENGTH).map(|sector| rig.holds(leg, sector)).collect();
            assert_eq!(held, image, "leg {leg} after {count} sectors from {start} on");
        }
    }
    rig.sync();
    let mut rig = rig.crash(&[Durable; 3]);
    let read: Vec<u8> = (0..LENGTH).map(|sector| rig.get(sector, 1)).collect();
    assert_eq!(read, image);
}

#[test]
fn blocks_of_4096_bytes_are_the_same_on_every_leg() {
    let mut rig = Rig::new(2, "nosync", Limits { block_size: 4096, ..Limits::default() });
    let mut image = vec![0; LENGTH as usize];
    let whole = shapes().filter(|(start, count)| start % 8 == 0 && count % 8 == 0);
    for ((start, count), value) in whole.zip(1..) {
        rig.write_all(start, count, value);
        image[start as usize..][..count as usize].fill(value);
        assert!(rig.same(0, 1), "{count} sectors from {start} on");
    }
    let read: Vec<u8> = (0..LENGTH).step_by(8).map(|sector| rig.read_back(sector, 8)).collect();
    assert_eq!(read, image.iter().copied().step_by(8).collect::<Vec<_>>());
}

/// A mirror of 3 over disks that discard.
fn discarding(legs: usize) -> Recorded {
    let mut rig = Recorded::with_limits(legs, Limits { discard: true, ..Limits::default() });
    rig.put(0, LENGTH, 3);
    rig.rest();
    rig
}

/// A whole region and a part of one.
const DISCARDED: [(u64, u64); 2] = [(REGION, REGION), (3 * REGION + 3, 3)];

fn is_discarded(sector: u64) -> bool {
    DISCARDED.iter().any(|(start, count)| (*start..start + count).contains(&sector))
}

#[test]
fn what_was_discarded_reads_as_zeroes_from_each_leg_also_after_a_crash() {
    for survives in [[Durable, Durable], [All, Durable], [Durable, All], [All, All]] {
        let mut rig = discarding(2);
        let tags = DISCARDED.map(|(start, count)| rig.discard(start, count));
        rig.settle();
        assert_eq!(tags.map(|tag| rig.end(tag)), [Some(Ok(())); 2]);
        assert!((0..2).all(|leg| rig.dirty(leg, 1) && rig.dirty(leg, 3)), "as for a write");
        rig.sync();
        let mut rig = rig.crash(&survives);
        rig.rest();
        for sector in 0..LENGTH {
            let value = if is_discarded(sector) { 0 } else { 3 };
            assert_eq!([rig.get(sector, 1), rig.get(sector, 1)], [value; 2], "sector {sector}");
        }
        assert!(rig.agree(0, 1));
    }
}

#[test]
fn a_discard_at_any_moment_of_a_rebuild_counts_on_both_legs() {
    for steps in 0..50 {
        let mut rig = discarding(2);
        rig.message("fail 1").unwrap();
        rig.settle();
        rig.put(0, LENGTH, 4);
        rig.message("add 1").unwrap();
        rig.steps(steps);
        let tags = DISCARDED.map(|(start, count)| rig.discard(start, count));
        rig.rest();
        assert_eq!(tags.map(|tag| rig.end(tag)), [Some(Ok(())); 2]);
        assert!(rig.letters() == "AA" && rig.agree(0, 1), "after {steps}");
        let zero = |sector| rig.holds(1, sector) == 0;
        assert!((0..LENGTH).all(|sector| zero(sector) == is_discarded(sector)), "after {steps}");
    }
}

/// Two of four legs fail a part of what is written, at different times, and are in
/// order again later.
#[test]
fn legs_that_failed_under_many_writes_come_back_whole() {
    let mut rig = Recorded::new(4);
    for (sector, value) in (0..LENGTH).zip(chance()) {
        let write = rig.write(sector, 1, value);
        rig.until(|rig| rig.asks(0).contains(&Ask::Data));
        for (leg, at) in [(1, 20), (3, 40)] {
            if sector == at {
                rig.until(|rig| rig.asks(leg).contains(&Ask::Data));
                rig.fail_ask(leg, Ask::Data);
            }
        }
        rig.settle();
        assert_eq!(rig.end(write), Some(Ok(())));
    }
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.waiting(1)), ("ADAD", Vec::<BufCmd>::new()));
    rig.message("add 1").unwrap();
    rig.message("add 3").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AAAA");
    for leg in 0..4 {
        let held: Vec<u8> = (0..LENGTH).map(|sector| rig.holds(leg, sector)).collect();
        assert_eq!(held, chance(), "leg {leg}");
    }
}
