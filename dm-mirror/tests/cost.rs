//! What a recorded mirror costs over a single disk, by its own counts.

mod rig;

use rig::costs::Costs;
use rig::recorded::{Ask, Recorded};

/// What both legs were asked for by `what`; they are asked for the same.
fn cost(rig: &mut Recorded, what: impl FnOnce(&mut Recorded)) -> Costs {
    let before = [0, 1].map(|leg| rig.costs(leg));
    what(rig);
    let [first, second] = [0, 1].map(|leg| rig.costs(leg).since(before[leg]));
    assert_eq!(first, second, "legs are asked for the same");
    first
}

#[test]
fn the_steady_state_is_one_write_a_leg_and_no_flush() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let cost = cost(&mut rig, |rig| (0..8).for_each(|start| rig.put(start, 1, 2)));
    assert_eq!(cost, Costs { user: (8, 0), ..Costs::default() });
}

#[test]
fn the_first_write_to_a_region_costs_one_page_and_one_flush_more() {
    let mut rig = Recorded::new(2);
    let cost = cost(&mut rig, |rig| rig.put(0, 1, 1));
    assert_eq!(cost, Costs { user: (1, 0), intent: (1, 1), ..Costs::default() });
}

/// Group commit: those that came before the page was written share it; those that
/// came while it was on its way share the next.
#[test]
fn first_writes_that_wait_together_share_their_intent() {
    let mut rig = Recorded::new(2);
    let cost = cost(&mut rig, |rig| {
        let tags: Vec<_> = (0..8).map(|region| rig.write(region * 8, 1, 1)).collect();
        rig.settle();
        assert!(tags.iter().all(|tag| rig.end(*tag) == Some(Ok(()))));
    });
    assert_eq!(cost, Costs { user: (8, 0), intent: (2, 2), ..Costs::default() });
}

#[test]
fn a_write_across_regions_costs_one_intent() {
    let mut rig = Recorded::new(2);
    let cost = cost(&mut rig, |rig| rig.put(4, 40, 1));
    assert_eq!(cost, Costs { user: (1, 0), intent: (1, 1), ..Costs::default() });
}

/// Nobody waits any more from the third region on, and marks are recorded for several regions
/// at once.
#[test]
fn a_writer_that_goes_straight_on_waits_for_two_records() {
    let mut rig = Recorded::new(2);
    let mut waits = 0;
    let cost = cost(&mut rig, |rig| {
        for start in (0..64).step_by(2) {
            let tag = rig.write(start, 2, 1);
            waits += u32::from(!rig.asks(0).contains(&Ask::Data));
            rig.settle();
            assert_eq!(rig.end(tag), Some(Ok(())));
        }
    });
    assert_eq!(waits, 2);
    assert_eq!((cost.user, cost.intent), ((32, 0), (5, 5)));
}

/// In this order no write begins where the one before ended.
#[test]
fn a_writer_that_goes_back_and_forth_has_nothing_marked_ahead() {
    let mut rig = Recorded::new(2);
    (0..3).rev().for_each(|start| rig.put(start * 8, 8, 1));
    let dirty = |region| rig.dirty(0, region);
    assert_eq!((0..8).filter(|region| dirty(*region)).count(), 3);
}

#[test]
fn what_was_marked_ahead_and_not_written_becomes_clean() {
    let mut rig = Recorded::new(2);
    (0..3).for_each(|start| rig.put(start * 8, 8, 1));
    assert!((0..4).all(|region| rig.dirty(1, region)));
    rig.sync();
    rig.rest();
    assert!((0..8).all(|region| !rig.dirty(1, region)));
}

/// There each region is recorded as missed when it is written, and no mark ahead spares that.
#[test]
fn beside_a_leg_that_is_out_nothing_is_marked_ahead() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    let before = rig.costs(0);
    for region in 0..8 {
        rig.put(u64::from(region) * 8, 8, 1);
        assert!((region + 1..8).all(|ahead| !rig.dirty(0, ahead)), "region {region}");
    }
    let cost = rig.costs(0).since(before);
    assert_eq!((cost.user, cost.intent), ((8, 0), (8, 8)));
}

#[test]
fn a_leg_that_goes_out_misses_nothing_of_what_was_marked_ahead() {
    let mut rig = Recorded::new(2);
    (0..3).for_each(|start| rig.put(start * 8, 8, 1));
    assert!(rig.dirty(0, 3), "marked ahead");
    rig.message("fail 1").unwrap();
    rig.rest();
    let missed: Vec<u32> = (0..8).filter(|region| rig.missed(0, *region, 1)).collect();
    assert_eq!(missed, [0, 1, 2]);
}

/// In the steady state there is nothing to mark ahead.
#[test]
fn a_writer_that_goes_straight_on_over_dirty_regions_costs_no_record() {
    let mut rig = Recorded::new(2);
    rig.put(0, 64, 1);
    let cost = cost(&mut rig, |rig| (0..8).for_each(|region| rig.put(region * 8, 8, 2)));
    assert_eq!(cost, Costs { user: (8, 0), ..Costs::default() });
}

#[test]
fn fua_costs_one_flush() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let cost = cost(&mut rig, |rig| {
        let tag = rig.write_fua(1, 2);
        rig.settle();
        assert_eq!(rig.end(tag), Some(Ok(())));
    });
    assert_eq!(cost, Costs { user: (1, 1), ..Costs::default() });
}

#[test]
fn a_flush_costs_one_flush_and_a_read_nothing() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let cost = cost(&mut rig, |rig| {
        rig.sync();
        rig.get(0, 1);
    });
    assert_eq!(cost, Costs { user: (0, 1), ..Costs::default() });
}

/// The second is there to have seen the first of the other leg. A start flushes what
/// it is to find, too, and writes again the superblock that it found.
#[test]
fn a_start_and_a_stop_cost_two_superblocks_each() {
    let rig = Recorded::new(2);
    let twice = Costs { superblock: (2, 3), second: (3, 3), ..Costs::default() };
    assert_eq!([0, 1].map(|leg| rig.costs(leg)), [twice; 2], "the start");
    assert!(rig.stop());
    let again = Costs { superblock: (4, 5), second: (5, 5), ..Costs::default() };
    assert_eq!([0, 1].map(|leg| rig.costs(leg)), [again; 2], "the stop of a clean mirror");
}

/// The page of the write and that of the stop go to their other slots, as the superblocks do.
#[test]
fn a_stop_after_writes_costs_a_flush_a_page_and_two_superblocks() {
    let mut rig = Recorded::new(2);
    rig.put(0, 64, 1);
    let cost = cost(&mut rig, |rig| assert!(rig.stop()));
    let records = Costs { clean: (1, 2), superblock: (2, 2), ..Costs::default() };
    assert_eq!(cost, Costs { second: (3, 2), ..records });
}

#[test]
fn regions_become_clean_together_for_two_flushes_at_most() {
    let mut rig = Recorded::new(2);
    for region in 0..8 {
        rig.put(region * 8, 1, 1);
    }
    let cost = cost(&mut rig, |rig| rig.rest());
    let Costs { clean: (pages, flushes), .. } = cost;
    assert_eq!(cost, Costs { clean: cost.clean, second: (2, 0), ..Costs::default() });
    assert!(pages <= 2 && flushes <= 2, "{cost:?}");
    assert!((0..8).all(|region| !rig.dirty(0, region) && !rig.dirty(1, region)));
}

/// The flush that cleaning needs is the user's, if there is one.
#[test]
fn behind_a_users_flush_cleaning_costs_only_its_record() {
    let mut rig = Recorded::new(2);
    rig.put(0, 8, 1);
    rig.sync();
    let cost = cost(&mut rig, |rig| rig.rest());
    assert_eq!(cost, Costs { clean: (1, 1), second: (2, 0), ..Costs::default() });
    assert!(!rig.dirty(0, 0) && !rig.dirty(1, 0));
}

#[test]
fn a_region_that_is_written_all_the_time_stays_dirty_and_costs_nothing_more() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let cost = cost(&mut rig, |rig| {
        for _ in 0..10 {
            rig.put(0, 1, 2);
            rig.pass();
            rig.settle();
        }
    });
    assert_eq!(cost, Costs { user: (10, 0), second: (1, 0), ..Costs::default() });
    assert!(rig.dirty(0, 0));
}

/// Its user flushes after each write, so that it could be made clean each time,
/// and each next write would cost an intent.
#[test]
fn a_region_that_is_in_use_is_not_made_clean_between_two_writes() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    let cost = cost(&mut rig, |rig| {
        for _ in 0..10 {
            rig.put(0, 1, 2);
            rig.sync();
            rig.pass();
            rig.settle();
        }
    });
    assert_eq!(cost, Costs { user: (10, 10), second: (1, 0), ..Costs::default() });
}

/// A mirror that nobody uses costs nothing, however long.
#[test]
fn an_idle_mirror_asks_for_nothing() {
    let mut rig = Recorded::new(2);
    rig.put(0, 1, 1);
    rig.rest();
    let cost = cost(&mut rig, |rig| {
        for _ in 0..10 {
            rig.pass();
            rig.settle();
        }
    });
    assert_eq!(cost, Costs::default());
    assert_eq!(rig.asks(0), Vec::<Ask>::new());
}

/// One intent for many regions, not one for each.
#[test]
fn a_rebuild_costs_the_leg_one_intent_for_sixteen_regions() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.put(0, 64, 1);
    rig.rest();
    let before = rig.costs(1);
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.letters() == "AA");
    let cost = rig.costs(1).since(before);
    assert_eq!((cost.copy, cost.intent), ((8, 2), (1, 1)));
}

/// What a leg missed is copied once, with a flush behind it, one before it is in
/// sync, and two superblocks on each: it is being rebuilt, it is in sync.
#[test]
fn a_returning_leg_costs_the_regions_that_it_missed() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(0, 4, 1);
    rig.put(40, 4, 2);
    rig.rest();
    let before = [0, 1].map(|leg| rig.costs(leg));
    let reads = rig.counts(0)[0];
    rig.message("add 1").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
    let [source, target] = [0, 1].map(|leg| rig.costs(leg).since(before[leg]));
    assert_eq!(rig.counts(0)[0] - reads, 2, "two regions are read");
    assert_eq!((source.copy, target.copy), ((0, 1), (2, 2)));
    assert_eq!((source.superblock, target.superblock), ((2, 2), (2, 3)));
    assert_eq!((source.user, target.user), ((0, 0), (0, 0)));
    assert!(target.intent.0 <= 2 && target.clean.0 <= 3, "{target:?}");
    assert!(target.second.1 == 3, "superblocks alone: {target:?}");
    assert!(rig.agree(0, 1));
}
