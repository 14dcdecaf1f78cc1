//! Where things are: one function a place, used by every verb.
//!
//! All that xtask makes lies below cargo's target folder, so `cargo clean`
//! takes it along; what is not cargo's own lies in its folder `xtask`, where
//! nobody else keeps anything. Rule: no other module builds such a path by hand.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// Cargo's target folder: `CARGO_TARGET_DIR`, or `target` in the workspace.
pub(crate) fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| OsString::from("target")))
}

/// The kernel's own target folder: its flags are not the host crates', and two
/// builds in one folder would throw each other's results away.
pub(crate) fn kernel_target() -> PathBuf {
    target().join("kernel")
}

/// The image builder's target folder.
pub(crate) fn mkimage_target() -> PathBuf {
    target().join("mkimage")
}

/// What xtask itself makes, boot images aside.
fn own() -> PathBuf {
    target().join("xtask")
}

/// The copies of the mirror that are broken on purpose.
pub(crate) fn mutants() -> PathBuf {
    own().join("mutants")
}

/// The disks that `cargo xtask run` keeps from one boot to the next.
pub(crate) fn disks() -> PathBuf {
    own().join("disks")
}

/// The logs of the last boots, one folder for each purpose.
pub(crate) fn runs() -> PathBuf {
    own().join("run")
}

/// The link that leads to the socket of the guest that runs; see `control`.
pub(crate) fn guest() -> PathBuf {
    own().join("guest")
}

/// What provisioning fetched, kept from run to run.
pub(crate) fn cache() -> PathBuf {
    own().join("cache")
}

/// The file that remembers which accelerator worked.
pub(crate) fn accel_memory() -> PathBuf {
    own().join("accel")
}

/// `folder`, made if it is missing.
pub(crate) fn make(folder: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// The log at `path`, made anew, in a folder that exists.
pub(crate) fn fresh_log(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("cannot write {}", path.display()))
}

/// A folder for the images of this run, in `logs`, and the lock that says that the
/// run lasts. Folders that killed runs left there are removed: they are large.
pub(crate) fn fresh_folder(logs: &Path) -> Result<(TempDir, File)> {
    for entry in fs::read_dir(logs)? {
        let path = entry?.path();
        let lock = File::open(path.join(LOCK));
        if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            fs::remove_dir_all(&path).with_context(|| format!("removing {}", path.display()))?;
        }
    }
    let folder = tempfile::Builder::new().prefix("run-").tempdir_in(logs)?;
    let lock = File::create(folder.path().join(LOCK))?;
    lock.lock().context("locking the folder of this run")?;
    Ok((folder, lock))
}

/// The file in a run's folder that is locked while the run lasts.
pub(crate) const LOCK: &str = "lock";

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
