//! The mutations: how each rule can be broken.
//!
//! Place: data; `trial` tries them. One table for each part. Rules, each a test below: a rule
//! is quoted word by word from where it is written down; what is to be replaced occurs exactly
//! once, so that the list follows the code; names are unique.

use std::fmt;

mod assemble;
mod bio;
mod dm;
mod drivers;
mod follow;
mod intent;
mod latency;
mod lives;
mod lwkt;
mod media;
mod members;
mod membership;
mod pages;
mod readmission;
mod records;
mod recovery;
mod requests;
mod shell;
mod slots;
mod tables;
mod targets;

/// A way to break something.
pub(super) struct Mutant {
    /// What it does wrong, in words.
    pub(super) name: &'static str,
    /// The words of the rule that it breaks.
    pub(super) rule: &'static str,
    /// The file, from the workspace's folder.
    pub(super) file: &'static str,
    /// Each text to be found, and what stands there instead.
    pub(super) edits: &'static [(&'static str, &'static str)],
}

impl Mutant {
    /// The number of its switch. It comes of the name (Fowler, Noll and Vo's hash, FNV-1a), so
    /// that a change of the list has nothing built anew but the crate that it is about.
    pub(super) fn number(&self) -> usize {
        let hash = self
            .name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        hash as usize
    }
}

/// The mutations of a part.
pub(super) struct Group {
    /// What docs/mutations.md calls it.
    pub(super) title: &'static str,
    /// Where its rules are written down.
    pub(super) rules: Rules,
    /// All of them.
    pub(super) table: &'static [Mutant],
}

/// Where rules are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// In docs/mirror.md.
    Mirror,
    /// Where they are kept: in the comments of the file, or on a page for all crates.
    Kept,
}

impl fmt::Display for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Rules::Mirror => "The rules are those of [mirror.md](mirror.md).",
            Rules::Kept => "The rules stand where they are kept: in the comments of the code.",
        })
    }
}

const fn mirror(title: &'static str, table: &'static [Mutant]) -> Group {
    Group { title, rules: Rules::Mirror, table }
}

const fn kept(title: &'static str, table: &'static [Mutant]) -> Group {
    Group { title, rules: Rules::Kept, table }
}

const GROUPS: &[Group] = &[
    mirror("Requests", requests::TABLE),
    mirror("Write intent and cleaning", intent::TABLE),
    mirror("Exclusions", membership::TABLE),
    mirror("A start", recovery::TABLE),
    mirror("A leg comes back", readmission::TABLE),
    mirror("Who may be believed", assemble::TABLE),
    mirror("Records that stand twice", records::TABLE),
    mirror("Bad media", media::TABLE),
    mirror("Members and pace", members::TABLE),
    mirror("Lives", lives::TABLE),
    mirror("What follows from an event", follow::TABLE),
    kept("Several pages, offsets, other tables", pages::TABLE),
    kept("How long legs take", latency::TABLE),
    kept("Requests and extents (`bio`)", bio::TABLE),
    kept("Mapped devices (`dm`)", dm::TABLE),
    kept("Tables and names (`dm`)", tables::TABLE),
    kept("Targets (`dm`)", targets::TABLE),
    kept("Disks (`drivers`)", drivers::TABLE),
    kept("Slots (`drivers`)", slots::TABLE),
    kept("The scheduler (`lwkt`)", lwkt::TABLE),
    kept("The console's lines (`shell`)", shell::TABLE),
];

/// All groups, the mirror's first.
pub(super) fn groups() -> &'static [Group] {
    GROUPS
}

/// All mutations, group by group.
pub(super) fn all() -> impl Iterator<Item = &'static Mutant> {
    GROUPS.iter().flat_map(|group| group.table)
}

/// The group of a mutation of the list.
pub(super) fn group_of(mutant: &Mutant) -> &'static Group {
    let has = |group: &&Group| group.table.iter().any(|it| it.name == mutant.name);
    GROUPS.iter().find(has).expect("a mutation of the list")
}

/// Whether the test command tries it.
pub(super) fn is_in_sample(mutant: &Mutant) -> bool {
    SAMPLE.contains(&mutant.name)
}

/// Those that the test command tries.
const SAMPLE: [&str; 40] = [
    "a write is acknowledged by its first leg",
    "reads take no range",
    "data is written before the leg's own intent is flushed",
    "a flush is acknowledged while an exclusion is not durable",
    "a promotion is told to the leg itself first",
    "a missing member is not waited for",
    "a leg that failed a write stays",
    "a failed leg is read",
    "one leg has no intent",
    "a leg that cannot write its map stays",
    "the generation before is not remembered",
    "a check writes",
    "a new member's disk is not wiped",
    "a start that failed leaves its session behind",
    "a leg that failed a discard stays",
    "a table shorter than the mirror starts it",
    "a clean stop does not wait for the maps",
    "a request that is dropped leaves its originator waiting",
    "the last error of the pieces is the request's",
    "extents that touch overlap",
    "a layer gets its request back with the extent of the one below",
    "held requests go on in any order",
    "a device contains itself",
    "a member in doubt is ahead of nobody of its generation",
    "a suspension flushes before all has ended",
    "a table swap counts the resets the wrong way round",
    "delayed requests leave in the other order",
    "the stripes change places in the second row",
    "the test for a kick does not wrap",
    "a device that wrote more than it was lent is believed",
    "a forced write is not flushed by the disk",
    "a return is no reset",
    "a button that is pressed again is not heard",
    "a lost kick is never repeated",
    "a sleeper tests first and announces afterwards",
    "a wake-up before the sleep is lost",
    "a timer falls due one moment late",
    "a ring that is taken stays",
    "a line that is too long is cut and run",
    "damaged bytes are left out",
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::super::tree::package_of;
    use super::{GROUPS, Mutant, Rules, SAMPLE, all};
    use crate::workspace;

    fn text(file: &str) -> String {
        fs::read_to_string(workspace::root().join(file)).expect("a file of the workspace")
    }

    fn words(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The comments of a source, without what begins them.
    fn comments(source: &str) -> String {
        let comment = |line: &str| {
            let (_, comment) = line.split_once("//")?;
            Some(comment.trim_start_matches(['/', '!']).to_owned())
        };
        words(&source.lines().filter_map(comment).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn each_mutation_finds_its_places_and_changes_them() {
        let lost = |mutant: &Mutant| {
            let original = text(mutant.file);
            match mutant.applied(&original) {
                Ok(applied) => (applied == original).then(|| format!("{}: no change", mutant.name)),
                Err(why) => Some(format!("{why:#}")),
            }
        };
        let lost: Vec<String> = all().filter_map(lost).collect();
        assert!(lost.is_empty(), "{}", lost.join("\n"));
    }

    #[test]
    fn each_mutation_breaks_a_rule_that_is_written_down() {
        let page = |name: &str| words(&text(&format!("docs/{name}.md")).replace("**", ""));
        let mirror = page("mirror");
        let all_crates = ["architecture", "devices", "format", "commands"].map(page);
        for group in GROUPS {
            for mutant in group.table {
                let rule = words(mutant.rule);
                let written = match group.rules {
                    Rules::Mirror => mirror.contains(&rule),
                    Rules::Kept => {
                        comments(&text(mutant.file)).contains(&rule)
                            || all_crates.iter().any(|page| page.contains(&rule))
                    }
                };
                assert!(written, "`{}`: nowhere is written `{rule}`", mutant.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_those_of_the_test_command_are_there() {
        let names: BTreeSet<_> = all().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), all().count());
        let numbers: BTreeSet<_> = all().map(Mutant::number).collect();
        assert!(numbers.len() == names.len() && !numbers.contains(&0), "rename one: two are alike");
        assert!(SAMPLE.iter().all(|name| names.contains(name)));
        assert!(all().all(|mutant| package_of(mutant.file).is_some()));
    }
}
