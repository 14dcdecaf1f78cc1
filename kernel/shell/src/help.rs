//! Help texts, made from the table that the parser uses.
//!
//! Place: the console prints [`text`]. Lines end in `\n`.

use crate::spec::{COMMANDS, CommandSpec, matching};
use crate::usage::HERE;
use alloc::string::String;
use core::fmt::Write;

const SIZES: &str = "\
OFFSET and LENGTH are in bytes; with the suffix s in sectors of 512 bytes; with
K, M or G in powers of 1024; always whole sectors. Quotes '..' and \"..\" join
words; # starts a comment. Tab completes; up and down recall lines.
Of a script nothing is sent after a command that failed.
A table of several lines: dmsetup create NAME <<END, the lines, and then END.
";

/// The widest name for which the list makes room. Longer names stick out.
const COLUMN_MAX: usize = 16;

/// The list of commands, or the full help on those that `topic` names.
///
/// ```
/// assert!(shell::help::text(None).contains("dmsetup create"));
/// assert_eq!(
///     shell::help::text(Some("flush")),
///     "flush: Make all acknowledged writes durable\n  usage: flush DEV\n  example: flush m0\n",
/// );
/// ```
pub fn text(topic: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = match topic {
        None => list(&mut text),
        Some(topic) => matching(topic).try_for_each(|spec| explain(spec, &mut text)),
    };
    text
}

fn list(text: &mut String) -> core::fmt::Result {
    let listed = || COMMANDS.iter().filter(|spec| !spec.hidden);
    let widths = listed().map(|spec| spec.name.len()).filter(|&width| width <= COLUMN_MAX);
    let width = widths.max().unwrap_or(0);
    for spec in listed() {
        writeln!(text, "  {:width$}  {}", spec.name, spec.summary)?;
    }
    write!(text, "\n{SIZES}help COMMAND shows usage and an example.\n")
}

fn explain(spec: &CommandSpec, text: &mut String) -> core::fmt::Result {
    writeln!(text, "{}: {}", spec.name, spec.summary)?;
    writeln!(text, "  {}", spec.usage_line())?;
    if spec.usage.contains(HERE) {
        writeln!(text, "  {HERE}: the lines after this one, up to one that is just END")?;
    }
    writeln!(text, "  example: {}", spec.example)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn the_list_names_every_command_but_the_hidden_and_fits_a_row() {
        let text = text(None);
        for spec in COMMANDS {
            let listed = text.lines().any(|line| line.trim_start().starts_with(spec.name));
            assert_eq!(listed, !spec.hidden, "{}", spec.name);
        }
        assert!(text.lines().all(|line| line.len() < 80), "{text}");
    }

    #[test]
    fn a_first_word_explains_all_its_commands() {
        let names: Vec<&str> = matching("mirror").map(|spec| spec.name).collect();
        assert_eq!(names[..2], ["mirror label", "mirror assemble"]);
        assert!(names.iter().all(|name| name.starts_with("mirror ")));
        assert_eq!(matching("mir").count(), 0);
        assert_eq!(matching("").count(), 0);
        assert!(text(Some("mirror fail")).starts_with("mirror fail: "));
        assert!(!text(Some("panic")).is_empty(), "hidden, but not denied");
        let lines_after = |topic| text(Some(topic)).contains("  <<END: the lines after this one");
        assert!(lines_after("dmsetup load") && !lines_after("dmsetup clear"));
    }
}
