//! The guests of this checkout. Each guest that `cargo xtask run` starts has a number, and a
//! folder for its logs and for the link to its socket.
//!
//! Rules: a number is in use while the lock in its folder is held. So a run gives its number
//! back, whatever signal kills it. The logs of a guest that ended stay until the next guest
//! gets its number. The lock says where it belongs: a lock that was copied along with a
//! checkout is not ours, whoever holds it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// The file that is locked while a guest runs.
const LOCK: &str = "lock";

/// The link in a guest's folder that leads to its socket; see `control`.
const CONTROL: &str = "control";

/// A number that this run has claimed, and its folder.
pub(crate) struct Place {
    number: u32,
    folder: PathBuf,
    /// Its lock is the claim.
    _lock: File,
}

impl Place {
    /// Claims the first number that no other guest has. `about` tells a person which guest it
    /// is.
    pub(crate) fn claim(about: &str) -> Result<Self> {
        Self::claim_in(&workspace::guests(), about)
    }

    fn claim_in(guests: &Path, about: &str) -> Result<Self> {
        let mut number = 0;
        loop {
            let folder = workspace::make(guests.join(number.to_string()))?;
            let path = folder.join(LOCK);
            let lock = OpenOptions::new().create(true).append(true).open(&path);
            let mut lock = lock.with_context(|| format!("cannot open {}", path.display()))?;
            match lock.try_lock() {
                Ok(()) => {
                    let _ = fs::remove_file(folder.join(CONTROL));
                    lock.set_len(0)?;
                    writeln!(lock, "{}\npid {}, {about}", folder.display(), process::id())?;
                    return Ok(Self { number, folder, _lock: lock });
                }
                Err(TryLockError::WouldBlock) => number += 1,
                Err(TryLockError::Error(error)) => {
                    return Err(error).with_context(|| format!("locking {}", path.display()));
                }
            }
        }
    }

    /// The guest's number.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Where its logs go.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The link to its socket.
    pub(crate) fn control(&self) -> PathBuf {
        self.folder.join(CONTROL)
    }
}

/// A guest that runs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Running {
    /// Its number.
    pub(crate) number: u32,
    /// The link to its socket. It is not there yet while the guest starts.
    pub(crate) control: PathBuf,
    /// A description, for a person.
    pub(crate) about: String,
}

/// The guests that run, by their numbers.
pub(crate) fn running() -> Vec<Running> {
    running_in(&workspace::guests())
}

fn running_in(guests: &Path) -> Vec<Running> {
    let folders = fs::read_dir(guests).into_iter().flatten().flatten();
    let mut running: Vec<_> = folders.filter_map(|entry| looked_at(&entry.path())).collect();
    running.sort_by_key(|guest| guest.number);
    running
}

/// The guest of this folder, if it runs and is ours.
fn looked_at(folder: &Path) -> Option<Running> {
    let number = folder.file_name()?.to_str()?.parse().ok()?;
    let lock = File::open(folder.join(LOCK)).ok()?;
    if !matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let text = fs::read_to_string(folder.join(LOCK)).ok()?;
    let (home, about) = text.split_once('\n')?;
    let ours = Path::new(home) == folder;
    ours.then(|| Running { number, control: folder.join(CONTROL), about: about.trim().into() })
}

/// The guest that is asked for, or the only one.
pub(crate) fn choose(number: Option<u32>) -> Result<Running> {
    choose_of(running(), number)
}

fn choose_of(mut running: Vec<Running>, number: Option<u32>) -> Result<Running> {
    let list = |running: &[Running]| {
        let line = |guest: &Running| format!("\n  guest {}: {}", guest.number, guest.about);
        running.iter().map(line).collect::<String>()
    };
    if running.is_empty() {
        bail!("no guest runs: `cargo xtask run` starts one");
    }
    let Some(number) = number else {
        if running.len() > 1 {
            bail!(
                "several guests run; say which one, as `--guest {}`:{}",
                running[0].number,
                list(&running)
            );
        }
        return Ok(running.remove(0));
    };
    let at = running.iter().position(|guest| guest.number == number);
    let Some(at) = at else { bail!("no guest {number} runs, but:{}", list(&running)) };
    Ok(running.swap_remove(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(guests: &Path) -> Vec<u32> {
        running_in(guests).iter().map(|guest| guest.number).collect()
    }

    #[test]
    fn each_guest_has_a_number_and_gives_it_back() {
        let guests = tempfile::tempdir().unwrap();
        let [first, second] = ["a", "b"].map(|it| Place::claim_in(guests.path(), it).unwrap());
        assert_eq!((first.number(), second.number()), (0, 1));
        assert_ne!(first.folder(), second.folder());
        assert_eq!(numbers(guests.path()), [0, 1]);
        drop(first);
        assert_eq!(numbers(guests.path()), [1]);
        let third = Place::claim_in(guests.path(), "c").unwrap();
        assert_eq!((third.number(), numbers(guests.path())), (0, vec![0, 1]));
    }

    #[test]
    fn what_a_dead_guest_left_is_no_guest_and_no_trap() {
        let guests = tempfile::tempdir().unwrap();
        let place = Place::claim_in(guests.path(), "a").unwrap();
        let control = place.control();
        std::os::unix::fs::symlink("/no/such/socket", &control).unwrap();
        // A run that is killed removes nothing, and loses its lock.
        drop(place);
        assert!(running_in(guests.path()).is_empty());
        let next = Place::claim_in(guests.path(), "b").unwrap();
        assert_eq!(next.control(), control);
        assert!(fs::symlink_metadata(&control).is_err(), "the old way is gone");
    }

    #[test]
    fn a_guest_of_another_checkout_is_not_ours() {
        let checkouts = tempfile::tempdir().unwrap();
        let [ours, theirs] = ["ours", "theirs"].map(|name| checkouts.path().join(name));
        let place = Place::claim_in(&theirs, "a").unwrap();
        fs::create_dir_all(ours.join("0")).unwrap();
        // A copy by hard links shares the lock itself.
        fs::hard_link(place.folder().join(LOCK), ours.join("0").join(LOCK)).unwrap();
        assert_eq!((numbers(&ours), numbers(&theirs)), (vec![], vec![0]));
        assert_eq!(Place::claim_in(&ours, "b").unwrap().number(), 1);
    }

    #[test]
    fn of_several_guests_one_has_to_be_named() {
        let guest = |number: u32| Running {
            number,
            control: PathBuf::new(),
            about: format!("pid {number}0"),
        };
        let why = |running, number| choose_of(running, number).unwrap_err().to_string();
        assert_eq!(choose_of(vec![guest(3)], None).unwrap().number, 3);
        assert_eq!(choose_of(vec![guest(0), guest(1)], Some(1)).unwrap().number, 1);
        let which = why(vec![guest(0), guest(2)], None);
        assert!(which.contains("--guest 0") && which.contains("guest 2: pid 20"), "{which}");
        assert!(why(vec![guest(0)], Some(1)).contains("guest 0: pid 00"));
        assert!(why(vec![], Some(1)).contains("no guest runs"));
    }
}
