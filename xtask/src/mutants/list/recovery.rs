//! A start: what is read, what is answered, and when.

use super::Mutant;

const FORMAT: &str = "dm-mirror/src/format/read.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const MEMBERSHIP: &str = "dm-mirror/src/membership.rs";
const MIRROR: &str = "dm-mirror/src/mirror.rs";
const PROBE: &str = "dm-mirror/src/probe.rs";
const RESYNC: &str = "dm-mirror/src/resync.rs";
const START: &str = "dm-mirror/src/start.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a start goes by what may be in a cache",
        rule: "A leg is flushed before it is read",
        file: PROBE,
        edits: &[("leg, progress }).flush();", "leg, progress }).next();")],
    },
    Mutant {
        name: "unsettled regions are read",
        rule: "An unsettled region answers no read",
        file: RESYNC,
        edits: &[("if state.is_unsettled(extent) {", "if state.is_unsettled(extent) && false {")],
    },
    Mutant {
        name: "regions that were dirty at the start are taken for equal",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: START,
        edits: &[("regions.unsettle(region);", "")],
    },
    Mutant {
        name: "only one leg's map says what is dirty",
        rule: "A region that was DIRTY at the start may differ between legs",
        file: START,
        edits: &[("sources.iter().map(marks)", "sources.iter().take(1).map(marks)")],
    },
    Mutant {
        name: "a dirty region is not copied",
        rule: "it is copied from any leg in sync to the others",
        file: RESYNC,
        edits: &[("in_sync.or(missed),", "missed,")],
    },
    Mutant {
        name: "copied regions count before they are flushed",
        rule: "A region counts as copied only after a flush",
        file: RESYNC,
        edits: &[(
            "Step::Flush(legs) => FlushGroup::start(self, FlushFor::Copied, legs, Cause::Copy),",
            "Step::Flush(legs) => self.copies_flushed(legs, None),",
        )],
    },
    Mutant {
        name: "a region is settled though a leg in sync was not flushed",
        rule: "all are flushed, and only then is it read",
        file: RESYNC,
        edits: &[("let settled = in_sync.without(flushed).is_empty();", "let settled = true;")],
    },
    Mutant {
        name: "a region is settled while an exclusion is not durable",
        rule: "An unsettled region answers no read",
        file: RESYNC,
        edits: &[
            ("if self.pending() {", "if false {"),
            ("!self.resync.copied.is_empty() && !self.pending()", "!self.resync.copied.is_empty()"),
        ],
    },
    Mutant {
        name: "a region counts once its first chunk is copied",
        rule: "A region counts as copied only after a flush issued behind its last chunk",
        file: RESYNC,
        edits: &[("if Some(current.next) == end {", "if end.is_some() {")],
    },
    Mutant {
        name: "a read does not hurry its region",
        rule: "A read that waits moves its regions to the front",
        file: RESYNC,
        edits: &[("wanted.or_else(|| self.next_region())", "self.next_region()")],
    },
    Mutant {
        name: "what was copied to a leg before it went out counts",
        rule: "what was copied to a leg before it went out counts for nothing",
        file: MIRROR,
        edits: &[("self.resync.forget(leg, |_| true);", "")],
    },
    Mutant {
        name: "the other slot stands in for a superblock that cannot be read",
        rule: "such a superblock leaves its member in doubt",
        file: PROBE,
        edits: &[
            (
                "_ if progress.slots.len() < SLOTS => Vec::new(),",
                "_ if progress.slots.len() < SLOTS => wiped().to_vec(),",
            ),
            ("superblock_place,\n};", "superblock_place,\n    wiped,\n};"),
        ],
    },
    Mutant {
        name: "the other slot stands in for a page that cannot be read",
        rule: "Such a page is bad",
        file: PROBE,
        edits: &[("member.pages[*page as usize] = None", "_ = (page, &mut member)")],
    },
    Mutant {
        name: "what a slot hides that cannot be read may have a larger number",
        rule: "It may hold the newest record.",
        file: JOURNAL,
        edits: &[("seq: largest + HIDDEN_MAX }", "seq: 0 }")],
    },
    Mutant {
        name: "a bad page of a leg in sync is clean",
        rule: "Such a page is bad",
        file: START,
        edits: &[(
            "member.marks(region).unwrap_or(Marks::all())",
            "member.marks(region).unwrap_or_default()",
        )],
    },
    Mutant {
        name: "pages from before a map was made anew count",
        rule: "as a new incarnation, if it is given everything",
        file: FORMAT,
        edits: &[("&& page.incarnation == superblock.incarnation", "")],
    },
    Mutant {
        name: "the mirror starts without members that were in sync",
        rule: "A member in sync that is not there holds the start",
        file: START,
        edits: &[("if !agreed && !self.start_degraded {", "if false {")],
    },
    Mutant {
        name: "a person's word is good for whatever is found later",
        rule: "A person's word is good for what they were shown",
        file: START,
        edits: &[(
            "is_some_and(|it| it.covers(&offer))",
            "is_some_and(|it| it.covers(&offer) || true)",
        )],
    },
    Mutant {
        name: "a start without a member has no generation of its own",
        rule: "at every start that a person makes without a member",
        file: START,
        edits: &[("minted = true;", "let _ = &mut minted;")],
    },
    Mutant {
        name: "requests are answered before the first superblock is durable",
        rule: "Nothing is acknowledged while an exclusion is not durable",
        file: START,
        edits: &[(
            "self.commit();\n            }\n            Next::NotStarted",
            "self.commit();
                let life = mem::replace(&mut self.state.lock().life, Life::Running);
                if let Life::Starting(waiting) = life {
                    waiting.into_iter().for_each(|bio| self.strategy(bio));
                }
            }
            Next::NotStarted",
        )],
    },
    Mutant {
        name: "the loser of a choice is asked about again",
        rule: "is adopted into the history",
        file: MEMBERSHIP,
        edits: &[("remember(&mut self.wanted.history, generation);", "let _ = generation;")],
    },
];
