//! Tests that the documentation names: each must exist in the sources.
//!
//! Rule: in a table of these pages, code with `::` in it is a test's name behind
//! the end of its file's path, as in `assemble/returns::without_a_write_…`. The
//! kernel's own tests are named as they are printed: `mirror::both_disks_…`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::{Complaint, Source};
use crate::workspace;

/// The pages that name tests.
const PAGES: [&str; 4] =
    ["docs/mirror.md", "docs/scenarios.md", "docs/sketch.md", "docs/compare.md"];

/// Complains about every name without a test.
pub(super) fn check(sources: &[Source]) -> Result<Vec<Complaint>> {
    let mut complaints = Vec::new();
    for page in PAGES.map(Path::new) {
        let text = fs::read_to_string(workspace::root().join(page))
            .with_context(|| page.display().to_string())?;
        for (line, name) in names(&text).filter(|(_, name)| !is_test(name, sources)) {
            let what = format!("`{name}` is no test: name one that is in the sources");
            complaints.push(Complaint::new(page, line, what));
        }
    }
    Ok(complaints)
}

/// The tests named in the tables of a page, each with its line.
fn names(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let rows = text.lines().zip(1..).filter(|(line, _)| line.starts_with('|'));
    rows.flat_map(|(line, number)| {
        let code = line.split('`').skip(1).step_by(2);
        code.filter(|code| code.contains("::")).map(move |code| (number, code))
    })
}

fn is_test(name: &str, sources: &[Source]) -> bool {
    let Some((file, test)) = name.rsplit_once("::") else { return false };
    let in_kernel = format!("name: \"{name}\"");
    sources.iter().any(|source| {
        let host = source.path.with_extension("").ends_with(file) && has_test(&source.code, test);
        host || source.path.starts_with("kernel/src/selftest") && source.text.contains(&in_kernel)
    })
}

/// Whether `code` has this function, with `#[test]` among its attributes.
fn has_test(code: &str, test: &str) -> bool {
    let head = format!("fn {test}()");
    code.match_indices(&head).any(|(at, _)| {
        let before = code[..at].rsplit(['}', ';']).next().unwrap_or_default();
        before.contains("#[test]")
    })
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into(), code: code::only(text) }
    }

    #[test]
    fn names_are_code_in_tables() {
        let text = "`a::b`\n\n| `a::b` | `c` and `d/e::f` |\n";
        assert_eq!(names(text).collect::<Vec<_>>(), [(3, "a::b"), (3, "d/e::f")]);
    }

    #[test]
    fn a_test_is_found_in_its_own_file_only() {
        let text = "use a;\n#[test]\nfn b() {}\n\n/// #[test]\nfn helper() {}\n";
        let sources = [source("x/tests/a/b.rs", text), source("x/tests/c.rs", "")];
        for name in ["b::b", "a/b::b", "tests/a/b::b"] {
            assert!(is_test(name, &sources), "{name}");
        }
        for name in ["b::helper", "c::b", "xb::b", "b::use", "b"] {
            assert!(!is_test(name, &sources), "{name}");
        }
    }

    #[test]
    fn a_test_of_the_kernel_has_the_name_that_it_prints() {
        let text = "Test { name: \"mirror::a\", run: a }";
        assert!(is_test("mirror::a", &[source("kernel/src/selftest/mirror.rs", text)]));
        assert!(!is_test("mirror::a", &[source("kernel/src/mirror.rs", text)]));
    }
}
