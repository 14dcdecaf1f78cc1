//! A device whose queue is so short that everything at it is reaped at once.

use super::*;
use crate::virtio::Failure;
use crate::virtio::ring::Fetched;

/// A disk that holds eight requests, whose device learns of all of them by one kick.
fn short() -> Bench {
    let mut model = Model::disk(64);
    model.queue_size = 8;
    let bench = Bench::new(model);
    bench.run();
    bench
}

#[test]
fn what_waits_is_issued_and_kicked_when_nothing_is_left_at_the_device() {
    let bench = short();
    (0..20).for_each(|at| bench.issue(at, write(at, 1, 7)));
    let (held, waits) = (bench.disk.status().in_flight, bench.disk.status().waiting);
    assert!(held <= 8 && held + waits == 20, "{held} {waits}");
    let mut rounds = 0;
    while bench.device().serve(usize::MAX) > 0 {
        bench.disk.interrupt(Interrupt::Queue);
        rounds += 1;
        let waits = bench.disk.status().in_flight;
        assert!(waits == 0 || bench.device().kicked, "round {rounds}: nobody fetches {waits}");
    }
    let ends: Vec<_> = bench.endings.try_iter().collect();
    assert_eq!((ends.len(), rounds >= 3), (20, true), "in {rounds} rounds");
    assert!(ends.iter().all(|end| end.2 == Ok(())));
}

#[test]
fn the_first_reason_for_which_a_disk_was_given_up_stands() {
    let bench = Bench::with(Model::disk(64), Options { timeout_ticks: 0, ..Options::default() });
    bench.run();
    bench.issue(0, read(0, 1));
    bench.disk.tick();
    let first = bench.state();
    assert!(matches!(first, State::Barred(Failure::Timeout(Fetched::No | Fetched::Unknown))));
    bench.disk.lost();
    assert_eq!(bench.state(), first);
}
