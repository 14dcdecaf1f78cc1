//! The table of commands in the documentation has every command of ours, and no other.

use std::collections::BTreeSet;

use shell::COMMANDS;

const TABLE: &str = include_str!("../../../docs/commands.md");

/// The first `count` words of each text between backticks in the columns that are ours.
fn ours(count: usize) -> BTreeSet<String> {
    let (tables, _) = TABLE.split_once("## What is not here").expect("it ends with reasons");
    let cells = tables.lines().filter_map(|line| line.trim_end_matches('|').rsplit('|').next());
    let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    quoted.map(|text| text.split(' ').take(count).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn every_command_for_devices_has_a_row() {
    let named = ours(2);
    for spec in COMMANDS.iter().filter(|spec| !spec.hidden && spec.name.contains(' ')) {
        assert!(named.contains(spec.name), "{} has no row", spec.name);
    }
    assert!(ours(1).contains("events"));
}

#[test]
fn every_row_has_a_command() {
    for name in ours(2).iter().filter(|name| name.starts_with("mirror ")) {
        // A table may say `mirror core`, which is a word of a table.
        let is_table = name == "mirror core";
        assert!(is_table || COMMANDS.iter().any(|spec| spec.name == name), "{name} is none");
    }
}

/// docs/limits.md says what the code does.
#[test]
fn the_listed_limits_are_those_of_the_code() {
    let list = include_str!("../../../docs/limits.md");
    for (name, value) in [
        ("LINE_BYTES_MAX", shell::editor::LINE_BYTES_MAX),
        ("DOCUMENT_BYTES_MAX", shell::document::DOCUMENT_BYTES_MAX),
        ("HISTORY_LINES_MAX", shell::history::HISTORY_LINES_MAX),
        ("COMPLETIONS_LISTED_MAX", shell::editor::COMPLETIONS_LISTED_MAX),
    ] {
        assert!(list.contains(&format!("| `{name}` | {value} ")), "{name} is {value}");
    }
}
