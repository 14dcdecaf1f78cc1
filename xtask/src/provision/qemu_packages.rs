//! Which version of QEMU to ask apt for, beside those of its packages that are
//! already there.
//!
//! Place: below `packages`, which asks before it writes apt's command.
//!
//! Rules: QEMU's Debian packages are built from one source and depend on, or
//! break, each other by version. So the emulator follows tools that are newer
//! than what apt would take (from backports, say) if the sources still offer that
//! version; else the tools go down to what the sources offer. Older tools are
//! left to apt, which upgrades what it must. The decision is made from what apt
//! says, and nothing else.

use std::process::Command;

use super::capture;

const EMULATOR: &str = "qemu-system-x86";

/// The emulator depends on these by version. apt takes its candidate for what is
/// not named, so another version than the candidate needs them named.
const PARTS_OF_EMULATOR: [&str; 2] = ["qemu-system-common", "qemu-system-data"];

/// What people have without the emulator. The second depends on exactly the
/// first's version, and is recommended by it: it is there more often than not.
const TOOLS: [&str; 2] = ["qemu-utils", "qemu-block-extra"];

/// What to ask apt for, to get the emulator.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QemuChoice {
    /// Whatever version apt takes.
    Candidate,
    /// The version of the tools that are there.
    LikeTools { version: String },
    /// The version that the sources offer, for the tools as well.
    ToolsDown { tools: Vec<&'static str>, from: String, to: String },
}

impl QemuChoice {
    /// For this machine, as far as its package lists tell.
    pub(super) fn here() -> QemuChoice {
        let mut apt_cache = Command::new("apt-cache");
        apt_cache.env("LC_ALL", "C").arg("policy").arg(EMULATOR).args(TOOLS);
        QemuChoice::of(&capture(&mut apt_cache).unwrap_or_default())
    }

    /// By the text of `apt-cache policy` on the emulator and the tools.
    fn of(policies: &str) -> QemuChoice {
        let emulator = Policy::of(EMULATOR, policies);
        let [utils, _] = TOOLS.map(|tool| Policy::of(tool, policies));
        let (Some(there), Some(candidate)) = (utils.installed, emulator.candidate) else {
            return QemuChoice::Candidate;
        };
        if !utils.is_newer(there, candidate) {
            return QemuChoice::Candidate;
        }
        if emulator.versions.contains(&there) {
            return QemuChoice::LikeTools { version: there.into() };
        }
        let is_there = |tool: &&str| Policy::of(tool, policies).installed.is_some();
        QemuChoice::ToolsDown {
            tools: TOOLS.into_iter().filter(is_there).collect(),
            from: there.into(),
            to: candidate.into(),
        }
    }

    /// The arguments of `apt-get install`.
    pub(super) fn arguments(&self) -> Vec<String> {
        let at = |package: &str, version: &str| format!("{package}={version}");
        match self {
            QemuChoice::Candidate => vec![EMULATOR.into()],
            QemuChoice::LikeTools { version } => {
                let [common, data] = PARTS_OF_EMULATOR;
                let data = at(data, without_rebuild(version));
                vec![at(EMULATOR, version), at(common, version), data]
            }
            QemuChoice::ToolsDown { tools, to, .. } => {
                let packages = [EMULATOR].into_iter().chain(tools.iter().copied());
                let packages = packages.map(|package| at(package, to));
                ["--allow-downgrades".into()].into_iter().chain(packages).collect()
            }
        }
    }

    /// What a person should know before it is done.
    pub(super) fn warning(&self) -> Option<String> {
        let QemuChoice::ToolsDown { tools, from, to } = self else { return None };
        Some(format!(
            "{} will be downgraded from {from} to {to}: QEMU's packages must agree in version, \
             and apt's sources do not offer {EMULATOR} {from}",
            tools.join(" and ")
        ))
    }
}

/// What `apt-cache policy` says of one package.
struct Policy<'a> {
    installed: Option<&'a str>,
    /// What apt would install.
    candidate: Option<&'a str>,
    /// All that are offered, and the installed one; newest first.
    versions: Vec<&'a str>,
}

impl<'a> Policy<'a> {
    fn of(package: &str, policies: &'a str) -> Policy<'a> {
        let from = policies.lines().skip_while(|line| line.strip_suffix(':') != Some(package));
        let lines: Vec<&str> = from.skip(1).take_while(|line| line.starts_with(' ')).collect();
        let field = |key: &str| {
            let value = lines.iter().find_map(|line| line.trim_start().strip_prefix(key));
            value.map(str::trim).filter(|value| *value != "(none)")
        };
        Policy {
            installed: field("Installed:"),
            candidate: field("Candidate:"),
            versions: lines.iter().filter_map(|line| version_of(line)).collect(),
        }
    }

    /// By the order that apt has put them in. False if either is not of this package.
    fn is_newer(&self, version: &str, than: &str) -> bool {
        let rank = |wanted: &str| self.versions.iter().position(|version| *version == wanted);
        rank(version).zip(rank(than)).is_some_and(|(a, b)| a < b)
    }
}

/// The version, if the line begins one in a version table. Lines about where it
/// comes from are indented further.
fn version_of(line: &str) -> Option<&str> {
    let entry = line.strip_prefix("     ").or_else(|| line.strip_prefix(" *** "))?;
    if entry.starts_with(' ') { None } else { entry.split_whitespace().next() }
}

/// Without the suffix (`+b3`) of a rebuild for one architecture, which packages
/// for all architectures do not take part in.
fn without_rebuild(version: &str) -> &str {
    match version.rsplit_once("+b") {
        Some((source, count)) if count.parse::<u32>().is_ok() => source,
        _ => version,
    }
}

#[cfg(test)]
#[path = "qemu_packages_tests.rs"]
mod tests;
