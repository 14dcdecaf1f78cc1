//! What a person says in any life of the mirror, and how its lives begin and end.

use super::Mutant;

const SUPER_COMMITS: &str = "dm-mirror/src/membership/commits.rs";
const BY_HAND: &str = "dm-mirror/src/by_hand.rs";
const CLEAN: &str = "dm-mirror/src/clean.rs";
const DECIDE: &str = "dm-mirror/src/assemble/decide.rs";
const INHERIT: &str = "dm-mirror/src/inherit.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const LEG_FLUSH: &str = "dm-mirror/src/leg_flush.rs";
const NEWCOMER: &str = "dm-mirror/src/newcomer.rs";
const NOT_STARTED: &str = "dm-mirror/src/not_started.rs";
const PACE: &str = "dm-mirror/src/pace.rs";
const READMIT: &str = "dm-mirror/src/readmit.rs";
const REPLACE: &str = "dm-mirror/src/replace.rs";
const RETRY: &str = "dm-mirror/src/retry.rs";
const START: &str = "dm-mirror/src/start.rs";
const SUSPENSION: &str = "dm-mirror/src/suspension.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a suspension is over while a leg still has a request",
        rule: "It waits for every request of the mirror's own",
        file: SUSPENSION,
        edits: &[(
            "self.legs.iter().all(idle) && self.membership",
            "(self.legs.iter().all(idle) || true) && self.membership",
        )],
    },
    Mutant {
        name: "a suspension does not wait for the search of a leg",
        rule: "and for the search that `add` began",
        file: SUSPENSION,
        edits: &[(" && self.looking.is_empty()", "")],
    },
    Mutant {
        name: "a suspension forgets the search that it ended",
        rule: "which the resume repeats",
        file: NEWCOMER,
        edits: &[("state.put_off.insert(leg);", "")],
    },
    Mutant {
        name: "nobody looks at a stop when a commit is over",
        rule: "A suspension in any life ends",
        file: SUPER_COMMITS,
        edits: &[(
            "            self.leg_went_out();
        }
        self.check_stop();",
            "            self.leg_went_out();
        }",
        )],
    },
    Mutant {
        name: "a leg that is failed in a suspended mirror is called out",
        rule: "\"refused\" changes nothing",
        file: BY_HAND,
        edits: &[(
            "            state.check_awake()?;",
            "            if state.check_awake().is_err() { return Ok(\"out\".into()); }",
        )],
    },
    Mutant {
        name: "a leg is called out of a mirror that does not run",
        rule: "\"refused\" changes nothing",
        file: BY_HAND,
        edits: &[(
            "if !state.has_session() {",
            "if !state.has_session() { return Ok(\"out\".into()); } else if false {",
        )],
    },
    Mutant {
        name: "a leg that a person took out returns by itself",
        rule: "A leg that a person took out stays out",
        file: DECIDE,
        edits: &[(
            "MemberState::FailedByHand => Role::KeptOut { device, why: FAILED_BY_HAND },",
            "MemberState::FailedByHand => Role::Return { device, missed: self.missed(it, entry) },",
        )],
    },
    Mutant {
        name: "a leg that is out already is not recorded as failed by hand",
        rule: "also if it was out before for another reason",
        file: BY_HAND,
        edits: &[("membership.set_state(member, MemberState::FailedByHand);", "")],
    },
    Mutant {
        name: "a leg that was taken out is forgotten with a session that failed",
        rule: "the next session begins with it",
        file: BY_HAND,
        edits: &[("            state.by_hand.insert(leg);", "")],
    },
    Mutant {
        name: "a leg that is failed while it is looked at comes back",
        rule: "A leg that a person took out stays out",
        file: BY_HAND,
        edits: &[("            state.call_off(leg);", "")],
    },
    Mutant {
        name: "of several missing members a leg is taken for one",
        rule: "names a leg by its number in the table, never a member by its",
        file: BY_HAND,
        edits: &[("if self.unknown.contains(leg) {", "if false {")],
    },
    Mutant {
        name: "a leg that turns out to be another member is refused",
        rule: "Only a person's `add` takes it back",
        file: READMIT,
        edits: &[(
            "match other.filter(|_| unknown.contains(leg)) {",
            "match other.filter(|_| false) {",
        )],
    },
    Mutant {
        name: "the half of another leg is kept",
        rule: "names a leg by its number in the table",
        file: NOT_STARTED,
        edits: &[("half.leg == leg", "half.leg != leg")],
    },
    Mutant {
        name: "a choice overwrites a half that nobody saw",
        rule: "It holds for the generations of all halves that were shown",
        file: NOT_STARTED,
        edits: &[("(all_seen && same)", "({ let _ = all_seen; same })")],
    },
    Mutant {
        name: "a word in the middle of a start is taken and forgotten",
        rule: "\"done\" is kept",
        file: NOT_STARTED,
        edits: &[(
            "return Err(\"the mirror is starting: wait for what comes of that\".into());",
            "return Ok(\"starting\".into());",
        )],
    },
    Mutant {
        name: "a start that failed leaves its session behind",
        rule: "a start that fails leaves no geometry, no record and no commit behind",
        file: START,
        edits: &[("(self.regions, self.membership) = (None, None);", "")],
    },
    Mutant {
        name: "a word that was not needed is used by another start",
        rule: "If the start needs no word by then, the word is void",
        file: START,
        edits: &[(
            "if !agreed {\n                        // Another",
            "if false {\n                        let _ = agreed;\n                        // Another",
        )],
    },
    Mutant {
        name: "what a superblock that failed left is taken for durable",
        rule: "A superblock that failed proves nothing",
        file: SUPER_COMMITS,
        edits: &[(
            "record.superblock_in_doubt = result.is_err().then_some(slot);",
            "let _ = slot;",
        )],
    },
    Mutant {
        name: "a start that failed is not tried again",
        rule: "if the start had failed, by itself",
        file: RETRY,
        edits: &[("        if start {", "        if false && start {")],
    },
    Mutant {
        name: "every failure sets an alarm of its own",
        rule: "One alarm tries everything",
        file: RETRY,
        edits: &[("if self.is_set {", "if self.is_set && false {")],
    },
    Mutant {
        name: "tries come at the same pace for ever",
        rule: "Each try in vain doubles the pause",
        file: RETRY,
        edits: &[("self.in_vain += 1;", "self.in_vain += 0;")],
    },
    Mutant {
        name: "a leg waits for a moment without a record in flight",
        rule: "Nothing waits for a moment without a record in flight",
        file: JOURNAL,
        edits: &[(
            "let wanted = regions.marks(region) & mark;
            self.durable[region.0 as usize].contains(wanted)
                && self.in_flight(region).is_none_or(|marks| marks.contains(wanted))",
            "let wanted = regions.marks(region) & mark;
            self.durable[region.0 as usize].contains(wanted) && self.flight.is_none()",
        )],
    },
    Mutant {
        name: "a busy user stops the copying",
        rule: "no user can stop it",
        file: PACE,
        edits: &[(
            "else { return Duration::ZERO };",
            "else { return if busy { QUIET } else { Duration::ZERO } };",
        )],
    },
    Mutant {
        name: "nothing becomes clean while a leg has a request",
        rule: "A user who never rests delays nothing for ever",
        file: CLEAN,
        edits: &[(
            "|| state.resync.suspended;
            let State { regions, cleaner",
            "|| state.resync.suspended || !state.nothing_in_flight();
            let State { regions, cleaner",
        )],
    },
    Mutant {
        name: "a leg has two flushes at once",
        rule: "Who wants one while another is on",
        file: LEG_FLUSH,
        edits: &[("if self.flushes.stage != Stage::Idle {", "if false {")],
    },
    Mutant {
        name: "who waits for the next flush takes the one on its way",
        rule: "its way waits for the next",
        file: LEG_FLUSH,
        edits: &[(
            "self.flushes.waiting.push((bio, cause));",
            "let _ = cause;
            self.flushes.sharing.push_back(bio);",
        )],
    },
    Mutant {
        name: "a loss is forgotten with the table",
        rule: "It outlives an exchange of tables",
        file: INHERIT,
        edits: &[("state.loss = Loss::untold();", "")],
    },
    Mutant {
        name: "a loss that nobody noticed is forgotten with the table",
        rule: "It outlives an exchange of tables",
        file: INHERIT,
        edits: &[("record.resets = it.resets;", "let _ = it.resets;")],
    },
    Mutant {
        name: "a replacement is forgotten with the table",
        rule: "a replacement on its way | goes over",
        file: INHERIT,
        edits: &[("state.replacement = Some(replacement);", "let _ = replacement;")],
    },
    Mutant {
        name: "a replacement keeps the numbers of the table before",
        rule: "whatever their numbers",
        file: REPLACE,
        edits: &[(
            "Some(Replacement::Rebuilding { old: number(old)?, new: number(new)? })",
            "number(old).and(number(new)).map(|_| self)",
        )],
    },
    Mutant {
        name: "the errors of a medium are forgotten with the table",
        rule: "errors of a medium, counts, why a leg stays out | go over",
        file: INHERIT,
        edits: &[("(record.counts, record.errors) = (it.counts, it.errors);", "")],
    },
    Mutant {
        name: "a leg without records that is out is the source of the next table",
        rule: "which legs of a `core` mirror are out | goes over",
        file: INHERIT,
        edits: &[(
            "Some(LegState::Failed(why)) => LegState::Failed(why),",
            "Some(LegState::Failed(_)) => continue,",
        )],
    },
    Mutant {
        name: "legs that had records are taken to be equal where these lay",
        rule: "it is given the data, as is one that had records",
        file: INHERIT,
        edits: &[("matches!(before.log, Log::Core { .. }) && self.length", "self.length")],
    },
];
