//! The book's contents: each page of docs/ is listed once.
//!
//! Place: mdBook reads `docs/SUMMARY.md`: a page that is not listed is not in the book, and
//! links to it lead nowhere. Rule: each `.md` file below `docs` is listed once, and each listed
//! page is a file.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result};

use super::Complaint;
use crate::workspace;

/// The folder of the pages.
const FOLDER: &str = "docs";

/// Its contents, which are no page of the book themselves.
const CONTENTS: &str = "SUMMARY.md";

/// Complains about pages that are missing, listed twice, or no files.
pub(super) fn check() -> Result<Vec<Complaint>> {
    let folder = workspace::root().join(FOLDER);
    let text = fs::read_to_string(folder.join(CONTENTS)).context(CONTENTS)?;
    let mut pages = BTreeSet::new();
    collect(&folder, "", &mut pages).context(FOLDER)?;
    pages.remove(CONTENTS);
    Ok(compare(&text, &pages))
}

/// Collects the pages below `folder`, which is called `prefix`: empty, or with a `/` behind.
fn collect(folder: &Path, prefix: &str, into: &mut BTreeSet<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), into)?;
        } else if name.ends_with(".md") {
            into.insert(name);
        }
    }
    Ok(())
}

fn compare(text: &str, pages: &BTreeSet<String>) -> Vec<Complaint> {
    let file = Path::new(FOLDER).join(CONTENTS);
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, page) in links(text) {
        let what = if !pages.contains(page) {
            format!("`{page}` is no page of {FOLDER}: name one that is there")
        } else if !seen.insert(page) {
            format!("`{page}` stands here twice: leave one of them out")
        } else {
            continue;
        };
        complaints.push(Complaint::new(&file, line, what));
    }
    let missing = pages.iter().filter(|page| !seen.contains(page.as_str()));
    complaints.extend(missing.map(|page| {
        let what = format!("put it into {}, where it is to be read", file.display());
        Complaint::new(&Path::new(FOLDER).join(page), 1, what)
    }));
    complaints
}

/// The linked pages, each with its line.
fn links(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().zip(1..).flat_map(|(line, number)| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(move |(target, _)| (number, target))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// The complaints about this text and these pages.
    fn said(text: &str, names: &[&str]) -> Vec<String> {
        compare(text, &pages(names)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_page_stands_in_the_contents_once() {
        let text = "# Contents\n\n[A](a.md)\n\n- [B](b.md)\n  - [C](c/README.md)\n";
        assert_eq!(said(text, &["a.md", "b.md", "c/README.md"]), [""; 0]);
    }

    #[test]
    fn a_page_that_is_left_out_is_named_and_so_is_one_that_stands_there_twice() {
        let text = "- [A](a.md)\n- [A again](a.md)\n";
        let [twice, out] = &said(text, &["a.md", "c/b.md"])[..] else { panic!() };
        assert!(twice.starts_with("docs/SUMMARY.md:2: `a.md`"), "{twice}");
        assert!(out.starts_with("docs/c/b.md:1: "), "{out}");
    }

    #[test]
    fn a_link_without_a_page_is_named() {
        let [gone] = &said("\n- [A](a.md)\n", &[])[..] else { panic!() };
        assert!(gone.starts_with("docs/SUMMARY.md:2: `a.md` is no page"), "{gone}");
    }

    #[test]
    fn pages_are_found_in_folders_too() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("labs")).unwrap();
        for name in ["SUMMARY.md", "a.md", "a.svg", "labs/README.md"] {
            fs::write(place.path().join(name), "").unwrap();
        }
        let mut found = BTreeSet::new();
        collect(place.path(), "", &mut found).unwrap();
        assert_eq!(found, pages(&["SUMMARY.md", "a.md", "labs/README.md"]));
    }
}
