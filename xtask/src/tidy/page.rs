//! The rules for the sources of the page in a browser, as for those in Rust.
//!
//! Rule: each source opens with a comment that says what it is, is no longer than any other
//! source may be, and promises nothing that it does not do.

use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};

use super::{Complaint, Source, files};
use crate::workspace;

/// The extensions of the page's sources.
const EXTENSIONS: [&str; 4] = ["ts", "tsx", "mjs", "css"];

/// Complains about every source of the page that breaks a rule.
pub(super) fn check() -> Result<Vec<Complaint>> {
    let mut paths = Vec::new();
    walk(&workspace::page(), &mut paths).context("reading the page's sources")?;
    paths.sort();
    let mut complaints = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let path = path.strip_prefix(workspace::root())?.to_owned();
        complaints.extend(of(&Source { path, code: String::new(), text }));
    }
    Ok(complaints)
}

fn of(source: &Source) -> Vec<Complaint> {
    let first = source.text.lines().next().unwrap_or_default();
    let tagline = ["// ", "/* "].iter().find_map(|comment| first.strip_prefix(comment));
    let mut complaints = files::length(source);
    complaints.extend(files::unfinished(source));
    if tagline.is_none_or(|tagline| tagline.trim().is_empty()) {
        let what = "open the file with `// what it is`, then its place and its rules";
        complaints.push(Complaint::new(&source.path, 1, what));
    }
    complaints
}

/// Collects the page's sources below `folder`, without other people's packages.
fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "node_modules" {
                walk(&path, into)?;
            }
        } else if path.extension().is_some_and(|it| EXTENSIONS.iter().any(|known| it == *known)) {
            into.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(text: &str) -> usize {
        of(&Source { path: "a.ts".into(), text: text.into(), code: String::new() }).len()
    }

    #[test]
    fn a_source_opens_with_what_it_is() {
        for text in ["// What it is.\n", "/* What it is. */\n"] {
            assert_eq!(complaints(text), 0, "{text}");
        }
        for text in ["", "import a;\n", "//\n", "//  \n"] {
            assert_eq!(complaints(text), 1, "{text:?}");
        }
    }

    #[test]
    fn a_source_is_short_and_done() {
        assert_eq!(complaints(&format!("// A.\n{}", "\n".repeat(500))), 1);
        assert_eq!(complaints(concat!("// A.\n// TO", "DO: b\n")), 1);
    }
}
