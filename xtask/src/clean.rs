//! `cargo xtask clean`: removes what xtask made, and keeps what cargo made.

use std::path::Path;
use std::{fs, io};

use anyhow::{Context, Result, ensure};

use crate::{guests, workspace};

/// Removes disks, boot images, logs, and the memory of which accelerator works.
pub(crate) fn main() -> Result<()> {
    let running = guests::running();
    let one = running.first().map(|guest| guest.number).unwrap_or_default();
    ensure!(running.is_empty(), "guest {one} runs and uses what would go; end it first");
    let ours = [workspace::disks(), workspace::runs(), workspace::guests()];
    for folder in ours.into_iter().chain([workspace::bundled_page()]) {
        remove(&folder, |path| fs::remove_dir_all(path))?;
    }
    remove(&workspace::accel_memory(), |path| fs::remove_file(path))?;
    let images = fs::read_dir(workspace::kernel_target()).into_iter().flatten();
    for entry in images {
        let path = entry.context("reading the folder of the boot images")?.path();
        if path.extension().is_some_and(|extension| extension == "img" || extension == "part") {
            remove(&path, |path| fs::remove_file(path))?;
        }
    }
    Ok(())
}

fn remove(path: &Path, how: fn(&Path) -> io::Result<()>) -> Result<()> {
    match how(path) {
        Ok(()) => println!("removed {}", path.display()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("removing {}", path.display())),
    }
    Ok(())
}
