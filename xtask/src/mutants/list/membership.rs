//! Exclusions: durable on every leg in sync before anything is acknowledged.

use super::Mutant;

const STEPS_MAPS: &str = "dm-mirror/src/core/steps/maps.rs";
const STEPS_NEWCOMER: &str = "dm-mirror/src/core/steps/newcomer.rs";
const PARTS_REGION: &str = "dm-mirror/src/core/parts/region.rs";
const STEPS_READ: &str = "dm-mirror/src/core/steps/read.rs";
const PARTS_LOSS: &str = "dm-mirror/src/core/parts/loss.rs";
const STEPS_LOSS: &str = "dm-mirror/src/core/steps/loss.rs";
const PARTS_COMMIT: &str = "dm-mirror/src/core/parts/commit.rs";
const PARTS_MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const STEPS_WRITE: &str = "dm-mirror/src/core/steps/write.rs";
const STEPS_START: &str = "dm-mirror/src/core/steps/start.rs";
const STEPS_SUPERBLOCKS: &str = "dm-mirror/src/core/steps/superblocks.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "writes are acknowledged while an exclusion is not durable",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: STEPS_SUPERBLOCKS,
        edits: &[(
            "!self.in_sync().iter().all(|leg| membership.holds(leg))",
            "{ let _ = membership; false }",
        )],
    },
    Mutant {
        name: "an exclusion is durable once one survivor has it",
        rule: "durable on every leg in sync",
        file: STEPS_SUPERBLOCKS,
        edits: &[(
            "!self.in_sync().iter().all(|leg| membership.holds(leg))",
            "!self.in_sync().iter().any(|leg| membership.holds(leg))",
        )],
    },
    Mutant {
        name: "a flush is acknowledged while an exclusion is not durable",
        rule: "That includes a FLUSH that no leg failed",
        file: STEPS_WRITE,
        edits: &[("if self.pending()\n", "if self.pending() && cmd != BufCmd::Flush\n")],
    },
    Mutant {
        name: "a write that no leg failed is acknowledged while an exclusion is not durable",
        rule: "whichever request saw it",
        file: STEPS_WRITE,
        edits: &[(
            "        if self.pending()\n",
            "        if self.pending()\n            && !failed.is_empty()\n",
        )],
    },
    Mutant {
        name: "a superblock is not flushed",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: STEPS_SUPERBLOCKS,
        edits: &[(
            "        self.flush_leg(leg, Who::Superblock, self.superblocks_cause());",
            "        self.superblock_done(leg, Ok(()));",
        )],
    },
    Mutant {
        name: "a survivor that cannot write its superblock stays",
        rule: "A failed leg is out at once",
        file: STEPS_SUPERBLOCKS,
        edits: &[(
            "for &(leg, error) in failed {\n            if !self",
            "for &(leg, error) in failed.iter().take(0) {\n            if !self",
        )],
    },
    Mutant {
        name: "writes wait for ever if the last leg cannot write its superblock",
        rule: "nothing hangs",
        file: STEPS_SUPERBLOCKS,
        edits: &[(
            "let parked = mem::take(&mut membership.parked);",
            "let parked: Vec<super::super::parts::requests::Req> = Vec::new();",
        )],
    },
    Mutant {
        name: "writes succeed though the last leg cannot write its superblock",
        rule: "If the last leg cannot write its superblock, writes and flushes fail until it can",
        file: STEPS_SUPERBLOCKS,
        edits: &[("group.result = group.result.and(Err(error));", "let _ = &group;")],
    },
    Mutant {
        name: "an exclusion has no generation of its own",
        rule: "a new one is minted at every exclusion",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            "entry.state = state;
        }
        self.mint(by);",
            "entry.state = state;
        }
        let _ = by;
        self.change(|_| {});",
        )],
    },
    Mutant {
        name: "the generation before is not remembered",
        rule: "The one before goes to the front of the history",
        file: PARTS_MEMBERSHIP,
        edits: &[("remember(&mut wanted.history, wanted.generation);", "")],
    },
    Mutant {
        name: "the newest generation goes when the history is full",
        rule: "The one before goes to the front of the history",
        file: PARTS_MEMBERSHIP,
        edits: &[("history.pop();", "history.remove(0);")],
    },
    Mutant {
        name: "what generation an excluded member had is not recorded",
        rule: "or as the base of that very member",
        file: PARTS_MEMBERSHIP,
        edits: &[("entry.base = generation;", "let _ = generation;")],
    },
    Mutant {
        name: "how far a member was seen is not recorded",
        rule: "A member that shows less than others saw of it",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            "let seq = disk.seq;
                self.saw(member, seq);",
            "let _ = member;",
        )],
    },
    Mutant {
        name: "a snapshot goes on from the number that it shows",
        rule: "A superblock that is written on it later has a larger number than any that was seen",
        file: PARTS_MEMBERSHIP,
        edits: &[("let seq = seq.max(seen);", "let _ = seen;")],
    },
    Mutant {
        name: "the slot of the durable superblock is overwritten",
        rule: "counted, and falls back to the one before",
        file: PARTS_MEMBERSHIP,
        edits: &[("disk.slot = (disk.slot + 1) % SLOTS;", "")],
    },
    Mutant {
        name: "superblocks have no larger number than the one before",
        rule: "A superblock that is written on it later has a larger number",
        file: PARTS_MEMBERSHIP,
        edits: &[("self.seq += 1;", "")],
    },
    Mutant {
        name: "a leg that lost its cache stays",
        rule: "A leg whose device lost its cache",
        file: STEPS_LOSS,
        edits: &[("_ if resets > record.resets =>", "_ if resets < record.resets =>")],
    },
    Mutant {
        name: "a superblock counts though its leg lost it before the flush",
        rule: "only if the leg kept its cache",
        file: STEPS_SUPERBLOCKS,
        edits: &[("result.and(self.legs[leg].kept(membership.since()))", "result")],
    },
    Mutant {
        name: "a page of the map counts though its leg lost it before the flush",
        rule: "only if the leg kept its cache",
        file: STEPS_MAPS,
        edits: &[(
            "result.and(record.kept(journal.since()))",
            "{\n            let _ = journal;\n            result\n        }",
        )],
    },
    Mutant {
        name: "a write counts though its leg lost it before all had reported",
        rule: "for a user's write, the moment when all legs have reported",
        file: STEPS_WRITE,
        edits: &[("self.legs.kept_since(reached, began),", "reached,")],
    },
    Mutant {
        name: "one flush of several tells that the last leg lost its cache",
        rule: "every FLUSH fails, also those on their way",
        file: PARTS_LOSS,
        edits: &[(
            "self.untold = self.untold.min(now);",
            "self.untold = { let _ = now; Moment::default() };",
        )],
    },
    Mutant {
        name: "a flush that began before a loss was noticed tells of it",
        rule: "until the user has heard of one that began after that moment",
        file: PARTS_LOSS,
        edits: &[("if began > self.noticed {", "if began > Moment::default() {")],
    },
    Mutant {
        name: "a flush has told of a loss before its end is heard",
        rule: "until the user has heard of one that began after that moment",
        file: STEPS_WRITE,
        edits: &[("told(began, now);", "told(began, { let _ = now; began });")],
    },
    Mutant {
        name: "a flush that failed has lost nothing",
        rule: "A flush that failed on that leg may have lost the write too",
        file: STEPS_LOSS,
        edits: &[(
            "Err(error) if cmd == BufCmd::Flush =>",
            "Err(error) if cmd == BufCmd::FreeBlks =>",
        )],
    },
    Mutant {
        name: "a read is answered by a leg that went out meanwhile",
        rule: "nothing is read from it or written to it",
        file: STEPS_READ,
        edits: &[("if result.is_ok() && !self", "if false && !self")],
    },
    Mutant {
        name: "the last leg hides that it lost its cache",
        rule: "A leg whose device lost its cache",
        file: PARTS_LOSS,
        edits: &[(
            "Loss { noticed: now, untold: Moment::FOREVER }",
            "Loss { noticed: now, untold: now }",
        )],
    },
    Mutant {
        name: "the last leg loses its cache, and a promotion from it goes on",
        rule: "a leg is promoted only if its source kept its cache",
        file: STEPS_LOSS,
        edits: &[("for leg in promoted.iter() {", "for leg in promoted.iter().take(0) {")],
    },
    Mutant {
        name: "the last leg loses its cache, and only copies that are parked fail",
        rule: "what waits for a superblock when a loss is noticed fails",
        file: STEPS_LOSS,
        edits: &[("requests[req].origin == Origin::User", "requests[req].origin != Origin::User")],
    },
    Mutant {
        name: "the last leg loses its cache, and copies on their way count",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: STEPS_LOSS,
        edits: &[("self.writable().iter().for_each(|leg| self.resync.forget(leg, |_| true));", "")],
    },
    Mutant {
        name: "an older count of resets is a loss",
        rule: "A report that was overtaken tells of no loss",
        file: STEPS_LOSS,
        edits: &[
            ("report.resets <= record.resets {", "report.resets == record.resets {"),
            ("_ if resets > record.resets =>", "_ if resets != record.resets =>"),
        ],
    },
    Mutant {
        name: "what the last leg lost with its cache is not copied again",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: STEPS_LOSS,
        edits: &[(
            "regions.doubt_all(rebuilding);",
            "{ let _ = rebuilding; regions.doubt_all(crate::core::parts::leg::LegSet::EMPTY); }",
        )],
    },
    Mutant {
        name: "under core, only what is recorded is copied again after a loss",
        rule: "what no record bounds is copied again from the start",
        file: PARTS_REGION,
        edits: &[("self.all().for_each(|region| self.miss(leg, region)),", "{}")],
    },
    Mutant {
        name: "a leg is taken back while a superblock is on its way to it",
        rule: "a leg that owes requests is not taken back",
        file: STEPS_NEWCOMER,
        edits: &[("membership.awaits(leg)", "membership.awaits(leg) && false")],
    },
    Mutant {
        name: "a leg is taken back before the commit that failed there is over",
        rule: "a leg that owes requests is not taken back",
        file: PARTS_COMMIT,
        edits: &[(" || self.failed.iter()", " || false && self.failed.iter()")],
    },
    Mutant {
        name: "what was parked before the last leg lost it is acknowledged",
        rule: "Writes on their way when a loss is noticed fail as well",
        file: STEPS_LOSS,
        edits: &[("group.result = group.result.and(LOST);", "let _ = &group;")],
    },
    Mutant {
        name: "a session begins before those that lost are told",
        rule: "A member that lost is told before a session begins",
        file: STEPS_SUPERBLOCKS,
        edits: &[("            && membership.rivals().is_empty()\n", "")],
    },
    Mutant {
        name: "those that lost an election are not told",
        rule: "A member that lost is told before a session begins",
        file: STEPS_START,
        edits: &[(
            "                membership.look_for_rival(leg, &found.superblock, &leading);\n",
            "",
        )],
    },
    Mutant {
        name: "a half that lost is told what it was",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            ".expect(\"a member knows itself\").state = MemberState::Out;",
            ".expect(\"a member knows itself\").state = MemberState::InSync;",
        )],
    },
    Mutant {
        name: "a half that lost and was taken out by hand is not told",
        rule: "A member that lost is told before a session begins",
        file: STEPS_START,
        edits: &[(
            "(Role::Return { device: leg, .. } | Role::KeptOut { device: leg, .. }) =\n                *plan",
            "Role::Return { device: leg, .. } =\n                *plan",
        )],
    },
    Mutant {
        name: "everybody waits for a half that cannot be told",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[("if self.rivals[leg].take().is_some() {", "if self.rivals[leg].is_some() {")],
    },
    Mutant {
        name: "nobody hears of a half that cannot be told",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[("                    self.untold.insert(leg);\n", "")],
    },
    Mutant {
        name: "the map of a half that was told is good",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[(".max(found.incarnation + 1);", ".min(found.incarnation);")],
    },
    Mutant {
        name: "who is called in sync by a half that lost may be any leg",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[("!in_sync.iter().all(calls_in_sync)", "!in_sync.iter().any(calls_in_sync)")],
    },
    Mutant {
        name: "a half that lost is told over what is left of a torn superblock",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[("let found = self.restore(self.rivals());", "let found = Vec::new();")],
    },
    Mutant {
        name: "a leg that fails before it has a superblock of the session has a base",
        rule: "A member that lost is told before a session begins",
        file: PARTS_MEMBERSHIP,
        edits: &[("            if version > 0 {\n", "            if version < u64::MAX {\n")],
    },
];
