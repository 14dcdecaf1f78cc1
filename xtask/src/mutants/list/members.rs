//! Members change, and how fast they are copied to.

use super::Mutant;

const NEWCOMER: &str = "dm-mirror/src/newcomer.rs";
const PACE: &str = "dm-mirror/src/pace.rs";
const RETRY: &str = "dm-mirror/src/retry.rs";
const REPLACE: &str = "dm-mirror/src/replace.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a new member's disk is not wiped",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: NEWCOMER,
        edits: &[(
            "Arc::new(Wipe { mirror: self.clone(), leg, since }).next(0);",
            "self.wiped(leg, since, Ok(()));",
        )],
    },
    Mutant {
        name: "only one slot of a new member's disk is wiped",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: NEWCOMER,
        edits: &[("}).next(0);", "}).next(1);")],
    },
    Mutant {
        name: "the wipe of a new member's disk is not flushed",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: NEWCOMER,
        edits: &[(
            "(Ok(()), BufCmd::Write { .. }) => self",
            "(Ok(()), BufCmd::Write { .. }) if (step as usize) + 1 < SLOTS => self",
        )],
    },
    Mutant {
        name: "a new member is not given everything",
        rule: "The maps of all legs in sync durably say that its slot missed everything",
        file: NEWCOMER,
        edits: &[("regions.all().for_each(|region| regions.miss(leg, region));", "")],
    },
    Mutant {
        name: "a suspension does not wait for the wipe of a new member's disk",
        rule: "is wiped durably first",
        file: NEWCOMER,
        edits: &[("self.looking.insert(leg);", "")],
    },
    Mutant {
        name: "the data of a new member may be larger than its disk",
        rule: "A disk that is too small for the data is refused",
        file: NEWCOMER,
        edits: &[("if end.is_none_or(|end| end.0 > has.0) {", "if false {")],
    },
    Mutant {
        name: "a member that serves can be forgotten",
        rule: "strikes one that is out from the records",
        file: NEWCOMER,
        edits: &[(
            "LegState::Failed(_) if membership.has(member) => {}",
            "_ if membership.has(member) => {}",
        )],
    },
    Mutant {
        name: "a replaced leg goes out before the promotion of the new one is durable",
        rule: "until the promotion of the new one is durable everywhere",
        file: REPLACE,
        edits: &[(
            "&& self.legs[new].state == LegState::InSync",
            "&& self.legs[new].state == LegState::Rebuilding",
        )],
    },
    Mutant {
        name: "a replaced leg stays a member",
        rule: "and when that is durable, forgotten, in that order",
        file: REPLACE,
        edits: &[("let _ = self.forget(old);", "let _ = old;")],
    },
    Mutant {
        name: "a replaced leg is forgotten before it is durable that it is out",
        rule: "and when that is durable, forgotten, in that order",
        file: REPLACE,
        edits: &[("&& !self.pending()", "")],
    },
    Mutant {
        name: "a leg is replaced by one that went out",
        rule: "If the new leg fails, the old one stays",
        file: REPLACE,
        edits: &[(
            "if self.replaces(leg).is_some() {
            self.replacement = None;",
            "if self.replaces(leg).is_some() {",
        )],
    },
    Mutant {
        name: "a stop that could not be recorded is recorded later",
        rule: "So a stop that could not be recorded is not recorded later",
        file: RETRY,
        edits: &[(
            "if state.resync.suspended {
                // Whoever resumes it does all this.
                return;
            }",
            "state.still = false;",
        )],
    },
    Mutant {
        name: "a suspended mirror changes its members",
        rule: "messages change no member until the mirror is resumed",
        file: NEWCOMER,
        edits: &[("if self.resync.suspended { Err(SUSPENDED.into()) } else { Ok(()) }", "Ok(())")],
    },
    Mutant {
        name: "copying has no ceiling",
        rule: "It never exceeds the ceiling",
        file: PACE,
        edits: &[("else { self.rate.max };", "else { None };")],
    },
    Mutant {
        name: "time that was not used to copy is saved up",
        rule: "time that was not used is not saved up",
        file: PACE,
        edits: &[(
            "self.last = Some((now, count));",
            "let due = self.last.map_or(now, |(began, _)| began + Duration::from_secs(1));
        self.last = Some((due.min(now), count));",
        )],
    },
    Mutant {
        name: "copying does not give way to users",
        rule: "While users' requests come it falls to the floor",
        file: PACE,
        edits: &[("let busy = now < self.busy_until && !urgent;", "let busy = urgent && !urgent;")],
    },
    Mutant {
        name: "copying stops beside a user who never rests",
        rule: "and no user can stop it",
        file: PACE,
        edits: &[(
            "due.saturating_sub(now).min(QUIET)",
            "if busy { QUIET } else { due.saturating_sub(now).min(QUIET) }",
        )],
    },
    Mutant {
        name: "a user who waits for a copy waits as for any",
        rule: "has it copied at the ceiling",
        file: PACE,
        edits: &[("self.busy_until && !urgent;", "self.busy_until || (urgent && false);")],
    },
];
