//! What a person says in any life of the mirror, and how its lives begin and end.

use super::Mutant;

const PARTS_FLUSHES: &str = "dm-mirror/src/core/parts/flushes.rs";
const STEPS_CLEAN: &str = "dm-mirror/src/core/steps/clean.rs";
const STEPS_ALARM: &str = "dm-mirror/src/core/steps/alarm.rs";
const CORE: &str = "dm-mirror/src/core/mod.rs";
const PARTS_REPLACEMENT: &str = "dm-mirror/src/core/parts/replacement.rs";
const STEPS_INHERIT: &str = "dm-mirror/src/core/steps/inherit.rs";
const PARTS_PACE: &str = "dm-mirror/src/core/parts/pace.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const PARTS_RETRY: &str = "dm-mirror/src/core/parts/retry.rs";
const STEPS_START: &str = "dm-mirror/src/core/steps/start.rs";
const PARTS_NOT_STARTED: &str = "dm-mirror/src/core/parts/not_started.rs";
const STEPS_NOT_STARTED: &str = "dm-mirror/src/core/steps/not_started.rs";
const STEPS_READMIT: &str = "dm-mirror/src/core/steps/readmit.rs";
const STEPS_BY_HAND: &str = "dm-mirror/src/core/steps/by_hand.rs";
const ASSEMBLE_DECIDE: &str = "dm-mirror/src/disk/assemble/decide.rs";
const STEPS_STOP: &str = "dm-mirror/src/core/steps/stop.rs";
const PARTS_MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const PARTS_CLEANER: &str = "dm-mirror/src/core/parts/cleaner.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a leg that the next table leaves out is no longer failed by hand",
        rule: "a leg that was failed by hand stays out though the next table leaves it out",
        file: "dm-mirror/src/core/steps/inherit.rs",
        edits: &[("        self.by_hand.go_on(&estate.by_hand, |leg| renumbered[leg]);\n", "")],
    },
    Mutant {
        name: "a member that lies on no known leg is no longer failed by hand",
        rule: "the mirror remembers the member, not the leg",
        file: STEPS_BY_HAND,
        edits: &[(
            "                        membership.set_state(id, MemberState::FailedByHand);",
            "                        membership.set_state(id, MemberState::Out);",
        )],
    },
    Mutant {
        name: "a suspension is over while a leg still has a request",
        rule: "It waits for every request of the mirror's own",
        file: STEPS_STOP,
        edits: &[(
            "self.legs.iter().all(idle) && self.membership",
            "(self.legs.iter().all(idle) || true) && self.membership",
        )],
    },
    Mutant {
        name: "a suspension does not wait for the search of a leg",
        rule: "and for the search that `add` began",
        file: STEPS_STOP,
        edits: &[(" && self.looking.is_empty()", "")],
    },
    Mutant {
        name: "a suspension forgets the search that it ended",
        rule: "which the resume repeats",
        file: STEPS_READMIT,
        edits: &[("return self.put_off.insert(leg);", "return;")],
    },
    Mutant {
        name: "nobody looks at a stop when a commit is over",
        rule: "A suspension ends in any life",
        file: CORE,
        edits: &[("            self.check_stop(),\n", "")],
    },
    Mutant {
        name: "a start goes by a leg that a person took out",
        rule: "a start goes by no leg that a person took out",
        file: STEPS_START,
        edits: &[(
            "if agreed.is_none() && !self.legs",
            "if false && agreed.is_none() && !self.legs",
        )],
    },
    Mutant {
        name: "a stop gives up at the first superblock that fails",
        rule: "writes them once more before it gives up",
        file: PARTS_CLEANER,
        edits: &[("if self.failed_once => {", "if self.failed_once || !self.failed_once => {")],
    },
    Mutant {
        name: "a stop gives up for a superblock that fails before its own",
        rule: "writes them once more before it gives up",
        file: PARTS_CLEANER,
        edits: &[(
            "            None | Some(StopStage::Drain | StopStage::Flush | StopStage::GivenUp) => false,",
            "            Some(StopStage::Flush) => {
                self.stop = Some(StopStage::GivenUp);
                false
            }
            None | Some(StopStage::Drain | StopStage::GivenUp) => false,",
        )],
    },
    Mutant {
        name: "a stop never gives up",
        rule: "A suspension ends in any life",
        file: PARTS_CLEANER,
        edits: &[("                self.failed_once = true;\n", "")],
    },
    Mutant {
        name: "a leg that is failed in a suspended mirror is called out",
        rule: "\"refused\" changes nothing",
        file: STEPS_BY_HAND,
        edits: &[(
            "        self.check_awake()?;",
            "        if self.check_awake().is_err() {\n            return Ok(\"out\".into());\n        }",
        )],
    },
    Mutant {
        name: "a leg is called out of a mirror that does not run",
        rule: "\"refused\" changes nothing",
        file: STEPS_BY_HAND,
        edits: &[(
            "        if !self.has_session() {",
            "        if !self.has_session() {\n            return Ok(\"out\".into());\n        } else if false {",
        )],
    },
    Mutant {
        name: "a leg that a person took out returns by itself",
        rule: "A leg that a person took out stays out",
        file: ASSEMBLE_DECIDE,
        edits: &[(
            "MemberState::FailedByHand => Role::KeptOut { device, why: FAILED_BY_HAND },",
            "MemberState::FailedByHand => Role::Return { device, missed: self.missed(it, entry) },",
        )],
    },
    Mutant {
        name: "a leg that is out already is not recorded as failed by hand",
        rule: "also if it was out before for another reason",
        file: STEPS_BY_HAND,
        edits: &[("membership.set_state(member, MemberState::FailedByHand);", "")],
    },
    Mutant {
        name: "a leg that was taken out is forgotten with a session that failed",
        rule: "the next session begins with it",
        file: STEPS_BY_HAND,
        edits: &[("            self.by_hand.insert(member, leg);", "            let _ = member;")],
    },
    Mutant {
        name: "a leg that is failed while it is looked at comes back",
        rule: "A leg that a person took out stays out",
        file: STEPS_BY_HAND,
        edits: &[("        self.call_off(leg);", "")],
    },
    Mutant {
        name: "of several missing members a leg is taken for one",
        rule: "names a leg by its number in the table, never a member by its",
        file: STEPS_BY_HAND,
        edits: &[("if self.unknown.contains(leg) {", "if false {")],
    },
    Mutant {
        name: "a leg that turns out to be another member is refused",
        rule: "Only a person's `add` takes it back",
        file: STEPS_READMIT,
        edits: &[(
            "match other.filter(|_| unknown.contains(leg)) {",
            "match other.filter(|_| false) {",
        )],
    },
    Mutant {
        name: "the half of another leg is kept",
        rule: "names a leg by its number in the table",
        file: STEPS_NOT_STARTED,
        edits: &[("half.leg == leg", "half.leg != leg")],
    },
    Mutant {
        name: "a choice overwrites a half that nobody saw",
        rule: "It is good for the generations of all halves that were shown",
        file: PARTS_NOT_STARTED,
        edits: &[("(all_seen && same)", "({ let _ = all_seen; same })")],
    },
    Mutant {
        name: "a word in the middle of a start is taken and forgotten",
        rule: "\"done\" is kept",
        file: STEPS_NOT_STARTED,
        edits: &[(
            "return Err(\"the mirror is starting: wait until it runs or is held\".into());",
            "return Ok(\"starting\".into());",
        )],
    },
    Mutant {
        name: "a start that failed leaves its session behind",
        rule: "a start that fails leaves no geometry, no record and no commit behind",
        file: STEPS_START,
        edits: &[("(self.regions, self.membership) = (None, None);", "")],
    },
    Mutant {
        name: "a word that was not needed is used by another start",
        rule: "If the start needs no word by then, the word is void",
        file: STEPS_START,
        edits: &[(
            "                self.consent.degraded = agreed;",
            "                if agreed.is_some() {\n                    self.consent.degraded = agreed;\n                }",
        )],
    },
    Mutant {
        name: "a word that was needed in part is good for all of it",
        rule: "the word is good for these alone",
        file: STEPS_START,
        edits: &[(
            "                self.consent.degraded = agreed;",
            "                if agreed.is_none() {\n                    self.consent.degraded = None;\n                }",
        )],
    },
    Mutant {
        name: "what a superblock that failed left is taken for durable",
        rule: "A start relies on no superblock that it only read",
        file: PARTS_MEMBERSHIP,
        edits: &[("let found = self.restore(legs);", "let found = Vec::new();")],
    },
    Mutant {
        name: "a start that failed is not tried again",
        rule: "if the start had failed, by itself",
        file: STEPS_ALARM,
        edits: &[("        if self.start_failed() {", "        if false && self.start_failed() {")],
    },
    Mutant {
        name: "every failure sets an alarm of its own",
        rule: "One alarm tries everything",
        file: PARTS_RETRY,
        edits: &[("if self.is_set {", "if self.is_set && false {")],
    },
    Mutant {
        name: "tries come at the same pace for ever",
        rule: "Each failed try doubles the pause",
        file: PARTS_RETRY,
        edits: &[("self.in_vain += 1;", "self.in_vain += 0;")],
    },
    Mutant {
        name: "a leg waits for a moment without a record in flight",
        rule: "Nothing waits for a moment without a record in flight",
        file: PARTS_JOURNAL,
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
        file: PARTS_PACE,
        edits: &[(
            "else { return Duration::ZERO };",
            "else { return if busy { QUIET } else { Duration::ZERO } };",
        )],
    },
    Mutant {
        name: "nothing becomes clean while a leg has a request",
        rule: "A user who never rests delays nothing for ever",
        file: STEPS_CLEAN,
        edits: &[(
            "|| self.suspension.suspended;\n        let Some(regions)",
            "|| self.suspension.suspended || self.legs.iter().any(|leg| leg.outstanding > 0);\n        let Some(regions)",
        )],
    },
    Mutant {
        name: "a leg has two flushes at once",
        rule: "Whoever wants a flush while one is on its way waits",
        file: PARTS_FLUSHES,
        edits: &[("        if self.busy {", "        if false {")],
    },
    Mutant {
        name: "who waits for the next flush takes the one on its way",
        rule: "its way waits for the next",
        file: PARTS_FLUSHES,
        edits: &[(
            "            self.waiting.push_back((who, cause));",
            "            let _ = cause;\n            self.sharing.push_back(who);",
        )],
    },
    Mutant {
        name: "a loss is forgotten with the table",
        rule: "The loss is remembered over an exchange of tables",
        file: STEPS_INHERIT,
        edits: &[("            self.loss = Loss::untold();", "")],
    },
    Mutant {
        name: "a loss that nobody noticed is forgotten with the table",
        rule: "The loss is remembered over an exchange of tables",
        file: STEPS_INHERIT,
        edits: &[("record.resets = it.resets;", "let _ = it.resets;")],
    },
    Mutant {
        name: "a replacement is forgotten with the table",
        rule: "a replacement on its way | goes over",
        file: STEPS_INHERIT,
        edits: &[("self.replacement = Some(replacement),", "_ = replacement,")],
    },
    Mutant {
        name: "a replacement keeps the numbers of the table before",
        rule: "whatever their numbers",
        file: PARTS_REPLACEMENT,
        edits: &[(
            "Some(Replacement::Rebuilding { old: number(old)?, new: number(new)? })",
            "number(old).and(number(new)).map(|_| self)",
        )],
    },
    Mutant {
        name: "the errors of a medium are forgotten with the table",
        rule: "errors of a medium, counts, why a leg stays out | go over",
        file: STEPS_INHERIT,
        edits: &[("(record.counts, record.errors) = (it.counts, it.errors);", "")],
    },
    Mutant {
        name: "a leg without records that is out is the source of the next table",
        rule: "which legs of a `core` mirror are out | goes over",
        file: STEPS_INHERIT,
        edits: &[(
            "Some(LegState::Failed(why)) => LegState::Failed(why),",
            "Some(LegState::Failed(_)) => continue,",
        )],
    },
    Mutant {
        name: "legs that had records are taken to be equal where these lay",
        rule: "so is a leg that had records where the mirror has data now",
        file: STEPS_INHERIT,
        edits: &[(
            "matches!(estate.log, Log::Core { .. }) && self.setup.length",
            "self.setup.length",
        )],
    },
];
