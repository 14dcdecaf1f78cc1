//! A leg comes back: marked, copied to, promoted.

use super::Mutant;

const STEPS_LOSS: &str = "dm-mirror/src/core/steps/loss.rs";
const STEPS_WAITER: &str = "dm-mirror/src/core/steps/waiter.rs";
const STEPS_PROMOTE: &str = "dm-mirror/src/core/steps/promote.rs";
const STEPS_SUPERBLOCKS: &str = "dm-mirror/src/core/steps/superblocks.rs";
const STEPS_NEWCOMER: &str = "dm-mirror/src/core/steps/newcomer.rs";
const STEPS_START: &str = "dm-mirror/src/core/steps/start.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const STEPS_READMIT: &str = "dm-mirror/src/core/steps/readmit.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a leg waits for the marks of writes that wait",
        rule: "Nor for the mark of a region to which somebody waits to write",
        file: PARTS_JOURNAL,
        edits: &[("regions.all().all(|region| recorded(region) || waits(region))", "regions.all().all(|region| recorded(region) || (false && waits(region)))")],
    },
    Mutant {
        name: "a leg is taken back before the maps say what it missed",
        rule: "before the maps of all legs in sync durably say what it missed",
        file: STEPS_READMIT,
        edits: &[("if !journal.has_recorded(Marks::missed(member), regions) {", "if false {")],
    },
    Mutant {
        name: "the map of one leg in sync is enough to take another one back",
        rule: "before the maps of all legs in sync durably say what it missed",
        file: STEPS_READMIT,
        edits: &[("for source in in_sync.iter() {", "for source in in_sync.iter().take(1) {")],
    },
    Mutant {
        name: "a map's record on its way counts for a leg that returns",
        rule: "durably say what it missed",
        file: PARTS_JOURNAL,
        edits: &[(
            "let wanted = regions.marks(region) & mark;
            self.durable[region.0 as usize].contains(wanted)
                && self.in_flight(region).is_none_or(|marks| marks.contains(wanted))",
            "let wanted = regions.marks(region) & mark;
            self.durable[region.0 as usize].contains(wanted)
                || self.in_flight(region).is_some_and(|marks| marks.contains(wanted))",
        )],
    },
    Mutant {
        name: "a leg is written before its own superblock says that it is being rebuilt",
        rule: "and then its own superblock says that it is being rebuilt",
        file: STEPS_PROMOTE,
        edits: &[("it.is_marked(leg) && it.holds(leg);", "it.is_marked(leg);")],
    },
    Mutant {
        name: "a rebuild goes on after a start without a new mark",
        rule: "and then its own superblock says that it is being rebuilt",
        file: STEPS_START,
        edits: &[
            (
                "Role::Return { .. } => LegState::Returning,",
                "Role::Return { .. } if plan.newest.entry(*id).is_some_and(|it| it.state == MemberState::Rebuilding) => LegState::Rebuilding,
                Role::Return { .. } => LegState::Returning,",
            ),
            (
                "for leg in self.legs_that(|state| state == LegState::Returning).iter() {",
                "for leg in self.legs_that(|state| matches!(state, LegState::Returning | LegState::Rebuilding)).iter() {",
            ),
        ],
    },
    Mutant {
        name: "a returning leg is not given what was written since it went out",
        rule: "A returning member is given every region in which it may differ",
        file: STEPS_START,
        edits: &[(
            "list.iter().for_each(|&region| regions.miss(leg, region));",
            "let _ = list;",
        )],
    },
    Mutant {
        name: "a leg that is given everything keeps its old map",
        rule: "its whole map is dropped with them, by a new incarnation",
        file: STEPS_START,
        edits: &[("superblock.incarnation + 1;", "superblock.incarnation;")],
    },
    Mutant {
        name: "a leg is taken back that owes requests",
        rule: "Its late write could change data that was answered meanwhile",
        file: STEPS_NEWCOMER,
        edits: &[("if record.outstanding > 0 {", "if false {")],
    },
    Mutant {
        name: "a promotion is told to the leg itself first",
        rule: "durable on every leg in sync first and on itself last",
        file: STEPS_SUPERBLOCKS,
        edits: &[
            ("membership.next(in_sync, now, member);", "membership.next(followers, now, member);"),
            ("{ membership.next(followers, now, member) } else", "{ membership.next(in_sync, now, member) } else"),
        ],
    },
    Mutant {
        name: "a promotion is told to all legs at once",
        rule: "durable on every leg in sync first and on itself last",
        file: STEPS_SUPERBLOCKS,
        edits: &[("membership.next(in_sync, now,", "membership.next(in_sync.or(followers), now,")],
    },
    Mutant {
        name: "a leg counts as in sync before its promotion is durable",
        rule: "in a new generation that is durable on every leg in sync first",
        file: STEPS_PROMOTE,
        edits: &[("self.promotion = Some(Promotion::Recording(ticket));", "self.promotion = Some(Promotion::Recording(ticket));\n                self.promoted(legs);")],
    },
    Mutant {
        name: "a promotion has no generation of its own",
        rule: "and at every promotion",
        file: STEPS_PROMOTE,
        edits: &[("membership.mint(regions.member(by));", "let _ = by;")],
    },
    Mutant {
        name: "a leg is promoted without a flush",
        rule: "It is promoted alone, with the whole mirror's range held, flushed",
        file: STEPS_PROMOTE,
        edits: &[("self.start_own_flush(FlushFor::Promotion, legs, Cause::Copy);", "self.promotion_flushed(legs);")],
    },
    Mutant {
        name: "a leg is promoted under writes",
        rule: "with the whole mirror's range held",
        file: STEPS_WAITER,
        edits: &[("Extent::new(Sector(0), self.setup.length);", "Extent::new(Sector(0), bio::Sectors(0));")],
    },
    Mutant {
        name: "two legs are promoted by one record",
        rule: "One leg at a time",
        file: STEPS_PROMOTE,
        edits: &[("whole.iter().filter(may).take(1).collect()", "whole.iter().filter(may).collect()")],
    },
    Mutant {
        name: "a leg is promoted that still misses something",
        rule: "A returning member is given every region in which it may differ",
        file: STEPS_PROMOTE,
        edits: &[("if regions.missing(leg) > 0 || !holds {", "if !holds {")],
    },
    Mutant {
        name: "a promoted leg's map does not say who is out",
        rule: "Before it is promoted, its map has the marks of all who are out",
        file: STEPS_PROMOTE,
        edits: &[("it != leg || journal.has_recorded(all_missed, regions)", "it != leg || true")],
    },
    Mutant {
        name: "a leg is promoted that does not hold the present superblock",
        rule: "if its own record does not list the newest in sync",
        file: STEPS_PROMOTE,
        edits: &[("> 0 || !holds {", "> 0 || (!holds && false) {")],
    },
    Mutant {
        name: "a promotion goes on though its source lost its cache",
        rule: "A leg whose device lost its cache",
        file: STEPS_LOSS,
        edits: &[("membership.set_state(regions.member(leg), MemberState::Rebuilding);", "let _ = (leg, &membership);")],
    },
];
