//! A user who never rests keeps nobody from getting on: a leg that returns, its
//! promotion, what is copied, a region that is to become clean, a check.
//!
//! The user always has a write open, and begins the next, in another region, before
//! that one or any flush ends: what a flush was to record is never all there is to
//! record. Legs do all else that they are asked within a round.

mod rig;

use rig::labels;
use rig::recorded::{Ask, DATA, REGION, Recorded, Survives};
use sim::{Outcome, Pending};

/// How many regions a large mirror has.
const MANY: u64 = 4_000;

/// Whatever the mirror has to do, it has done after so many of the user's writes.
const ROUNDS_MAX: u64 = 400;

/// A mirror whose user never rests.
struct Busy {
    rig: Recorded,
    /// The user writes to so many regions from the first on, in turn.
    regions: u64,
    next: u64,
    /// Where the write begins that is open.
    open: u64,
    /// How long each write is.
    size: u64,
    /// How many writes further on the next one begins.
    stride: u64,
}

impl Busy {
    fn over(rig: Recorded, regions: u64) -> Busy {
        Busy { rig, regions, next: 0, open: u64::MAX, size: 1, stride: 1 }
    }

    /// Everything that a leg was asked for and that is of these kinds ends, but for the
    /// data of the write that is open.
    fn end_all(&self, leg: usize, kinds: &[Ask]) {
        let disk = &self.rig.disks[leg];
        let open = |it: &Pending| it.cmd.modifies() && it.extent.start().0 == DATA + self.open;
        loop {
            let asks = self.rig.asks(leg).into_iter().enumerate();
            let pending = asks.filter(|(_, ask)| kinds.contains(ask));
            let mut pending = pending.filter_map(|(index, _)| disk.pending(index));
            let Some(next) = pending.find(|it| !open(it)) else { return };
            disk.complete(next.id, Outcome::Ok);
        }
    }

    /// The next write comes before the one that is open has ended.
    fn write(&mut self) {
        self.open = self.next * self.stride % self.regions * self.size.max(REGION);
        self.next += 1;
        self.rig.write(self.open, self.size, self.next as u8);
    }

    fn round(&mut self) {
        let legs = 0..self.rig.disks.len();
        legs.clone().for_each(|leg| self.end_all(leg, &[Ask::Map]));
        self.write();
        for leg in legs.clone() {
            if self.rig.asks(leg).contains(&Ask::Flush) {
                self.rig.end_ask(leg, Ask::Flush, Outcome::Ok);
            }
        }
        legs.for_each(|leg| self.end_all(leg, &[Ask::Data, Ask::Read, Ask::Super]));
        self.rig.pass();
        self.rig.work_now();
    }

    /// Goes on until the report says what is waited for.
    #[track_caller]
    fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> u64 {
        for round in 0..ROUNDS_MAX {
            let report = self.rig.message("show").unwrap();
            if is(&report) {
                return round;
            }
            self.round();
        }
        let report = self.rig.message("show").unwrap();
        panic!("{what} is starved after {ROUNDS_MAX} writes:\n{report}");
    }

    fn line(report: &str, leg: usize) -> &str {
        report.lines().nth(2 + leg).expect("a line for each leg")
    }
}

#[test]
fn a_leg_returns_beside_a_user_who_never_rests() {
    for legs in [2, 3] {
        let rig = Recorded::leg_out(legs);
        rig.rest();
        rig.message("add 1").unwrap();
        let mut busy = Busy::over(rig, 8);
        busy.until("the return", |report| {
            let line = Busy::line(report, 1);
            line.contains("rebuilding") || line.contains("in sync") || line.contains("whole")
        });
    }
}

#[test]
fn a_leg_is_rebuilt_and_promoted_beside_a_user_who_never_rests() {
    for legs in [2, 3] {
        let rig = Recorded::leg_out(legs);
        rig.rest();
        rig.message("add 1").unwrap();
        rig.until(|rig| rig.message("show").unwrap().contains("rebuilding"));
        let mut busy = Busy::over(rig, 8);
        busy.until("the promotion", |report| Busy::line(report, 1).ends_with("in sync"));
    }
}

#[test]
fn what_a_crash_left_in_doubt_is_copied_beside_a_user_who_never_rests() {
    let mut rig = Recorded::new(2);
    (0..8).for_each(|region| rig.put(region * REGION, 1, 1));
    let rig = rig.crash(&[Survives::All; 2]);
    rig.until(Recorded::runs);
    assert!(!rig.message("show").unwrap().contains(" 0 to be resynced"));
    let mut busy = Busy::over(rig, 8);
    busy.until("the resync", |report| report.contains(" 0 to be resynced"));
}

#[test]
fn a_region_becomes_clean_beside_a_user_who_never_rests_in_others() {
    let mut rig = Recorded::new(2);
    rig.put(7 * REGION, 1, 1);
    let mut busy = Busy::over(rig, 4);
    for _ in 0..ROUNDS_MAX {
        if !busy.rig.dirty(0, 7) && !busy.rig.dirty(1, 7) {
            return;
        }
        busy.round();
    }
    panic!("cleaning is starved: {}", busy.rig.message("show").unwrap());
}

#[test]
fn a_check_ends_beside_a_user_who_never_rests() {
    for word in ["check", "repair"] {
        let rig = Recorded::new(2);
        let mut busy = Busy::over(rig, 8);
        busy.write();
        busy.rig.message(word).unwrap();
        busy.until(word, |report| report.contains(&format!("{word}: all 64 sectors")));
    }
}

/// A large mirror of so many legs, of which the first alone is in sync, and whose user always
/// comes to regions that nobody wrote to: in each write to so many.
fn always_new(legs: usize, regions: u64) -> Busy {
    let length = MANY * REGION;
    let names: String = (0..legs).map(|leg| format!(" vbd{leg} 0")).collect();
    let table = format!("internal 0 {legs}{names}");
    let rig = Recorded::by_table(labels::disks_of(legs, DATA, length), length, &table, 0);
    rig.settle();
    for leg in 1..legs {
        rig.message(&format!("fail {leg}")).unwrap();
        rig.settle();
    }
    let mut busy = Busy::over(rig, MANY / regions);
    busy.size = regions * REGION;
    (0..4).for_each(|_| busy.round());
    busy.rig.message("add 1").unwrap();
    busy
}

#[test]
fn a_leg_comes_back_beside_a_user_who_goes_straight_on() {
    for (legs, regions) in [(2, 1), (2, 2), (3, 2)] {
        let mut busy = always_new(legs, regions);
        busy.until("the return", |report| Busy::line(report, 1).contains("rebuilding"));
        busy.until("the promotion", |report| Busy::line(report, 1).ends_with("in sync"));
    }
}

/// No two of this user's writes are beside each other.
#[test]
fn a_leg_returns_beside_a_user_who_comes_to_new_regions_here_and_there() {
    let mut busy = always_new(2, 1);
    busy.stride = 7;
    busy.until("the return", |report| Busy::line(report, 1).contains("rebuilding"));
}

#[test]
fn a_leg_is_promoted_beside_a_user_who_comes_to_new_regions_here_and_there() {
    for legs in [2, 3] {
        let mut busy = always_new(legs, 1);
        busy.rig.until(|rig| Busy::line(&rig.message("show").unwrap(), 1).contains("rebuilding"));
        busy.stride = 7;
        busy.until("the promotion", |report| Busy::line(report, 1).ends_with("in sync"));
    }
}
