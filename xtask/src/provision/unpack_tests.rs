//! Tests of unpacking, also of archives that mean harm.

use std::io::Write;

use lzma_rust2::{XzOptions, XzWriter};
use tar::{Builder, Header};

use super::*;

/// A member that holds its own path as text.
fn append(builder: &mut Builder<Vec<u8>>, member: &str) {
    let mut header = Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(member.len() as u64);
    // As it is: `set_path` would refuse the paths that a test needs.
    header.as_gnu_mut().unwrap().name[..member.len()].copy_from_slice(member.as_bytes());
    header.set_cksum();
    builder.append(&header, member.as_bytes()).unwrap();
}

/// Writes a `.tar.xz` of what `fill` appends.
pub(in super::super) fn pack(path: &Path, fill: impl FnOnce(&mut Builder<Vec<u8>>)) {
    let mut builder = Builder::new(Vec::new());
    fill(&mut builder);
    let file = File::create(path).unwrap();
    let mut xz = XzWriter::new(file, XzOptions::default()).unwrap();
    xz.write_all(&builder.into_inner().unwrap()).unwrap();
    xz.finish().unwrap();
}

fn archive_of(folder: &Path, members: &[&str]) -> PathBuf {
    let path = folder.join("sources.tar.xz");
    pack(&path, |builder| members.iter().for_each(|member| append(builder, member)));
    path
}

#[test]
fn every_packing_of_library_leads_to_the_same_path() {
    for root in
        ["", "./", "rust-src-1.95.0/rust-src/lib/rustlib/src/rust/", "usr/src/rustc-1.95.0/"]
    {
        let member = format!("{root}library/core/src/lib.rs");
        let inside = inside_library(Path::new(&member));
        assert_eq!(inside.as_deref(), Some(Path::new("library/core/src/lib.rs")), "{member}");
    }
}

#[test]
fn other_members_stay_out() {
    for member in [
        "usr/src/rustc-1.95.0/src/tools/x/library/y.rs",
        "usr/src/rustc-1.95.0/library.txt",
        "usr/src/rustc-1.95.0",
        "/library/core/src/lib.rs",
        "library/../../x.rs",
    ] {
        assert_eq!(inside_library(Path::new(member)), None, "{member}");
    }
}

#[test]
fn an_archive_is_unpacked_below_the_target_only() {
    let folder = tempfile::tempdir().unwrap();
    let members = ["COPYRIGHT", "library/Cargo.lock", "library/core/src/lib.rs", "library/../../x"];
    let target = folder.path().join("in/target");
    library(&archive_of(folder.path(), &members), &target).unwrap();
    let text = fs::read_to_string(target.join("library/core/src/lib.rs")).unwrap();
    assert_eq!(text, "library/core/src/lib.rs");
    assert!(!target.join("COPYRIGHT").exists());
    assert!(!folder.path().join("in/x").exists());
}

#[test]
fn damage_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let archive = archive_of(folder.path(), &["library/Cargo.lock"]);
    let mut bytes = fs::read(&archive).unwrap();
    let target = folder.path().join("target");
    let half = bytes.len() / 2;
    bytes[half] ^= 1;
    fs::write(&archive, &bytes).unwrap();
    library(&archive, &target).unwrap_err();
    bytes.truncate(half);
    fs::write(&archive, &bytes).unwrap();
    library(&archive, &target).unwrap_err();
}

#[test]
fn an_archive_of_another_kind_or_content_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = |archive: &Path| library(archive, folder.path()).unwrap_err().to_string();
    assert_eq!(refusal(Path::new("rust.zip")), "neither a folder nor a .tar.xz nor a .deb");
    let archive = archive_of(folder.path(), &["src/main.rs"]);
    assert_eq!(refusal(&archive), "no library/ in it");
}
