//! Requests over the legs: retry, groups, ranges, copies. No record is needed to
//! break these.

use super::Mutant;

const MIRROR: &str = "dm-mirror/src/mirror.rs";
const SUSPENSION: &str = "dm-mirror/src/suspension.rs";
const RANGE: &str = "dm-mirror/src/range.rs";
const READ: &str = "dm-mirror/src/read.rs";
const RESYNC: &str = "dm-mirror/src/resync.rs";
const SETTLE: &str = "dm-mirror/src/settle.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a leg that failed a write stays",
        rule: "In-sync legs that do not are out by then",
        file: WRITE,
        edits: &[("self.mirror.fail_leg(leg, failure(step, error));", "let _ = failure(step, error);")],
    },
    Mutant {
        name: "a forced write is not flushed",
        rule: "DATA_FLUSH (only for FUA",
        file: WRITE,
        edits: &[("let fua = self.cmd == BufCmd::Write { fua: true };", "let fua = false;")],
    },
    Mutant {
        name: "the last leg in sync can fail",
        rule: "the last in-sync leg is never failed",
        file: MIRROR,
        edits: &[("let last = self.in_sync().iter().eq([leg]);", "let last = false;")],
    },
    Mutant {
        name: "a failed leg is read",
        rule: "nothing is read from it or written to it",
        file: READ,
        edits: &[(
            "let candidates = state.in_sync().without(tried);",
            "let failed = |leg: usize| matches!(state.legs[leg].state, crate::leg::LegState::Failed(_));
            let failed: LegSet = (0..state.legs.len()).filter(|&leg| failed(leg)).collect();
            let in_sync = state.in_sync();
            let all: LegSet = failed.iter().chain(in_sync.iter()).collect();
            let candidates = all.without(tried);",
        )],
    },
    Mutant {
        name: "writes share their range",
        rule: "reads share, writes exclude",
        file: MIRROR,
        edits: &[("BufCmd::Write { .. } => Mode::Exclusive,", "BufCmd::Write { .. } => Mode::Shared,")],
    },
    Mutant {
        name: "a newcomer overtakes those who wait",
        rule: "Nobody overtakes",
        file: RANGE,
        edits: &[(
            "!self.entries.iter().any(|entry| entry.conflicts(extent, mode));",
            "!self.entries.iter().any(|entry| {
                entry.waiter.is_none() && entry.conflicts(extent, mode)
            });",
        )],
    },
    Mutant {
        name: "a waiter overtakes those before it",
        rule: "Nobody overtakes",
        file: RANGE,
        edits: &[(
            "!self.entries[..index].iter().any(|entry| entry.conflicts(extent, mode))",
            "!self.entries.iter().any(|entry| {
                    entry.waiter.is_none() && entry.conflicts(extent, mode)
                })",
        )],
    },
    Mutant {
        name: "a read keeps its range for ever",
        rule: "a write waits for earlier overlapping reads",
        file: READ,
        edits: &[("self.release(ticket);", "let _ = ticket;")],
    },
    Mutant {
        name: "a leg that lost against a promotion stays",
        rule: "goes out in that step",
        file: SETTLE,
        edits: &[("failed.iter().filter(news)", "failed.iter().take(0).filter(news)")],
    },
    Mutant {
        name: "a failed read is retried on the same leg",
        rule: "If all legs fail, the last error goes up",
        file: READ,
        edits: &[("try_.tried.insert(try_.leg);", "")],
    },
    Mutant {
        name: "one bad sector takes a leg out",
        rule: "One bad sector does not condemn a leg",
        file: READ,
        edits: &[("if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {", "{")],
    },
    Mutant {
        name: "a leg that hangs in a read stays",
        rule: "does not answer in time, is out at once",
        file: READ,
        edits: &[("ErrorKind::Gone | ErrorKind::Timeout", "ErrorKind::Gone")],
    },
    Mutant {
        name: "a read is retried without memory",
        rule: "a leg that timed out keeps the memory",
        file: READ,
        edits: &[("if bio.lost_memory() {", "if false {")],
    },
    Mutant {
        name: "a leg being rebuilt is read",
        rule: "A leg is in sync only after a flush",
        file: READ,
        edits: &[("state.in_sync().without(tried)", "state.writable().without(tried)")],
    },
    Mutant {
        name: "a copy takes no range",
        rule: "takes the range of each chunk exclusively",
        file: RESYNC,
        edits: &[(
            "self.enter(extent, Mode::Exclusive, Waiter::Copy(extent)),",
            "self.enter(Extent::new(extent.start(), Sectors(0)), Mode::Exclusive, Waiter::Copy(extent)),",
        )],
    },
    Mutant {
        name: "a suspend does not wait for the chunk in flight",
        rule: "A suspend waits for the chunk in flight",
        file: SUSPENSION,
        edits: &[("!self.resync.running && !self.scrub", "!self.scrub")],
    },
    Mutant {
        name: "discards are offered though one leg cannot",
        rule: "reads as zeroes afterwards, on every leg",
        file: MIRROR,
        edits: &[(
            "BufCmd::FreeBlks if self.limits().discard",
            "BufCmd::FreeBlks if self.legs.iter().any(|leg| leg.device.as_ref().is_some_and(|it| it.limits().discard))",
        )],
    },
    Mutant {
        name: "a write is acknowledged by its first leg",
        rule: "Acknowledge last",
        file: WRITE,
        edits: &[
            (
                "return self.outcome.lock().reached.insert(leg);",
                "let mut outcome = self.outcome.lock();
                outcome.reached.insert(leg);
                let (group, reached) = (outcome.group.take(), outcome.reached);
                drop(outcome);
                return if let Some(group) = group {
                    self.mirror.settle(group, self.began, reached, &LegErrors::new());
                };",
            ),
            (
                "let group = group.take().expect(\"a group is dropped once\");",
                "let Some(group) = group.take() else { return };",
            ),
        ],
    },
    Mutant {
        name: "the last leg gets no writes",
        rule: "every leg that takes writes has reported",
        file: WRITE,
        edits: &[(
            "Origin::User(_) => writable,",
            "Origin::User(_) => {
                writable.iter().take(writable.iter().count().max(2) - 1).collect()
            }",
        )],
    },
    Mutant {
        name: "reads take no range",
        rule: "reads share, writes exclude",
        file: RESYNC,
        edits: &[(
            "Some(bio) => self.enter(extent, Mode::Shared, Waiter::Request(bio)),",
            "Some(bio) => self.enter(Extent::new(extent.start(), Sectors(0)), Mode::Shared, Waiter::Request(bio)),",
        )],
    },
    Mutant {
        name: "what a failed write left is not copied again",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: SETTLE,
        edits: &[("self.copy_again(extent);", "")],
    },
];
