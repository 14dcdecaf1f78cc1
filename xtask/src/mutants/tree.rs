//! A copy of the crates to break, and of everything that their tests need.
//!
//! A workspace of its own below the target folder, with its own builds, so a mutation there
//! affects nobody else. There are several copies: `woven` has all mutations that have a place
//! for a switch, `apart` has one at a time, `lab` has those of a lab and its reader's tests.
//! Rules: a file is written only if it differs, so that cargo builds again only what changed.
//! One process at a time uses the copies.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::list::Mutant;
use super::weave::{Woven, weave};
use crate::workspace;

/// The packages that are copied and tested: the name and the folder of each.
const PACKAGES: [(&str, &str); 8] = [
    ("bio", "kernel/bio"),
    ("dm", "kernel/dm"),
    ("lwkt", "kernel/lwkt"),
    ("shell", "kernel/shell"),
    ("sim", "kernel/sim"),
    ("dm-mirror", "dm-mirror"),
    ("drivers", "drivers"),
    ("picture", "xtask/picture"),
];

/// The package that is also copied for the page, which shows a broken mirror at work.
const PLAY: (&str, &str) = ("play", "xtask/play");

/// The folder that tests read besides the packages.
const PAGES: &str = "docs";

/// The crate with the switch.
const SWITCH: &str = "mutant-switch";

/// The package that has this file, by its name.
pub(super) fn package_of(file: &str) -> Option<&'static str> {
    let has = |folder: &str| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    PACKAGES.iter().find(|(_, folder)| has(folder)).map(|(name, _)| *name)
}

/// The folder with the copies, for one process at a time.
pub(super) struct Trees {
    /// The files of an unbroken copy, by path from its root.
    files: BTreeMap<PathBuf, Vec<u8>>,
    _alone: File,
}

impl Trees {
    /// Reads the sources to test. Waits while another process uses the copies.
    pub(super) fn open() -> Result<Trees> {
        Trees::of(&PACKAGES)
    }

    /// The same for the page's module.
    pub(super) fn open_for_page() -> Result<Trees> {
        Trees::of(&[&PACKAGES[..], &[PLAY]].concat())
    }

    fn of(packages: &[(&str, &str)]) -> Result<Trees> {
        let alone = File::create(workspace::make(workspace::mutants())?.join("lock"))?;
        alone.lock().context("waiting for another run")?;
        let mut files = BTreeMap::new();
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml"))?;
        files.insert(PathBuf::from("Cargo.toml"), reduced(&manifest, packages).into_bytes());
        read_all(workspace::root(), Path::new(PAGES), &mut files)?;
        for (_, folder) in packages {
            read_all(workspace::root(), Path::new(folder), &mut files)?;
            let manifest = Path::new(folder).join("Cargo.toml");
            let text = files.get_mut(&manifest).context("a package has a manifest")?;
            *text = with_switch(str::from_utf8(text)?).into_bytes();
        }
        let manifest = format!("[package]\nname = \"{SWITCH}\"\nedition = \"2024\"\n");
        files.insert(Path::new(SWITCH).join("Cargo.toml"), manifest.into_bytes());
        files.insert(Path::new(SWITCH).join("src/lib.rs"), include_bytes!("switch.rs").to_vec());
        Ok(Trees { files, _alone: alone })
    }

    /// Adds a file to each copy that is written from now on.
    pub(super) fn add(&mut self, path: &str, text: &str) {
        self.files.insert(PathBuf::from(path), text.as_bytes().to_vec());
    }

    /// The copy `name` with `mutants` in it, each with its number. Returns the files with
    /// mutations, and the mutations to build apart.
    pub(super) fn weave(&self, name: &str, mutants: &[(usize, &Mutant)]) -> Result<WovenTree> {
        let mut by_file: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
        for (number, mutant) in mutants {
            by_file.entry(mutant.file).or_default().push((*number, mutant));
        }
        let mut woven = BTreeMap::new();
        for (file, mutants) in by_file {
            let text = str::from_utf8(self.files.get(Path::new(file)).context(file)?)?;
            woven.insert(file, weave(text, &mutants).with_context(|| file.to_owned())?);
        }
        let broken = woven.iter().map(|(file, it)| (Path::new(file), it.text.as_bytes()));
        let tree = self.write(name, &broken.collect())?;
        let woven = woven.into_iter().map(|(file, it)| (file.to_owned(), it)).collect();
        Ok(WovenTree { tree, woven })
    }

    /// The copy `apart` with one mutation in it.
    pub(super) fn apart(&self, mutant: &Mutant) -> Result<Tree> {
        let file = Path::new(mutant.file);
        let text = mutant.applied(str::from_utf8(self.files.get(file).context(mutant.file)?)?)?;
        self.write("apart", &BTreeMap::from([(file, text.as_bytes())]))
    }

    /// Brings a copy up to date, with the files in `broken` instead of the originals.
    fn write(&self, name: &str, broken: &BTreeMap<&Path, &[u8]>) -> Result<Tree> {
        let root = workspace::make(workspace::mutants().join(name))?;
        let mut there = BTreeMap::new();
        read_all(&root, Path::new(""), &mut there)?;
        for (path, text) in &self.files {
            let text = broken.get(path.as_path()).copied().unwrap_or(text);
            if there.remove(path).is_none_or(|there| there != text) {
                write(&root.join(path), text)?;
            }
        }
        // Cargo removes what the copy does not need. The result stays until our lock file
        // changes.
        let (lock, seen) = (Path::new("Cargo.lock"), Path::new("Cargo.lock.copied"));
        let ours = fs::read(workspace::root().join(lock))?;
        let same = there.remove(seen).is_some_and(|there| there == ours);
        if there.remove(lock).is_none() || !same {
            write(&root.join(lock), &ours)?;
            write(&root.join(seen), &ours)?;
        }
        for stranger in there.keys().map(|path| root.join(path)) {
            fs::remove_file(&stranger)
                .with_context(|| format!("cannot remove {}", stranger.display()))?;
        }
        Ok(Tree { root, built: workspace::mutants().join(format!("build-{name}")) })
    }
}

/// A copy with many mutations in it.
pub(super) struct WovenTree {
    /// Where it is.
    pub(super) tree: Tree,
    woven: BTreeMap<String, Woven>,
}

impl WovenTree {
    /// The mutations that have no place for a switch.
    pub(super) fn apart(&self) -> impl Iterator<Item = usize> {
        self.woven.values().flat_map(|it| it.apart.iter().copied())
    }

    /// The mutations to blame for an error at this byte of a file.
    pub(super) fn at(&self, file: &str, offset: usize) -> &[usize] {
        self.woven.get(file).map_or(&[], |it| it.at(offset))
    }
}

/// A copy.
pub(super) struct Tree {
    pub(super) root: PathBuf,
    /// Its own target folder. Cargo names programs by the package's path in its workspace, so
    /// two copies in one folder would overwrite each other's programs.
    pub(super) built: PathBuf,
}

impl Tree {
    /// `cargo test` that builds the tests without running them, with messages in JSON.
    pub(super) fn build_tests(&self) -> Command {
        let mut cargo = workspace::cargo();
        cargo.current_dir(&self.root).args(["test", "--no-run", "--message-format=json"]);
        // Debug information would double the time to link, and nobody reads it. A mutation may
        // leave something unused.
        cargo.env("CARGO_TARGET_DIR", &self.built);
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0").env("RUSTFLAGS", "--cap-lints=allow");
        cargo
    }
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    fs::create_dir_all(path.parent().context("a file has a folder")?)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Folders that are not copied, by name: the fuzz targets, which are not mutated and whose
/// finds would fill the memory; and the page, which is not Rust.
const NOT_COPIED: [&str; 2] = ["fuzz", "page"];

/// Reads every file of `root` below `folder`, except those that are not copied.
fn read_all(root: &Path, folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    let full = root.join(folder);
    for entry in fs::read_dir(&full).with_context(|| format!("cannot read {}", full.display()))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if NOT_COPIED.iter().all(|name| entry.file_name() != *name) {
                read_all(root, &path, into)?;
            }
        } else {
            into.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(())
}

/// The workspace's manifest, with the copied packages and the switch as its members.
fn reduced(manifest: &str, packages: &[(&str, &str)]) -> String {
    let (mut reduced, mut list) = (String::new(), false);
    for line in manifest.lines() {
        let begins = line.starts_with("members = [") || line.starts_with("default-members = [");
        list |= begins;
        if line.starts_with("members") {
            let members = packages.iter().map(|(_, folder)| format!("\"{folder}\", "));
            reduced.push_str(&format!("members = [{}\"{SWITCH}\"]\n", members.collect::<String>()));
        }
        if !list {
            reduced.push_str(line);
            reduced.push('\n');
        }
        if line == "[workspace.dependencies]" {
            reduced.push_str(&format!("{SWITCH} = {{ path = \"{SWITCH}\" }}\n"));
        }
        list &= !line.contains(']');
    }
    reduced
}

/// A package's manifest with the switch among its dependencies.
fn with_switch(manifest: &str) -> String {
    let section = "[dependencies]\n";
    manifest.replacen(section, &format!("{section}{SWITCH}.workspace = true\n"), 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_copys_manifest_has_its_members_and_all_else() {
        let manifest = "[workspace]\nresolver = \"3\"\nmembers = [\n    \"a\",\n]\n# Why.\n\
                        default-members = [\n    \"a\",\n]\nexclude = [\"b\"]\n\
                        [workspace.dependencies]\nbio = 1\n";
        let reduced = super::reduced(manifest, &super::PACKAGES);
        let (members, rest) = reduced.split_once("members = ").unwrap();
        assert_eq!(members, "[workspace]\nresolver = \"3\"\n");
        assert!(rest.starts_with("[\"kernel/bio\", \"kernel/dm\", "), "{rest}");
        assert!(
            rest.contains(", \"xtask/picture\", \"mutant-switch\"]\n# Why.\nexclude = [\"b\"]\n")
        );
        assert!(rest.ends_with("mutant-switch = { path = \"mutant-switch\" }\nbio = 1\n"));
    }

    #[test]
    fn a_file_is_of_the_package_whose_folder_has_it() {
        let of = super::package_of;
        assert_eq!(of("kernel/dm/src/table.rs"), Some("dm"));
        assert_eq!(of("dm-mirror/src/read.rs"), Some("dm-mirror"));
        assert_eq!((of("kernel/src/main.rs"), of("kernel/dmesg/src/a.rs")), (None, None));
    }
}
