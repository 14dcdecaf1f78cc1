//! The rules for every source file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use super::code::is_word;
use super::{Complaint, Source};

/// A rule about one file.
type Rule = fn(&Source) -> Vec<Complaint>;

/// All of them, with their names.
pub(super) const RULES: &[(&str, Rule)] = &[
    ("unsafe code in its rooms", unsafe_rooms),
    ("unsafe code forbidden elsewhere", forbids_unsafe),
    ("a tagline opens each file", tagline),
    ("files are short", length),
    ("nothing is left undone", unfinished),
    ("the console asks for values", asks),
];

/// Where unsafe code may live: the CPU, memory, the switch of contexts, the names of the
/// functions that the page calls, ...
const UNSAFE_ROOMS: [&str; 4] =
    ["kernel/src/arch", "kernel/src/mm", "kernel/src/task/switch.rs", "xtask/play/src/abi.rs"];

/// ... and where drivers share memory or registers with a device.
const UNSAFE_DRIVER_FILES: [&str; 3] = [
    "drivers/src/pci/mod.rs",
    "drivers/src/virtio/ring/loan.rs",
    "drivers/src/virtio/ring/shared.rs",
];

/// The packages that unsafe rooms are in; all others forbid unsafe code.
const PACKAGES_WITH_UNSAFE: [&str; 3] = ["kernel/src", "drivers/src", "xtask/play/src"];

/// The longest file, in lines.
const LINES_MAX: usize = 500;

/// Words that promise work instead of doing it. Spelt so that this file does not contain them.
const UNFINISHED: [&str; 4] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("to", "do!"),
    concat!("unimple", "mented!"),
];

/// Ways to take apart a line that was printed: of a table, of its status, of a report.
const TAKES_APART: [&str; 3] = ["split(' ')", "splitn(", "split_whitespace().nth("];

/// Tests, and the fake and hostile devices that they use, run on a host. Their unsafe code is
/// in no product.
fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.ends_with("tests")
        || stem == "fake"
        || path
            .components()
            .any(|part| ["tests", "hostile"].map(OsStr::new).contains(&part.as_os_str()))
}

fn unsafe_rooms(source: &Source) -> Vec<Complaint> {
    let path = &source.path;
    let rooms = UNSAFE_ROOMS.iter().chain(&UNSAFE_DRIVER_FILES);
    if rooms.into_iter().any(|room| path.starts_with(room)) || is_test(path) {
        return Vec::new();
    }
    let lines = source.code.lines().enumerate();
    let found = lines.filter(|(_, line)| has_word(line, "unsafe"));
    let what = "unsafe code outside its rooms: move it to one of those that xtask/src/tidy/files.rs \
                lists, behind a safe function";
    found.map(|(index, _)| Complaint::new(path, index + 1, what)).collect()
}

fn forbids_unsafe(source: &Source) -> Vec<Complaint> {
    let path = &source.path;
    let is_root = path.ends_with("src/lib.rs") || path.ends_with("src/main.rs");
    let may = PACKAGES_WITH_UNSAFE.iter().any(|package| {
        path.starts_with(package) && {
            path.components().count() == Path::new(package).components().count() + 1
        }
    });
    if !is_root || may || source.code.contains("#![forbid(unsafe_code)]") {
        return Vec::new();
    }
    vec![Complaint::new(path, 1, "write #![forbid(unsafe_code)] under the opening comment")]
}

fn tagline(source: &Source) -> Vec<Complaint> {
    let first = source.text.lines().next().unwrap_or_default();
    if first.strip_prefix("//! ").is_some_and(|tagline| !tagline.trim().is_empty()) {
        return Vec::new();
    }
    let what = "open the file with `//! what it is`, then its place and its rules";
    vec![Complaint::new(&source.path, 1, what)]
}

pub(super) fn length(source: &Source) -> Vec<Complaint> {
    let lines = source.text.lines().count();
    if lines <= LINES_MAX {
        return Vec::new();
    }
    let what = format!("{lines} lines, {LINES_MAX} at most: find the two things that it is about");
    vec![Complaint::new(&source.path, LINES_MAX + 1, what)]
}

pub(super) fn unfinished(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (index, line) in source.text.lines().enumerate() {
        for word in UNFINISHED.iter().filter(|word| has_word(line, word)) {
            let what = format!("`{word}`: do it now, or take the promise out");
            complaints.push(Complaint::new(&source.path, index + 1, what));
        }
    }
    complaints
}

/// What a word of a table means only its grammar knows: whoever counts words to find a leg
/// finds another one when a word is added before it.
fn asks(source: &Source) -> Vec<Complaint> {
    if !source.path.starts_with("kernel/src/console") {
        return Vec::new();
    }
    let lines = source.text.lines().enumerate();
    let found = lines.filter(|(_, line)| TAKES_APART.iter().any(|how| line.contains(how)));
    let what = "a line is taken apart by its words: ask the device for its `lines` or `parts`, or \
                the mirror for its `Table` or `Report`";
    found.map(|(index, _)| Complaint::new(&source.path, index + 1, what)).collect()
}

/// Complains about every file that stands beside a folder of its name.
pub(super) fn beside(sources: &[Source]) -> Vec<Complaint> {
    let folders: BTreeSet<&Path> =
        sources.iter().flat_map(|source| source.path.ancestors().skip(1)).collect();
    let stand = sources.iter().filter(|it| folders.contains(&*it.path.with_extension("")));
    let what = "beside a folder of its name: move it in there, as `mod.rs`";
    stand.map(|source| Complaint::new(&source.path, 1, what)).collect()
}

/// Whether `line` has `word`, not as a part of a longer word.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && (word.ends_with('!') || !after.is_some_and(is_word))
    })
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into(), code: code::only(text) }
    }

    /// The lines that `rule` complains about.
    fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
        rule(&source(path, text)).iter().map(|complaint| complaint.line).collect()
    }

    #[test]
    fn unsafe_is_found_outside_its_rooms_only() {
        let text = "//! a\nfn f() {\n    unsafe { g() }\n}\n";
        assert_eq!(lines(unsafe_rooms, "kernel/src/console/mod.rs", text), [3]);
        assert_eq!(lines(unsafe_rooms, "drivers/src/virtio/blk.rs", text), [3]);
        for room in ["kernel/src/mm/dma.rs", "kernel/src/task/switch.rs", "dm/tests/allocation.rs"]
        {
            assert!(lines(unsafe_rooms, room, text).is_empty(), "{room}");
        }
    }

    #[test]
    fn the_word_unsafe_in_prose_and_in_longer_words_is_no_unsafe_code() {
        let text = "//! unsafe\n#![forbid(unsafe_code)]\nconst A: &str = \"unsafe\"; // unsafe\n";
        assert!(lines(unsafe_rooms, "kernel/src/main.rs", text).is_empty());
    }

    #[test]
    fn a_crate_root_forbids_unsafe_code_in_code_not_in_prose() {
        let (with, without) = ("#![forbid(unsafe_code)]", "// #![forbid(unsafe_code)]");
        assert!(lines(forbids_unsafe, "dm-mirror/src/lib.rs", with).is_empty());
        assert_eq!(lines(forbids_unsafe, "dm-mirror/src/lib.rs", without), [1]);
        assert_eq!(lines(forbids_unsafe, "kernel/bio/src/lib.rs", without), [1]);
        assert!(lines(forbids_unsafe, "kernel/src/main.rs", without).is_empty());
        assert!(lines(forbids_unsafe, "kernel/bio/src/buf.rs", without).is_empty());
    }

    #[test]
    fn a_file_opens_with_its_tagline() {
        assert!(lines(tagline, "a.rs", "//! What it is.\n").is_empty());
        for text in ["", "//!\n", "//! \n", "use a;\n//! late\n", "/// of what?\n"] {
            assert_eq!(lines(tagline, "a.rs", text), [1], "{text:?}");
        }
    }

    #[test]
    fn a_file_has_at_most_so_many_lines() {
        assert!(lines(length, "a.rs", &"\n".repeat(LINES_MAX)).is_empty());
        assert_eq!(lines(length, "a.rs", &"\n".repeat(LINES_MAX + 1)), [LINES_MAX + 1]);
    }

    #[test]
    fn a_file_stands_beside_no_folder_of_its_name() {
        let paths = ["a/b.rs", "a/b/c.rs", "a/bc.rs", "d/mod.rs", "d/e/mod.rs"];
        let sources = paths.map(|path| source(path, ""));
        let [one] = &beside(&sources)[..] else { panic!("{:?}", beside(&sources)) };
        assert_eq!(one.file, Path::new("a/b.rs"));
    }

    #[test]
    fn the_console_takes_no_line_apart() {
        for how in TAKES_APART {
            let text = format!("fn f() {{\n    line.{how}3)\n}}\n");
            assert_eq!(lines(asks, "kernel/src/console/commands/a.rs", &text), [2], "{how}");
            assert!(lines(asks, "kernel/shell/src/a.rs", &text).is_empty(), "{how}");
        }
        let names = "names.split_whitespace().any(|it| it == name)";
        assert!(lines(asks, "kernel/src/console/a.rs", names).is_empty());
    }

    #[test]
    fn promises_are_found_in_comments_and_code() {
        for word in UNFINISHED {
            assert_eq!(lines(unfinished, "a.rs", &format!("a\n// {word}: b\n")), [2], "{word}");
            assert!(lines(unfinished, "a.rs", &format!("// mas{word}")).is_empty(), "{word}");
        }
    }
}
