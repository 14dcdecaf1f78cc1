//! Unpacking the folder `library` out of an archive with Rust's sources.
//!
//! Place: below `rust_src`, which names the archive and checks the result.
//!
//! Rules: needs no program but, for a `.deb`, the `dpkg-deb` that comes with
//! every Debian. Only files below `library` are written, only below the target.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use lzma_rust2::XzReader;
use tar::Archive;

/// Where `library` is in an archive, `*` being any one folder: packed by
/// itself, in the Rust project's component, in Debian's package.
const ROOTS: [&[&str]; 3] =
    [&[], &["*", "rust-src", "lib", "rustlib", "src", "rust"], &["usr", "src", "*"]];

/// Unpacks `library` of an archive (`.tar.xz` or `.deb`) to `target/library`.
///
/// # Errors
/// The archive is of another kind, damaged, or has no `library`.
pub(super) fn library(archive: &Path, target: &Path) -> Result<()> {
    match archive.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => {
            let file = BufReader::new(File::open(archive)?);
            unpack_tar(XzReader::new(file, true), target)
        }
        Some("deb") => unpack_deb(archive, target),
        _ => bail!("neither a folder nor a .tar.xz nor a .deb"),
    }
}

fn unpack_deb(archive: &Path, target: &Path) -> Result<()> {
    let mut dpkg = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(archive)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("start dpkg-deb")?;
    let outcome = match dpkg.stdout.take() {
        Some(tar) => unpack_tar(tar, target),
        None => bail!("dpkg-deb: no output"),
    };
    let status = dpkg.wait()?;
    outcome?;
    ensure!(status.success(), "dpkg-deb: {status}");
    Ok(())
}

/// Reads to the end: the program that writes the stream must not meet a closed
/// pipe, and a checksum at the end of the stream must be seen.
fn unpack_tar(mut stream: impl Read, target: &Path) -> Result<()> {
    let mut archive = Archive::new(&mut stream);
    let mut found = false;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let Some(inside) = inside_library(&entry.path()?) else { continue };
        let path = target.join(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        entry.unpack(&path).with_context(|| format!("write {}", path.display()))?;
        found = true;
    }
    io::copy(&mut stream, &mut io::sink())?;
    ensure!(found, "no library/ in it");
    Ok(())
}

/// The path from `library` on, of an archive's member that belongs to it.
/// `None` for other members and for paths that lead outside.
fn inside_library(member: &Path) -> Option<PathBuf> {
    let mut names = Vec::new();
    for component in member.components() {
        match component {
            Component::CurDir => {}
            Component::Normal(name) => names.push(name),
            _ => return None,
        }
    }
    let matches = |root: &&&[&str]| {
        let pattern = root.iter().chain(&["library"]);
        names.len() > root.len()
            && pattern.zip(&names).all(|(pattern, name)| *pattern == "*" || *name == *pattern)
    };
    let root = ROOTS.iter().find(matches)?;
    Some(names[root.len()..].iter().collect())
}

#[cfg(test)]
#[path = "unpack_tests.rs"]
pub(super) mod tests;
