//! Members change, and how fast they are copied to.

use super::Mutant;

const STEPS_ALARM: &str = "dm-mirror/src/core/steps/alarm.rs";
const PARTS_PACE: &str = "dm-mirror/src/core/parts/pace.rs";
const STEPS_REPLACE: &str = "dm-mirror/src/core/steps/replace.rs";
const STEPS_NEWCOMER: &str = "dm-mirror/src/core/steps/newcomer.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a new member's disk is not wiped",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: STEPS_NEWCOMER,
        edits: &[("        self.wipe(leg, 0);", "        self.wiped(leg, Ok(()));")],
    },
    Mutant {
        name: "only one slot of a new member's disk is wiped",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: STEPS_NEWCOMER,
        edits: &[
            ("        self.wipe(leg, 0);", "        self.wipe(leg, SLOTS - 1);"),
            ("Some(Wipe { since: None, slot: 0,", "Some(Wipe { since: None, slot: SLOTS - 1,"),
        ],
    },
    Mutant {
        name: "the wipe of a new member's disk is not flushed",
        rule: "Whatever its disk holds in the superblocks' places is wiped durably first",
        file: STEPS_NEWCOMER,
        edits: &[("self.flush_leg(leg, Who::Wipe, Cause::Super),", "self.wiped(leg, Ok(())),")],
    },
    Mutant {
        name: "a new member is not given everything",
        rule: "the maps of all legs in sync durably say that its slot missed everything",
        file: STEPS_NEWCOMER,
        edits: &[("regions.all().for_each(|region| regions.miss(leg, region));", "")],
    },
    Mutant {
        name: "a suspension does not wait for the wipe of a new member's disk",
        rule: "is wiped durably first",
        file: STEPS_NEWCOMER,
        edits: &[("self.looking.insert(leg);", "")],
    },
    Mutant {
        name: "the data of a new member may be larger than its disk",
        rule: "A disk that is too small for the data is refused",
        file: STEPS_NEWCOMER,
        edits: &[("if end.is_none_or(|end| end.0 > capacity.0) {", "if false {")],
    },
    Mutant {
        name: "a member that serves can be forgotten",
        rule: "strikes one that is out from the records",
        file: STEPS_NEWCOMER,
        edits: &[(
            "LegState::Failed(_) if membership.has(member) => {}",
            "_ if membership.has(member) => {}",
        )],
    },
    Mutant {
        name: "a disk is wiped while a record counts on it",
        rule: "A disk is wiped only when it is durable on all legs in sync that nobody counts on it",
        file: STEPS_NEWCOMER,
        edits: &[("} else if !self.pending() {", "} else if true {")],
    },
    Mutant {
        name: "a replaced leg goes out before the promotion of the new one is durable",
        rule: "until the promotion of the new one is durable everywhere",
        file: STEPS_REPLACE,
        edits: &[(
            "if self.legs[new].state() == LegState::InSync =>",
            "if self.legs[new].state() == LegState::Rebuilding =>",
        )],
    },
    Mutant {
        name: "a replaced leg stays a member",
        rule: "and when that is durable, forgotten, in that order",
        file: STEPS_REPLACE,
        edits: &[("let _ = self.forget_member(old);", "let _ = old;")],
    },
    Mutant {
        name: "a leg is replaced by one that went out",
        rule: "If the new leg fails, the old one stays",
        file: STEPS_REPLACE,
        edits: &[(
            "if self.replaces(leg).is_some() {
            self.replacement = None;",
            "if self.replaces(leg).is_some() {",
        )],
    },
    Mutant {
        name: "a stop that could not be recorded is recorded later",
        rule: "So a stop that could not be recorded is not recorded later",
        file: STEPS_ALARM,
        edits: &[(
            "        if self.suspension.suspended {\n            // Whoever resumes it does all this.\n            return;\n        }",
            "        self.suspension.still = false;",
        )],
    },
    Mutant {
        name: "a suspended mirror changes its members",
        rule: "messages change no member until the mirror is resumed",
        file: STEPS_NEWCOMER,
        edits: &[(
            "if self.suspension.suspended { Err(SUSPENDED.into()) } else { Ok(()) }",
            "Ok(())",
        )],
    },
    Mutant {
        name: "copying has no ceiling",
        rule: "It never exceeds the ceiling",
        file: PARTS_PACE,
        edits: &[("else { self.rate.max };", "else { None };")],
    },
    Mutant {
        name: "time that was not used to copy is saved up",
        rule: "time that was not used is not saved up",
        file: PARTS_PACE,
        edits: &[(
            "self.last = Some((now, count));",
            "let due = self.last.map_or(now, |(began, _)| began + Duration::from_secs(1));
        self.last = Some((due.min(now), count));",
        )],
    },
    Mutant {
        name: "copying does not give way to users",
        rule: "While users' requests come it falls to the floor",
        file: PARTS_PACE,
        edits: &[("let busy = now < self.busy_until && !urgent;", "let busy = urgent && !urgent;")],
    },
    Mutant {
        name: "copying stops beside a user who never rests",
        rule: "and no user can stop it",
        file: PARTS_PACE,
        edits: &[(
            "due.saturating_sub(now).min(QUIET)",
            "if busy { QUIET } else { due.saturating_sub(now).min(QUIET) }",
        )],
    },
    Mutant {
        name: "a user who waits for a copy waits as for any",
        rule: "has it copied at the ceiling",
        file: PARTS_PACE,
        edits: &[("self.busy_until && !urgent;", "self.busy_until || (urgent && false);")],
    },
];
