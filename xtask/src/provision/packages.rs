//! The system's package managers: which one this machine has, its names for the parts, and the
//! exact commands.
//!
//! Place: below `provision::tools`, which calls [`install`] when something is
//! missing; `doctor` only prints the commands. `qemu_packages` chooses QEMU's
//! version for apt.
//!
//! Rules: nothing asks the person a question: either we may install without a
//! password or the commands are printed for the person to type. Standard input
//! stays untouched, it may hold commands for the guest.

use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, bail};

use super::programs::Part;
use super::qemu_packages::QemuChoice;
use super::{capture, say};

/// A package manager that we know the packages' names of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    /// Debian, Ubuntu and their descendants.
    Apt,
    /// Fedora and its descendants.
    Dnf,
    /// Arch and its descendants.
    Pacman,
    /// Homebrew on macOS.
    Brew,
}

/// How long another apt may take to refresh the package lists.
const LISTS_LOCK_WAIT: Duration = Duration::from_secs(300);

/// One command: the program and its arguments.
type Words = Vec<String>;

impl Manager {
    /// This machine's package manager, if we know it.
    pub(crate) fn here() -> Option<Manager> {
        Manager::of(std::env::consts::OS, &os_release())
    }

    /// By operating system (as `std::env::consts::OS`) and `/etc/os-release`:
    /// the distribution itself first, then those that it says it is like.
    fn of(os: &str, os_release: &str) -> Option<Manager> {
        if os == "macos" {
            return Some(Manager::Brew);
        }
        let names = [os_release_value(os_release, "ID"), os_release_value(os_release, "ID_LIKE")];
        names.iter().flat_map(|value| value.split_whitespace()).find_map(|name| match name {
            "debian" | "ubuntu" => Some(Manager::Apt),
            "fedora" => Some(Manager::Dnf),
            "arch" => Some(Manager::Pacman),
            _ => None,
        })
    }

    /// The package that holds a part.
    pub(super) fn package(self, part: Part) -> &'static str {
        match (self, part) {
            (_, Part::Ext4) => "e2fsprogs",
            (Manager::Brew, Part::Node | Part::Npm) => "node",
            (Manager::Brew, Part::Browser) => "google-chrome",
            (_, Part::Browser) => "chromium",
            (Manager::Dnf, Part::Npm) => "nodejs-npm",
            (_, Part::Npm) => "npm",
            (_, Part::Node) => "nodejs",
            // It contains the disk tools and the firmware.
            (Manager::Brew, _) => "qemu",
            (Manager::Apt | Manager::Pacman, Part::Qemu) => "qemu-system-x86",
            (Manager::Dnf, Part::Qemu) => "qemu-system-x86-core",
            (Manager::Apt, Part::DiskTools) => "qemu-utils",
            (Manager::Dnf | Manager::Pacman, Part::DiskTools) => "qemu-img",
            (Manager::Apt, Part::Firmware) => "ovmf",
            (Manager::Dnf | Manager::Pacman, Part::Firmware) => "edk2-ovmf",
        }
    }

    /// The command that prints which version of a part's package is installed.
    fn version_query(self, part: Part) -> Words {
        let mut query = words(match self {
            Manager::Apt => "dpkg-query --show",
            Manager::Dnf => "rpm --query",
            Manager::Pacman => "pacman -Q",
            Manager::Brew => "brew list --versions",
        });
        query.push(self.package(part).into());
        query
    }

    /// Name and version of a part's package, if this machine has it as one.
    pub(super) fn installed(self, part: Part) -> Option<String> {
        let query = self.version_query(part);
        let said = capture(Command::new(&query[0]).args(&query[1..])).ok()?;
        let words: Vec<_> = said.lines().next()?.split_whitespace().collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// The command before the one that installs: apt knows of no package before
    /// it has lists, and the packages of old lists may be gone.
    fn refresh(self) -> Option<Words> {
        (self == Manager::Apt).then(|| words("apt-get -q update"))
    }

    /// The command that installs the parts, without what raises privileges.
    fn command(self, parts: &[Part], qemu: &QemuChoice) -> Words {
        let mut command = words(match self {
            Manager::Apt => {
                "env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
                 install -y --no-install-recommends --no-remove"
            }
            Manager::Dnf => "dnf install -y",
            // Not -Sy: Arch supports no upgrade of a part of the system.
            Manager::Pacman => "pacman -S --needed --noconfirm",
            Manager::Brew => "brew install",
        });
        let mut packages = Words::new();
        for &part in parts {
            match (self, part) {
                (Manager::Apt, Part::Qemu) => packages.extend(qemu.arguments()),
                _ => packages.push(self.package(part).into()),
            }
        }
        packages.dedup();
        command.extend(packages);
        command
    }

    /// How to ask for QEMU here, as far as the lists tell now.
    fn qemu(self, parts: &[Part]) -> QemuChoice {
        let is_asked = self == Manager::Apt && parts.contains(&Part::Qemu);
        if is_asked { QemuChoice::here() } else { QemuChoice::Candidate }
    }

    /// What to type to get the parts on this machine, and what to know before.
    pub(crate) fn advice(parts: &[Part]) -> String {
        let Some(manager) = Manager::here() else {
            let names: Vec<_> = parts.iter().map(|part| part.label()).collect();
            return format!("install by this system's own means: {}", names.join(", "));
        };
        let prefix = if manager.needs_privilege() { "sudo " } else { "" };
        let qemu = manager.qemu(parts);
        let commands = manager.refresh().into_iter().chain([manager.command(parts, &qemu)]);
        let lines: Vec<_> = commands.map(|line| format!("{prefix}{}", line.join(" "))).collect();
        let warning = qemu.warning().map(|warning| format!("\n  ({warning})"));
        lines.join(" && ") + &warning.unwrap_or_default()
    }

    /// Whether this user has to raise privileges. Homebrew refuses them.
    fn needs_privilege(self) -> bool {
        self != Manager::Brew && !rustix::process::geteuid().is_root()
    }
}

/// Installs the parts.
///
/// # Errors
/// We know no package manager here, may not use it, or it failed. The text has
/// the commands to type.
pub(super) fn install(parts: &[Part]) -> Result<()> {
    let advice = || Manager::advice(parts);
    let names: Vec<_> = parts.iter().map(|part| part.label()).collect();
    let names = names.join(", ");
    let Some(manager) = Manager::here() else { bail!("missing: {names}\n{}", advice()) };
    let sudo = words(if manager.needs_privilege() { "sudo -n" } else { "" });
    if !sudo.is_empty() && capture(Command::new("sudo").args(["-n", "true"])).is_err() {
        let advice = advice();
        bail!("missing: {names}\nNeither root nor sudo without a password. Type:\n  {advice}");
    }
    say(&format!("installing {names}"));
    let attempt = || {
        if let Some(refresh) = manager.refresh() {
            run(&sudo, &refresh)?;
        }
        let qemu = manager.qemu(parts);
        if let Some(warning) = qemu.warning() {
            say(&warning);
        }
        run(&sudo, &manager.command(parts, &qemu))
    };
    let outcome = attempt().or_else(|why| {
        if manager != Manager::Apt {
            return Err(why);
        }
        // A killed installation leaves packages unpacked but not set up, and
        // apt refuses to go on from there.
        say(&format!("{why:#}; mending and trying again"));
        run(&sudo, &words("env DEBIAN_FRONTEND=noninteractive dpkg --configure -a"))?;
        attempt()
    });
    outcome.with_context(|| format!("could not install {names}. By hand:\n  {}\nWhy", advice()))
}

/// One command. While another apt holds the package lists it waits, as apt
/// itself does for dpkg's lock only: a machine that has just booted refreshes
/// its lists, and so may what a killed run has left.
fn run(sudo: &[String], command: &[String]) -> Result<()> {
    let line = [sudo, command].concat();
    say(&format!("+ {}", line.join(" ")));
    let patience = Instant::now() + LISTS_LOCK_WAIT;
    loop {
        let outcome = super::run(Command::new(&line[0]).args(&line[1..]));
        match &outcome {
            Err(why) if why.to_string().contains("/lists/lock") && Instant::now() < patience => {
                thread::sleep(Duration::from_secs(1));
            }
            _ => return outcome,
        }
    }
}

/// The text of `/etc/os-release`, empty if there is none.
pub(super) fn os_release() -> String {
    fs::read_to_string("/etc/os-release").unwrap_or_default()
}

/// The value of a key of os-release(5), unquoted; empty if it is not there.
pub(super) fn os_release_value<'a>(os_release: &'a str, key: &str) -> &'a str {
    os_release
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map_or("", |value| value.trim_matches(['"', '\'']))
}

fn words(text: &str) -> Words {
    text.split_whitespace().map(String::from).collect()
}

#[cfg(test)]
#[path = "packages_tests.rs"]
mod tests;
