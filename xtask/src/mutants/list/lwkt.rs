//! The scheduler's decisions: turns, sleep and wake-up, timers, callouts.

use super::Mutant;

const BELL: &str = "kernel/lwkt/src/bell.rs";
const CALLOUT: &str = "kernel/lwkt/src/callout.rs";
const INSTANT: &str = "kernel/lwkt/src/instant.rs";
const SCHED: &str = "kernel/lwkt/src/sched/mod.rs";
const SLEEP: &str = "kernel/lwkt/src/sleep.rs";
const THREAD: &str = "kernel/lwkt/src/thread.rs";
const TIMER: &str = "kernel/lwkt/src/timer.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a sleeper tests first and announces afterwards",
        rule: "announce it, test, sleep",
        file: SLEEP,
        edits: &[(
            "let ticket = channel.interlock();
        // Tested between announcement and sleep: this order is what
        // keeps a wake-up from falling in between.
        if let Some(answer) = ready() {
            channel.cancel(ticket);
            return Ok(answer);
        }",
            "if let Some(answer) = ready() {
            return Ok(answer);
        }
        let ticket = channel.interlock();",
        )],
    },
    Mutant {
        name: "who need not sleep stays announced",
        rule: "Takes the announcement back",
        file: SLEEP,
        edits: &[("            channel.cancel(ticket);\n", "            let _ = &ticket;\n")],
    },
    Mutant {
        name: "what came true at the deadline is a time-out",
        rule: "had no answer even then",
        file: SLEEP,
        edits: &[("return ready().ok_or(TimedOut);", "return Err(TimedOut);")],
    },
    Mutant {
        name: "a wake-up that was not needed is not passed on",
        rule: "the next waiter gets it",
        file: SCHED,
        edits: &[("None => drop(self.wakeup_one(chan)),", "None => {}")],
    },
    Mutant {
        name: "a wake-up before the sleep is lost",
        rule: "unless it was woken since its",
        file: SCHED,
        edits: &[(
            "            return SleepAnswer::Awake;\n",
            "            self.sleep_queue.push((chan, tid));\n",
        )],
    },
    Mutant {
        name: "the thread that came last is woken first",
        rule: "Wakes the thread that waits longest on",
        file: SCHED,
        edits: &[(
            "self.sleep_queue.iter().position(|(it, _)| it.id == chan.id)",
            "self.sleep_queue.iter().rposition(|(it, _)| it.id == chan.id)",
        )],
    },
    Mutant {
        name: "a wake-up for all wakes one",
        rule: "Wakes all threads on",
        file: SCHED,
        edits: &[(
            "self.wakeup_one(chan).then_some(())).count()",
            "self.wakeup_one(chan).then_some(())).take(1).count()",
        )],
    },
    Mutant {
        name: "a deadline outlives the sleep that it was for",
        rule: "Sleepers that have a deadline",
        file: SCHED,
        edits: &[("        self.timeouts.disarm(&tid);\n", "")],
    },
    Mutant {
        name: "a sleep that timed out calls itself woken",
        rule: "How the last sleep of the current thread",
        file: SCHED,
        edits: &[("            thread.wakeup = how;", "            let _ = how;")],
    },
    Mutant {
        name: "a thread that was announced and runs is queued by its wake-up",
        rule: "makes it runnable if it is",
        file: SCHED,
        edits: &[(
            "if thread.state == State::Sleeping {\n            thread.wakeup",
            "if thread.state != State::Dead {\n            thread.wakeup",
        )],
    },
    Mutant {
        name: "who wakes gets what is left of its turn",
        rule: "lasts, else to the end",
        file: SCHED,
        edits: &[(
            "            thread.slice = TIME_SLICE;\n            let priority",
            "            let priority",
        )],
    },
    Mutant {
        name: "an equal waits until the other sleeps",
        rule: "or an equal when the turn is over",
        file: SCHED,
        edits: &[(
            "|| highest == current.priority as usize && current.slice.is_zero()",
            "|| highest == current.priority as usize && current.slice.is_zero() && false",
        )],
    },
    Mutant {
        name: "an equal does not wait for the end of a turn",
        rule: "or an equal when the turn is over",
        file: SCHED,
        edits: &[("highest > current.priority as usize", "highest >= current.priority as usize")],
    },
    Mutant {
        name: "who is preempted goes to the end of its queue",
        rule: "in front while its turn",
        file: SCHED,
        edits: &[(
            "self.run_queues[priority as usize].push_front(tid);",
            "self.run_queues[priority as usize].push_back(tid);",
        )],
    },
    Mutant {
        name: "a turn that is over goes on",
        rule: "lasts, else to the end",
        file: SCHED,
        edits: &[(
            "if thread.slice.is_zero() {\n            thread.slice",
            "if false {\n            thread.slice",
        )],
    },
    Mutant {
        name: "the lowest priority goes first",
        rule: "one of higher priority",
        file: SCHED,
        edits: &[(
            "let mut queues = self.run_queues.iter_mut().rev();",
            "let mut queues = self.run_queues.iter_mut();",
        )],
    },
    Mutant {
        name: "a tick wakes nobody",
        rule: "wakes sleepers whose deadline has come",
        file: SCHED,
        edits: &[(
            "        self.charge(cpu, now);\n        self.expire_sleeps(now);",
            "        self.charge(cpu, now);",
        )],
    },
    Mutant {
        name: "a dead thread is reaped while a CPU stands on its stack",
        rule: "a dead thread that no CPU stands on any more",
        file: SCHED,
        edits: &[("dead && self.cpus", "dead || dead && self.cpus")],
    },
    Mutant {
        name: "a clock that goes back charges the time twice",
        rule: "Up to when `current` has been charged for its time",
        file: SCHED,
        edits: &[("cpu.charged = cpu.charged.max(now);", "cpu.charged = now;")],
    },
    Mutant {
        name: "a timer falls due one moment late",
        rule: "Takes the earliest key whose moment has come",
        file: TIMER,
        edits: &[("*when <= now", "*when < now")],
    },
    Mutant {
        name: "of equal moments the one armed last comes first",
        rule: "equal moments fall due in the order in",
        file: TIMER,
        edits: &[("*other > when", "*other >= when")],
    },
    Mutant {
        name: "a key is armed twice",
        rule: "a key is armed at most once",
        file: TIMER,
        edits: &[("        self.disarm(&key);\n", "")],
    },
    Mutant {
        name: "a callout that runs is called cancelled",
        rule: "Its function is running: what it uses must stay",
        file: CALLOUT,
        edits: &[(
            "if self.running.as_ref() == Some(callout) {
            Stop::Running",
            "if self.running.as_ref() == Some(callout) && !was_armed {
            Stop::Running",
        )],
    },
    Mutant {
        name: "a callout that is stopped stays armed",
        rule: "Whatever it is, the callout is not armed now",
        file: CALLOUT,
        edits: &[(
            "let was_armed = self.timers.disarm(callout);
        if self",
            "let was_armed = self.running.as_ref() != Some(callout) && self.timers.disarm(callout);
        if self",
        )],
    },
    Mutant {
        name: "two callouts run at once",
        rule: "callouts run one at a time",
        file: CALLOUT,
        edits: &[(
            "        assert!(self.running.is_none(), \"callouts run one at a time\");\n",
            "",
        )],
    },
    Mutant {
        name: "every ring asks for a wake-up",
        rule: "true if the caller must now wake the thread",
        file: BELL,
        edits: &[(
            "!self.rung.swap(true, Ordering::AcqRel)",
            "!self.rung.swap(true, Ordering::AcqRel) || true",
        )],
    },
    Mutant {
        name: "a ring that is taken stays",
        rule: "Takes the ring; false if there was none",
        file: BELL,
        edits: &[("self.rung.swap(false, Ordering::AcqRel)", "self.rung.load(Ordering::Acquire)")],
    },
    Mutant {
        name: "a deadline past the end of time comes at once",
        rule: "a deadline past the end is one that never comes",
        file: INSTANT,
        edits: &[("Instant(self.0.saturating_add(nanos))", "Instant(self.0.wrapping_add(nanos))")],
    },
    Mutant {
        name: "a name that does not fit is cut by one more",
        rule: "cut to [`Name::LEN_MAX`]",
        file: THREAD,
        edits: &[(
            "(0..=name.len().min(Name::LEN_MAX))",
            "(0..=name.len().min(Name::LEN_MAX - 1))",
        )],
    },
];
