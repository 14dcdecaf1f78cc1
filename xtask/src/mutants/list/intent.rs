//! Write intent and cleaning: what each leg's map says, and when.

use super::Mutant;

const MAP_COMMITS: &str = "dm-mirror/src/journal/commits.rs";
const CLEAN: &str = "dm-mirror/src/clean.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const MIRROR: &str = "dm-mirror/src/mirror.rs";
const REGION: &str = "dm-mirror/src/region.rs";
const SETTLE: &str = "dm-mirror/src/settle.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "data is written before the leg's own intent is durable",
        rule: "Own intent first",
        file: MAP_COMMITS,
        edits: &[("journal.waiting.push(waiting);\n        None", "Some(waiting)")],
    },
    Mutant {
        name: "data is written before the leg's own intent is flushed",
        rule: "before that leg's own map durably calls the region DIRTY",
        file: MAP_COMMITS,
        edits: &[(
            "self.flush_leg(leg, Bio::new(Buf::flush(), io, leg as u64), cause);",
            "let _ = (io, cause);
        self.map_flushed(leg, Ok(()));",
        )],
    },
    Mutant {
        name: "one leg has no intent",
        rule: "No data is written to a leg, by a user or by a copy, before that leg's own map",
        file: MAP_COMMITS,
        edits: &[("if touched.all(", "if leg == 1 || touched.all(")],
    },
    Mutant {
        name: "a copy has no intent",
        rule: "by a user or by a copy",
        file: WRITE,
        edits: &[(
            "            TxState::Start => {\n",
            "            TxState::Start if self.cause == Cause::Copy => TxState::DataWrite,
            TxState::Start => {\n",
        )],
    },
    Mutant {
        name: "a clean record on its way is not looked at",
        rule: "A record on its way counts too",
        file: JOURNAL,
        edits: &[(
            "let wanted = regions.marks(region);
        self.durable[region.0 as usize].contains(wanted)
            && self.in_flight(region).is_none_or(|marks| marks.contains(wanted))",
            "let wanted = regions.marks(region);
        self.durable[region.0 as usize].contains(wanted)",
        )],
    },
    Mutant {
        name: "a record that failed counts as durable",
        rule: "A record on its way counts too",
        file: JOURNAL,
        edits: &[("*durable &= *marks;", "*durable |= *marks;")],
    },
    Mutant {
        name: "what waited for a record that failed is written",
        rule: "before that leg's own map durably calls the region DIRTY",
        file: MAP_COMMITS,
        edits: &[(
            "for Waiting { bio, .. } in failed {
            bio.biodone(Err(error));",
            "for Waiting { bio, group, tx } in failed {
            group.advance(tx, bio);",
        )],
    },
    Mutant {
        name: "a leg that cannot write its map stays",
        rule: "A failed leg is out at once",
        file: MAP_COMMITS,
        edits: &[(
            "        self.fail_leg(leg, Failure::Metadata(error.kind));\n        for Waiting",
            "        let _ = Failure::Absent;\n        for Waiting",
        )],
    },
    Mutant {
        name: "each write has a flush of its own",
        rule: "One flush serves all that wait",
        file: JOURNAL,
        edits: &[(
            "self.waiting = stay;\n        go",
            "self.waiting = stay;
        let mut go: Vec<Waiting> = go;
        self.waiting.extend(go.split_off(go.len().min(1)));
        go",
        )],
    },
    Mutant {
        name: "the slot of the durable page is overwritten",
        rule: "counted, and falls back to the one before",
        file: JOURNAL,
        edits: &[("place.slot = (place.slot + 1) % SLOTS;", "")],
    },
    Mutant {
        name: "two pages have the same number",
        rule: "counted, and falls back to the one before",
        file: JOURNAL,
        edits: &[(
            "self.pages[number as usize].seq += 1;",
            "self.pages[number as usize].seq = self.pages[number as usize].seq.max(2);",
        )],
    },
    Mutant {
        name: "no record says who missed a write",
        rule: "and says who missed what there",
        file: REGION,
        edits: &[("unwritten.iter().for_each(|leg| self.miss(leg, region));", "")],
    },
    Mutant {
        name: "a clean record does not say who missed what",
        rule: "the same record marks it missed for every other leg",
        file: REGION,
        edits: &[
            ("others.iter().for_each(|leg| self.miss(leg, region));", "let _ = others;"),
            ("unwritten.iter().for_each(|leg| self.miss(leg, region));", "let _ = unwritten;"),
        ],
    },
    Mutant {
        name: "where legs may differ, one that goes out has missed nothing",
        rule: "the same record marks it missed for every other leg",
        file: MIRROR,
        edits: &[("regions.exclude(leg);", "")],
    },
    Mutant {
        name: "regions become clean without a flush",
        rule: "A region becomes clean",
        file: REGION,
        edits: &[
            (
                "let durable = has.iter().all(|leg| flushed.when[leg] > activity.last_done);",
                "let durable = true;",
            ),
            (".filter(|&leg| flushed.when[leg] <= activity.last_done)", ".filter(|_| false)"),
        ],
    },
    Mutant {
        name: "regions become clean once one leg was flushed",
        rule: "every leg that has it was flushed",
        file: REGION,
        edits: &[
            ("has.iter().all(|leg| flushed", "has.iter().any(|leg| flushed"),
            (
                "if quiet && (activity.quiet > 0 || now) {",
                "let flushed_since = |leg| flushed.when[leg] > activity.last_done;
            let one = flushed.in_sync.iter().any(flushed_since);
            if quiet && (activity.quiet > 0 || now) {",
            ),
            (".filter(|&leg| flushed.when[leg] <= activity.last_done)", ".filter(|_| !one)"),
        ],
    },
    Mutant {
        name: "a leg being rebuilt needs no flush before a region becomes clean",
        rule: "every leg that has it was flushed",
        file: REGION,
        edits: &[
            ("has.iter().all(|leg| flushed", "flushed.in_sync.iter().all(|leg| flushed"),
            ("let has = flushed.in_sync.or(flushed.rebuilding);", "let has = flushed.in_sync;"),
        ],
    },
    Mutant {
        name: "a flush covers what ended while it was on its way",
        rule: "by a flush issued after the last write",
        file: WRITE,
        edits: &[(
            "self.mirror.state.lock().legs[tx.leg].flushed_since(tx.flush);",
            "let now = self.mirror.state.lock().tick();
            self.mirror.state.lock().legs[tx.leg].flushed_since(now);",
        )],
    },
    Mutant {
        name: "a region becomes clean under a write in flight",
        rule: "only if nothing is in flight there",
        file: REGION,
        edits: &[
            (
                "activity.in_flight == 0\n                && !activity.doubtful",
                "!activity.doubtful",
            ),
            ("activity.in_flight == 0\n                && activity.quiet", "activity.quiet"),
        ],
    },
    Mutant {
        name: "regions become clean while an exclusion is not durable",
        rule: "no exclusion is pending",
        file: CLEAN,
        edits: &[
            ("let busy = state.pending() || state", "let busy = state"),
            ("if state.pending() {", "if false {"),
        ],
    },
    Mutant {
        name: "an unsettled region becomes clean",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: REGION,
        edits: &[
            ("&& !self.unsettled.contains(region.0 as usize);", ";"),
            ("&& !self.is_unsettled(region);", ";"),
        ],
    },
    Mutant {
        name: "what a failed write left on the last leg becomes clean",
        rule: "A write that failed on a leg that stayed left there what no flush covers",
        file: SETTLE,
        edits: &[("regions.doubt(extent);", "let _ = regions;")],
    },
    Mutant {
        name: "what a failed flush left on the last leg becomes clean",
        rule: "such a region stays DIRTY until the next start",
        file: REGION,
        edits: &[(
            "doubtful = true);\n        for leg in",
            "doubtful = false);\n        for leg in",
        )],
    },
];
