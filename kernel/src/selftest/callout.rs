//! Things done later: callouts, and the delayed work of mapping targets.

use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use core::time::Duration;

use bio::sync::{Lock, Rank};
use dm::{Env, Work};

use super::Test;
use crate::arch::clock;
use crate::check;
use crate::task::{Callout, Completion, KernelEnv, MaySleep, Priority, Stop, sleep, spawn};

pub const TESTS: &[Test] = &[
    Test { name: "callout::callouts_run_in_the_order_due", run: callouts_run_in_order },
    Test { name: "callout::a_stopped_callout_does_not_run", run: a_stopped_callout },
    Test { name: "callout::a_running_callout_is_waited_for", run: a_running_callout },
    Test { name: "callout::a_callout_can_arm_itself_again", run: a_callout_arms_itself },
    Test { name: "callout::work_runs_once_for_each_request", run: work_runs_each_time },
    Test { name: "callout::random_numbers_differ", run: random_numbers_differ },
];

fn callouts_run_in_order(may_sleep: &MaySleep) -> Result<(), String> {
    const STEP: Duration = Duration::from_millis(5);
    let seen = Arc::new(Lock::new(Rank::ORIGINATOR, Vec::new()));
    let last = Arc::new(Completion::new("callouts"));
    let callouts = [3, 1, 2].map(|number| {
        let (seen, last) = (seen.clone(), last.clone());
        let run = move || {
            seen.lock().push(number);
            if number == 3 {
                last.complete(());
            }
        };
        (number, Callout::new(run))
    });
    // If arming all of them took less than a step, they are due in the order of their delays,
    // however late they run.
    loop {
        let start = clock::now();
        callouts.iter().for_each(|(number, callout)| callout.reset(STEP * *number));
        if u128::from(clock::now() - start) < STEP.as_nanos() {
            break;
        }
        callouts.iter().for_each(|(_, callout)| callout.drain(may_sleep));
        seen.lock().clear();
        let _ = last.wait_timeout(may_sleep, Duration::ZERO);
    }
    last.wait(may_sleep);
    let order = seen.lock().clone();
    check!(order == [1, 2, 3], "ran {order:?}");
    Ok(())
}

fn a_stopped_callout(may_sleep: &MaySleep) -> Result<(), String> {
    let ran = Arc::new(AtomicUsize::new(0));
    let callout = {
        let ran = ran.clone();
        Callout::new(move || _ = ran.fetch_add(1, Relaxed))
    };
    check!(callout.stop() == Stop::Idle);
    callout.reset(Duration::from_secs(3600));
    check!(callout.stop() == Stop::Cancelled);
    check!(callout.stop() == Stop::Idle);
    callout.reset(Duration::from_secs(3600));
    callout.reset(Duration::ZERO);
    while ran.load(Relaxed) == 0 {
        sleep(may_sleep, Duration::ZERO);
    }
    check!(callout.stop() == Stop::Idle, "the first arming was forgotten with the second");
    callout.reset(Duration::from_secs(3600));
    drop(callout);
    check!(Arc::strong_count(&ran) == 1, "the queue kept a callout that is gone");
    Ok(())
}

/// A thread with a higher priority than the softclock's preempts a running callout.
fn a_running_callout(may_sleep: &MaySleep) -> Result<(), String> {
    let running = Arc::new(Completion::new("callout runs"));
    let ended = Arc::new(AtomicBool::new(false));
    let callout = {
        let (running, ended) = (running.clone(), ended.clone());
        Arc::new(Callout::new(move || {
            running.complete(());
            ended.store(true, Relaxed);
        }))
    };
    let found = Arc::new(Lock::new(Rank::ORIGINATOR, None));
    let observer = {
        let (callout, ended, found) = (callout.clone(), ended.clone(), found.clone());
        let observe = move |may_sleep: &MaySleep| {
            running.wait(may_sleep);
            let (stop, early) = (callout.stop(), ended.load(Relaxed));
            callout.drain(may_sleep);
            *found.lock() = Some((stop, early, ended.load(Relaxed)));
        };
        spawn("observer", Priority::Interrupt, observe).map_err(|why| format!("{why}"))?
    };
    callout.reset(Duration::ZERO);
    observer.join(may_sleep);
    let found = *found.lock();
    check!(found == Some((Stop::Running, false, true)), "found {found:?}");
    Ok(())
}

fn a_callout_arms_itself(may_sleep: &MaySleep) -> Result<(), String> {
    struct Periodic {
        callout: Callout,
        left: AtomicUsize,
        done: Completion,
    }
    let periodic = Arc::new_cyclic(|weak: &Weak<Periodic>| {
        let weak = weak.clone();
        let run = move || {
            let Some(this) = weak.upgrade() else { return };
            match this.left.fetch_sub(1, Relaxed) {
                1 => this.done.complete(()),
                _ => this.callout.reset(Duration::ZERO),
            }
        };
        Periodic {
            callout: Callout::new(run),
            left: AtomicUsize::new(5),
            done: Completion::new("periodic"),
        }
    });
    periodic.callout.reset(Duration::ZERO);
    periodic.done.wait(may_sleep);
    periodic.callout.drain(may_sleep);
    check!(periodic.left.load(Relaxed) == 0);
    Ok(())
}

/// Counts its runs, and asks for itself again while some are left.
struct Recurring {
    left: AtomicUsize,
    done: Completion,
}

impl Work for Recurring {
    fn run(self: Arc<Self>) {
        match self.left.fetch_sub(1, Relaxed) {
            1 => self.done.complete(()),
            left if left % 3 == 0 => KernelEnv.run_after(Duration::ZERO, self),
            left if left % 3 == 1 => KernelEnv.run_after(Duration::from_millis(1), self),
            _ => {}
        }
    }
}

fn work_runs_each_time(may_sleep: &MaySleep) -> Result<(), String> {
    // Of three runs two ask for another one: the four asked for here become ten.
    let work = Arc::new(Recurring { left: AtomicUsize::new(10), done: Completion::new("work") });
    // The holder of a lock is not preempted: work that runs before its release ran inside the
    // call.
    let unpreempted = Lock::new(Rank::ORIGINATOR, ());
    let held = unpreempted.lock();
    for _ in 0..4 {
        KernelEnv.run_after(Duration::ZERO, work.clone());
    }
    let left = work.left.load(Relaxed);
    drop(held);
    check!(left == 10, "it ran inside run_after");
    work.done.wait(may_sleep);
    check!(work.left.load(Relaxed) == 0);
    Ok(())
}

fn random_numbers_differ(_: &MaySleep) -> Result<(), String> {
    let mut drawn: Vec<u64> = (0..1000).map(|_| KernelEnv.random()).collect();
    drawn.sort_unstable();
    check!(drawn.windows(2).all(|pair| pair[0] != pair[1]), "a number came twice in 1000");
    Ok(())
}
