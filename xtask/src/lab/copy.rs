//! The copy of the workspace that a reader works in.
//!
//! Place: `target/labs/N-name`, with a repository of its own whose first commit is the start of
//! the lab: `git diff` there shows what the reader did. Rules: nothing outside the copy is
//! changed. A copy with changes is not overwritten unless told to. A copy gets its name only
//! when it is whole, so an interrupted start leaves no copy, or the old one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::table::{Given, Lab, Piece};
use super::{cut, page};
use crate::scratch::Scratch;
use crate::workspace::{self, Listed};

/// A file that only a copy has: it says what the folder is.
pub(super) const MARK: &str = ".lab";

/// The reader's own tests.
pub(super) const OWN_TESTS: &str = "dm-mirror/tests/lab.rs";

/// The crate whose pieces are taken out.
const CRATE: &str = "dm-mirror/src/lib.rs";

/// The file with cargo's settings.
const CONFIG: &str = ".cargo/config.toml";

/// Added to the settings: line numbers are enough for a backtrace, and halve the time to link.
const LEAN: &str = "\n[profile.dev]\ndebug = \"line-tables-only\"\n";

/// Where the copy of a lab is.
pub(super) fn folder(lab: &Lab) -> PathBuf {
    workspace::labs().join(lab.folder())
}

/// The copy of a lab that was started.
pub(super) fn of(lab: &Lab) -> Result<PathBuf> {
    let (folder, number) = (folder(lab), lab.number);
    let none = || format!("there is no copy yet: `cargo xtask lab {number} start` makes it");
    ensure!(folder.join(MARK).is_file(), none());
    Ok(folder)
}

/// Makes the copy of a lab. `force` gives up the changes in the old copy.
pub(super) fn start(lab: &Lab, force: bool) -> Result<PathBuf> {
    ensure!(!workspace::root().join(MARK).exists(), "this is a copy: start from its original");
    let to = folder(lab);
    if to.exists() && !force && has_changes(&to)? {
        bail!("{} has changes of yours: work on there, or begin again with --force", to.display());
    }
    let new = workspace::make(workspace::labs())?.join(format!("{}.new", lab.folder()));
    let _ = fs::remove_dir_all(&new);
    fs::create_dir(&new).with_context(|| format!("cannot make {}", new.display()))?;
    workspace::copy_listed(&new, Listed::Tracked)?;
    for (file, text) in changed_files(lab)? {
        write(&new.join(file), &text)?;
    }
    commit(&new, &format!("lab {}: {}", lab.number, lab.title))?;
    if to.exists() {
        // The new copy can use the old one's builds.
        let _ = fs::rename(to.join("target"), new.join("target"));
        fs::remove_dir_all(&to).with_context(|| format!("cannot remove {}", to.display()))?;
    }
    fs::rename(&new, &to).with_context(|| format!("cannot make {}", to.display()))?;
    Ok(to)
}

/// Makes a folder equal to a fresh copy of the lab. A file is written only if it differs, so
/// that cargo builds again only what changed.
pub(super) fn place(lab: &Lab, to: &Path) -> Result<()> {
    let stage = Scratch::below(&workspace::make(workspace::labs())?)?;
    let stage = workspace::make(stage.path().join("copy"))?;
    workspace::copy_listed(&stage, Listed::Tracked)?;
    for (file, text) in changed_files(lab)? {
        write(&stage.join(file), &text)?;
    }
    let (mut new, mut old) = (BTreeMap::new(), BTreeMap::new());
    read_all(&stage, Path::new(""), &mut new)?;
    read_all(&workspace::make(to.to_owned())?, Path::new(""), &mut old)?;
    for (path, bytes) in new {
        if old.remove(&path).is_none_or(|there| there != bytes) {
            fs::create_dir_all(to.join(&path).parent().context("a file has a folder")?)?;
            fs::write(to.join(&path), bytes)?;
        }
    }
    old.keys().try_for_each(|path| fs::remove_file(to.join(path)).map_err(Into::into))
}

/// Applies a patch of the pages to a copy that is no repository.
pub(super) fn solve(folder: &Path, patch: &str) -> Result<()> {
    let patch = workspace::root().join(page::FOLDER).join(patch);
    workspace::run(git(folder).arg("apply").arg(patch))
}

/// Reads every file of `root` below `folder`, without the build folders.
fn read_all(root: &Path, folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            into.insert(path, fs::read(entry.path())?);
        } else if path != Path::new("target") {
            read_all(root, &path, into)?;
        }
    }
    Ok(())
}

/// The files that differ from the workspace's, each with its text.
pub(super) fn changed_files(lab: &Lab) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    for Given { from, to, .. } in lab.files {
        files.insert((*to).to_owned(), page::text(from)?);
    }
    let text = page::text(&lab.page())?;
    for Piece { file, name } in lab.pieces {
        let source = take(&mut files, file)?;
        let contract = page::section(&text, name)?;
        let cut = cut::cut(&source, name, lab.number, contract);
        files.insert((*file).to_owned(), cut.with_context(|| (*file).to_owned())?);
    }
    for Piece { file, name } in lab.left_out {
        let rest = cut::without(&take(&mut files, file)?, name);
        files.insert((*file).to_owned(), rest.with_context(|| (*file).to_owned())?);
    }
    let code = take(&mut files, CRATE)?;
    files.insert(CRATE.to_owned(), tolerant(&code)?);
    let config = take(&mut files, CONFIG)?;
    files.insert(CONFIG.to_owned(), config + LEAN);
    files.insert(OWN_TESTS.to_owned(), own_tests(lab)?);
    files.insert(MARK.to_owned(), format!("lab {}, see {}\n", lab.number, lab.shown_page()));
    Ok(files)
}

/// The reader's own tests in a fresh copy.
pub(super) fn own_tests(lab: &Lab) -> Result<String> {
    let page = format!("docs/labs/{}", lab.page());
    Ok(page::text("pieces/own_tests.rs.txt")?.replace("{page}", &page))
}

/// Puts back the tests that come with the lab: the check uses these.
pub(super) fn restore_tests(lab: &Lab, folder: &Path) -> Result<()> {
    for Given { from, to, .. } in lab.files.iter().filter(|it| it.is_test) {
        let (text, file) = (page::text(from)?, folder.join(to));
        if fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            write(&file, &text)?;
        }
    }
    Ok(())
}

/// The present text of a file: changed already, or the workspace's.
fn take(files: &mut BTreeMap<String, String>, file: &str) -> Result<String> {
    match files.remove(file) {
        Some(text) => Ok(text),
        None => fs::read_to_string(workspace::root().join(file)).with_context(|| file.to_owned()),
    }
}

/// A crate's root file that allows unused code, for as long as a piece is missing.
fn tolerant(text: &str) -> Result<String> {
    let door = "#![forbid(unsafe_code)]\n";
    ensure!(text.matches(door).count() == 1, "{CRATE} has no `{}`", door.trim_end());
    let allowed = "#![allow(unused, reason = \"a lab: what uses it is still to be written\")]\n";
    Ok(text.replace(door, &format!("{door}{allowed}")))
}

pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Git in a copy, whatever repository the person's shell is set to.
fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        git.env_remove(variable);
    }
    // It must not look at the repository that contains the copy.
    git.envs(folder.parent().map(|parent| ("GIT_CEILING_DIRECTORIES", parent)));
    git.args([
        "-c",
        "user.name=lab",
        "-c",
        "user.email=lab@localhost",
        "-c",
        "commit.gpgsign=false",
    ]);
    git
}

fn commit(folder: &Path, message: &str) -> Result<()> {
    workspace::run(git(folder).args(["init", "--quiet"]))?;
    workspace::run(git(folder).args(["add", "--all", "--force", "."]))?;
    workspace::run(git(folder).args(["commit", "--quiet", "--no-verify", "--message", message]))
}

/// Whether a copy is not as `start` made it. A copy that is no longer a repository counts as
/// changed.
fn has_changes(folder: &Path) -> Result<bool> {
    let said = |args: &[&str]| -> Result<String> {
        let output = git(folder).args(args).output().context("cannot start git")?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(if output.status.success() { text } else { "?".to_owned() })
    };
    let commits = said(&["rev-list", "--count", "--all"])?;
    Ok(commits != "1" || !said(&["status", "--porcelain"])?.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_changes_once_anything_is_edited_added_or_committed() {
        let place = tempfile::tempdir().unwrap();
        let (folder, file) = (place.path(), place.path().join("a"));
        fs::write(&file, "1").unwrap();
        commit(folder, "start").unwrap();
        assert!(!has_changes(folder).unwrap());
        for other in [&file, &folder.join("b")] {
            fs::write(other, "2").unwrap();
            assert!(has_changes(folder).unwrap(), "{}", other.display());
        }
        commit(folder, "work").unwrap();
        assert!(has_changes(folder).unwrap());
    }

    #[test]
    fn the_files_of_each_lab_can_be_made() {
        for lab in super::super::table::LABS {
            let files = changed_files(lab).unwrap();
            let pieces = lab.pieces.iter();
            assert!(pieces.clone().all(|it| files.contains_key(it.file)), "lab {}", lab.number);
            assert!(files[CRATE].contains("#![allow(unused"));
        }
    }
}
