//! `cargo xtask tidy`: the rules of the project that no compiler checks.
//!
//! `arrows` checks the arrows between packages, `floors` the floors of the mirror's files,
//! `circles` that no files of a crate use each other in a circle; `uses` tells the last two
//! which file uses which. `files` checks every source file, and `code` separates code from
//! comments. `page` checks the sources of the page, `named` that tests named in the
//! documentation exist, `contents` that the book's contents list every page. Rule: a complaint
//! says where, what, and what to do about it.

mod arrows;
mod circles;
mod code;
mod contents;
mod files;
mod floors;
mod named;
mod page;
mod uses;

use std::fmt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context, Result};

use crate::workspace;

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The file, from the workspace's folder.
    file: PathBuf,
    /// The line, from 1.
    line: usize,
    /// What is wrong, and what to do.
    what: String,
}

impl Complaint {
    fn new(file: &Path, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// A rule: its name and what breaks it.
pub(crate) type Finding = (&'static str, Vec<Complaint>);

/// Prints every complaint; true if there is none.
pub(crate) fn main() -> Result<bool> {
    let findings = check()?;
    for complaint in findings.iter().flat_map(|(_, complaints)| complaints) {
        println!("{complaint}");
    }
    let broken = findings.iter().filter(|(_, complaints)| !complaints.is_empty()).count();
    println!("tidy: {} rules, {broken} broken", findings.len());
    Ok(broken == 0)
}

/// Checks every rule; a rule without complaints holds.
pub(crate) fn check() -> Result<Vec<Finding>> {
    let sources = sources()?;
    let mut findings = vec![("arrows between packages", arrows::check()?)];
    findings.extend(files::RULES.iter().map(|(name, rule)| {
        let complaints = sources.iter().flat_map(rule).collect();
        (*name, complaints)
    }));
    findings.push(("a folder's own file is its mod.rs", files::beside(&sources)));
    findings.push(("the mirror's floors", floors::check(&sources)));
    findings.push(("no circle of files", circles::check(&sources)));
    findings.push(("the page's sources", page::check()?));
    findings.push(("tests that are named are there", named::check(&sources)?));
    findings.push(("the book has each page once", contents::check()?));
    Ok(findings)
}

/// A source file of ours.
struct Source {
    /// Its path from the workspace's folder.
    path: PathBuf,
    /// The whole text.
    text: String,
    /// The text with comments, strings and characters blanked out.
    code: String,
}

fn sources() -> Result<Vec<Source>> {
    let mut paths = Vec::new();
    walk(workspace::root(), &mut paths).context("reading the workspace")?;
    paths.sort();
    let read = |path: PathBuf| -> Result<Source> {
        let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
        let path = path.strip_prefix(workspace::root())?.to_owned();
        Ok(Source { path, code: code::only(&text), text })
    };
    paths.into_iter().map(read).collect()
}

/// Collects the `.rs` files below `folder`, except in build folders and hidden folders.
fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        if entry.file_type()?.is_dir() {
            let is_ours = name != "target" && name != "node_modules";
            if is_ours && !name.as_encoded_bytes().starts_with(b".") {
                walk(&path, into)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
    Ok(())
}
