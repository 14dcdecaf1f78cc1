//! Bad media: repairs, errors that are too many, checks.

use super::Mutant;

const STEPS_READ: &str = "dm-mirror/src/core/steps/read.rs";
const PARTS_LEG: &str = "dm-mirror/src/core/parts/leg.rs";
const STEPS_WRITE: &str = "dm-mirror/src/core/steps/write.rs";
const STEPS_READMIT: &str = "dm-mirror/src/core/steps/readmit.rs";
const STEPS_CHECK: &str = "dm-mirror/src/core/steps/check.rs";
const PARTS_LEGS: &str = "dm-mirror/src/core/parts/legs.rs";
const PARTS_ERRORS: &str = "dm-mirror/src/core/parts/errors.rs";
const STEPS_SCRUB: &str = "dm-mirror/src/core/steps/scrub.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a repair is written without an intent of its own",
        rule: "as a write with its own intent",
        file: STEPS_WRITE,
        edits: &[
            (
                "        let group = request.group();\n        let mut ready",
                "        let scrub = matches!(request.origin, Origin::Scrub(_));\n        let group = request.group();\n        let mut ready",
            ),
            ("            if record.admits(", "            if scrub || record.admits("),
        ],
    },
    Mutant {
        name: "what was rewritten is believed unread",
        rule: "What was rewritten is read again",
        file: STEPS_SCRUB,
        edits: &[("let good = looks.readable.and(same);", "let good = looks.readable.or(same);")],
    },
    Mutant {
        name: "a repair meets reads",
        rule: "no write is undone and no read meets it",
        file: STEPS_SCRUB,
        edits: &[(
            "self.enter(job.extent, job.mode, Waiter::Scrub(job))",
            "self.enter(job.extent, crate::core::parts::range::Mode::Shared, Waiter::Scrub(job))",
        )],
    },
    Mutant {
        name: "unsettled regions are repaired",
        rule: "Nothing is repaired where a region is unsettled",
        file: STEPS_SCRUB,
        edits: &[(" || self.is_unsettled(job.extent) =>", " =>")],
    },
    Mutant {
        name: "errors of a medium are never forgotten",
        rule: "a leg's count is halved every so many seconds",
        file: PARTS_ERRORS,
        edits: &[("self.count = self.count.checked_shr(halvings).unwrap_or(0);", "")],
    },
    Mutant {
        name: "errors of a medium outlast a person's add",
        rule: "its errors then count anew",
        file: PARTS_LEGS,
        edits: &[("self.errors = Errors::default();", "")],
    },
    Mutant {
        name: "a leg that failed for its medium comes back by itself",
        rule: "does not come back by itself",
        file: PARTS_LEG,
        edits: &[("=> MemberState::FailedMedia,", "=> MemberState::Out,")],
    },
    Mutant {
        name: "a check takes no range",
        rule: "there is no false alarm under load",
        file: STEPS_SCRUB,
        edits: &[(
            "self.enter(job.extent, job.mode, Waiter::Scrub(job))",
            "self.enter(Extent::new(job.extent.start(), Sectors(0)), job.mode, Waiter::Scrub(job))",
        )],
    },
    Mutant {
        name: "a check writes",
        rule: "A check writes nothing",
        file: STEPS_CHECK,
        edits: &[("let repair = check.repairs && ", "let repair = ")],
    },
    Mutant {
        name: "a repair goes to every leg",
        rule: "go to the legs that failed",
        file: STEPS_WRITE,
        edits: &[(
            "Origin::Scrub(chunk) => chunk.targets.and(self.in_sync()),",
            "Origin::Scrub(_) => self.in_sync(),",
        )],
    },
    Mutant {
        name: "no block is read for itself",
        rule: "each block is read for itself first",
        file: STEPS_READ,
        edits: &[(
            "if whole && result.is_err() && self",
            "if false && whole && result.is_err() && self",
        )],
    },
    Mutant {
        name: "a person cannot take back a leg that failed for its medium",
        rule: "Only a person's `add` takes it back",
        file: STEPS_READMIT,
        edits: &[(
            "assemble::adding(&[Some(&now), Some(member)], id)",
            "assemble::assemble(&[Some(&now), Some(member)], None)",
        )],
    },
    Mutant {
        name: "bad blocks are not rewritten",
        rule: "What a leg could not read is rewritten there",
        file: STEPS_READ,
        edits: &[("self.want_repair(extent, it.bad);", "let _ = extent;")],
    },
];
