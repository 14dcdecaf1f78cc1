//! Where things are: one function a place, used by every verb.
//!
//! All that xtask makes is below cargo's target folder, so `cargo clean` removes it. Files that
//! are not cargo's are in its folder `xtask`, where nobody else keeps anything. Rule: no other
//! module builds such a path by hand.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::OnceLock;
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};

/// The folder of the workspace's `Cargo.toml`, found at run time: if a checkout was copied or
/// moved, cargo does not build its xtask again.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let current = env::current_dir().unwrap_or_default();
        root_of(package.as_deref(), &current).unwrap_or_else(|| {
            eprintln!("xtask: {} lies in no checkout of this project", current.display());
            exit(1);
        })
    })
}

/// The workspace of the package that cargo runs, if that is xtask; else the first above the
/// `current` folder.
fn root_of(package: Option<&Path>, current: &Path) -> Option<PathBuf> {
    let is_root = |folder: &&Path| {
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.contains("[workspace]") && folder.join("xtask/Cargo.toml").is_file()
    };
    let of_package = package.filter(|folder| folder.ends_with("xtask")).and_then(Path::parent);
    let root = of_package.filter(is_root).or_else(|| current.ancestors().find(is_root));
    root.map(Path::to_owned)
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target")))
}

/// The kernel's own target folder: its flags differ from the host crates' flags, and two builds
/// in one folder would throw each other's results away.
pub(crate) fn kernel_target() -> PathBuf {
    target().join("kernel")
}

/// The image builder's target folder.
pub(crate) fn mkimage_target() -> PathBuf {
    target().join("mkimage")
}

/// The page's sources.
pub(crate) fn page() -> PathBuf {
    root().join("xtask/play/page")
}

/// The book that mdBook makes of docs/.
pub(crate) fn book() -> PathBuf {
    target().join("book")
}

/// The folder of what xtask itself makes, except boot images.
fn own() -> PathBuf {
    target().join("xtask")
}

/// The copies of the mirror that are broken on purpose.
pub(crate) fn mutants() -> PathBuf {
    own().join("mutants")
}

/// The copies that `cargo xtask lab` makes, for a person to work in.
pub(crate) fn labs() -> PathBuf {
    target().join("labs")
}

/// The disks that `cargo xtask run` keeps from one boot to the next.
pub(crate) fn disks() -> PathBuf {
    own().join("disks")
}

/// The logs of the last boots, one folder for each purpose.
pub(crate) fn runs() -> PathBuf {
    own().join("run")
}

/// The guests that run or ran, a folder for each; see `guests`.
pub(crate) fn guests() -> PathBuf {
    own().join("guests")
}

/// The page that `cargo xtask play` serves.
pub(crate) fn bundled_page() -> PathBuf {
    own().join("page")
}

/// What provisioning fetched and keeps from run to run.
pub(crate) fn cache() -> PathBuf {
    own().join("cache")
}

/// The file that remembers which accelerator worked.
pub(crate) fn accel_memory() -> PathBuf {
    own().join("accel")
}

/// The plugin of QEMU that counts instructions.
pub(crate) fn plugin() -> PathBuf {
    own().join("plugin").join("counting.so")
}

/// `folder`, made if it is missing.
pub(crate) fn make(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Which files of the checkout are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listed {
    /// The files that git tracks.
    Tracked,
    /// The files that git tracks, and all others that it does not ignore.
    NotIgnored,
}

/// Copies the files that git lists, as they are now, to the new folder `to`.
pub(crate) fn copy_listed(to: &Path, which: Listed) -> Result<()> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-z", "--cached"]);
    if which == Listed::NotIgnored {
        git.args(["--others", "--exclude-standard"]);
    }
    let output = git.current_dir(root()).output().context("git, to list the project's sources")?;
    ensure!(output.status.success(), "git lists no sources here: this is no checkout of git's");
    for name in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
        let (source, copy) = (root().join(name), to.join(name));
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        if source.is_symlink() {
            symlink(fs::read_link(&source)?, &copy)?;
        } else if source.is_file() {
            fs::copy(&source, &copy).with_context(|| format!("copying {name}"))?;
        }
    }
    Ok(())
}

/// A new log at `path`, in a folder that exists. The old file is not truncated: a program may
/// still read it, or have it under another name.
pub(crate) fn fresh_log(path: &Path) -> Result<File> {
    let _ = fs::remove_file(path);
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// The cargo that runs us, told to work in the workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    cargo.current_dir(root());
    cargo
}

/// Runs `command` to its end; an error names the command and how it ended.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// The command as a person would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkout_that_was_copied_works_in_its_own_folder() {
        let place = tempfile::tempdir().unwrap();
        let [original, copy] = ["original", "copy"].map(|name| place.path().join(name));
        for checkout in [&original, &copy] {
            fs::create_dir_all(checkout.join("xtask/src")).unwrap();
            fs::write(checkout.join("Cargo.toml"), "[workspace]\n").unwrap();
            fs::write(checkout.join("xtask/Cargo.toml"), "[package]\n").unwrap();
        }
        let of = |package: Option<PathBuf>, current: &Path| root_of(package.as_deref(), current);
        // Cargo says which package it runs, whatever the person's folder is.
        assert_eq!(of(Some(copy.join("xtask")), &original), Some(copy.clone()));
        // Without cargo, or under that of another project, the person's folder decides.
        assert_eq!(of(None, &copy.join("xtask/src")), Some(copy.clone()));
        assert_eq!(of(Some(place.path().join("other")), &copy), Some(copy.clone()));
        assert_eq!(of(None, place.path()), None);
    }

    #[test]
    fn we_run_in_the_folder_that_cargo_names() {
        assert_eq!(root(), Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    }
}
