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

const JOURNAL: &str = "dm-mirror/src/journal.rs";
const MEMBERSHIP: &str = "dm-mirror/src/membership.rs";
const REGION: &str = "dm-mirror/src/region.rs";
const MIRROR: &str = "dm-mirror/src/mirror.rs";
const SETTLE: &str = "dm-mirror/src/settle.rs";
const RANGE: &str = "dm-mirror/src/range.rs";
const READ: &str = "dm-mirror/src/read.rs";
const RESYNC: &str = "dm-mirror/src/resync.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

/// All of them, by the rule that they break.
pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "a leg that failed a write stays",
        rule: "In-sync legs that do not are out by then",
        file: WRITE,
        edits: &[("self.mirror.write_failed(leg, step, error);", "let _ = step;")],
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
        name: "a read keeps its range for ever",
        rule: "a write waits for earlier overlapping reads",
        file: READ,
        edits: &[("self.release(ticket);", "let _ = ticket;")],
        sample: false,
    },
    Mutant {
        name: "a leg that lost against a promotion stays",
        rule: "goes out in that step",
        file: SETTLE,
        edits: &[("failed.iter().filter(news)", "failed.iter().take(0).filter(news)")],
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
        name: "a suspend does not wait for the chunk in flight",
        rule: "A suspend waits for the chunk in flight",
        file: RESYNC,
        edits: &[(
            "let quiet = !self.resync.running && !self.scrub.running && self.wiping == 0;",
            "let quiet = self.wiping == 0;",
        )],
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
                    self.mirror.settle(group, reached, &LegErrors::new());
                };",
            ),
            (
                "let group = group.take().expect(\"a group is dropped once\");",
                "let Some(group) = group.take() else { return };",
            ),
        ],
        sample: true,
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
        sample: true,
    },
    Mutant {
        name: "reads take no range",
        rule: "reads share, writes exclude",
        file: RESYNC,
        edits: &[(
            "Some(bio) => self.enter(extent, Mode::Shared, Waiter::Request(bio)),",
            "Some(bio) => self.read(crate::read::Reader::Resync, bio),",
        )],
        sample: true,
    },
    Mutant {
        name: "what a failed write left is not copied again",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: SETTLE,
        edits: &[("self.copy_again(extent);", "")],
        sample: true,
    },
    Mutant {
        name: "copied regions count before they are flushed",
        rule: "A region counts as copied only after a flush",
        file: RESYNC,
        edits: &[(
            "Step::Flush(legs) => FlushGroup::start(self, FlushFor::Copied, legs, Cause::Copy),",
            "Step::Flush(legs) => self.copies_flushed(legs, None),",
        )],
        sample: true,
    },
    Mutant {
        name: "data is written before the leg's own intent is durable",
        rule: "Own intent first",
        file: JOURNAL,
        edits: &[("journal.waiting.push(waiting);\n        None", "Some(waiting)")],
        sample: false,
    },
    Mutant {
        name: "writes are acknowledged while an exclusion is not durable",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: MEMBERSHIP,
        edits: &[(
            "!self.in_sync().iter().all(|leg| membership.holds(leg))",
            "{ let _ = membership; false }",
        )],
        sample: false,
    },
    Mutant {
        name: "regions become clean without a flush",
        rule: "A region becomes clean",
        file: REGION,
        edits: &[(
            "let durable = has.iter().all(|leg| flushed.when[leg] > activity.last_done);",
            "let durable = true;",
        )],
        sample: false,
    },
    Mutant {
        name: "unsettled regions are read",
        rule: "An unsettled region answers no read",
        file: RESYNC,
        edits: &[(
            "Some(regions) if regions.unsettled_in(extent).next().is_some() => {",
            "Some(regions) if regions.unsettled_in(extent).nth(usize::MAX).is_some() => {",
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
