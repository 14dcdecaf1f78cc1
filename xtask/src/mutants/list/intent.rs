//! Write intent and cleaning: what each leg's map says, and when.

use super::Mutant;

const STEPS_CLEAN: &str = "dm-mirror/src/core/steps/clean.rs";
const STEPS_LEG_OUT: &str = "dm-mirror/src/core/steps/leg_out.rs";
const PARTS_REGION: &str = "dm-mirror/src/core/parts/region.rs";
const STEPS_MAPS: &str = "dm-mirror/src/core/steps/maps.rs";
const PARTS_AHEAD: &str = "dm-mirror/src/core/parts/ahead.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const STEPS_WRITE: &str = "dm-mirror/src/core/steps/write.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "nothing is marked ahead",
        rule: "A writer that goes straight on finds its regions marked",
        file: PARTS_AHEAD,
        edits: &[("if whole < 2 {", "if whole < 2 || self.end.0 > 0 {")],
    },
    Mutant {
        name: "any writer is marked ahead",
        rule: "If each write begins where the one before ended",
        file: PARTS_AHEAD,
        edits: &[("if place.is_none() {", "if place.is_none() && first {")],
    },
    Mutant {
        name: "one writer alone is followed",
        rule: "Four writers may take turns",
        file: PARTS_AHEAD,
        edits: &[("const RUNS: usize = 4;", "const RUNS: usize = 1;")],
    },
    Mutant {
        name: "the run that went on last is forgotten first",
        rule: "Four writers may take turns",
        file: PARTS_AHEAD,
        edits: &[("rotate_right(1);", "rotate_right(0);")],
    },
    Mutant {
        name: "marks ahead are extended by each write",
        rule: "The marks are extended when the writer is half way through them",
        file: PARTS_AHEAD,
        edits: &[("next.saturating_add(ahead / 2)", "next.saturating_add(ahead)")],
    },
    Mutant {
        name: "marks that became clean are taken for marks",
        rule: "What nobody writes to becomes clean",
        file: PARTS_AHEAD,
        edits: &[(
            "            run.marked = 0;\n        }\n        run.ahead",
            "        }\n        run.ahead",
        )],
    },
    Mutant {
        name: "a leg that goes out missed what was only meant",
        rule: "no leg that is out has missed it",
        file: PARTS_REGION,
        edits: &[(
            "filter(|(_, activity)| activity.written);",
            "filter(|(_, activity)| activity.written || activity.in_flight == 0);",
        )],
    },
    Mutant {
        name: "a leg that is out missed what was only meant",
        rule: "no leg that is out has missed it",
        file: PARTS_REGION,
        edits: &[(
            "let miss = if activity.written {",
            "let miss = if activity.written || activity.in_flight == 0 {",
        )],
    },
    Mutant {
        name: "what is marked ahead and then written counts as only meant",
        rule: "no leg that is out has missed it",
        file: PARTS_REGION,
        edits: &[(
            "(activity.written, activity.quiet) = (true, 0);",
            "(activity.written, activity.quiet) = (first, 0);",
        )],
    },
    Mutant {
        name: "what was only marked ahead is doubted after a loss",
        rule: "What nobody writes to becomes clean",
        file: PARTS_REGION,
        edits: &[(
            "let written = self.active.values_mut().filter(|activity| activity.written);",
            "let written = self.active.values_mut();",
        )],
    },
    Mutant {
        name: "the cleaner looks after marks ahead that are unsettled",
        rule: "Only the plain way of a request skips the questions",
        file: PARTS_REGION,
        edits: &[("if self.recorded && !self.is_unsettled(region) {", "if self.recorded {")],
    },
    Mutant {
        name: "beside a leg that is out regions are marked ahead",
        rule: "Beside a leg that is out nothing is marked ahead",
        file: STEPS_WRITE,
        edits: &[(
            "if regions.are_recorded() && unwritten.is_empty() => {",
            "if regions.are_recorded() => {",
        )],
    },
    Mutant {
        name: "what is marked ahead is not recorded ahead",
        rule: "Nobody waits for that record",
        file: STEPS_WRITE,
        edits: &[(
            "        if pages.is_empty() {\n            return Follow::Nothing;",
            "        if pages.len() < 9 {\n            return Follow::Nothing;",
        )],
    },
    Mutant {
        name: "what is dirty already is recorded ahead",
        rule: "the next regions are marked too",
        file: STEPS_WRITE,
        edits: &[("if !regions.is_dirty(region) && pages.last()", "if pages.last()")],
    },
    Mutant {
        name: "data is written before the leg's own intent is durable",
        rule: "Own intent first",
        file: PARTS_JOURNAL,
        edits: &[(
            "            self.stuck = false;\n        }\n        covered",
            "            self.stuck = false;\n        }\n        self.waiting.pop();\n        let _ = covered;\n        true",
        )],
    },
    Mutant {
        name: "data is written before the leg's own intent is flushed",
        rule: "before that leg's own map durably calls the region DIRTY",
        file: STEPS_MAPS,
        edits: &[(
            "self.flush_leg(leg, Who::Map, cause);",
            "let _ = cause;\n                self.map_flushed(leg, Ok(()));",
        )],
    },
    Mutant {
        name: "one leg has no intent",
        rule: "No data is written to a leg, by a user or by a copy, before that leg's own map",
        file: STEPS_WRITE,
        edits: &[("            if record.admits(", "            if leg == 1 || record.admits(")],
    },
    Mutant {
        name: "a write goes on waiting for the map of a leg that is out",
        rule: "A leg that is out gets no page",
        file: STEPS_MAPS,
        edits: &[(
            "            followed |= match self.legs[leg].is_out() {",
            "            followed |= match false {",
        )],
    },
    Mutant {
        name: "a copy has no intent",
        rule: "by a user or by a copy",
        file: STEPS_WRITE,
        edits: &[
            (
                "        let group = request.group();\n        let mut ready",
                "        let copy = request.origin == Origin::Copy;\n        let group = request.group();\n        let mut ready",
            ),
            ("            if record.admits(", "            if copy || record.admits("),
        ],
    },
    Mutant {
        name: "a clean record on its way is not looked at",
        rule: "A record on its way counts too",
        file: PARTS_JOURNAL,
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
        file: PARTS_JOURNAL,
        edits: &[("*durable &= *marks;", "*durable |= *marks;")],
    },
    Mutant {
        name: "what waited for a record that failed is written",
        rule: "before that leg's own map durably calls the region DIRTY",
        file: STEPS_MAPS,
        edits: &[(
            "        self.fail_waiting(leg, failed, error);",
            "        failed.into_iter().for_each(|Waiting { req, .. }| self.admitted(req, leg));",
        )],
    },
    Mutant {
        name: "a leg that cannot write its map stays",
        rule: "A failed leg is out at once",
        file: STEPS_MAPS,
        edits: &[(
            "        self.fail_leg(leg, Failure::Metadata(error.kind));\n        self.fail_waiting",
            "        let _ = Failure::Absent;\n        self.fail_waiting",
        )],
    },
    Mutant {
        name: "each write has a flush of its own",
        rule: "One flush serves all that wait",
        file: PARTS_JOURNAL,
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
        file: PARTS_JOURNAL,
        edits: &[("place.slot = (place.slot + 1) % SLOTS;", "")],
    },
    Mutant {
        name: "two pages have the same number",
        rule: "counted, and falls back to the one before",
        file: PARTS_JOURNAL,
        edits: &[(
            "self.pages[number as usize].seq += 1;",
            "self.pages[number as usize].seq = self.pages[number as usize].seq.max(2);",
        )],
    },
    Mutant {
        name: "no record says who missed a write",
        rule: "and says who missed what there",
        file: PARTS_REGION,
        edits: &[("unwritten.iter().for_each(|leg| self.miss(leg, region));", "")],
    },
    Mutant {
        name: "a clean record does not say who missed what",
        rule: "also marks it missed for each leg that lacks it",
        file: PARTS_REGION,
        edits: &[
            ("miss.iter().for_each(|leg| self.miss(leg, region));", "let _ = miss;"),
            ("unwritten.iter().for_each(|leg| self.miss(leg, region));", "let _ = unwritten;"),
        ],
    },
    Mutant {
        name: "where legs may differ, one that goes out has missed nothing",
        rule: "also marks it missed for each leg that lacks it",
        file: STEPS_LEG_OUT,
        edits: &[("regions.exclude(leg);", "")],
    },
    Mutant {
        name: "regions become clean without a flush",
        rule: "A region becomes clean",
        file: PARTS_REGION,
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
        file: PARTS_REGION,
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
        file: PARTS_REGION,
        edits: &[
            ("has.iter().all(|leg| flushed", "flushed.in_sync.iter().all(|leg| flushed"),
            ("let has = flushed.in_sync.or(flushed.rebuilding);", "let has = flushed.in_sync;"),
        ],
    },
    Mutant {
        name: "a flush covers what ended while it was on its way",
        rule: "by a flush issued after the last write",
        file: STEPS_WRITE,
        edits: &[(
            "            self.legs[leg].flushed_since(when);",
            "            let now = self.tick().max(when);\n            self.legs[leg].flushed_since(now);",
        )],
    },
    Mutant {
        name: "a region becomes clean under a write in flight",
        rule: "only if nothing is in flight there",
        file: PARTS_REGION,
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
        file: STEPS_CLEAN,
        edits: &[
            ("let busy = self.pending() || self", "let busy = self"),
            ("        if self.pending() {", "        if false {"),
        ],
    },
    Mutant {
        name: "an unsettled region becomes clean",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: PARTS_REGION,
        edits: &[
            ("&& !self.unsettled.contains(region.0 as usize);", ";"),
            ("&& !self.is_unsettled(region);", ";"),
        ],
    },
    Mutant {
        name: "what a failed write left on the last leg becomes clean",
        rule: "If a write failed on a leg that stayed, no flush covers what it left there",
        file: STEPS_WRITE,
        edits: &[("regions.doubt(extent);", "let _ = regions;")],
    },
    Mutant {
        name: "what a failed flush left on the last leg becomes clean",
        rule: "such a region stays DIRTY until the next start",
        file: PARTS_REGION,
        edits: &[(
            "doubtful = true);\n        for leg in",
            "doubtful = false);\n        for leg in",
        )],
    },
];
