//! Requests over the legs: retry, groups, ranges, copies. No record is needed to
//! break these.

use super::Mutant;

const STEPS_RESYNC: &str = "dm-mirror/src/core/steps/resync.rs";
const STEPS_STRATEGY: &str = "dm-mirror/src/core/steps/strategy.rs";
const STEPS_WRITE: &str = "dm-mirror/src/core/steps/write.rs";
const IO: &str = "dm-mirror/src/io/mod.rs";
const STEPS_READ: &str = "dm-mirror/src/core/steps/read.rs";
const PARTS_RANGE: &str = "dm-mirror/src/core/parts/range/mod.rs";
const STEPS_LEG_OUT: &str = "dm-mirror/src/core/steps/leg_out.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a leg that failed a write stays",
        rule: "In-sync legs that lack it are out by then",
        file: STEPS_WRITE,
        edits: &[(
            "                self.fail_leg(leg, Failure::of_step(step, error));\n                Follow::Perhaps",
            "                let _ = Failure::of_step(step, error);\n                Follow::Perhaps",
        )],
    },
    Mutant {
        name: "a forced write is not flushed",
        rule: "DATA_FLUSH (only for FUA; a FLUSH has that state alone)",
        file: STEPS_WRITE,
        edits: &[(
            "report.result.is_ok() && cmd == (BufCmd::Write { fua: true })",
            "false && cmd == (BufCmd::Write { fua: true })",
        )],
    },
    Mutant {
        name: "the last leg in sync can fail",
        rule: "the last in-sync leg is never failed",
        file: STEPS_LEG_OUT,
        edits: &[("let last = self.in_sync().iter().eq([leg]);", "let last = false;")],
    },
    Mutant {
        name: "a failed leg is read",
        rule: "nothing is read from it or written to it",
        file: STEPS_READ,
        edits: &[(
            "let candidates = self.in_sync().without(tried);",
            "let failed = self.legs_that(|state| matches!(state, super::super::parts::leg::LegState::Failed(_)));\n        let candidates = self.in_sync().or(failed).without(tried);",
        )],
    },
    Mutant {
        name: "writes share their range",
        rule: "reads share, writes exclude",
        file: STEPS_STRATEGY,
        edits: &[(
            "self.enter(extent, Mode::Exclusive, Waiter::Request(req))",
            "self.enter(extent, Mode::Shared, Waiter::Request(req))",
        )],
    },
    Mutant {
        name: "a newcomer overtakes those who wait",
        rule: "Nobody overtakes",
        file: PARTS_RANGE,
        edits: &[(
            "self.latest_before(&asks, Begin::Latest),",
            "self.latest_before(&asks, Begin::Latest)
                .filter(|(at, _)| self.entry(*at).waiter.is_none()),",
        )],
    },
    Mutant {
        name: "a waiter overtakes those before it",
        rule: "Nobody overtakes",
        file: PARTS_RANGE,
        edits: &[(
            "match self.latest_before(&waits, from) {",
            "match self.latest_before(&waits, from)
                .filter(|(at, _)| self.entry(*at).waiter.is_none()) {",
        )],
    },
    Mutant {
        name: "a read keeps its range for ever",
        rule: "a write waits for earlier overlapping reads",
        file: STEPS_READ,
        edits: &[(
            "Origin::Scrub(_) => {\n                self.release_and_complete(req, result);",
            "Origin::Scrub(_) => {\n                self.complete(req, result);",
        )],
    },
    Mutant {
        name: "a failed read is retried on the same leg",
        rule: "If all legs fail, the last error goes up",
        file: STEPS_READ,
        edits: &[("        it.tried.insert(it.leg);", "")],
    },
    Mutant {
        name: "one bad sector takes a leg out",
        rule: "One bad sector does not condemn a leg",
        file: STEPS_READ,
        edits: &[("if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {", "{")],
    },
    Mutant {
        name: "a leg that hangs in a read stays",
        rule: "does not answer in time, is out at once",
        file: STEPS_READ,
        edits: &[("ErrorKind::Gone | ErrorKind::Timeout", "ErrorKind::Gone")],
    },
    Mutant {
        name: "a read is retried without memory",
        rule: "a leg that timed out keeps the memory",
        file: IO,
        edits: &[("if bio.lost_memory() {", "if bio.extent().is_empty() {")],
    },
    Mutant {
        name: "a leg being rebuilt is read",
        rule: "A leg is in sync only after a flush",
        file: STEPS_READ,
        edits: &[("self.in_sync().without(tried)", "self.writable().without(tried)")],
    },
    Mutant {
        name: "a copy takes no range",
        rule: "takes the range of each chunk exclusively",
        file: STEPS_RESYNC,
        edits: &[(
            "self.enter(extent, Mode::Exclusive, Waiter::Copy(extent));",
            "self.enter(\n                    Extent::new(extent.start(), bio::Sectors(0)),\n                    Mode::Exclusive,\n                    Waiter::Copy(extent),\n                );",
        )],
    },
    Mutant {
        name: "discards are offered though one leg cannot",
        rule: "reads as zeroes afterwards, on every leg",
        file: IO,
        edits: &[(
            "if cmd == BufCmd::FreeBlks && !self.limits().discard {",
            "if cmd == BufCmd::FreeBlks\n            && !self.legs.iter().any(|leg| leg.device.as_ref().is_some_and(|it| it.limits().discard))\n        {",
        )],
    },
    Mutant {
        name: "a write is acknowledged by its first leg",
        rule: "Acknowledge last",
        file: STEPS_WRITE,
        edits: &[(
            "        let last = group.refs.is_empty();",
            "        let last = group.refs.is_empty() || result.is_ok();",
        )],
    },
    Mutant {
        name: "the last leg gets no writes",
        rule: "every leg that takes writes has reported",
        file: STEPS_WRITE,
        edits: &[(
            "            Origin::User | Origin::Block => writable,",
            "            Origin::User | Origin::Block => {\n                writable.iter().take(writable.iter().count().max(2) - 1).collect()\n            }",
        )],
    },
    Mutant {
        name: "reads take no range",
        rule: "reads share, writes exclude",
        file: STEPS_READ,
        edits: &[(
            "return self.enter(extent, Mode::Shared, Waiter::Request(req));",
            "return self.enter(\n                Extent::new(extent.start(), bio::Sectors(0)),\n                Mode::Shared,\n                Waiter::Request(req),\n            );",
        )],
    },
    Mutant {
        name: "what a failed write left is not copied again",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: STEPS_WRITE,
        edits: &[("self.copy_again(extent);", "")],
    },
];
