//! The mutations: how each rule of the mirror can be broken.
//!
//! Place: data; `trial` tries them one at a time. Rules, each a test below: a
//! rule is quoted from docs/mirror.md word by word; what is to be replaced occurs
//! exactly once, so that the list follows the code; names are unique.

/// A way to break the mirror.
pub(super) struct Mutant {
    /// What it does wrong, in words.
    pub(super) name: &'static str,
    /// The words of docs/mirror.md that it breaks.
    pub(super) rule: &'static str,
    /// The file, from the workspace's folder.
    pub(super) file: &'static str,
    /// Each text to be found, and what stands there instead.
    pub(super) edits: &'static [(&'static str, &'static str)],
    /// Whether the test command tries it.
    pub(super) sample: bool,
}

const MIRROR: &str = "dm-mirror/src/mirror.rs";
const RANGE: &str = "dm-mirror/src/range.rs";
const READ: &str = "dm-mirror/src/read.rs";
const RESYNC: &str = "dm-mirror/src/resync.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

/// All of them, by the rule that they break.
pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a write is acknowledged by its first leg",
        rule: "Acknowledge last",
        file: WRITE,
        edits: &[
            (
                "return self.outcome.lock().reached.insert(leg);",
                "self.outcome.lock().reached.insert(leg);
                let obio = self.outcome.lock().obio.take();
                return if let Some(obio) = obio { obio.biodone(Ok(())) };",
            ),
            (
                "let obio = obio.take().expect(\"a group is dropped once\");",
                "let Some(obio) = obio.take() else {
                    let nowhere = bio::Extent::new(bio::Sector(0), bio::Sectors(0));
                    let _ = self.mirror.settle(self.ticket, self.cmd, nowhere, *reached, failed);
                    return self.mirror.grant();
                };",
            ),
        ],
        sample: true,
    },
    Mutant {
        name: "the last leg gets no writes",
        rule: "every leg that takes writes has reported",
        file: WRITE,
        edits: &[(
            "let legs = mirror.state.lock().writable();",
            "let legs = mirror.state.lock().writable();
            let legs: LegSet = legs.iter().take(legs.iter().count().max(2) - 1).collect();",
        )],
        sample: true,
    },
    Mutant {
        name: "a failed write counts as done",
        rule: "In-sync legs that do not are out by then",
        file: WRITE,
        edits: &[("Err(error) => bio.biodone(Err(error)),", "Err(_) => bio.biodone(Ok(())),")],
        sample: false,
    },
    Mutant {
        name: "a leg that failed a write stays",
        rule: "In-sync legs that do not are out by then",
        file: WRITE,
        edits: &[("self.mirror.write_failed(leg, step, error);", "let _ = step;")],
        sample: false,
    },
    Mutant {
        name: "a failed flush counts as done",
        rule: "must be durable on every in-sync leg",
        file: WRITE,
        edits: &[(
            "Err(error) => bio.biodone(Err(error)),",
            "Err(_) if tx.state == TxState::DataFlush => bio.biodone(Ok(())),
            Err(error) => bio.biodone(Err(error)),",
        )],
        sample: false,
    },
    Mutant {
        name: "a flush goes to the first leg only",
        rule: "must be durable on every in-sync leg",
        file: WRITE,
        edits: &[(
            "let legs = mirror.state.lock().writable();",
            "let legs = mirror.state.lock().writable();
            let some = if obio.cmd() == BufCmd::Flush { 1 } else { LEGS_MAX };
            let legs: LegSet = legs.iter().take(some).collect();",
        )],
        sample: false,
    },
    Mutant {
        name: "a forced write is not flushed",
        rule: "DATA_FLUSH (only for FUA",
        file: WRITE,
        edits: &[("let fua = self.cmd == BufCmd::Write { fua: true };", "let fua = false;")],
        sample: false,
    },
    Mutant {
        name: "a write that no in-sync leg has succeeds",
        rule: "at least one in-sync leg has it",
        file: MIRROR,
        edits: &[(
            "state.copy_again(extent);
                    Err(error)",
            "state.copy_again(extent);
                    let _ = error;
                    Ok(())",
        )],
        sample: false,
    },
    Mutant {
        name: "a leg being rebuilt counts for success",
        rule: "at least one in-sync leg has it",
        file: MIRROR,
        edits: &[(
            "let held = !state.in_sync().and(reached).is_empty();",
            "let held = !state.writable().and(reached).is_empty();",
        )],
        sample: false,
    },
    Mutant {
        name: "a leg failed meanwhile counts for success",
        rule: "at least one in-sync leg has it",
        file: MIRROR,
        edits: &[(
            "let held = !state.in_sync().and(reached).is_empty();",
            "let held = !reached.is_empty();",
        )],
        sample: false,
    },
    Mutant {
        name: "the last leg in sync can fail",
        rule: "the last in-sync leg is never failed",
        file: MIRROR,
        edits: &[("let last = self.in_sync().iter().eq([leg]);", "let last = false;")],
        sample: false,
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
        sample: true,
    },
    Mutant {
        name: "a failed leg is written",
        rule: "nothing is read from it or written to it",
        file: MIRROR,
        edits: &[("!matches!(state, LegState::Failed(_))", "!matches!(state, LegState::Failed(_)) || true")],
        sample: false,
    },
    Mutant {
        name: "reads take no range",
        rule: "a read waits for an earlier overlapping write",
        file: MIRROR,
        edits: &[("BufCmd::Read => Mode::Shared,", "BufCmd::Read => return self.read(None, bio),")],
        sample: true,
    },
    Mutant {
        name: "writes share their range",
        rule: "reads share, writes exclude",
        file: MIRROR,
        edits: &[("BufCmd::Write { .. } => Mode::Exclusive,", "BufCmd::Write { .. } => Mode::Shared,")],
        sample: false,
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
        sample: false,
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
        sample: false,
    },
    Mutant {
        name: "a write keeps its range for ever",
        rule: "are decided under one lock",
        file: MIRROR,
        edits: &[(
            "if let Some(ticket) = ticket {
                state.ranges.release(ticket);",
            "if let Some(ticket) = ticket {
                let _ = ticket;",
        )],
        sample: false,
    },
    Mutant {
        name: "a write gives its range back twice",
        rule: "are decided under one lock",
        file: MIRROR,
        edits: &[(
            "if let Some(ticket) = ticket {
                state.ranges.release(ticket);",
            "if let Some(ticket) = ticket {
                state.ranges.release(ticket);
                state.ranges.release(ticket);",
        )],
        sample: false,
    },
    Mutant {
        name: "a read keeps its range for ever",
        rule: "a write waits for earlier overlapping reads",
        file: READ,
        edits: &[("self.release(ticket);", "let _ = ticket;")],
        sample: false,
    },
    Mutant {
        name: "the range is released before the write is settled",
        rule: "so that no read sees a state in between",
        file: WRITE,
        edits: &[(
            "let result = self.mirror.settle(self.ticket, ",
            "if let Some(ticket) = self.ticket {
                self.mirror.release(ticket);
                self.mirror.grant();
            }
            let result = self.mirror.settle(None, ",
        )],
        sample: false,
    },
    Mutant {
        name: "a leg that lost against a promotion stays",
        rule: "goes out in that step",
        file: MIRROR,
        edits: &[("failed.iter().filter(news)", "failed.iter().take(0).filter(news)")],
        sample: false,
    },
    Mutant {
        name: "what a failed write left is not copied again",
        rule: "left on a leg being rebuilt is copied again",
        file: MIRROR,
        edits: &[("state.copy_again(extent);", "")],
        sample: true,
    },
    Mutant {
        name: "a failed write that straddles the copy is forgotten",
        rule: "left on a leg being rebuilt is copied again",
        file: MIRROR,
        edits: &[("extent.start() < *next", "extent.end() <= *next")],
        sample: false,
    },
    Mutant {
        name: "only the last of failed writes is copied again",
        rule: "left on a leg being rebuilt is copied again",
        file: MIRROR,
        edits: &[("again.map_or(extent, |more| more.hull(extent))", "extent")],
        sample: false,
    },
    Mutant {
        name: "everything is copied again",
        rule: "and only that",
        file: MIRROR,
        edits: &[("*again = Some(", "*next = Sector(0);
                *again = Some(")],
        sample: false,
    },
    Mutant {
        name: "a failed read is not retried",
        rule: "retry a read on another disk",
        file: READ,
        edits: &[(
            "if let Some(leg) = self.read_pick(try_.tried) {",
            "if let Some(leg) = None::<usize> {",
        )],
        sample: false,
    },
    Mutant {
        name: "a failed read is retried on the same leg",
        rule: "If all legs fail, the last error goes up",
        file: READ,
        edits: &[("try_.tried.insert(try_.leg);", "")],
        sample: false,
    },
    Mutant {
        name: "one bad sector takes a leg out",
        rule: "One bad sector does not condemn a leg",
        file: READ,
        edits: &[("if matches!(kind, ErrorKind::Gone | ErrorKind::Timeout) {", "{")],
        sample: false,
    },
    Mutant {
        name: "a leg that hangs in a read stays",
        rule: "does not answer in time, is out at once",
        file: READ,
        edits: &[("ErrorKind::Gone | ErrorKind::Timeout", "ErrorKind::Gone")],
        sample: false,
    },
    Mutant {
        name: "a read is retried without memory",
        rule: "a leg that timed out keeps the memory",
        file: READ,
        edits: &[("if bio.lost_memory() {", "if false {")],
        sample: false,
    },
    Mutant {
        name: "a leg being rebuilt is read",
        rule: "A leg is in sync only after a flush",
        file: READ,
        edits: &[("state.in_sync().without(tried)", "state.writable().without(tried)")],
        sample: false,
    },
    Mutant {
        name: "a leg is in sync before it was copied",
        rule: "it starts by copying leg 0 to the others",
        file: MIRROR,
        edits: &[("(true, _) | (false, 0) => LegState::InSync", "(true | false, _) => LegState::InSync")],
        sample: false,
    },
    Mutant {
        name: "a leg is in sync without a flush",
        rule: "A leg is in sync only after a flush",
        file: RESYNC,
        edits: &[(
            "CopyGroup::start(self, CopyStep::Flush, legs, Buf::flush),",
            "{
                self.promote(legs);
                self.next_step();
            }",
        )],
        sample: true,
    },
    Mutant {
        name: "a leg is in sync though its flush failed",
        rule: "A leg is in sync only after a flush",
        file: RESYNC,
        edits: &[(
            "Err(error) => self.mirror.write_failed(leg, buf.cmd(), error),",
            "Err(_) if buf.cmd() == bio::BufCmd::Flush => self.reached.lock().insert(leg),
            Err(error) => self.mirror.write_failed(leg, buf.cmd(), error),",
        )],
        sample: false,
    },
    Mutant {
        name: "a promotion ignores a write that failed meanwhile",
        rule: "Else a leg could be promoted that differs",
        file: RESYNC,
        edits: &[(
            "state.is_rebuilding() && state.wants(self.length).is_none()",
            "state.is_rebuilding()",
        )],
        sample: false,
    },
    Mutant {
        name: "a chunk that was not written counts as copied",
        rule: "A copy is a write",
        file: RESYNC,
        edits: &[(
            "Err(error) => self.mirror.write_failed(leg, buf.cmd(), error),",
            "Err(_) => self.reached.lock().insert(leg),",
        )],
        sample: false,
    },
    Mutant {
        name: "a copy takes no range",
        rule: "takes the range of each chunk exclusively",
        file: RESYNC,
        edits: &[(
            "self.enter(extent, Mode::Exclusive, Waiter::Copy(extent)),",
            "self.enter(Extent::new(extent.start(), Sectors(0)), Mode::Exclusive, Waiter::Copy(extent)),",
        )],
        sample: false,
    },
    Mutant {
        name: "a suspend does not stop the copying",
        rule: "lets no other begin",
        file: RESYNC,
        edits: &[("rebuilding.is_empty() || self.resync.suspended", "rebuilding.is_empty()")],
        sample: false,
    },
    Mutant {
        name: "a suspend does not wait for the chunk in flight",
        rule: "A suspend waits for the chunk in flight",
        file: MIRROR,
        edits: &[("if state.resync.running {", "if false {")],
        sample: false,
    },
    Mutant {
        name: "discards are offered though one leg cannot",
        rule: "reads as zeroes afterwards, on every leg",
        file: MIRROR,
        edits: &[(
            "BufCmd::FreeBlks if self.limits().discard",
            "BufCmd::FreeBlks if self.legs.iter().any(|leg| leg.device.limits().discard)",
        )],
        sample: false,
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::MUTANTS;
    use crate::workspace;

    fn text(file: &str) -> String {
        fs::read_to_string(workspace::root().join(file)).expect("a file of the workspace")
    }

    #[test]
    fn each_mutation_finds_its_places_and_changes_them() {
        for mutant in MUTANTS {
            let original = text(mutant.file);
            assert_ne!(mutant.applied(&original).unwrap(), original, "{}", mutant.name);
        }
    }

    #[test]
    fn each_mutation_breaks_a_rule_that_is_written_down() {
        let design = text("docs/mirror.md").replace("**", "");
        let design = design.split_whitespace().collect::<Vec<_>>().join(" ");
        for mutant in MUTANTS {
            assert!(design.contains(mutant.rule), "docs/mirror.md has no `{}`", mutant.rule);
        }
    }

    #[test]
    fn names_are_unique_and_the_test_command_has_half_a_dozen() {
        let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), MUTANTS.len());
        assert_eq!(MUTANTS.iter().filter(|mutant| mutant.sample).count(), 6);
    }
}
