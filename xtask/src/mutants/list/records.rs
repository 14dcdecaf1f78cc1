//! Records that stand twice, and what is believed of one that went bad.

use super::Mutant;

const STEPS_PROMOTE: &str = "dm-mirror/src/core/steps/promote.rs";
const ASSEMBLE_DECIDE: &str = "dm-mirror/src/disk/assemble/decide.rs";
const ASSEMBLE_ELECT: &str = "dm-mirror/src/disk/assemble/elect.rs";
const PARTS_MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const FORMAT_READ: &str = "dm-mirror/src/disk/format/read.rs";
const FORMAT_COPIES: &str = "dm-mirror/src/disk/format/copies.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a superblock that is damaged was never newer",
        rule: "the record may have been newer",
        file: FORMAT_COPIES,
        edits: &[("    !same_head && !echo", "    false && !same_head && !echo")],
    },
    Mutant {
        name: "a superblock that was torn may have been newer",
        rule: "counted, and falls back to the one before",
        file: FORMAT_COPIES,
        edits: &[("!same_head && !echo::shown(damaged).any(|shown| shown <= seq)", "true")],
    },
    Mutant {
        name: "a newer page of which a part is damaged was never written",
        rule: "A record that went bad is not a record that was never written.",
        file: FORMAT_COPIES,
        edits: &[("of_this_life && head.seq > seq;", "of_this_life && head.seq > seq && false;")],
    },
    Mutant {
        name: "a page whose head is damaged was not newer",
        rule: "the record may have been newer",
        file: FORMAT_COPIES,
        edits: &[(
            "Salvaged { doubtful: [true; Part::COUNT], lost: true, ..salvaged }",
            "salvaged",
        )],
    },
    Mutant {
        name: "a number near its end is counted on from",
        rule: "A counter near its end refuses the device",
        file: FORMAT_READ,
        edits: &[("Ok(superblock) => superblock.check_room()?,", "Ok(_) => {}")],
    },
    Mutant {
        name: "a page does not go to its other slot",
        rule: "A record stands twice.",
        file: PARTS_JOURNAL,
        edits: &[("|| self.alone.is_empty() {", "|| true {")],
    },
    Mutant {
        name: "a superblock does not go to its other slot",
        rule: "A record stands twice.",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            "writes.retain(|(leg, ..)| has(*leg));",
            "writes.retain(|(leg, ..)| has(*leg) && false);",
        )],
    },
    Mutant {
        name: "a member in doubt is ahead of nobody of its generation",
        rule: "Of a member in doubt the worst is believed.",
        file: ASSEMBLE_ELECT,
        edits: &[("let before = it.in_doubt &&", "let before = false && it.in_doubt &&")],
    },
    Mutant {
        name: "beside a member in doubt all of its generation are in sync",
        rule: "Of a member in doubt the worst is believed.",
        file: ASSEMBLE_DECIDE,
        edits: &[("generation && !self.newest.in_doubt;", "generation;")],
    },
    Mutant {
        name: "a mark against a member in sync does not count",
        rule: "Marks outweigh superblocks.",
        file: ASSEMBLE_DECIDE,
        edits: &[(".filter(|it| !accused(it))", ".filter(|it| !accused(it) || true)")],
    },
    Mutant {
        name: "halves need no past in common",
        rule: "Nor does any map where both remember no generation in common",
        file: ASSEMBLE_ELECT,
        edits: &[("                && by.has_a_past_in_common(it)\n", "")],
    },
    Mutant {
        name: "a leg is promoted while a map says that it missed something",
        rule: "Before a leg is promoted, no map says any more that it missed something",
        file: STEPS_PROMOTE,
        edits: &[(
            "if !own || !journal.has_dropped(dropped, regions) {",
            "let _ = dropped;\n                if !own {",
        )],
    },
];
