//! A leg comes back: marked, copied to, promoted.

use super::Mutant;

const SUPER_COMMITS: &str = "dm-mirror/src/membership/commits.rs";
const CACHE_LOSS: &str = "dm-mirror/src/cache_loss.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const NEWCOMER: &str = "dm-mirror/src/newcomer.rs";
const PROMOTE: &str = "dm-mirror/src/promote.rs";
const READMIT: &str = "dm-mirror/src/readmit.rs";
const RESYNC: &str = "dm-mirror/src/resync.rs";
const START: &str = "dm-mirror/src/start.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a leg is taken back before the maps say what it missed",
        rule: "before the maps of all legs in sync durably say what it missed",
        file: READMIT,
        edits: &[("if !journal.has_recorded(Marks::missed(member), regions) {", "if false {")],
    },
    Mutant {
        name: "the map of one leg in sync is enough to take another one back",
        rule: "before the maps of all legs in sync durably say what it missed",
        file: READMIT,
        edits: &[("for source in in_sync.iter() {", "for source in in_sync.iter().take(1) {")],
    },
    Mutant {
        name: "a map's record on its way counts for a leg that returns",
        rule: "durably say what it missed",
        file: JOURNAL,
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
        file: PROMOTE,
        edits: &[("membership.is_marked(*leg) && membership.holds(*leg);", "membership.is_marked(*leg);")],
    },
    Mutant {
        name: "a rebuild goes on after a start without a new mark",
        rule: "and then its own superblock says that it is being rebuilt",
        file: START,
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
        file: START,
        edits: &[(
            "list.iter().for_each(|&region| regions.miss(leg, region));",
            "let _ = list;",
        )],
    },
    Mutant {
        name: "a leg that is given everything keeps its old map",
        rule: "as a new incarnation, if it is given everything",
        file: START,
        edits: &[("superblock.incarnation + 1;", "superblock.incarnation;")],
    },
    Mutant {
        name: "a leg is taken back that owes requests",
        rule: "Its late write could otherwise change what was answered meanwhile",
        file: NEWCOMER,
        edits: &[("if record.outstanding > 0 {", "if false {")],
    },
    Mutant {
        name: "a promotion is told to the leg itself first",
        rule: "durable on every leg in sync first and on itself last",
        file: SUPER_COMMITS,
        edits: &[
            ("membership.next(in_sync, now, member);", "membership.next(followers, now, member);"),
            ("{ membership.next(followers, now, member) } else", "{ membership.next(in_sync, now, member) } else"),
        ],
    },
    Mutant {
        name: "a promotion is told to all legs at once",
        rule: "durable on every leg in sync first and on itself last",
        file: SUPER_COMMITS,
        edits: &[("membership.next(in_sync, now,", "membership.next(in_sync.or(followers), now,")],
    },
    Mutant {
        name: "a leg counts as in sync before its promotion is durable",
        rule: "in a new generation that is durable on every leg in sync first",
        file: PROMOTE,
        edits: &[(
            "*promotion = Some(ticket);",
            "*promotion = Some(ticket);
                    legs.iter().for_each(|leg| records[leg].state = LegState::InSync);",
        )],
    },
    Mutant {
        name: "a promotion has no generation of its own",
        rule: "and at every promotion",
        file: PROMOTE,
        edits: &[("membership.mint(regions.member(by));", "let _ = by;")],
    },
    Mutant {
        name: "a leg is promoted without a flush",
        rule: "It is promoted alone, with the whole mirror's range held, flushed",
        file: PROMOTE,
        edits: &[(
            "FlushGroup::start(self, FlushFor::Promotion(ticket), legs, Cause::Copy);",
            "self.promotion_flushed(ticket, legs);",
        )],
    },
    Mutant {
        name: "a leg is promoted under writes",
        rule: "with the whole mirror's range held",
        file: RESYNC,
        edits: &[("let whole = Extent::new(Sector(0), self.length);", "let whole = Extent::new(Sector(0), Sectors(0));")],
    },
    Mutant {
        name: "two legs are promoted by one record",
        rule: "One leg at a time",
        file: PROMOTE,
        edits: &[("whole.iter().filter(may).take(1).collect()", "whole.iter().filter(may).collect()")],
    },
    Mutant {
        name: "a leg is promoted that still misses something",
        rule: "A returning member is given every region in which it may differ",
        file: PROMOTE,
        edits: &[("if regions.missing(leg) > 0 || !holds {", "if !holds {")],
    },
    Mutant {
        name: "a promoted leg's map does not say who is out",
        rule: "Before it is promoted, its map has the marks of all who are out",
        file: PROMOTE,
        edits: &[("it != leg || journal.has_recorded(all_missed, regions)", "it != leg || true")],
    },
    Mutant {
        name: "a leg is promoted that does not hold the present superblock",
        rule: "unless by its own record the newest is not in sync",
        file: PROMOTE,
        edits: &[("> 0 || !holds {", "> 0 || (!holds && false) {")],
    },
    Mutant {
        name: "a promotion goes on though its source lost its cache",
        rule: "A leg whose device lost its cache",
        file: CACHE_LOSS,
        edits: &[("membership.set_state(regions.member(leg), MemberState::Rebuilding);", "let _ = (leg, &membership);")],
    },
];
