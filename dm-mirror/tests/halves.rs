//! Halves of a mirror that ran apart, by chance: a person keeps one, and has it.
//!
//! The table names the legs in another order at each start. What the other half was
//! given since they parted is lost on purpose; nothing of the half that is kept is.

mod rig;

use bio::{BlockDevice, BufCmd, ErrorKind};
use rig::LENGTH;
use rig::recorded::Recorded;
use sim::{Presence, Random};

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
        let story = self.start_anew(half, " 1 start_degraded=run");
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
    let alone = " 1 start_degraded=run";
    let rig = rig.crash_in_order(&[0, 1], &[true, false], alone);
    rig.rest();
    let mut rig = rig.crash_in_order(&[0, 1], &[false, true], alone);
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
fn a_half_that_is_added_while_the_other_one_runs_does_not_start_by_itself_any_more() {
    let rig = apart(|_| ());
    let mut rig = rig.crash_in_order(&[0, 1], &[true, true], "");
    rig.disks[0].set_presence(Presence::Gone);
    rig.settle();
    assert_eq!(rig.letters(), "DA");
    rig.put(5, 1, 6);
    rig.disks[0].set_presence(Presence::Ready);
    rig.message("add 0").unwrap();
    rig.until(|rig| rig.news().iter().any(|it| it.contains("is taken back")));
    let write = rig.write(5, 1, 7);
    rig.until(|rig| rig.end(write).is_some());
    assert_waits(rig);
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
fn nobody_waits_for_a_half_that_cannot_be_told_that_it_lost() {
    let rig = apart(|_| ());
    let rig = rig.crash_in_order(&[0, 1], &[true, true], "");
    rig.until(|rig| rig.waiting(0).iter().any(|it| matches!(it, BufCmd::Write { .. })));
    rig.fail(0, ErrorKind::Media);
    rig.settle();
    assert!(rig.runs());
    assert_eq!(rig.letters(), "DA");
}
