//! A start: what is read, what is answered, and when.

use super::Mutant;

const STEPS_READ: &str = "dm-mirror/src/core/steps/read.rs";
const STEPS_SEARCH: &str = "dm-mirror/src/core/steps/search.rs";
const PARTS_MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const FORMAT_READ: &str = "dm-mirror/src/disk/format/read.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const IO_SEARCH: &str = "dm-mirror/src/io/search.rs";
const STEPS_LEG_OUT: &str = "dm-mirror/src/core/steps/leg_out.rs";
const STEPS_RESYNC: &str = "dm-mirror/src/core/steps/resync.rs";
const STEPS_START: &str = "dm-mirror/src/core/steps/start.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a start goes by what may be in a cache",
        rule: "A leg is flushed before it is read",
        file: STEPS_SEARCH,
        edits: &[(
            "            self.flush_leg(leg, Who::Search, Cause::Super);",
            "            self.act(super::super::event::Action::Search { leg, durable: true });",
        )],
    },
    Mutant {
        name: "unsettled regions are read",
        rule: "An unsettled region answers no read",
        file: STEPS_READ,
        edits: &[(
            "        if !self.is_unsettled(extent) {",
            "        if true || !self.is_unsettled(extent) {",
        )],
    },
    Mutant {
        name: "regions that were dirty at the start are taken for equal",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: STEPS_START,
        edits: &[("regions.unsettle(region);", "")],
    },
    Mutant {
        name: "only one leg's map says what is dirty",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: STEPS_START,
        edits: &[("sources.iter().map(marks)", "sources.iter().take(1).map(marks)")],
    },
    Mutant {
        name: "a dirty region is not copied",
        rule: "it is copied from any leg in sync to the others",
        file: STEPS_RESYNC,
        edits: &[("in_sync.or(missed),", "missed,")],
    },
    Mutant {
        name: "copied regions count before they are flushed",
        rule: "A region counts as copied only after a flush",
        file: STEPS_RESYNC,
        edits: &[(
            "Step::Flush(legs) => self.start_own_flush(FlushFor::Copied, legs, Cause::Copy),",
            "Step::Flush(legs) => self.copies_flushed(legs, None),",
        )],
    },
    Mutant {
        name: "a region is settled though a leg in sync was not flushed",
        rule: "all are flushed, and only then is it read",
        file: STEPS_RESYNC,
        edits: &[("let settled = in_sync.without(flushed).is_empty();", "let settled = true;")],
    },
    Mutant {
        name: "a region is settled while an exclusion is not durable",
        rule: "An unsettled region answers no read",
        file: STEPS_RESYNC,
        edits: &[
            ("if self.pending() {", "if false {"),
            ("!self.resync.copied.is_empty() && !self.pending()", "!self.resync.copied.is_empty()"),
        ],
    },
    Mutant {
        name: "a region counts once its first chunk is copied",
        rule: "A region counts as copied only after a flush issued behind its last chunk",
        file: STEPS_RESYNC,
        edits: &[("if Some(current.next) == end {", "if end.is_some() {")],
    },
    Mutant {
        name: "a read does not hurry its region",
        rule: "A read that waits moves its regions to the front",
        file: STEPS_RESYNC,
        edits: &[("wanted.or_else(|| self.next_region())", "self.next_region()")],
    },
    Mutant {
        name: "what was copied to a leg before it went out counts",
        rule: "What was copied to a leg before it went out counts for nothing",
        file: STEPS_LEG_OUT,
        edits: &[("self.resync.forget(leg, |_| true);", "")],
    },
    Mutant {
        name: "the other slot stands in for a superblock that cannot be read",
        rule: "such a superblock leaves its member in doubt",
        file: IO_SEARCH,
        edits: &[(
            "_ if progress.slots.len() < SLOTS => Vec::new(),",
            "_ if progress.slots.len() < SLOTS => crate::format::wiped().to_vec(),",
        )],
    },
    Mutant {
        name: "the other slot stands in for a page that cannot be read",
        rule: "Such a page is bad",
        file: IO_SEARCH,
        edits: &[("member.pages[*page as usize] = None", "_ = (page, &mut member)")],
    },
    Mutant {
        name: "what a slot hides that cannot be read may have a larger number",
        rule: "It may hold the newest record.",
        file: PARTS_JOURNAL,
        edits: &[("seq: largest + HIDDEN_MAX }", "seq: 0 }")],
    },
    Mutant {
        name: "a bad page of a leg in sync is clean",
        rule: "Such a page is bad",
        file: STEPS_START,
        edits: &[(
            "member.marks(region).unwrap_or(Marks::all())",
            "member.marks(region).unwrap_or_default()",
        )],
    },
    Mutant {
        name: "pages from before a map was made anew count",
        rule: "its whole map is dropped with them, by a new incarnation",
        file: FORMAT_READ,
        edits: &[("&& page.incarnation == superblock.incarnation", "")],
    },
    Mutant {
        name: "the mirror starts without members that were in sync",
        rule: "A member in sync that is not there holds the start",
        file: STEPS_START,
        edits: &[("if !agreed && !self.setup.start_degraded {", "if false {")],
    },
    Mutant {
        name: "a failed start warns of nothing",
        rule: "a person is told what a failed start may have left on a missing member",
        file: STEPS_START,
        edits: &[("self.in_doubt.failed(membership.wanted());", "let _ = membership.wanted();")],
    },
    Mutant {
        name: "a person's word is good for whatever is found later",
        rule: "A person's word is good for what they were shown",
        file: STEPS_START,
        edits: &[(
            "is_some_and(|it| it.covers(&offer))",
            "is_some_and(|it| it.covers(&offer) || true)",
        )],
    },
    Mutant {
        name: "a start without a member has no generation of its own",
        rule: "at every start that a person makes without a member",
        file: STEPS_START,
        edits: &[("minted = true;", "let _ = &mut minted;")],
    },
    Mutant {
        name: "requests are answered before the first superblock is durable",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: STEPS_START,
        edits: &[(
            "                self.without_those_failed_by_hand();",
            "                self.without_those_failed_by_hand();\n                let waiting = self.take_waiting();\n                self.life = Life::Running;\n                for req in waiting {\n                    let _ = self.strategy(req);\n                }",
        )],
    },
    Mutant {
        name: "the loser of a choice is asked about again",
        rule: "are adopted into the history",
        file: PARTS_MEMBERSHIP,
        edits: &[("remember(&mut self.wanted.history, generation);", "let _ = generation;")],
    },
];
