//! Tests of finding programs and firmware on machines of several kinds.

use super::*;

/// The firmware on a machine that has exactly these files.
fn firmware(qemu: &str, files: &[&str]) -> Option<(String, String)> {
    let is_file = |path: &Path| files.contains(&path.to_str().unwrap());
    let found = choose_firmware(Some(Path::new(qemu)), &is_file)?;
    Some((found.code.display().to_string(), found.vars.display().to_string()))
}

fn pair(code: &str, vars: &str) -> Option<(String, String)> {
    Some((code.into(), vars.into()))
}

const QEMU: &str = "/usr/bin/qemu-system-x86_64";

#[test]
fn the_larger_debian_build_is_preferred_and_stays_a_pair() {
    let (code, vars) = ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd");
    let (code_2m, vars_2m) = ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd");
    assert_eq!(firmware(QEMU, &[code_2m, vars_2m, code, vars]), pair(code, vars));
    assert_eq!(firmware(QEMU, &[code, code_2m, vars_2m]), pair(code_2m, vars_2m));
    assert_eq!(firmware(QEMU, &[code, vars_2m]), None);
}

#[test]
fn fedora_and_arch_have_folders_of_their_own() {
    for (code, vars) in [
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
        ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ] {
        assert_eq!(firmware(QEMU, &[vars, code]), pair(code, vars));
    }
}

#[test]
fn the_format_is_that_of_the_files() {
    let format = |end: &str| {
        let is_file = |path: &Path| path.to_str().unwrap().ends_with(end);
        choose_firmware(None, &is_file).unwrap().format
    };
    assert_eq!(format("_4M.qcow2"), "qcow2");
    assert_eq!(format("_4M.fd"), "raw");
}

#[test]
fn homebrew_has_what_qemu_ships_whatever_its_prefix() {
    let (code, vars) = (
        "/opt/homebrew/share/qemu/edk2-x86_64-code.fd",
        "/opt/homebrew/share/qemu/edk2-i386-vars.fd",
    );
    assert_eq!(firmware("/opt/homebrew/bin/qemu-system-x86_64", &[code, vars]), pair(code, vars));
    assert_eq!(firmware(QEMU, &[code, vars]), None);
}

#[test]
fn no_qemu_is_no_obstacle_to_finding_firmware() {
    assert_eq!(choose_firmware(None, &|_| false), None);
    let found = choose_firmware(None, &|path| path.starts_with("/usr/share/OVMF"));
    assert_eq!(found.unwrap().vars, Path::new("/usr/share/OVMF/OVMF_VARS_4M.fd"));
}

#[test]
fn doctor_and_the_readme_name_the_same_versions() {
    assert!(include_str!("../../../README.md").contains(&format!("QEMU {QEMU_TRIED}")));
}
