//! What follows from an event: each question that is not asked, and each time that the
//! plain way wrongly says that nothing follows.

use super::Mutant;

const CORE: &str = "dm-mirror/src/core/mod.rs";
const ALARM: &str = "dm-mirror/src/core/steps/alarm.rs";
const JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const MEMBERSHIP: &str = "dm-mirror/src/core/parts/membership.rs";
const STRATEGY: &str = "dm-mirror/src/core/steps/strategy.rs";
const READ: &str = "dm-mirror/src/core/steps/read.rs";
const WRITE: &str = "dm-mirror/src/core/steps/write.rs";

const ASKED: &str = "What follows is asked for, not remembered";
const PLAIN: &str = "Only the plain way of a request skips the questions";
const STUCK: &str =
    "What failed on the last leg is tried again by an alarm, or for somebody who waits";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "nobody asks whether a wipe may begin",
        rule: "What follows is asked for, not remembered",
        file: CORE,
        edits: &[("            self.begin_wipes(),\n", "")],
    },
    Mutant {
        name: "nobody mints the generation that is wanted",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.mint(dice),\n", "")],
    },
    Mutant {
        name: "nobody begins the second round of a commit",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.second_round(),\n", "")],
    },
    Mutant {
        name: "nobody goes on when superblocks are durable",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.became_durable(),\n", "")],
    },
    Mutant {
        name: "nobody takes a leg back a step further",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.take_back(),\n", "")],
    },
    Mutant {
        name: "nobody has superblocks written",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.record_superblocks(),\n", "")],
    },
    Mutant {
        name: "nobody has maps written",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.record_maps(),\n", "")],
    },
    Mutant {
        name: "nobody wakes the resync",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.wake_resync(),\n", "")],
    },
    Mutant {
        name: "nobody wakes the scrub",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.wake_scrub(),\n", "")],
    },
    Mutant {
        name: "nobody wakes the cleaner",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.wake_cleaner(),\n", "")],
    },
    Mutant {
        name: "nobody looks at the legs that were put off",
        rule: ASKED,
        file: CORE,
        edits: &[("            self.look_at_those_put_off(),\n", "")],
    },
    Mutant {
        name: "a write that waits for its record says that nothing follows",
        rule: PLAIN,
        file: WRITE,
        edits: &[(
            "if ready == legs { Follow::Nothing } else { Follow::Perhaps }",
            "Follow::Nothing",
        )],
    },
    Mutant {
        name: "a write that wakes the cleaner says that nothing follows",
        rule: PLAIN,
        file: WRITE,
        edits: &[("(legs, if first { Follow::Perhaps }", "(legs, if false { Follow::Perhaps }")],
    },
    Mutant {
        name: "a write that is parked says that nothing follows",
        rule: PLAIN,
        file: WRITE,
        edits: &[(
            "            membership.try_again();\n            return Follow::Perhaps;",
            "            membership.try_again();\n            return Follow::Nothing;",
        )],
    },
    Mutant {
        name: "a read that waits for the resync says that nothing follows",
        rule: PLAIN,
        file: READ,
        edits: &[(
            "        self.resync.wake_for_reader();\n        Follow::Perhaps",
            "        self.resync.wake_for_reader();\n        Follow::Nothing",
        )],
    },
    Mutant {
        name: "a page that failed on the last leg is written again at once",
        rule: STUCK,
        file: JOURNAL,
        edits: &[("        self.stuck = true;\n", "")],
    },
    Mutant {
        name: "a page that failed on the last leg is never written again",
        rule: STUCK,
        file: ALARM,
        edits: &[(
            "journals.for_each(Journal::try_again);",
            "journals.for_each(|_: &mut Journal| ());",
        )],
    },
    Mutant {
        name: "a superblock that failed on the last leg is written again at once",
        rule: STUCK,
        file: MEMBERSHIP,
        edits: &[("(self.twice, self.stuck) = (true, true);", "self.twice = true;")],
    },
    Mutant {
        name: "a request keeps the mirror still after a suspension",
        rule: "A request ends that, and so does a resume",
        file: STRATEGY,
        edits: &[("        self.suspension.still = false;\n", "")],
    },
];
