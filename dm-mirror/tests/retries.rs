//! What failed is tried again, by one who waits longer each time: however many
//! requests met the failure.

mod rig;

use std::time::Duration;

use rig::recorded::{Ask, Recorded};

const SECOND: Duration = Duration::from_secs(1);

/// So much may be put off at once: a retry, the cleaner, and one that paces copies.
const PUT_OFF_MAX: usize = 4;

/// A mirror whose leg 0 is alone, and which cannot write records of this kind there.
struct Failing(Recorded, Ask);

impl Failing {
    /// Legs end what they have, those records with an error; gives how many those were.
    fn settle(&self) -> u64 {
        let mut failed = 0;
        loop {
            self.0.work_now();
            let Some(leg) = (0..2).find(|&leg| !self.0.asks(leg).is_empty()) else {
                return failed;
            };
            if leg == 0 && self.0.asks(0)[0] == self.1 {
                self.0.fail_ask(0, self.1);
                failed += 1;
            } else {
                self.0.ok(leg);
            }
        }
    }

    /// So much time passes; gives how many records failed.
    fn wait(&self, time: Duration) -> u64 {
        let end = self.0.now() + time;
        let mut failed = self.settle();
        while self.0.tick_until(end) {
            failed += self.settle();
        }
        failed
    }
}

fn failing() -> Failing {
    let rig = Recorded::new(2);
    rig.message("fail 1").unwrap();
    let it = Failing(rig, Ask::Super);
    it.settle();
    it
}

#[test]
fn a_superblock_that_fails_is_tried_again_once_however_many_asked_for_it() {
    let mut it = failing();
    for nth in 0..200 {
        let _ = it.0.write(nth % 8 * 8, 1, 1);
        it.settle();
        let put_off = it.0.put_off();
        assert!(put_off <= PUT_OFF_MAX, "{put_off} pieces of work wait after {nth} writes");
    }
    for second in 0..60 {
        let failed = it.wait(SECOND);
        assert!(failed <= 2, "{failed} superblocks in second {second}");
        let put_off = it.0.put_off();
        assert!(put_off <= PUT_OFF_MAX, "{put_off} pieces of work wait in second {second}");
    }
}

#[test]
fn a_superblock_that_goes_on_failing_is_tried_less_and_less() {
    let it = failing();
    let minute = |_| it.wait(60 * SECOND);
    let tries: Vec<u64> = (0..10).map(minute).collect();
    assert!(tries.iter().all(|count| *count > 0), "it is given up: {tries:?}");
    assert!(tries[9] * 2 < tries[0].max(10), "it is tried as often as ever: {tries:?}");
}

/// The same for one that is to say that a leg is being rebuilt, and for a map.
#[test]
fn a_map_that_fails_on_the_last_leg_is_tried_again_once() {
    let mut it = Failing(Recorded::new(2), Ask::Map);
    it.0.message("fail 1").unwrap();
    it.0.settle();
    for nth in 0..200 {
        let _ = it.0.write(nth % 8 * 8, 1, 1);
        for _ in 0..50 {
            it.0.work_now();
            match it.0.asks(0).first() {
                Some(Ask::Map) => it.0.fail_ask(0, Ask::Map),
                Some(_) => it.0.ok(0),
                None => break,
            }
        }
        let put_off = it.0.put_off();
        assert!(put_off <= PUT_OFF_MAX, "{put_off} pieces of work wait after {nth} writes");
    }
}

/// Leg 1 is added, and the map of leg 0, which is to say first what it missed, goes on
/// failing. Superblocks are durable meanwhile, and hurry nothing.
#[test]
fn a_map_that_goes_on_failing_is_tried_less_and_less() {
    let mut it = Failing(Recorded::new(2), Ask::Map);
    it.0.message("fail 1").unwrap();
    it.0.rest();
    let _ = it.0.write(8, 1, 1);
    it.settle();
    it.0.message("add 1").unwrap();
    it.settle();
    let tries: Vec<u64> = (0..10).map(|_| it.wait(60 * SECOND)).collect();
    assert!(tries[9] > 0, "it is given up: {tries:?}");
    assert!(tries[9] <= 4, "it is tried as often as ever: {tries:?}");
}
