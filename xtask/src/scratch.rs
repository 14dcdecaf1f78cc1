//! Folders that last as long as the run that made them, however it ends.
//!
//! Place: sockets lie in such folders (their paths must be short, so those are in the
//! system's temporary folder), and images of tests and demos (below the target folder).
//!
//! Rules: all temporary folders are made here. A folder is removed when its value is dropped.
//! If a signal ends us, [`remove_all`] removes it. After a SIGKILL it is removed when the next
//! such folder is made beside it: nobody holds its lock any longer.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{env, mem, thread};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// How names of folders in the system's temporary folder begin. Other folders there are not
/// touched.
pub(crate) const IN_TEMP: &str = "dmirror-";

/// How they begin elsewhere.
const BELOW: &str = "run-";

/// The file that is locked while its folder is in use.
const LOCK: &str = "lock";

/// How often to try to remove a folder in which a program still makes files, and how long to
/// wait between.
const TRIES: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(10);

/// The folders of this run that exist now.
static OURS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// A folder that is removed with its value.
pub(crate) struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// A folder in the system's temporary folder, for sockets: a socket's path has at most 108
    /// bytes.
    pub(crate) fn in_temp() -> Result<Self> {
        Self::make(&env::temp_dir(), IN_TEMP)
    }

    /// A folder in `parent`, which is ours.
    pub(crate) fn below(parent: &Path) -> Result<Self> {
        Self::make(parent, BELOW)
    }

    fn make(parent: &Path, prefix: &str) -> Result<Self> {
        sweep(parent, prefix);
        let mut ours = ours();
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(parent);
        let folder = folder.with_context(|| format!("making a folder in {}", parent.display()))?;
        // It gets its name when it is locked, so that no other run can think us dead.
        let unnamed = folder.path().join("unlocked");
        let lock = File::create(&unnamed)?;
        lock.lock().context("locking the folder of this run")?;
        fs::rename(unnamed, folder.path().join(LOCK))?;
        ours.insert(folder.path().to_owned());
        Ok(Self { folder, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps it for a person, at `place`.
    pub(crate) fn keep_as(mut self, place: &Path) -> Result<()> {
        ours().remove(self.path());
        self.folder.disable_cleanup(true);
        let _ = fs::remove_dir_all(place);
        fs::rename(self.path(), place).with_context(|| format!("keeping {}", place.display()))?;
        fs::remove_file(place.join(LOCK)).context("unlocking what is kept")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        ours().remove(self.path());
    }
}

/// Removes all folders that this run has made, and lets it make no more: the run is about to
/// end.
pub(crate) fn remove_all() {
    let ours = ours();
    for folder in &*ours {
        let gone = |_: &u32| fs::remove_dir_all(folder).is_ok() || !folder.exists();
        let _ = (0..TRIES).inspect(|_| thread::sleep(BETWEEN)).find(gone);
    }
    mem::forget(ours);
}

/// Removes the folders that killed runs left in `parent`. A folder that cannot be removed does
/// no harm.
fn sweep(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_such = entry.file_name().to_string_lossy().starts_with(prefix);
        if is_such && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The set is valid at any time, even after a panic of its holder.
fn ours() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    OURS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_run_left_goes_with_the_next_and_what_is_in_use_stays() {
        let parent = tempfile::tempdir().unwrap();
        let [dead, other, young] =
            ["run-dead", "other", "run-young"].map(|name| parent.path().join(name));
        for folder in [&dead, &other, &young] {
            fs::create_dir(folder).unwrap();
        }
        for folder in [&dead, &other] {
            fs::write(folder.join(LOCK), "").unwrap();
            fs::write(folder.join("image"), "x").unwrap();
        }
        let first = Scratch::below(parent.path()).unwrap();
        assert!(!dead.exists() && other.exists() && young.exists());
        let second = Scratch::below(parent.path()).unwrap();
        assert!(first.path().exists() && second.path().exists());
        let path = first.path().to_owned();
        drop(first);
        assert!(!path.exists() && second.path().exists());
    }

    #[test]
    fn what_is_kept_stays_under_its_name() {
        let parent = tempfile::tempdir().unwrap();
        let kept = parent.path().join("failed");
        for text in ["old", "new"] {
            let scratch = Scratch::below(parent.path()).unwrap();
            fs::write(scratch.path().join("image"), text).unwrap();
            scratch.keep_as(&kept).unwrap();
        }
        assert_eq!(fs::read_to_string(kept.join("image")).unwrap(), "new");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
        assert!(!kept.join(LOCK).exists());
    }
}
