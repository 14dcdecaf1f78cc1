//! docs/mutations.md: the test that caught each mutation in its last run.
//!
//! Place: `trial` tries that test first, so that a mutation which is still caught costs a
//! second; `--write` brings the page up to date. Rule: the page has a row for each mutation,
//! in the order of the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::list::{Group, Mutant};
use super::trial::Verdict;
use crate::workspace;

/// Stands for a mutation that no run has tried yet.
const NOT_TRIED: &str = "not tried yet";

/// The head of a table.
pub(super) const HEAD: &str = "| what is broken | the rule | caught by |\n|---|---|---|\n";

/// The page as it is.
pub(super) struct Page {
    /// The text before the first table.
    head: String,
    /// The last column, by the mutation's name.
    caught: BTreeMap<String, String>,
}

impl Page {
    /// Reads it.
    pub(super) fn read() -> Result<Page> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(Page::of(&text))
    }

    fn of(text: &str) -> Page {
        let (head, tables) = text.split_at(text.find("## ").unwrap_or(text.len()));
        let rows = tables.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("| ")?.split_once(" | ")?;
            let (_, caught) = rest.strip_suffix(" |")?.rsplit_once(" | ")?;
            Some((name.to_owned(), caught.to_owned()))
        });
        Page { head: head.to_owned(), caught: rows.collect() }
    }

    /// The test that caught this mutation: its program and its name.
    pub(super) fn caught_by(&self, mutant: &Mutant) -> Option<(&str, &str)> {
        let test = self.caught.get(mutant.name)?.split('`').nth(1)?;
        test.split_once(": ")
    }

    /// Notes the verdict on a mutation.
    pub(super) fn note(&mut self, mutant: &Mutant, verdict: &Verdict) {
        self.caught.insert(mutant.name.to_owned(), verdict.to_string());
    }

    /// Writes it, with a table for each of `groups`.
    pub(super) fn write(&self, groups: &[Group]) -> Result<()> {
        let path = path();
        fs::write(&path, self.text(groups)).with_context(|| path.display().to_string())
    }

    fn text(&self, groups: &[Group]) -> String {
        let table = |group: &Group| {
            let rows = group.table.iter().map(|mutant| {
                let caught = self.caught.get(mutant.name).map_or(NOT_TRIED, String::as_str);
                format!("{}\n", row(mutant, caught))
            });
            format!("## {}\n\n{}\n\n{HEAD}{}", group.title, group.rules, rows.collect::<String>())
        };
        let tables: Vec<_> = groups.iter().map(table).collect();
        format!("{}{}", self.head, tables.join("\n"))
    }
}

/// A row of the table.
pub(super) fn row(mutant: &Mutant, caught: impl std::fmt::Display) -> String {
    format!("| {} | {} | {caught} |", mutant.name, mutant.rule.replace(" | ", ", "))
}

fn path() -> PathBuf {
    workspace::root().join("docs/mutations.md")
}

#[cfg(test)]
mod tests {
    use super::super::list::{Rules, groups};
    use super::*;

    const MUTANT: Mutant = Mutant { name: "a b", rule: "it | is", file: "a.rs", edits: &[] };
    const GROUP: Group = Group { title: "One", rules: Rules::Kept, table: &[MUTANT] };

    #[test]
    fn a_test_that_caught_a_mutation_is_read_where_it_was_written() {
        let mut page = Page::of("# Head\n\nWords.\n\n");
        page.note(&MUTANT, &Verdict::Caught { test: "dm::dm: a::b".into(), hung: true });
        let text = page.text(&[GROUP]);
        assert!(text.starts_with("# Head\n\nWords.\n\n## One\n\nThe rules stand"), "{text}");
        assert!(text.ends_with("| a b | it, is | `dm::dm: a::b` (hung) |\n"), "{text}");
        assert_eq!(Page::of(&text).caught_by(&MUTANT), Some(("dm::dm", "a::b")));
        assert_eq!(Page::of(&text).text(&[GROUP]), text);
    }

    #[test]
    fn the_page_has_a_row_for_each_mutation_and_no_other() {
        let page = Page::read().unwrap();
        let on_disk = fs::read_to_string(path()).unwrap();
        assert_eq!(page.text(groups()), on_disk, "`cargo xtask mutants --write` puts it in order");
    }
}
