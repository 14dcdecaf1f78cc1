//! The mutations: how each rule of the mirror can be broken.
//!
//! Place: data; `trial` tries them one at a time. One table for each part of the
//! mirror. Rules, each a test below: a rule is quoted from docs/mirror.md word by
//! word; what is to be replaced occurs exactly once, so that the list follows the
//! code; names are unique.

mod assemble;
mod intent;
mod lives;
mod media;
mod members;
mod membership;
mod readmission;
mod recovery;
mod requests;

/// A way to break the mirror.
pub(super) struct Mutant {
    /// What it does wrong, in words.
    pub(super) name: &'static str,
    /// The words of docs/mirror.md that it breaks.
    pub(super) rule: &'static str,
    /// The file, from the workspace's folder.
    pub(super) file: &'static str,
    /// Each text to be found, and what stands there instead.
    pub(super) edits: &'static [(&'static str, &'static str)],
}

/// Those that the test command tries.
pub(super) const SAMPLE: [&str; 6] = [
    "a write is acknowledged by its first leg",
    "reads take no range",
    "data is written before the leg's own intent is flushed",
    "a flush is acknowledged while an exclusion is not durable",
    "a promotion is told to the leg itself first",
    "a missing member is not waited for",
];

/// All of them, table by table.
pub(super) fn all() -> impl Iterator<Item = &'static Mutant> {
    let tables = [
        requests::TABLE,
        intent::TABLE,
        membership::TABLE,
        recovery::TABLE,
        readmission::TABLE,
        assemble::TABLE,
        media::TABLE,
        members::TABLE,
        lives::TABLE,
    ];
    tables.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::{SAMPLE, all};
    use crate::workspace;

    fn text(file: &str) -> String {
        fs::read_to_string(workspace::root().join(file)).expect("a file of the workspace")
    }

    #[test]
    fn each_mutation_finds_its_places_and_changes_them() {
        for mutant in all() {
            let original = text(mutant.file);
            assert_ne!(mutant.applied(&original).unwrap(), original, "{}", mutant.name);
        }
    }

    #[test]
    fn each_mutation_breaks_a_rule_that_is_written_down() {
        let design = text("docs/mirror.md").replace("**", "");
        let design = design.split_whitespace().collect::<Vec<_>>().join(" ");
        for mutant in all() {
            assert!(design.contains(mutant.rule), "docs/mirror.md has no `{}`", mutant.rule);
        }
    }

    #[test]
    fn names_are_unique_and_those_of_the_test_command_are_there() {
        let names: BTreeSet<_> = all().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), all().count());
        assert!(SAMPLE.iter().all(|name| names.contains(name)));
    }
}
