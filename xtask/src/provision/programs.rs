//! Finding the programs and the firmware that a boot and the demo need.
//!
//! Place: below `provision`'s functions; it installs nothing.
//!
//! Rules: a program is looked for in `PATH` and in the folders that a person's
//! `PATH` often lacks. Firmware comes as a pair of files that belong together;
//! the variables file is a template, to be copied, never to be written.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::packages::Manager;

/// Something that is installed as one, whatever it is called on a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The emulator.
    Qemu,
    /// QEMU's tools for disk images.
    DiskTools,
    /// UEFI firmware for x86_64 guests.
    Firmware,
    /// The tools that make and check ext4.
    Ext4,
    /// What bundles the page.
    Node,
    /// Its packages' manager.
    Npm,
    /// What the page's tests drive.
    Browser,
}

impl Part {
    /// The parts that a boot, the demo and their tests need.
    pub(crate) const ALL: [Part; 4] = [Part::Qemu, Part::DiskTools, Part::Firmware, Part::Ext4];

    /// The parts that only the page in a browser needs.
    pub(crate) const PAGE: [Part; 2] = [Part::Node, Part::Npm];

    /// Its name, for a person.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Part::Qemu => "QEMU for x86_64",
            Part::DiskTools => "QEMU's disk tools",
            Part::Firmware => "UEFI firmware (OVMF)",
            Part::Ext4 => "e2fsprogs",
            Part::Node => "Node.js (18 or newer)",
            Part::Npm => "npm",
            Part::Browser => "Chromium or Chrome",
        }
    }

    /// The programs by which it shows that it is there.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Part::Qemu => &["qemu-system-x86_64"],
            Part::DiskTools => &["qemu-nbd"],
            Part::Firmware => &[],
            Part::Node => &["node"],
            Part::Npm => &["npm"],
            Part::Browser => &[],
            Part::Ext4 => &["mke2fs", "e2fsck", "debugfs"],
        }
    }

    pub(super) fn is_present(self) -> bool {
        match self {
            Part::Browser => find_browser().is_some(),
            Part::Firmware => find_firmware().is_some(),
            _ => self.programs().iter().all(|name| find_program(name).is_some()),
        }
    }
}

/// Everything that the system's package manager installs for us.
#[derive(Debug)]
pub(crate) struct Tools {
    /// `qemu-system-x86_64`.
    pub(crate) qemu: PathBuf,
    /// `qemu-nbd`.
    pub(crate) qemu_nbd: PathBuf,
    /// The UEFI firmware.
    pub(crate) firmware: Firmware,
    /// `mke2fs`.
    pub(crate) mke2fs: PathBuf,
    /// `e2fsck`.
    pub(crate) e2fsck: PathBuf,
    /// `debugfs`.
    pub(crate) debugfs: PathBuf,
}

impl Tools {
    /// Looks for everything; `None` if anything is [`missing`].
    pub(crate) fn find() -> Option<Tools> {
        Some(Tools {
            qemu: find_program("qemu-system-x86_64")?,
            qemu_nbd: find_program("qemu-nbd")?,
            firmware: find_firmware()?,
            mke2fs: find_program("mke2fs")?,
            e2fsck: find_program("e2fsck")?,
            debugfs: find_program("debugfs")?,
        })
    }
}

/// UEFI firmware in flash, for `-drive if=pflash`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Firmware {
    /// The code, to be attached read-only.
    pub(crate) code: PathBuf,
    /// The template of the variables: every guest gets a copy of its own.
    pub(crate) vars: PathBuf,
    /// The format of both files, as QEMU names it.
    pub(crate) format: &'static str,
}

impl Firmware {
    fn new(code: PathBuf, vars: PathBuf) -> Firmware {
        let is_qcow2 = code.extension().is_some_and(|extension| extension == "qcow2");
        Firmware { code, vars, format: if is_qcow2 { "qcow2" } else { "raw" } }
    }
}

/// Where programs are that `PATH` may not lead to: Debian keeps administrators'
/// tools out of users' `PATH`, Homebrew does not link e2fsprogs.
const MORE_FOLDERS: [&str; 5] = [
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/opt/homebrew/opt/e2fsprogs/sbin",
    "/usr/local/opt/e2fsprogs/sbin",
];

/// Code and variables by distribution. Without secure boot, which would refuse
/// our boot loader; the 4 MiB build before the 2 MiB one, which is on its way out.
const FIRMWARE_PAIRS: [(&str, &str); 6] = [
    // Debian and its descendants.
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    // Fedora.
    ("/usr/share/edk2/ovmf/OVMF_CODE_4M.qcow2", "/usr/share/edk2/ovmf/OVMF_VARS_4M.qcow2"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    // Arch, today and until 2024.
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "/usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
];

/// What QEMU itself ships (Homebrew, and builds from source), seen from the
/// prefix it is installed in. The variables serve i386 and x86_64.
const FIRMWARE_OF_QEMU: (&str, &str) =
    ("share/qemu/edk2-x86_64-code.fd", "share/qemu/edk2-i386-vars.fd");

/// The versions that the suites which boot were run with; README.md has them too.
const QEMU_TRIED: &str = "7.2 (Debian 12) and 10.0 (Debian 13)";

/// Used when present, never installed by us; with the command that gets them.
const OPTIONAL: [(&str, &str); 2] =
    [("cargo-nextest", "cargo install --locked cargo-nextest"), ("mdbook", "cargo install mdbook")];

/// What a browser that tests can drive is called; the last is where macOS has it.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// A browser that the page's tests can drive.
pub(crate) fn find_browser() -> Option<PathBuf> {
    BROWSERS.into_iter().find_map(find_program)
}

/// The parts that are not complete.
pub(crate) fn missing() -> Vec<Part> {
    Part::ALL.into_iter().filter(|part| !part.is_present()).collect()
}

/// The path of a program, or none.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(MORE_FOLDERS.map(PathBuf::from));
    let mut candidates = folders.filter(|folder| folder.is_absolute()).map(|f| f.join(name));
    candidates.find(|candidate| candidate.is_file())
}

fn find_firmware() -> Option<Firmware> {
    choose_firmware(find_program("qemu-system-x86_64").as_deref(), &Path::is_file)
}

/// The first pair of which both files are there.
fn choose_firmware(qemu: Option<&Path>, is_file: &dyn Fn(&Path) -> bool) -> Option<Firmware> {
    let prefix = qemu.and_then(Path::parent).and_then(Path::parent);
    let shipped = prefix.map(|prefix| {
        let (code, vars) = FIRMWARE_OF_QEMU;
        Firmware::new(prefix.join(code), prefix.join(vars))
    });
    FIRMWARE_PAIRS
        .into_iter()
        .map(|(code, vars)| Firmware::new(code.into(), vars.into()))
        .chain(shipped)
        .find(|pair| is_file(&pair.code) && is_file(&pair.vars))
}

/// Prints every program and the firmware; true if all are there.
pub(super) fn report() -> bool {
    for part in Part::ALL {
        for name in part.programs() {
            report_program(part.label(), name);
        }
    }
    let label = Part::Firmware.label();
    match find_firmware() {
        Some(firmware) => println!(
            "present  {label}: {} ({})",
            firmware.code.display(),
            // The files do not say.
            Manager::here()
                .and_then(|manager| manager.installed(Part::Firmware))
                .unwrap_or_else(|| "of no package, version unknown".into())
        ),
        None => println!("missing  {label}"),
    }
    println!("  tried with QEMU {QEMU_TRIED}, each with the firmware of its distribution");
    let missing = missing();
    if !missing.is_empty() {
        println!("  to install: {}", Manager::advice(&missing));
    }
    missing.is_empty()
}

/// Prints what the page needs, and every other optional tool, and how to get it.
pub(super) fn report_optional() {
    for part in Part::PAGE {
        part.programs().iter().for_each(|name| report_program("for `play`", name));
    }
    match find_browser() {
        Some(path) => {
            println!("present  for the suite page: {} ({})", path.display(), version(&path));
        }
        None => println!("missing  for the suite page: {}", Part::Browser.label()),
    }
    let parts = Part::PAGE.into_iter().chain([Part::Browser]);
    let missing: Vec<_> = parts.filter(|part| !part.is_present()).collect();
    if !missing.is_empty() {
        println!("  to install: {}", Manager::advice(&missing));
    }
    for (name, command) in OPTIONAL {
        report_program("optional", name);
        if find_program(name).is_none() {
            println!("  to install: {command}");
        }
    }
}

fn report_program(label: &str, name: &str) {
    match find_program(name) {
        Some(path) => println!("present  {label}: {} ({})", path.display(), version(&path)),
        None => println!("missing  {label}: {name}"),
    }
}

/// The first line that a program says about its version, on whichever stream:
/// `--version` for most, `-V` for e2fsprogs, which answer any other with usage.
fn version(program: &Path) -> String {
    let file = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let flag = if Part::Ext4.programs().contains(&file) { "-V" } else { "--version" };
    let Ok(output) = Command::new(program).arg(flag).stdin(Stdio::null()).output() else {
        return "does not start".into();
    };
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&said).lines().next().unwrap_or("says no version").trim().into()
}

#[cfg(test)]
#[path = "programs_tests.rs"]
mod tests;
