//! Records that stand twice, and what is believed of one that went bad.

use super::Mutant;

const ASSEMBLE_CANDIDATE: &str = "dm-mirror/src/disk/assemble/candidate.rs";
const STEPS_READMIT: &str = "dm-mirror/src/core/steps/readmit.rs";
const STEPS_MAPS: &str = "dm-mirror/src/core/steps/maps.rs";
const STEPS_PROMOTE: &str = "dm-mirror/src/core/steps/promote.rs";
const ASSEMBLE_DECIDE: &str = "dm-mirror/src/disk/assemble/decide.rs";
const ASSEMBLE_ELECT: &str = "dm-mirror/src/disk/assemble/elect.rs";
const PARTS_MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const FORMAT_READ: &str = "dm-mirror/src/disk/format/read.rs";
const FORMAT_COPIES: &str = "dm-mirror/src/disk/format/copies.rs";
const ECHO: &str = "dm-mirror/src/disk/format/echo.rs";

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
        rule: "A device with a counter near its end is refused",
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
            "contains(leg) && stands_once(leg));",
            "contains(leg) && stands_once(leg) && false);",
        )],
    },
    Mutant {
        name: "a member in doubt wins over one that went on without it",
        rule: "each of the two may have gone on alone, and a person chooses",
        file: ASSEMBLE_ELECT,
        edits: &[("&& !self.is_doubted_by(other)", "&& (true || !self.is_doubted_by(other))")],
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
        rule: "Nor does any map if the two sides remember no generation in common",
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
    Mutant {
        name: "a commit of superblocks that failed is followed by one",
        rule: "A commit that failed is followed by two",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            "        (self.twice, self.stuck) = (true, true);",
            "        self.stuck = true;",
        )],
    },
    Mutant {
        name: "two superblocks that are the same are both durable",
        rule: "even if both slots say the same",
        file: PARTS_MEMBERSHIP,
        edits: &[(
            "        self.unproven[leg] = Some(Unproven { superblock, alone: member.second != Second::Same });",
            "        let alone = member.second != Second::Same;\n        self.unproven[leg] = alone.then_some(Unproven { superblock, alone });",
        )],
    },
    Mutant {
        name: "what is left of a torn superblock is not written over first",
        rule: "over what is left there of a torn commit",
        file: PARTS_MEMBERSHIP,
        edits: &[("alone: member.second != Second::Same });", "alone: false });")],
    },
    Mutant {
        name: "the number of a damaged page is counted on from",
        rule: "The number of a damaged page counts too.",
        file: FORMAT_READ,
        edits: &[(
            "    must(seq <= ROOM, \"the sequence number of a page\")?;\n    let second",
            "    let second",
        )],
    },
    Mutant {
        name: "a member that a later record calls failed may be in doubt",
        rule: "the commit that failed is what may be lost",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("FailedByHand => followed,", "FailedByHand => false,")],
    },
    Mutant {
        name: "a member that a person adds was never called failed",
        rule: "the commit that failed is what may be lost",
        file: STEPS_READMIT,
        edits: &[(
            "        let verdict = assemble::adding",
            "        let mut now = now;
        now.superblock.entry_mut(id).into_iter().for_each(|it| it.state = MemberState::Out);
        let verdict = assemble::adding",
        )],
    },
    Mutant {
        name: "a member that was forgotten may be in doubt",
        rule: "It has given the place away",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("map_or(followed, |entry|", "map_or(false, |entry|")],
    },
    Mutant {
        name: "a slot that was wiped may have held something newer",
        rule: "half a wipe puts nobody in doubt",
        file: ECHO,
        edits: &[("    put(&mut unit, 0);\n", "    unit.fill(0);\n")],
    },
    Mutant {
        name: "a page that failed to be written is as it was to be",
        rule: "nor may a page say so that failed to be written",
        file: PARTS_JOURNAL,
        edits: &[("self.unsure.is_empty() && regions", "regions")],
    },
    Mutant {
        name: "a member that a map accuses is given everything",
        rule: "It is given what it missed",
        file: ASSEMBLE_DECIDE,
        edits: &[("!it.is_evidence() && !self.was_listed(it);", "!it.is_evidence();")],
    },
    Mutant {
        name: "a member that a map accuses is waited for",
        rule: "Nobody waits for it, since it is there.",
        file: ASSEMBLE_DECIDE,
        edits: &[("self.was_listed(it) || (it", "self.is_in_sync(it) || (it")],
    },
    Mutant {
        name: "a second copy of a page that fails is a commit that fails",
        rule: "and fails no request",
        file: STEPS_MAPS,
        edits: &[(
            "            (failed, Stage::Second) => {\n                journal.copied();\n",
            "            (Some(error), Stage::Second) => self.map_failed(leg, error),\n            (failed, Stage::Second) => {\n                journal.copied();\n",
        )],
    },
    Mutant {
        name: "a leg on which a second copy of a page fails stays",
        rule: "A second copy that fails takes its leg out",
        file: STEPS_MAPS,
        edits: &[(
            "                    self.fail_leg(leg, Failure::Metadata(error.kind));",
            "                    let _ = error;",
        )],
    },
];
