//! A copy of the mirror and of what it is made of, to be broken.
//!
//! A workspace of its own below the target folder, with its own builds: what is
//! broken there is nobody else's. Rules: a file is written only if it differs, so
//! that cargo builds again only what a mutation touches; one process at a time.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::list::Mutant;
use crate::workspace;

/// The packages copied: the mirror and all of ours that it uses.
const PACKAGES: [&str; 4] = ["kernel/bio", "kernel/dm", "kernel/sim", "dm-mirror"];

/// The copy.
pub(super) struct Tree {
    root: PathBuf,
    /// What an unbroken copy has, by path from the root.
    files: BTreeMap<PathBuf, Vec<u8>>,
    _alone: File,
}

impl Tree {
    /// Makes the copy, or brings it up to date.
    pub(super) fn open() -> Result<Tree> {
        let root = workspace::make(workspace::mutants().join("tree"))?;
        let alone = File::create(workspace::mutants().join("lock"))?;
        alone.lock().context("waiting for another run")?;
        let mut files = BTreeMap::new();
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
        files.insert(PathBuf::from("Cargo.toml"), reduced(&manifest).into_bytes());
        for package in PACKAGES {
            read_all(workspace::root(), Path::new(package), &mut files)?;
        }
        let tree = Tree { root, files, _alone: alone };
        tree.remove_strangers()?;
        tree.restore()?;
        // Not restored each time: cargo takes out what the copy does not need.
        tree.write(Path::new("Cargo.lock"), &fs::read(workspace::root().join("Cargo.lock"))?)?;
        Ok(tree)
    }

    /// Undoes every mutation.
    pub(super) fn restore(&self) -> Result<()> {
        self.files.iter().try_for_each(|(path, text)| self.write(path, text))
    }

    /// Breaks the copy as `mutant` says.
    pub(super) fn apply(&self, mutant: &Mutant) -> Result<()> {
        let original = self.files.get(Path::new(mutant.file)).context("the mutation's file")?;
        self.write(Path::new(mutant.file), mutant.applied(str::from_utf8(original)?)?.as_bytes())
    }

    /// `cargo test` of some of the copied mirror's tests, its builds beside the copy.
    pub(super) fn cargo_test(&self, tests: &[&str]) -> Command {
        let mut cargo = workspace::cargo();
        cargo.current_dir(&self.root).args(["test", "--package", "dm-mirror"]);
        cargo.args(tests.iter().flat_map(|test| ["--test", test]));
        // Debug information would double the time to link, and is never read.
        cargo.env("CARGO_TARGET_DIR", workspace::mutants()).env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo
    }

    fn write(&self, path: &Path, text: &[u8]) -> Result<()> {
        let path = self.root.join(path);
        if fs::read(&path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::create_dir_all(path.parent().expect("a file has a folder"))?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Removes what an earlier copy had and this one has not.
    fn remove_strangers(&self) -> Result<()> {
        let mut there = BTreeMap::new();
        read_all(&self.root, Path::new(""), &mut there)?;
        let strangers = there.keys().filter(|path| !self.files.contains_key(*path));
        strangers.map(|path| self.root.join(path)).try_for_each(|path| {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))
        })
    }
}

/// Reads every file of `root` below `folder`, the fuzz targets left out: they are
/// no part of the mirror, and what they collect would fill the memory.
fn read_all(root: &Path, folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let full = root.join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("cannot read {}", full.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "fuzz" {
                read_all(root, &path, into)?;
            }
        } else {
            into.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The workspace's manifest with the mirror as the only member named; cargo adds
/// the packages that it depends on.
fn reduced(manifest: &str) -> String {
    let mut reduced = String::new();
    let mut list = false;
    for line in manifest.lines() {
        let begins = line.starts_with("members = [") || line.starts_with("default-members = [");
        list |= begins;
        if line.starts_with("members") {
            reduced.push_str("members = [\"dm-mirror\"]\n");
        }
        if !list {
            reduced.push_str(line);
            reduced.push('\n');
        }
        list &= !line.contains(']');
    }
    reduced
}

impl Mutant {
    /// `text` broken in each of the places; an error if one is not there, or not
    /// the only one.
    pub(super) fn applied(&self, text: &str) -> Result<String> {
        let mut broken = text.to_owned();
        for (find, replace) in self.edits {
            let count = text.matches(find).count();
            ensure!(count == 1, "`{}`: {} has {count} times: {find}", self.name, self.file);
            broken = broken.replacen(find, replace, 1);
        }
        Ok(broken)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_copys_manifest_has_one_member_and_all_else() {
        let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"a\",\n]\n# Why.\n\
                        default-members = [\n    \"a\",\n]\nexclude = [\"b\"]\n";
        let expected = "[workspace]\nresolver = \"3\"\nmembers = [\"dm-mirror\"]\n# Why.\n\
                        exclude = [\"b\"]\n";
        assert_eq!(super::reduced(manifest), expected);
    }
}
