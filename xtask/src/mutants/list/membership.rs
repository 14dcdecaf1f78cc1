//! Exclusions: durable on every leg in sync before anything is acknowledged.

use super::Mutant;

const SUPER_COMMITS: &str = "dm-mirror/src/membership/commits.rs";
const MAP_COMMITS: &str = "dm-mirror/src/journal/commits.rs";
const CACHE_LOSS: &str = "dm-mirror/src/cache_loss.rs";
const MEMBERSHIP: &str = "dm-mirror/src/membership.rs";
const NEWCOMER: &str = "dm-mirror/src/newcomer.rs";
const READ: &str = "dm-mirror/src/read.rs";
const REGION: &str = "dm-mirror/src/region.rs";
const SETTLE: &str = "dm-mirror/src/settle.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "writes are acknowledged while an exclusion is not durable",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: SUPER_COMMITS,
        edits: &[(
            "!self.in_sync().iter().all(|leg| membership.holds(leg))",
            "{ let _ = membership; false }",
        )],
    },
    Mutant {
        name: "an exclusion is durable once one survivor has it",
        rule: "durable on every leg in sync",
        file: SUPER_COMMITS,
        edits: &[(
            "!self.in_sync().iter().all(|leg| membership.holds(leg))",
            "!self.in_sync().iter().any(|leg| membership.holds(leg))",
        )],
    },
    Mutant {
        name: "a flush is acknowledged while an exclusion is not durable",
        rule: "and also a FLUSH that no leg failed",
        file: SETTLE,
        edits: &[("if self.pending()\n", "if self.pending() && ended.ticket.is_some()\n")],
    },
    Mutant {
        name: "a write that no leg failed is acknowledged while an exclusion is not durable",
        rule: "whichever request saw it",
        file: SETTLE,
        edits: &[
            ("state.finish(ended)", "state.finish(ended, failed.is_empty())"),
            ("ended: Ended) -> Option<Ended> {", "ended: Ended, well: bool) -> Option<Ended> {"),
            ("if self.pending()\n", "if self.pending() && !well\n"),
        ],
    },
    Mutant {
        name: "a superblock is not flushed",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: SUPER_COMMITS,
        edits: &[(
            "self.flush_leg(leg, Bio::new(Buf::flush(), io, leg as u64), cause);",
            "let _ = (io, cause);\n        self.superblock_done(leg, Ok(()));",
        )],
    },
    Mutant {
        name: "a survivor that cannot write its superblock stays",
        rule: "A failed leg is out at once",
        file: SUPER_COMMITS,
        edits: &[(
            "            for &(leg, error) in failed {",
            "            for &(leg, error) in failed.iter().take(0) {",
        )],
    },
    Mutant {
        name: "writes wait for ever if the last leg cannot write its superblock",
        rule: "nothing hangs",
        file: SUPER_COMMITS,
        edits: &[(
            "(Some(error), Some(over)) => self.not_committed(error, over),",
            "(Some(_), Some(_)) => {}",
        )],
    },
    Mutant {
        name: "writes succeed though the last leg cannot write its superblock",
        rule: "If the last leg cannot write its superblock, writes and flushes fail until it can",
        file: SUPER_COMMITS,
        edits: &[("ended.result = ended.result.and(Err(error));", "let _ = &mut ended;")],
    },
    Mutant {
        name: "an exclusion has no generation of its own",
        rule: "a new one is minted at every exclusion",
        file: MEMBERSHIP,
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
        file: MEMBERSHIP,
        edits: &[("remember(&mut wanted.history, wanted.generation);", "")],
    },
    Mutant {
        name: "the newest generation goes when the history is full",
        rule: "The one before goes to the front of the history",
        file: MEMBERSHIP,
        edits: &[("history.pop();", "history.remove(0);")],
    },
    Mutant {
        name: "what generation an excluded member had is not recorded",
        rule: "or as the base of that very member",
        file: MEMBERSHIP,
        edits: &[("entry.base = generation;", "let _ = generation;")],
    },
    Mutant {
        name: "how far a member was seen is not recorded",
        rule: "A member that shows less than others saw of it",
        file: MEMBERSHIP,
        edits: &[(
            "let seq = disk.seq;
                self.saw(member, seq);",
            "let _ = member;",
        )],
    },
    Mutant {
        name: "a snapshot goes on from the number that it shows",
        rule: "A superblock that is written on it later has a larger number than any that was seen",
        file: MEMBERSHIP,
        edits: &[("let seq = seq.max(seen);", "let _ = seen;")],
    },
    Mutant {
        name: "the slot of the durable superblock is overwritten",
        rule: "counted, and falls back to the one before",
        file: MEMBERSHIP,
        edits: &[("disk.slot = (disk.slot + 1) % SLOTS;", "")],
    },
    Mutant {
        name: "superblocks have no larger number than the one before",
        rule: "A superblock that is written on it later has a larger number",
        file: MEMBERSHIP,
        edits: &[("disk.seq += 1;", "")],
    },
    Mutant {
        name: "a leg that lost its cache stays",
        rule: "A leg whose device lost its cache",
        file: CACHE_LOSS,
        edits: &[("_ if resets > record.resets =>", "_ if resets < record.resets =>")],
    },
    Mutant {
        name: "a superblock counts though its leg lost it before the flush",
        rule: "only if the leg kept its cache",
        file: SUPER_COMMITS,
        edits: &[("result.and(record.kept(*since))", "{ let _ = since; result }")],
    },
    Mutant {
        name: "a page of the map counts though its leg lost it before the flush",
        rule: "only if the leg kept its cache",
        file: MAP_COMMITS,
        edits: &[(
            "result.and(state.legs[leg].kept_map())",
            "{ let _ = state.legs[leg].kept_map(); result }",
        )],
    },
    Mutant {
        name: "a wipe counts though its leg lost it before the flush",
        rule: "only if the leg kept its cache",
        file: NEWCOMER,
        edits: &[("result.and(state.legs[leg].kept(since))", "{ let _ = since; result }")],
    },
    Mutant {
        name: "a write counts though its leg lost it before all had reported",
        rule: "of a user's write, until all legs have reported",
        file: SETTLE,
        edits: &[(
            "Origin::User(_) => state.kept_since(reached, began),",
            "Origin::User(_) => reached,",
        )],
    },
    Mutant {
        name: "one flush of several tells that the last leg lost its cache",
        rule: "every FLUSH fails, those on their way",
        file: CACHE_LOSS,
        edits: &[(
            "self.untold = self.untold.min(now);",
            "self.untold = { let _ = now; Moment::default() };",
        )],
    },
    Mutant {
        name: "a flush that began before a loss was noticed tells of it",
        rule: "until the end of one is heard that began after that moment",
        file: CACHE_LOSS,
        edits: &[("if began > self.noticed {", "if began > Moment::default() {")],
    },
    Mutant {
        name: "a flush has told of a loss before its end is heard",
        rule: "until the end of one is heard that began after that moment",
        file: CACHE_LOSS,
        edits: &[("told(began, now);", "told(began, { let _ = now; began });")],
    },
    Mutant {
        name: "a flush that failed has lost nothing",
        rule: "A flush that failed there may have lost it too",
        file: CACHE_LOSS,
        edits: &[(
            "Err(error) if cmd == BufCmd::Flush =>",
            "Err(error) if cmd == BufCmd::FreeBlks =>",
        )],
    },
    Mutant {
        name: "a read is answered by a leg that went out meanwhile",
        rule: "nothing is read from it or written to it",
        file: READ,
        edits: &[("if result.is_ok() && !self", "if false && !self")],
    },
    Mutant {
        name: "the last leg hides that it lost its cache",
        rule: "A leg whose device lost its cache",
        file: CACHE_LOSS,
        edits: &[(
            "Loss { noticed: now, untold: Moment::FOREVER }",
            "Loss { noticed: now, untold: now }",
        )],
    },
    Mutant {
        name: "what the last leg lost with its cache is not copied again",
        rule: "What a failed write left on a leg being rebuilt is copied again",
        file: CACHE_LOSS,
        edits: &[(
            "regions.doubt_all(rebuilding);",
            "{ let _ = rebuilding; regions.doubt_all(LegSet::EMPTY); }",
        )],
    },
    Mutant {
        name: "under core, only what is recorded is copied again after a loss",
        rule: "what no record bounds is copied again from the start",
        file: REGION,
        edits: &[("self.all().for_each(|region| self.miss(leg, region)),", "{}")],
    },
    Mutant {
        name: "a leg is taken back while a page of its map is on its way",
        rule: "a leg that owes requests is not taken back",
        file: NEWCOMER,
        edits: &[("is_none_or(Journal::is_settled)", "is_none_or(|_| true)")],
    },
    Mutant {
        name: "a leg is taken back while a superblock is on its way to it",
        rule: "a leg that owes requests is not taken back",
        file: NEWCOMER,
        edits: &[("membership.awaits(leg)", "membership.awaits(leg) && false")],
    },
    Mutant {
        name: "a leg is taken back before the commit that failed there is over",
        rule: "a leg that owes requests is not taken back",
        file: MEMBERSHIP,
        edits: &[("|| failed(commit))", "|| failed(commit) && false)")],
    },
    Mutant {
        name: "what was parked before the last leg lost it is acknowledged",
        rule: "Writes on their way when a loss is noticed fail as well",
        file: CACHE_LOSS,
        edits: &[("user.result = user.result.and(LOST);", "let _ = user;")],
    },
];
