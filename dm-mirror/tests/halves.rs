//! Halves of a mirror that ran apart, by chance: a person keeps one, and has it.
//!
//! The table names the legs in another order at each start. What the other half was
//! given since they parted is lost on purpose; nothing of the half that is kept is.

mod rig;

use bio::{BlockDevice, BufCmd, ErrorKind, SECTOR_SIZE, Sectors};
use dm_mirror::format::MemberState;
use rig::LENGTH;
use rig::recorded::{Ask, Recorded, Survives};
use sim::{Landed, Outcome, Presence, Random};

/// A half starts without the other one.
const ALONE: &str = " 1 start_degraded=run";

/// So many stories.
const SEEDS: u64 = 60;

/// A story: the mirror, and which disk each leg is.
struct Story {
    random: Random,
    rig: Recorded,
    /// For each leg of the table the number that its disk had first.
    disks: Vec<usize>,
    /// What the mirror holds, before its halves part.
    all: Vec<u8>,
}

impl Story {
    fn new(seed: u64, legs: usize) -> Story {
        let rig = Recorded::new(legs);
        Story {
            random: Random::new(seed),
            rig,
            disks: (0..legs).collect(),
            all: vec![0; LENGTH as usize],
        }
    }

    fn below(&mut self, n: usize) -> usize {
        self.random.below(n as u64) as usize
    }

    /// Some writes, to the mirror and to what it should hold.
    fn write(&mut self, held: &mut [u8]) {
        for _ in 0..1 + self.below(6) {
            let (at, value) = (self.below(LENGTH as usize), 1 + self.below(200) as u8);
            self.rig.put(at as u64, 1, value);
            held[at] = value;
        }
        self.rig.sync();
    }

    /// The power fails; the next table names those of the disks that are `there`, in
    /// another order.
    fn start_anew(self, there: impl Fn(usize) -> bool, features: &str) -> Story {
        let story = self.make_anew(there, features);
        story.rig.settle();
        story
    }

    /// The same, up to where the mirror is about to start.
    fn make_anew(self, there: impl Fn(usize) -> bool, features: &str) -> Story {
        let Story { mut random, rig, disks, all } = self;
        let mut left: Vec<usize> = (0..disks.len()).collect();
        let mut next = || left.remove(random.below(left.len() as u64) as usize);
        let order: Vec<usize> = (0..disks.len()).map(|_| next()).collect();
        let disks: Vec<usize> = order.iter().map(|leg| disks[*leg]).collect();
        let there: Vec<bool> = disks.iter().map(|disk| there(*disk)).collect();
        let rig = rig.crash_in_order(&order, &there, features);
        Story { random, rig, disks, all }
    }

    /// The half of these disks runs without the others. Gives what it holds then.
    fn apart(self, half: impl Fn(usize) -> bool) -> (Story, Vec<u8>) {
        let mut story = self.alone(half);
        let mut held = story.all.clone();
        story.write(&mut held);
        (story, held)
    }

    /// The same, and nothing is written.
    fn alone(self, half: impl Fn(usize) -> bool) -> Story {
        let story = self.start_anew(half, ALONE);
        assert!(story.rig.runs(), "{}", story.rig.target.status());
        story
    }

    /// The disks of legs that are not in sync.
    fn behind(&self) -> Vec<usize> {
        let letters = self.rig.letters();
        let disks = self.disks.iter().zip(letters.chars());
        disks.filter(|(_, letter)| *letter != 'A').map(|(disk, _)| *disk).collect()
    }

    fn assert_holds(&mut self, held: &[u8]) {
        for (at, value) in (0..LENGTH).zip(held) {
            assert_eq!(self.rig.get(at, 1), *value, "sector {at}");
        }
    }
}

/// How the person's word is followed.
#[derive(Clone, Copy, Debug)]
enum Way {
    Undisturbed,
    /// The power fails after so many steps, and the word is said again if need be.
    Cut(usize),
}

fn tell(seed: u64, legs: usize, way: Way) {
    let mut story = Story::new(seed, legs);
    let mut all = story.all.clone();
    story.write(&mut all);
    story.all = all;
    story.rig.rest();
    let parted = 1 + story.below(legs - 1);
    let (story, first) = story.apart(|disk| disk < parted);
    let (story, second) = story.apart(|disk| disk >= parted);
    let mut story = story.start_anew(|_| true, "");
    assert!(story.rig.target.status().ends_with("refused"), "{}", story.rig.target.status());
    let kept = story.below(legs);
    let disk = story.disks[kept];
    let held = if disk < parted { first } else { second };
    story.rig.message(&format!("keep {kept}")).unwrap();
    if let Way::Cut(steps) = way {
        story.rig.steps(steps);
        story = story.start_anew(|_| true, "");
        if !story.rig.runs() {
            let leg = story.disks.iter().position(|it| *it == disk).expect("it has a place");
            story.rig.message(&format!("keep {leg}")).unwrap();
        }
    }
    story.rig.rest();
    let report = story.rig.message("show").unwrap();
    assert_eq!(story.rig.letters(), "A".repeat(legs), "{report}");
    story.assert_holds(&held);
    (1..legs).for_each(|leg| assert!(story.rig.agree(0, leg), "legs differ"));
    assert!(story.rig.disks.iter().all(|disk| disk.resets() == 0));
}

#[test]
fn the_half_that_is_kept_wins_in_any_order_of_legs() {
    for (seed, legs) in (0..SEEDS).flat_map(|seed| [(seed, 2), (seed, 3)]) {
        tell(seed, legs, Way::Undisturbed);
    }
}

#[test]
fn the_half_that_is_kept_wins_though_the_power_fails_meanwhile() {
    for (seed, legs) in (0..SEEDS).flat_map(|seed| [(seed, 2), (seed, 3)]) {
        tell(seed, legs, Way::Cut(seed as usize));
    }
}

/// The halves met, and one of them went on. From then on the others wait for it, also if it
/// is away before anything was copied to them.
#[test]
fn the_half_that_lost_does_not_start_by_itself_any_more() {
    let mut lost = 0;
    for (seed, legs) in (0..SEEDS).flat_map(|seed| [(seed, 2), (seed, 3)]) {
        for steps in [0, 1, 7] {
            lost += usize::from(meet_and_part(seed, legs, steps));
        }
    }
    assert!(lost > 0, "no half lost");
}

/// One half wrote, or both did and a person keeps one. Once the mirror runs, and so many
/// steps later, the power fails. Whether a disk lost.
fn meet_and_part(seed: u64, legs: usize, steps: usize) -> bool {
    let mut story = Story::new(seed, legs);
    let parted = 1 + story.below(legs - 1);
    let both = story.below(2) == 0;
    let (story, _) = story.apart(|disk| disk < parted);
    story.rig.rest();
    let mut story = match both {
        true => story.apart(|disk| disk >= parted).0,
        false => story.alone(|disk| disk >= parted),
    };
    story.rig.rest();
    story = story.make_anew(|_| true, "");
    if both {
        story.rig.settle();
        let kept = story.below(legs);
        story.rig.message(&format!("keep {kept}")).unwrap();
    }
    story.rig.until(Recorded::runs);
    let lost = story.behind();
    story.rig.steps(steps);
    if lost.is_empty() {
        return false;
    }
    let story = story.start_anew(|disk| lost.contains(&disk), "");
    let report = story.rig.message("show").unwrap();
    assert!(!story.rig.runs(), "seed {seed}, {legs} legs, {steps} steps: it started: {report}");
    true
}

/// Two disks: `a` started without `b` and wrote nothing; `b` is what `first` made of it, and
/// wrote.
fn apart(first: impl Fn(&Recorded)) -> Recorded {
    let rig = Recorded::new(2);
    first(&rig);
    rig.rest();
    let rig = rig.crash_in_order(&[0, 1], &[true, false], ALONE);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1], &[false, true], ALONE);
    rig.settle();
    rig.put(3, 1, 9);
    rig.rest();
    rig
}

/// Alone, the first disk waits for the other one.
fn assert_waits(rig: Recorded) {
    let rig = rig.crash_in_order(&[0, 1], &[true, false], "");
    rig.settle();
    assert!(!rig.runs(), "it started: {}", rig.message("show").unwrap());
}

#[test]
fn a_half_that_a_person_took_out_does_not_start_by_itself_any_more() {
    let rig = apart(|rig| drop(rig.message("fail 0").unwrap()));
    let rig = rig.crash_in_order(&[0, 1], &[true, true], "");
    rig.until(Recorded::runs);
    assert_eq!(rig.letters(), "DA");
    assert_waits(rig);
}

#[test]
fn nobody_waits_for_a_half_that_cannot_be_told_that_it_lost_and_a_person_hears_of_it() {
    for by_hand in [false, true] {
        let rig = apart(|rig| {
            if by_hand {
                rig.message("fail 0").unwrap();
            }
        });
        let rig = rig.crash_in_order(&[0, 1], &[true, true], "");
        rig.until(|rig| rig.waiting(0).iter().any(|it| matches!(it, BufCmd::Write { .. })));
        rig.fail(0, ErrorKind::Media);
        (0..200).for_each(|_| _ = rig.step_without(0, Ask::Super));
        assert!(rig.runs(), "by hand: {by_hand}");
        assert_eq!(rig.letters(), "DA");
        let heard =
            rig.news().iter().any(|it| it.contains("old data, and its superblock could not"));
        assert!(heard, "by hand: {by_hand}");
    }
}

/// Nobody waits for a half that a person adds to a mirror that runs: that ran without it
/// before.
#[test]
fn a_half_that_is_added_and_does_not_answer_delays_no_write() {
    let rig = apart(|_| ());
    let mut rig = rig.crash_in_order(&[0, 1], &[true, true], "");
    rig.disks[0].set_presence(Presence::Gone);
    rig.settle();
    rig.disks[0].set_presence(Presence::Ready);
    rig.message("add 0").unwrap();
    (0..200).for_each(|_| _ = rig.step_without(0, Ask::Super));
    let write = rig.write(5, 1, 7);
    (0..200).for_each(|_| _ = rig.step_without(0, Ask::Super));
    assert_eq!(rig.end(write), Some(Ok(())), "{}", rig.message("show").unwrap());
}

/// Leg 1 ran alone once; gives a snapshot of it from then. Leg 0 was rebuilt since, and both
/// were given more.
fn with_a_snapshot_of_a_time_alone() -> (Recorded, Vec<u8>) {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    rig.message("fail 0").unwrap();
    rig.rest();
    let snapshot = rig.snapshot(1);
    rig.message("add 0").unwrap();
    rig.rest();
    assert_eq!(rig.letters(), "AA");
    rig.put(24, 1, 2);
    rig.rest();
    (rig, snapshot)
}

fn assert_is_whole(rig: &mut Recorded, at: u64, value: u8) {
    assert_eq!(rig.letters(), "AA", "{}", rig.message("show").unwrap());
    assert!(rig.agree(0, 1), "legs differ: {} and {}", rig.holds(0, at), rig.holds(1, at));
    assert_eq!(rig.get(at, 1), value);
}

/// To be told that it lost is no commit: the member shows no more of its past than before.
#[test]
fn a_rival_that_was_put_back_to_a_snapshot_is_given_everything() {
    let (rig, snapshot) = with_a_snapshot_of_a_time_alone();
    rig.message("fail 1").unwrap();
    rig.rest();
    let mut rig = rig.stop_and_start(&[true, true]);
    rig.restore(1, &snapshot);
    rig.rest();
    rig.message("add 1").unwrap();
    rig.rest();
    assert_is_whole(&mut rig, 24, 2);
}

#[test]
fn so_it_is_if_the_power_fails_when_it_was_told() {
    let (mut rig, snapshot) = with_a_snapshot_of_a_time_alone();
    rig.disks[1].set_presence(Presence::Gone);
    rig.put(0, 1, 3);
    rig.rest();
    rig.disks[1].set_presence(Presence::Ready);
    let rig = rig.stop_and_start(&[true, true]);
    rig.restore(1, &snapshot);
    rig.until(|rig| rig.superblock(1).own().state == MemberState::Out);
    let mut rig = rig.crash(&[Survives::Durable; 2]);
    rig.rest();
    assert_is_whole(&mut rig, 24, 2);
}

/// Both halves wrote, leg 0 sector 3 and leg 1 sector 40; both are there, and refused.
fn both_wrote() -> Recorded {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1], &[true, false], ALONE);
    rig.settle();
    rig.put(3, 1, 7);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1], &[false, true], ALONE);
    rig.settle();
    rig.put(40, 1, 9);
    rig.rest();
    let rig = rig.crash_in_order(&[0, 1], &[true, true], "");
    rig.settle();
    assert!(rig.target.status().ends_with("refused"), "{}", rig.target.status());
    rig
}

/// What a half wrote alone is copied over also if it went out before any superblock of this
/// session was on it.
#[test]
fn a_half_that_fails_as_it_is_told_is_given_what_it_wrote_alone() {
    for stage in [Stage::First, Stage::Second] {
        let rig = both_wrote();
        rig.message("keep 0").unwrap();
        if stage == Stage::Second {
            rig.until(|rig| rig.superblock(1).own().state == MemberState::Out);
        }
        rig.until(|rig| rig.asks(1).contains(&Ask::Super));
        rig.end_ask(1, Ask::Super, Outcome::Fail(ErrorKind::Gone, Landed::None));
        rig.rest();
        let mut rig = rig.crash(&[Survives::Durable; 2]);
        rig.rest();
        assert_is_whole(&mut rig, 40, 1);
    }
}

/// Which of the two copies fails.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    First,
    Second,
}

#[test]
fn a_half_that_a_person_fails_as_it_returns_is_given_what_it_wrote_alone() {
    let mut added = 0;
    for steps in 0..60 {
        let rig = both_wrote();
        rig.message("keep 0").unwrap();
        rig.steps(steps);
        if rig.message("fail 1").is_err() {
            continue;
        }
        rig.settle();
        let mut rig = rig.crash(&[Survives::Durable; 2]);
        rig.rest();
        if rig.message("add 1").is_ok() {
            rig.rest();
            assert_is_whole(&mut rig, 40, 1);
            added += 1;
        }
    }
    assert!(added > 0);
}

/// Two went on with leg 2, each by a superblock that did not reach it. They meet; leg 2 fails
/// before it has a superblock of that session. So it is the loser's only way to start.
#[test]
fn a_loser_does_not_start_with_a_leg_that_was_in_sync_and_has_failed() {
    let mut rig = Recorded::new(3);
    rig.rest();
    for leg in [0, 1] {
        let there = [leg == 0, leg == 1, true];
        rig = rig.crash_and_start(&[Survives::Durable; 3], &there, ALONE);
        let before = rig.superblock(2).generation;
        rig.until(|rig| rig.superblock(leg).generation != before);
        assert_eq!(rig.superblock(2).generation, before);
    }
    let mut rig = rig.crash_and_start(&[Survives::Durable; 3], &[true; 3], "");
    rig.until(|rig| rig.asks(2).contains(&Ask::Super));
    rig.disks[2].set_presence(Presence::Gone);
    rig.until(|rig| rig.runs());
    let write = rig.write_fua(5, 9);
    rig.until(|rig| rig.end(write).is_some());
    assert_eq!(rig.end(write), Some(Ok(())));
    rig.disks[2].set_presence(Presence::Ready);
    let won = rig.letters().find('A').expect("one is in sync");
    let there = [won != 0, won != 1, true];
    let rig = rig.crash_and_start(&[Survives::Durable; 3], &there, "");
    rig.settle();
    assert!(!rig.runs(), "they started: {}", rig.letters());
}

/// A superblock of leg 1 was torn: its first sector is there. Leg 1 is told that it lost by one
/// of the same number, of which a crash loses that sector.
#[test]
fn what_is_left_of_a_torn_superblock_is_not_made_whole_by_what_tells_a_half_that_it_lost() {
    let mut rig = Recorded::new(3);
    rig.put(0, LENGTH, 1);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1, 2], &[true, false, false], ALONE);
    rig.settle();
    rig.put(3, 1, 7);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1, 2], &[false, true, true], ALONE);
    rig.settle();
    rig.put(40, 1, 9);
    rig.rest();
    rig.message("fail 2").unwrap();
    rig.until(|rig| rig.asks(1) == [Ask::Super]);
    let at = rig.disks[1].pending(0).expect("it asks").extent;
    rig.did(1, &[Ask::Super]);
    let torn = rig.bytes(1, at);
    let rig = rig.crash_and_start(&[Survives::Durable; 3], &[true; 3], "");
    rig.disks[1].preset(at.start(), &torn[..SECTOR_SIZE]);
    rig.settle();
    rig.message("keep 0").unwrap();
    let writes_there = |rig: &Recorded| {
        rig.asks(1).contains(&Ask::Super) && rig.disks[1].pending(0).unwrap().extent == at
    };
    rig.until(writes_there);
    rig.did(1, &[Ask::Super]);
    let again = rig.bytes(1, at);
    let rig = rig.crash_and_start(&[Survives::Durable; 3], &[true; 3], "");
    rig.disks[1].preset(at.start() + Sectors(1), &again[SECTOR_SIZE..]);
    assert_ne!(rig.bytes(1, at), torn);
    rig.settle();
    assert!(rig.runs(), "{}", rig.message("show").unwrap());
}
