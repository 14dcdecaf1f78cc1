//! The host's side of the demo: a directory tree, as an ext4 image and back.
//!
//! e2fsprogs make, check and read the image (`mke2fs -d`, `e2fsck -fn`,
//! `debugfs rdump`), so nothing has to be mounted and nobody has to be root.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::provision::Tools;
use crate::workspace::{self, Listed};

/// The smallest image, so that a copy has a middle.
const IMAGE_BYTES_MIN: u64 = 64 << 20;

/// What ext4 needs besides the files: journal, tables.
const OVERHEAD_BYTES: u64 = 24 << 20;

/// A block of ext4: the smallest file takes one.
const BLOCK_BYTES: u64 = 4096;

/// A directory tree that is to come back unchanged.
pub(super) struct Tree {
    root: PathBuf,
    origin: PathBuf,
    /// Paths of files and symbolic links, from the root.
    entries: Vec<PathBuf>,
    /// The size of the files on disk.
    bytes: u64,
}

impl Tree {
    /// The tree at `dir`, or the project's own sources. Those are copied to `scratch`, since
    /// only files that git lists belong to them.
    pub(super) fn gather(dir: Option<&Path>, scratch: &Path) -> Result<Self> {
        let (root, origin) = match dir {
            Some(dir) => (dir.to_owned(), dir.to_owned()),
            None => {
                workspace::copy_listed(scratch, Listed::NotIgnored)
                    .context("name a tree with --dir")?;
                (scratch.to_owned(), workspace::root().to_owned())
            }
        };
        let mut tree = Self { root, origin, entries: Vec::new(), bytes: 0 };
        tree.enter(Path::new(""))?;
        ensure!(!tree.entries.is_empty(), "{}: no files to copy", tree.origin.display());
        Ok(tree)
    }

    /// Adds everything below `folder`, a path from the root.
    fn enter(&mut self, folder: &Path) -> Result<()> {
        let path = self.root.join(folder);
        let entries = fs::read_dir(&path).with_context(|| format!("{}", path.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.enter(&path)?;
            } else if kind.is_file() || kind.is_symlink() {
                let length = entry.metadata()?.len();
                self.bytes += length.next_multiple_of(BLOCK_BYTES) + BLOCK_BYTES;
                self.entries.push(path);
            }
        }
        Ok(())
    }

    /// Where the files come from.
    pub(super) fn origin(&self) -> std::path::Display<'_> {
        self.origin.display()
    }

    /// How many files and symbolic links there are.
    pub(super) fn file_count(&self) -> usize {
        self.entries.len()
    }

    /// Makes an ext4 image of the tree; returns its size in bytes.
    pub(super) fn make_image(&self, image: &Path, tools: &Tools) -> Result<u64> {
        let bytes = (self.bytes + self.bytes / 4 + OVERHEAD_BYTES).max(IMAGE_BYTES_MIN);
        let mebibytes = bytes.div_ceil(1 << 20);
        let mut mke2fs = Command::new(&tools.mke2fs);
        mke2fs.args(["-q", "-F", "-t", "ext4", "-b"]).arg(BLOCK_BYTES.to_string());
        mke2fs.arg("-d").arg(&self.root).arg(image).arg(format!("{mebibytes}M"));
        quietly(&mut mke2fs)?;
        Ok(mebibytes << 20)
    }

    /// Takes the tree out of `image` into the new folder `back` and compares it
    /// with the source; returns how many files are the same.
    pub(super) fn compare_with(&self, image: &Path, back: &Path, tools: &Tools) -> Result<usize> {
        fs::create_dir(back)?;
        let mut debugfs = Command::new(&tools.debugfs);
        quietly(debugfs.args(["-R", "rdump / ."]).arg(image).current_dir(back))?;
        for entry in &self.entries {
            let (source, copy) = (self.root.join(entry), back.join(entry));
            let same = if source.is_symlink() {
                fs::read_link(&source).ok() == fs::read_link(&copy).ok()
            } else {
                first_difference(&source, &copy)?.is_none()
            };
            ensure!(same, "{} came back changed", entry.display());
        }
        Ok(self.entries.len())
    }
}

/// Checks the file system on `image` without changing it.
pub(super) fn check_filesystem(image: &Path, tools: &Tools) -> Result<()> {
    quietly(Command::new(&tools.e2fsck).arg("-fn").arg(image))
}

/// The first byte in which two files differ. The end of the shorter file counts as a
/// difference.
pub(super) fn first_difference(left: &Path, right: &Path) -> Result<Option<u64>> {
    let open = |path: &Path| -> Result<_> {
        Ok(BufReader::new(File::open(path).with_context(|| format!("{}", path.display()))?))
    };
    let (mut left, mut right) = (open(left)?, open(right)?);
    let mut at = 0;
    loop {
        let (a, b) = (left.fill_buf()?, right.fill_buf()?);
        let length = a.len().min(b.len());
        if let Some(offset) = (0..length).find(|&offset| a[offset] != b[offset]) {
            return Ok(Some(at + offset as u64));
        }
        if length == 0 {
            return Ok((a.len() != b.len()).then_some(at));
        }
        at += length as u64;
        left.consume(length);
        right.consume(length);
    }
}

/// Runs a tool whose output matters only if it fails.
fn quietly(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| workspace::shown(command))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        bail!(
            "{}: {}\n{}",
            workspace::shown(command),
            output.status,
            String::from_utf8_lossy(&said)
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with files of these contents, named by their numbers.
    fn folder(contents: &[&[u8]]) -> (tempfile::TempDir, Vec<PathBuf>) {
        let folder = tempfile::tempdir().unwrap();
        let path = |number| folder.path().join(format!("{number}"));
        let paths: Vec<_> = (0..contents.len()).map(path).collect();
        for (path, content) in paths.iter().zip(contents) {
            fs::write(path, content).unwrap();
        }
        (folder, paths)
    }

    #[test]
    fn the_first_difference_is_found_or_the_shorter_ones_end() {
        let (_folder, files) = folder(&[b"abcd", b"abXd", b"ab", b"abcd"]);
        let difference = |other: usize| first_difference(&files[0], &files[other]).unwrap();
        assert_eq!((difference(1), difference(2), difference(3)), (Some(2), Some(2), None));
    }

    #[test]
    fn an_image_gives_the_tree_back_and_shows_a_change() {
        let tools = Tools::find().expect("QEMU and e2fsprogs, see `cargo xtask doctor`");
        let (source, _) = folder(&[b"one", b"", &[7; 9000]]);
        let scratch = tempfile::tempdir().unwrap();
        let image = scratch.path().join("image");
        let tree = Tree::gather(Some(source.path()), scratch.path()).unwrap();
        tree.make_image(&image, &tools).unwrap();
        check_filesystem(&image, &tools).unwrap();
        assert_eq!(tree.compare_with(&image, &scratch.path().join("a"), &tools).unwrap(), 3);
        fs::write(source.path().join("0"), b"two").unwrap();
        let why = tree.compare_with(&image, &scratch.path().join("b"), &tools).unwrap_err();
        assert_eq!(why.to_string(), "0 came back changed");
    }
}
