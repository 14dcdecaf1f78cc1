//! Who may be believed: the election, the decision, what a member needs.

use super::Mutant;

const ASSEMBLE_CANDIDATE: &str = "dm-mirror/src/disk/assemble/candidate.rs";
const ASSEMBLE_DECIDE: &str = "dm-mirror/src/disk/assemble/decide.rs";
const ASSEMBLE_MISSED: &str = "dm-mirror/src/disk/assemble/missed.rs";
const ASSEMBLE_ELECT: &str = "dm-mirror/src/disk/assemble/elect.rs";
const DISK_ASSEMBLE: &str = "dm-mirror/src/disk/assemble/mod.rs";
const ASSEMBLE_PLACES: &str = "dm-mirror/src/disk/assemble/places.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a disk that was replaced has its place",
        rule: "The newest generation says which disk a slot means",
        file: ASSEMBLE_PLACES,
        edits: &[("any(|side| side.newest.entry_of(it).is_some()) {", "any(|_| true) {")],
    },
    Mutant {
        name: "of two that contest a place the last has it",
        rule: "Otherwise two disks claim one slot, and neither is chosen",
        file: ASSEMBLE_PLACES,
        edits: &[
            ("Some(_) => return", "Some(_) if heads.is_empty() => return"),
            ("present, heads)),\n", "present, heads)),\n            Some(_) => {}\n"),
        ],
    },
    Mutant {
        name: "the order of the devices counts",
        rule: "from the superblocks and the region maps alone",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("present.sort_by_key(|it| (it.id(), it.own().uuid, it.device));", "")],
    },
    Mutant {
        name: "a member that is half rebuilt says who was rolled back",
        rule: "Only a member that calls itself in sync is evidence",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("by.is_evidence() && by.saw_more_of(it)", "by.saw_more_of(it)")],
    },
    Mutant {
        name: "what was seen of a member does not count",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("it.rolled_back = saw &&", "it.rolled_back = false && saw &&")],
    },
    Mutant {
        name: "a member that shows what was seen of it is taken for a snapshot",
        rule: "A member that shows less than others saw of it",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("entry.seen > other", "entry.seen >= other")],
    },
    Mutant {
        name: "disks of several mirrors start as one",
        rule: "Disks of several mirrors are refused together",
        file: DISK_ASSEMBLE,
        edits: &[("one_set(&present)?;", "")],
    },
    Mutant {
        name: "a disk and its copy start together",
        rule: "A disk and its copy are refused together",
        file: DISK_ASSEMBLE,
        edits: &[("no_twins(&present)?;", "")],
    },
    Mutant {
        name: "a stranger is taken for a copy of the member in its place",
        rule: "A disk that has no place is left alone",
        file: DISK_ASSEMBLE,
        edits: &[("(a.id(), a.own().uuid) == (b.id(), b.own().uuid);", "a.id() == b.id();")],
    },
    Mutant {
        name: "a stranger is taken for the member whose place it has",
        rule: "one whose place the newest record gives to another disk",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("entry_of(other.superblock())", "entry(other.id())")],
    },
    Mutant {
        name: "the base of a member is forgotten",
        rule: "or as the base of that very member",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("(base || self.", "(self.")],
    },
    Mutant {
        name: "the history does not count",
        rule: "if it has the other's generation in its history",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("self.superblock().history.contains(&generation))", "false)")],
    },
    Mutant {
        name: "the base of one member counts for all",
        rule: "The base of one member says nothing of another member of the same generation",
        file: ASSEMBLE_CANDIDATE,
        edits: &[(
            "let base = self.entry_of(other).is_some_and(|entry| entry.base == generation);",
            "let base = self.superblock().members.iter().flatten().any(|it| it.base == generation);",
        )],
    },
    Mutant {
        name: "a base that is not known is everybody's",
        rule: "everything, if its generation is not known",
        file: ASSEMBLE_CANDIDATE,
        edits: &[("!generation.is_nil() && (base", "(base")],
    },
    Mutant {
        name: "a member that is half rebuilt is elected",
        rule: "A half-rebuilt disk has a mixture of two times",
        file: ASSEMBLE_ELECT,
        edits: &[(".filter(|it| it.is_evidence())", "")],
    },
    Mutant {
        name: "a record that others are ahead of is as good as they",
        rule: "The newest is the one that nobody is ahead of",
        file: ASSEMBLE_ELECT,
        edits: &[(".filter(|it| !behind(**it))", "")],
    },
    Mutant {
        name: "of two records that are ahead of each other none is left",
        rule: "The newest is the one that nobody is ahead of",
        file: ASSEMBLE_ELECT,
        edits: &[("is_ahead(*other, it) && !is_ahead(it, *other)", "is_ahead(*other, it)")],
    },
    Mutant {
        name: "the version does not count",
        rule: "Within a generation the larger version wins",
        file: ASSEMBLE_ELECT,
        edits: &[("it.superblock().version, Reverse(", "it.superblock().version.min(0), Reverse(")],
    },
    Mutant {
        name: "the version of a snapshot counts",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_ELECT,
        edits: &[("(!it.rolled_back, it.superblock()", "(it.rolled_back || true, it.superblock()")],
    },
    Mutant {
        name: "snapshots that nobody contradicts any more are believed",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_ELECT,
        edits: &[("&& side.newest.rolled_back", "&& side.members.is_empty()")],
    },
    Mutant {
        name: "a side of snapshots may win over another one",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_ELECT,
        edits: &[("!self.newest.rolled_back && { others }", "{ others }")],
    },
    Mutant {
        name: "a snapshot is ahead of what it remembers",
        rule: "it is ahead of nobody",
        file: ASSEMBLE_ELECT,
        edits: &[("!it.rolled_back && !other.in_doubt", "!other.in_doubt")],
    },
    Mutant {
        name: "halves that ran apart are merged",
        rule: "Halves that ran apart are refused until a person chooses",
        file: ASSEMBLE_ELECT,
        edits: &[("&& written_without(it, by) == Missed::Regions(Vec::new())", "")],
    },
    Mutant {
        name: "a half that wrote nothing is no older than the other",
        rule: "Then that side is old",
        file: ASSEMBLE_ELECT,
        edits: &[("&& written_without(it, by) == Missed::Regions(Vec::new())", "&& false")],
    },
    Mutant {
        name: "the clean map of an unknown disk proves that it is old",
        rule: "neither does the map of a disk that the other side does not know",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "            acquainted\n                && by",
            "            let _ = acquainted;\n            by",
        )],
    },
    Mutant {
        name: "one side's word is enough to know a disk",
        rule: "neither does the map of a disk that the other side does not know",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "it.entry_of(by).is_some() && by.entry_of(it).is_some()",
            "it.entry_of(by).is_some()",
        )],
    },
    Mutant {
        name: "what the other side missed is no sign of a write",
        rule: "none was missed by a member of the other side",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
    needs.finish()",
            "needs.add(it, Marks::DIRTY);
    let _ = other;
    needs.finish()",
        )],
    },
    Mutant {
        name: "a dirty region is no sign of a write",
        rule: "no region is dirty",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
    needs.finish()",
            "needs.add(it, Marks::missed(other.id()));
    needs.finish()",
        )],
    },
    Mutant {
        name: "a bad page shows that nothing was written",
        rule: "A bad page shows nothing",
        file: ASSEMBLE_MISSED,
        edits: &[("unwrap_or(Marks::all())", "unwrap_or_default()")],
    },
    Mutant {
        name: "a map that is too short shows what it has",
        rule: "A bad page shows nothing",
        file: ASSEMBLE_MISSED,
        edits: &[("|| !it.has_whole_map()", "")],
    },
    Mutant {
        name: "two disks of one place are sides to choose from",
        rule: "for nothing tells them apart",
        file: ASSEMBLE_ELECT,
        edits: &[("one_side_for_each_member(&sides)?;", "")],
    },
    Mutant {
        name: "the first half wins unless a person objects",
        rule: "Halves that ran apart are refused until a person chooses",
        file: ASSEMBLE_ELECT,
        edits: &[("= kept else", "= kept.or(sides.first()) else")],
    },
    Mutant {
        name: "the half is kept that a person did not choose",
        rule: "The generations that a person decided against",
        file: ASSEMBLE_ELECT,
        edits: &[("find(|side| has(side, device))", "find(|side| !has(side, device))")],
    },
    Mutant {
        name: "what a person decided against is forgotten",
        rule: "are adopted into the history",
        file: ASSEMBLE_ELECT,
        edits: &[("adopt: unknown_to(*newest, present)", "adopt: Vec::new()")],
    },
    Mutant {
        name: "a refusal does not name what is dirty",
        rule: "The refusal names the regions in which one side wrote without the other",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "            needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
        }",
            "            needs.add(it, Marks::missed(other.id()));
        }",
        )],
    },
    Mutant {
        name: "a refusal does not name what was missed",
        rule: "The refusal names the regions in which one side wrote without the other",
        file: ASSEMBLE_ELECT,
        edits: &[(
            "            needs.add(it, Marks::DIRTY | Marks::missed(other.id()));
        }",
            "            needs.add(it, Marks::DIRTY);
        }",
        )],
    },
    Mutant {
        name: "a refusal trusts the map of an unknown disk or a snapshot",
        rule: "The refusal names the regions in which one side wrote without the other",
        file: ASSEMBLE_ELECT,
        edits: &[("if it.entry_of(other).is_none() || it.rolled_back {", "if false {")],
    },
    Mutant {
        name: "a missing member is not waited for",
        rule: "A member in sync that is not there holds the start",
        file: ASSEMBLE_DECIDE,
        edits: &[("if missing.is_empty() {", "if true {")],
    },
    Mutant {
        name: "a missing member that was in sync is called absent",
        rule: "A member in sync that is not there",
        file: ASSEMBLE_DECIDE,
        edits: &[("=> Role::Missing,", "=> Role::Absent,")],
    },
    Mutant {
        name: "a member that is out is waited for",
        rule: "If the newest record says that it is out, the start is automatic",
        file: ASSEMBLE_DECIDE,
        edits: &[("listed && !self.", "self.record().entry(id).is_some() && !self.")],
    },
    Mutant {
        name: "a member that is there and was rebuilt elsewhere is not waited for",
        rule: "others have rebuilt it since",
        file: ASSEMBLE_DECIDE,
        edits: &[("is_some_and(has_not)", "is_some_and(|it| has_not(it) || true)")],
    },
    Mutant {
        name: "a snapshot that is there is not waited for",
        rule: "it holds the start if the newest record lists it in sync",
        file: ASSEMBLE_DECIDE,
        edits: &[("(it.is_evidence() && !it.rolled_back)", "it.is_evidence()")],
    },
    Mutant {
        name: "a disk of the same place is taken for the member",
        rule: "one whose place the newest record gives to another disk",
        file: ASSEMBLE_DECIDE,
        edits: &[("here.find(|it| self.newest.entry_of(*it).is_some())", "here.next()")],
    },
    Mutant {
        name: "a member that failed for its medium comes back by itself",
        rule: "stays out until a person says otherwise",
        file: ASSEMBLE_DECIDE,
        edits: &[(
            "MemberState::FailedMedia => Role::KeptOut { device, why: FAILED_MEDIA },",
            "MemberState::FailedMedia => Role::Return { device, missed: self.missed(it, entry) },",
        )],
    },
    Mutant {
        name: "a member that the newest record calls out is in sync",
        rule: "and that record lists the member in sync, it is in sync",
        file: ASSEMBLE_DECIDE,
        edits: &[("listed && fits &&", "fits &&")],
    },
    Mutant {
        name: "an exclusion that was interrupted costs a survivor",
        rule: "A commit that was interrupted is completed",
        file: ASSEMBLE_DECIDE,
        edits: &[("MemberState::InSync => same || ancestor,", "MemberState::InSync => same,")],
    },
    Mutant {
        name: "a member of any generation is in sync if it is listed",
        rule: "If a member's generation is in the history of the newest record",
        file: ASSEMBLE_DECIDE,
        edits: &[("MemberState::InSync => same || ancestor,", "MemberState::InSync => true,")],
    },
    Mutant {
        name: "a promotion that was interrupted is undone",
        rule: "If it calls itself rebuilding, the commit was its promotion",
        file: ASSEMBLE_DECIDE,
        edits: &[("ancestor && self.was_a_source_of(it),", "false,")],
    },
    Mutant {
        name: "a promotion is completed by a member that others rebuilt since",
        rule: "if its own record does not list the newest in sync",
        file: ASSEMBLE_DECIDE,
        edits: &[("ancestor && self.was_a_source_of(it),", "ancestor,")],
    },
    Mutant {
        name: "a member that is half rebuilt is in sync in its own generation",
        rule: "A half-rebuilt disk has a mixture of two times",
        file: ASSEMBLE_DECIDE,
        edits: &[("ancestor && self.was_a_source_of(it),", "self.was_a_source_of(it),")],
    },
    Mutant {
        name: "a member that calls itself out is in sync",
        rule: "Only a member that calls itself in sync is evidence",
        file: ASSEMBLE_DECIDE,
        edits: &[(
            "MemberState::Out | MemberState::FailedMedia | MemberState::FailedByHand => false,",
            "MemberState::Out | MemberState::FailedMedia | MemberState::FailedByHand => same || ancestor,",
        )],
    },
    Mutant {
        name: "a snapshot is in sync",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_DECIDE,
        edits: &[("!it.rolled_back && !self.newest", "!self.newest")],
    },
    Mutant {
        name: "a member is in sync beside a newest one that is a snapshot",
        rule: "A member that shows less than others saw of it is never believed",
        file: ASSEMBLE_DECIDE,
        edits: &[("&& !self.newest.rolled_back &&", "&&")],
    },
    Mutant {
        name: "a member whose data lies elsewhere is in sync",
        rule: "A returning member is given every region in which it may differ",
        file: ASSEMBLE_DECIDE,
        edits: &[("whole && it.superblock().geometry == self.record().geometry", "whole")],
    },
    Mutant {
        name: "a member of an unknown time is given what its map says",
        rule: "everything, if its generation is not known",
        file: ASSEMBLE_DECIDE,
        edits: &[("let remembered = same ||", "let remembered = true ||")],
    },
    Mutant {
        name: "a member that was in sync and is rebuilt elsewhere is given what its map says",
        rule: "others have rebuilt it since",
        file: ASSEMBLE_DECIDE,
        edits: &[("|| torn_out ||", "||")],
    },
    Mutant {
        name: "a returning member keeps what was being written on it",
        rule: "those that are dirty on itself: a write may have reached it alone",
        file: ASSEMBLE_DECIDE,
        edits: &[("let mut own = Marks::DIRTY | mine;", "let mut own = mine;")],
    },
    Mutant {
        name: "a returning member is not given what its own map says it missed",
        rule: "those that it missed by its own map",
        file: ASSEMBLE_DECIDE,
        edits: &[("let mut own = Marks::DIRTY | mine;", "let mut own = Marks::DIRTY;")],
    },
    Mutant {
        name: "a returning member is not given what is dirty on the others",
        rule: "those that are dirty on a member in sync",
        file: ASSEMBLE_DECIDE,
        edits: &[("needs.add(source, Marks::DIRTY | mine);", "needs.add(source, mine);")],
    },
    Mutant {
        name: "a returning member is not given what the others say it missed",
        rule: "or that it missed by the map of one",
        file: ASSEMBLE_DECIDE,
        edits: &[("needs.add(source, Marks::DIRTY | mine);", "needs.add(source, Marks::DIRTY);")],
    },
    Mutant {
        name: "only the newest member's map says what a returning one needs",
        rule: "or that it missed by the map of one",
        file: ASSEMBLE_DECIDE,
        edits: &[("for &source in &self.in_sync {", "for source in [self.newest] {")],
    },
    Mutant {
        name: "a loser keeps what it wrote alone",
        rule: "those that the members in sync missed by its map",
        file: ASSEMBLE_DECIDE,
        edits: &[("own |= Marks::missed(source.id());", "own |= mine;")],
    },
    Mutant {
        name: "what a member in doubt wrote alone is left on it",
        rule: "it may have run in a time that was decided against",
        file: ASSEMBLE_DECIDE,
        edits: &[(
            "(it.generation() != entry.base || it.in_doubt)",
            "it.generation() != entry.base",
        )],
    },
];
