//! Records that stand twice, and what is believed of one that went bad.

use super::Mutant;

const COPIES: &str = "dm-mirror/src/format/copies.rs";
const DECIDE: &str = "dm-mirror/src/assemble/decide.rs";
const ELECT: &str = "dm-mirror/src/assemble/elect.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const MEMBERSHIP: &str = "dm-mirror/src/membership.rs";
const PROMOTE: &str = "dm-mirror/src/promote.rs";
const READ: &str = "dm-mirror/src/format/read.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a superblock that is damaged was never newer",
        rule: "the record may have been newer",
        file: COPIES,
        edits: &[("    !same_head && !echo", "    false && !same_head && !echo")],
    },
    Mutant {
        name: "a superblock that was torn may have been newer",
        rule: "counted, and falls back to the one before",
        file: COPIES,
        edits: &[("!same_head && !echo::shown(damaged).any(|shown| shown <= seq)", "true")],
    },
    Mutant {
        name: "a newer page of which a part is damaged was never written",
        rule: "A record that went bad is not a record that was never written.",
        file: COPIES,
        edits: &[("of_this_life && head.seq > seq;", "of_this_life && head.seq > seq && false;")],
    },
    Mutant {
        name: "a page whose head is damaged was not newer",
        rule: "the record may have been newer",
        file: COPIES,
        edits: &[(
            "Salvaged { doubtful: [true; Part::COUNT], lost: true, ..salvaged }",
            "salvaged",
        )],
    },
    Mutant {
        name: "a number near its end is counted on from",
        rule: "A counter near its end refuses the device",
        file: READ,
        edits: &[("Ok(superblock) => superblock.check_room()?,", "Ok(_) => {}")],
    },
    Mutant {
        name: "a page does not go to its other slot",
        rule: "A record stands twice.",
        file: JOURNAL,
        edits: &[("|| self.alone.is_empty() {", "|| true {")],
    },
    Mutant {
        name: "a superblock does not go to its other slot",
        rule: "A record stands twice.",
        file: MEMBERSHIP,
        edits: &[(
            "writes.retain(|(leg, ..)| has(*leg));",
            "writes.retain(|(leg, ..)| has(*leg) && false);",
        )],
    },
    Mutant {
        name: "a member in doubt is ahead of nobody of its generation",
        rule: "Of a member in doubt the worst is believed.",
        file: ELECT,
        edits: &[("let before = it.in_doubt &&", "let before = false && it.in_doubt &&")],
    },
    Mutant {
        name: "beside a member in doubt all of its generation are in sync",
        rule: "Of a member in doubt the worst is believed.",
        file: DECIDE,
        edits: &[("generation && !self.newest.in_doubt;", "generation;")],
    },
    Mutant {
        name: "a mark against a member in sync does not count",
        rule: "Marks outweigh superblocks.",
        file: DECIDE,
        edits: &[(".filter(|it| !accused(it))", ".filter(|it| !accused(it) || true)")],
    },
    Mutant {
        name: "halves need no past in common",
        rule: "Nor does any map where both remember no generation in common",
        file: ELECT,
        edits: &[("                && by.has_a_past_in_common(it)\n", "")],
    },
    Mutant {
        name: "a leg is promoted while a map says that it missed something",
        rule: "Before a leg is promoted, no map says any more that it missed something",
        file: PROMOTE,
        edits: &[(
            "if !own || !journal.has_dropped(dropped, regions) {",
            "let _ = dropped;\n                if !own {",
        )],
    },
];
