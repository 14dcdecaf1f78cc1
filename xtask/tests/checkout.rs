//! An xtask that was copied along with its checkout works there, and nowhere else.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Makes what tells a checkout, with an xtask in it and something for it to remove.
fn checkout(folder: &Path) {
    for (file, text) in [("Cargo.toml", "[workspace]\n"), ("xtask/Cargo.toml", "[package]\n")] {
        fs::create_dir_all(folder.join(file).parent().unwrap()).unwrap();
        fs::write(folder.join(file), text).unwrap();
    }
    fs::create_dir_all(folder.join("target/xtask/disks")).unwrap();
    fs::create_dir_all(folder.join("target/debug")).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_xtask"), folder.join("target/debug/xtask")).unwrap();
}

#[test]
fn clean_in_a_copy_removes_what_is_the_copys() {
    let place = tempfile::tempdir().unwrap();
    let [original, copy] = ["original", "copy"].map(|name| place.path().join(name));
    checkout(&original);
    checkout(&copy);
    let mut clean = Command::new(copy.join("target/debug/xtask"));
    clean.arg("clean").current_dir(&copy).env_remove("CARGO_MANIFEST_DIR");
    let ended = clean.env_remove("CARGO_TARGET_DIR").output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(!copy.join("target/xtask/disks").exists());
    assert!(original.join("target/xtask/disks").exists());
}

#[test]
fn outside_of_any_checkout_it_says_so() {
    let place = tempfile::tempdir().unwrap();
    let mut clean = Command::new(env!("CARGO_BIN_EXE_xtask"));
    clean.arg("clean").current_dir(place.path()).env_remove("CARGO_MANIFEST_DIR");
    let ended = clean.output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("lies in no checkout"), "{ended:?}");
}
