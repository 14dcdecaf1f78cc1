//! The image files behind the disks of a guest, checked before it boots.
//!
//! QEMU locks an image that it opens. If another program has the lock, QEMU ends with a message
//! that names neither. Rule: a refusal here uses the words with which the person named the
//! disk. QEMU still finds a lock that comes later.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::io::Errno;
use serde_json::Value;

use super::Disk;

/// How often a disk in use is looked at, and how long to wait between.
const LOOKS: u32 = 40;
const BETWEEN: Duration = Duration::from_millis(50);

/// An image file of a disk.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) file: PathBuf,
    pub(super) read_only: bool,
}

/// The image file below a QEMU block device, if there is one and QEMU locks it.
pub(super) fn below(device: &Value) -> Option<Image> {
    let read_only = device["read-only"] == true;
    if let Some(file) = device["filename"].as_str() {
        let locked = device["driver"] == "file" && device["locking"] != "off";
        return locked.then(|| Image { file: file.into(), read_only });
    }
    let below = ["file", "image"].into_iter().find_map(|key| below(device.get(key)?))?;
    Some(Image { read_only: below.read_only || read_only, ..below })
}

/// Refuses disks that QEMU could not open: files that are no disk, that may not be written,
/// that another program uses, or that are named twice.
pub(crate) fn check(disks: &[Disk]) -> Result<()> {
    let mut seen: Vec<((u64, u64), bool)> = Vec::new();
    for image in disks.iter().filter_map(Disk::image) {
        let told = || format!("the disk {}", image.file.display());
        let place = is_openable(&image).with_context(told)?;
        let twice = seen
            .iter()
            .any(|&(other, read_only)| other == place && !(read_only && image.read_only));
        ensure!(!twice, "{} is named twice", told());
        seen.push((place, image.read_only));
    }
    Ok(())
}

/// Checks that an image can be opened as it will be used. Returns the identity of the file.
fn is_openable(image: &Image) -> Result<(u64, u64)> {
    let about = fs::metadata(&image.file)?;
    let kind = about.file_type();
    ensure!(kind.is_file() || kind.is_block_device(), "it is no file, and no block device");
    let file = OpenOptions::new().read(true).write(!image.read_only).open(&image.file);
    let file = match file {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && !image.read_only => {
            bail!("it may not be written; `json:{{...}}` with `\"read-only\": true` only reads it")
        }
        file => file?,
    };
    // Readers share an image with each other, which this lock cannot ask for.
    // Another error is that of a file system without locks: then nobody can tell.
    let lock = || fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive);
    let is_used = || matches!(lock(), Err(Errno::AGAIN | Errno::ACCESS));
    // The QEMU of a run that was killed just now is about to be gone.
    let stays_used = || (0..LOOKS).inspect(|_| thread::sleep(BETWEEN)).all(|_| is_used());
    let used = !image.read_only && is_used() && stays_used();
    ensure!(!used, "it is in use by another program, as a guest that runs already");
    Ok((about.dev(), about.ino()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_image_is_found_below_all_layers() {
        let image = |file: &str, read_only| Some(Image { file: file.into(), read_only });
        let file = json!({"driver": "file", "filename": "/a"});
        assert_eq!(below(&json!({"driver": "raw", "file": file})), image("/a", false));
        let debug = json!({"driver": "blkdebug", "image": file});
        let top = json!({"driver": "raw", "read-only": true, "file": debug});
        assert_eq!(below(&top), image("/a", true));
        let open = json!({"driver": "file", "filename": "/a", "locking": "off"});
        assert_eq!(below(&json!({"driver": "raw", "file": open})), None);
        assert_eq!(below(&json!({"driver": "null-co"})), None);
    }

    #[test]
    fn what_cannot_be_a_disk_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.img");
        fs::write(&file, [0; 512]).unwrap();
        let again = folder.path().join("b.img");
        std::os::unix::fs::symlink(&file, &again).unwrap();
        let why = |disks: &[Disk]| format!("{:#}", check(disks).unwrap_err());
        check(&[Disk::raw(&file)]).unwrap();
        check(&[Disk::raw_read_only(&file), Disk::raw_read_only(&again)]).unwrap();
        assert!(why(&[Disk::raw(&file), Disk::raw(&again)]).ends_with("is named twice"));
        assert!(why(&[Disk::raw(&file), Disk::raw_read_only(&file)]).ends_with("is named twice"));
        assert!(why(&[Disk::raw(folder.path())]).contains("no file"));
    }
}
