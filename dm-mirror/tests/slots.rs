//! Records in two slots: the one that is durable stays until the next one is, and
//! a slot that cannot be read, or that shows too little, is not believed.

mod rig;

use Survives::{All, Durable};
use bio::{BufCmd, ErrorKind, Extent, SECTOR_SIZE, Sector};
use dm_mirror::format::{MemberState, SLOTS, Second, page_place, superblock_place};
use rig::LENGTH;
use rig::recorded::{Ask, DATA, Recorded, Survives};
use sim::{Landed, Outcome};

/// Runs until nothing is left to be done; `seen` gets the place of each write that a
/// leg is asked for, as it comes.
fn watch(rig: &Recorded, mut seen: impl FnMut(&Recorded, usize, Extent)) {
    let mut known = Vec::new();
    while rig.step() {
        for leg in 0..rig.disks.len() {
            for index in 0..rig.asks(leg).len() {
                let pending = rig.disks[leg].pending(index).expect("it waits");
                let write = matches!(pending.cmd, BufCmd::Write { .. });
                if write && !known.contains(&(leg, pending.id)) {
                    known.push((leg, pending.id));
                    seen(rig, leg, pending.extent);
                }
            }
        }
    }
}

/// A torn write would leave nothing to go on from.
#[test]
fn no_commit_overwrites_the_superblock_or_the_page_that_is_durable() {
    let mut rig = Recorded::new(3);
    let mut written = [0, 0];
    for round in 0..4 {
        rig.write(8 * round, 1, 1);
        rig.message(if round % 2 == 0 { "fail 2" } else { "add 2" }).unwrap();
        watch(&rig, |rig, leg, extent| {
            let member = rig.member(leg);
            let page = member.pages[0].as_ref().unwrap();
            let newest = [
                (superblock_place(member.slot), member.second),
                (page_place(0, page.slot), page.second),
            ];
            let alone = |it: &(Extent, Second)| it.0 == extent && it.1 != Second::Same;
            assert!(!newest.iter().any(alone), "leg {leg}: {newest:?}");
            written[0] += u32::from((0..SLOTS).any(|slot| extent == superblock_place(slot)));
            written[1] += u32::from((0..SLOTS).any(|slot| extent == page_place(0, slot)));
        });
        rig.rest();
    }
    assert!(written[0] > 6 && written[1] > 6, "{written:?}");
}

#[test]
fn a_commit_that_failed_is_repeated_where_it_was() {
    let mut rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    rig.settle();
    for kind in [Ask::Map, Ask::Super] {
        let mut place = None;
        for _ in 0..3 {
            rig.write(0, 1, 1);
            if kind == Ask::Super {
                let _ = rig.message("add 1");
            }
            rig.until(|rig| rig.asks(0).contains(&kind));
            let at = rig.asks(0).iter().position(|it| *it == kind).unwrap();
            let extent = rig.disks[0].pending(at).unwrap().extent;
            assert_eq!(*place.get_or_insert(extent), extent, "{kind:?}");
            rig.fail_ask(0, kind);
            rig.settle_leg(1);
        }
        rig.rest();
    }
}

#[test]
fn each_commit_has_a_larger_number_than_the_last() {
    let mut rig = Recorded::new(2);
    let numbers = |rig: &Recorded| {
        let member = rig.member(0);
        (member.superblock.seq, member.pages[0].as_ref().unwrap().seq)
    };
    let mut last = numbers(&rig);
    for round in 0..6 {
        rig.put(0, 1, round);
        rig.message("fail 1").unwrap();
        rig.rest();
        rig.message("add 1").unwrap();
        rig.rest();
        let now = numbers(&rig);
        assert!(now.0 > last.0 && now.1 > last.1, "{last:?} {now:?}");
        last = now;
    }
}

/// What lies in that slot may be newer than what the other one says: it may have excluded
/// the other leg, which gets what it may lack.
#[test]
fn a_member_with_a_superblock_slot_that_cannot_be_read_is_in_doubt() {
    for slot in 0..SLOTS {
        for failures in [1, 2] {
            let mut rig = Recorded::new(2);
            rig.put(0, 1, 1);
            let rig = rig.crash(&[Durable; 2]);
            let wanted = superblock_place(slot);
            for _ in 0..failures {
                rig.until(|rig| rig.disks[1].pending(0).is_some_and(|it| it.extent == wanted));
                rig.fail_ask(1, Ask::Read);
            }
            rig.rest();
            // Once is no more than bad luck.
            let excluded = !rig.superblock(0).history.is_empty();
            assert_eq!(excluded, failures == 2, "slot {slot}: {}", rig.target.status());
            assert!(rig.agree(0, 1) && rig.letters() == "AA");
        }
    }
}

#[test]
fn a_page_of_which_a_slot_cannot_be_read_says_nothing() {
    for slot in 0..SLOTS {
        let mut rig = Recorded::new(2);
        rig.put(0, LENGTH, 1);
        rig.rest();
        let rig = rig.crash(&[Durable; 2]);
        // Both slots at once, then one by one.
        rig.until(|rig| rig.asks(1) == [Ask::Read] && place(rig, 1).start().0 >= 16);
        rig.fail_ask(1, Ask::Read);
        rig.until(|rig| rig.asks(1) == [Ask::Read] && place(rig, 1) == page_place(0, slot));
        rig.fail_ask(1, Ask::Read);
        let (mut first, mut copies) = (None, 0);
        watch(&rig, |_, leg, extent| {
            if leg == 1 && (16..DATA).contains(&extent.start().0) && first.is_none() {
                first = Some(extent);
            }
            copies += u32::from(extent.start().0 >= DATA && extent.count().0 == 8);
        });
        assert_eq!(first, Some(page_place(0, 1 - slot)), "the slot that can be read goes first");
        rig.rest();
        assert_eq!(rig.costs(0).copy.0 + rig.costs(1).copy.0, 8, "all regions may differ");
        assert!(copies >= 8);
        let seq = rig.member(1).pages[0].as_ref().unwrap().seq;
        assert!(seq > 1 << 32, "more than what is hidden may have: {seq}");
    }
}

fn place(rig: &Recorded, leg: usize) -> Extent {
    rig.disks[leg].pending(0).expect("a request waits").extent
}

#[test]
fn where_a_leg_in_sync_has_no_page_that_can_be_used_all_regions_are_copied() {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    for slot in 0..SLOTS {
        rig.disks[1].preset(page_place(0, slot).start(), &[7; 4096]);
    }
    let rig = rig.crash(&[Durable; 2]);
    rig.rest();
    assert_eq!(rig.costs(0).copy.0 + rig.costs(1).copy.0, 8);
    assert!(rig.letters() == "AA" && rig.agree(0, 1));
}

/// Everything that a leg's medium holds.
fn medium(rig: &Recorded, leg: usize) -> Vec<u8> {
    let mut bytes = vec![0; (DATA + LENGTH) as usize * SECTOR_SIZE];
    for (sector, at) in bytes.chunks_mut(SECTOR_SIZE).zip(0..) {
        rig.disks[leg].durable(Sector(at)).fill(sector);
    }
    bytes
}

/// Two legs of which the second was restored as it was in the same session, before it
/// went out, came back and was written; about to start.
fn restored() -> Recorded {
    let mut rig = Recorded::new(2);
    for _ in 0..8 {
        rig.put(0, LENGTH, 1);
        rig.rest();
    }
    let mut rig = rig.stop_and_start(&[true; 2]);
    rig.settle();
    let snapshot = medium(&rig, 1);
    for words in ["fail 1", "add 1"] {
        rig.message(words).unwrap();
        rig.rest();
    }
    rig.put(0, 1, 2);
    assert!(rig.stop());
    rig.disks[1].preset(Sector(0), &snapshot);
    rig.crash(&[Durable; 2])
}

#[test]
fn a_leg_that_was_restored_from_a_snapshot_is_not_believed() {
    let mut rig = restored();
    rig.settle();
    assert!(rig.target.status().ends_with("held"), "{}", rig.target.status());
    rig.message("start_degraded").unwrap();
    assert_eq!(rig.get(0, 1), 2);
    rig.rest();
    assert_eq!((rig.letters().as_str(), rig.agree(0, 1)), ("AA", true));
    assert_eq!(rig.costs(1).copy.0, 8, "all of it is copied");
}

/// It is given everything, so its old map counts for nothing, though the pages have
/// larger numbers than those of the new one.
#[test]
fn the_map_of_a_leg_that_is_given_everything_is_a_new_one() {
    let mut rig = restored();
    let old = rig.member(1).pages[0].as_ref().unwrap().seq;
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.until(|rig| rig.asks(1).contains(&Ask::Data));
    let page = rig.member(1).pages.remove(0).unwrap();
    assert!((0..8).any(|region| rig.dirty(1, region)) && page.seq >= old);
    assert!(rig.superblock(1).incarnation == 2 && old > 8);
    rig.rest();
    rig.put(8, 1, 3);
    assert!(rig.dirty(1, 1) && !rig.dirty(1, 2));
}

/// What is written on it then has a larger number than whatever was seen of it:
/// else it would be taken for a snapshot again.
#[test]
fn a_leg_that_was_restored_and_rebuilt_is_a_member_like_any_other() {
    let rig = restored();
    let seen = rig.superblock(0).members[1].as_ref().unwrap().seen;
    assert!(seen > rig.superblock(1).seq);
    rig.settle();
    rig.message("start_degraded").unwrap();
    rig.rest();
    assert!(rig.superblock(1).seq > seen);
    for survives in [Durable, All] {
        let mut rig = restored();
        rig.settle();
        rig.message("start_degraded").unwrap();
        rig.rest();
        let _ = rig.get(0, 1);
        let mut rig = rig.crash(&[survives; 2]);
        assert_eq!((rig.get(0, 1), rig.letters().as_str()), (2, "AA"));
        assert_eq!(rig.says(0, 1), MemberState::InSync);
    }
}

/// The disks kept their power when the machine went down. What the next one does
/// not find on the medium may be overtaken in its other slot, and then be lost.
#[test]
fn what_a_start_goes_by_is_durable_before_anything_is_written() {
    let mut rig = Recorded::new(2);
    rig.flush();
    rig.end_ask(0, Ask::Flush, Outcome::Ok);
    rig.end_ask(1, Ask::Flush, Outcome::Fail(ErrorKind::Gone, Landed::None));
    rig.until(|rig| rig.asks(0) == [Ask::Flush]);
    let next = superblock_place(1 - rig.member(0).slot).start();
    let out = rig.disks[0].contents(next);
    assert!(out != rig.disks[0].durable(next), "only in the cache");
    let rig = rig.reset();
    rig.until(|rig| rig.asks(0).contains(&Ask::Super));
    assert_eq!(rig.letters(), "AS", "it is believed");
    assert!(out == rig.disks[0].durable(next), "and lost with the cache");
    // Torn, the next superblock is none.
    let rig = rig.crash(&[Durable; 2]);
    rig.until(|rig| rig.runs());
    assert_eq!(rig.letters(), "AS", "leg 1 is still out");
}

/// Who cannot say what is durable is not asked what there is.
#[test]
fn a_leg_that_cannot_be_flushed_is_not_there() {
    let rig = Recorded::new(2).crash(&[Durable; 2]);
    assert_eq!(rig.asks(1), [Ask::Flush], "it begins with that");
    rig.fail_ask(1, Ask::Flush);
    rig.settle();
    assert!(!rig.runs(), "it is held for leg 1: {}", rig.target.status());
    rig.message("start_degraded").unwrap();
    rig.settle();
    assert!(rig.runs() && rig.letters() == "AA", "it is asked again: {}", rig.letters());
}
