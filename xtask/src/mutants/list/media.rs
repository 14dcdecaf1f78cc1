//! Bad media: repairs, errors that are too many, checks.

use super::Mutant;

const CHECK: &str = "dm-mirror/src/check.rs";
const ERRORS: &str = "dm-mirror/src/errors.rs";
const MIRROR: &str = "dm-mirror/src/mirror.rs";
const READ: &str = "dm-mirror/src/read.rs";
const READMIT: &str = "dm-mirror/src/readmit.rs";
const SCRUB: &str = "dm-mirror/src/scrub.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a repair is written without an intent of its own",
        rule: "as a write with its own intent",
        file: WRITE,
        edits: &[
            (
                "let (cmd, extent, cause) = (group.cmd, group.extent, group.cause());",
                "let repair = matches!(group.origin, Origin::Repair(_));\n        let (cmd, extent, cause) = (group.cmd, group.extent, group.cause());",
            ),
            (
                "let tx = WriteTx { leg, state: TxState::Start, flush: Moment::default() };",
                "let state = if repair { TxState::JournalFlush } else { TxState::Start };\n                let tx = WriteTx { leg, state, flush: Moment::default() };",
            ),
        ],
    },
    Mutant {
        name: "what was rewritten is believed unread",
        rule: "What was rewritten is read again",
        file: SCRUB,
        edits: &[(
            "Ok(data) if *data == rewrite.data => good.insert(*leg),",
            "Ok(_) if true => good.insert(*leg),",
        )],
    },
    Mutant {
        name: "a repair meets reads",
        rule: "no write is undone and no read meets it",
        file: SCRUB,
        edits: &[(
            "self.enter(job.extent, job.mode, Waiter::Scrub(job))",
            "self.enter(job.extent, Mode::Shared, Waiter::Scrub(job))",
        )],
    },
    Mutant {
        name: "unsettled regions are repaired",
        rule: "Nothing is repaired where a region is unsettled",
        file: SCRUB,
        edits: &[(" || self.is_unsettled(job.extent) =>", " =>")],
    },
    Mutant {
        name: "errors of a medium are never forgotten",
        rule: "what a leg has counted is halved every so many seconds",
        file: ERRORS,
        edits: &[("self.count = self.count.checked_shr(halvings).unwrap_or(0);", "")],
    },
    Mutant {
        name: "errors of a medium outlast a person's add",
        rule: "its errors then count anew",
        file: MIRROR,
        edits: &[("self.errors = Errors::default();", "")],
    },
    Mutant {
        name: "a leg that failed for its medium comes back by itself",
        rule: "does not come back by itself",
        file: ERRORS,
        edits: &[("=> MemberState::FailedMedia,", "=> MemberState::Out,")],
    },
    Mutant {
        name: "a check takes no range",
        rule: "there is no false alarm under load",
        file: SCRUB,
        edits: &[(
            "self.enter(job.extent, job.mode, Waiter::Scrub(job))",
            "self.enter(Extent::new(job.extent.start(), Sectors(0)), job.mode, Waiter::Scrub(job))",
        )],
    },
    Mutant {
        name: "a check writes",
        rule: "A check writes nothing",
        file: CHECK,
        edits: &[("let repair = check.repairs && ", "let repair = ")],
    },
    Mutant {
        name: "a repair goes to every leg",
        rule: "go to the legs that failed",
        file: SCRUB,
        edits: &[("rewrite.targets.and(self.in_sync())", "self.in_sync()")],
    },
    Mutant {
        name: "no block is read for itself",
        rule: "each block is read for itself first",
        file: READ,
        edits: &[(
            "Reader::User(ticket) if result.is_err() && ",
            "Reader::User(ticket) if false && ",
        )],
    },
    Mutant {
        name: "a person cannot take back a leg that failed for its medium",
        rule: "Only a person's `add` takes it back",
        file: READMIT,
        edits: &[(
            "assemble::adding(&[Some(&now), Some(member)], id)",
            "assemble::assemble(&[Some(&now), Some(member)], None)",
        )],
    },
    Mutant {
        name: "bad blocks are not rewritten",
        rule: "What a leg could not read is rewritten there",
        file: READ,
        edits: &[("self.want_repair(extent, try_.bad);", "let _ = extent;")],
    },
];
