//! The Debian package `rust-src` of one release, wherever the machine's mirrors
//! have it.
//!
//! Place: below `rust_src`. `apt_sources` reads the machine's apt sources.
//!
//! Rules: the machine's own apt state is read, never written: lists, caches and
//! downloads go to a scratch folder. Signatures are checked as ever, with the
//! keyring that the machine trusts for the mirror. Needs no root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::apt_sources::{self, AptSource};
use super::packages::{os_release, os_release_value};
use super::{capture, run, say};

/// Suites of a Debian mirror that may have a newer Rust than the machine's own,
/// the smallest index first. Stable's backports keep several releases; testing
/// and unstable have the newest only.
const SUITES: [&str; 4] = ["stable-backports", "testing", "unstable", "oldstable-backports"];

/// Fetches the package to `scratch` and returns its path.
///
/// # Errors
/// No suite has the release, or the mirrors cannot be reached.
pub(super) fn download_rust_src(release: &str, scratch: &Path) -> Result<PathBuf> {
    let apt = Apt::new(scratch)?;
    // As far as the machine's own lists go, without fetching any.
    if let Some(version) = apt.version_of(release)? {
        return apt.download(&version, scratch);
    }
    let mut searched = vec!["the configured sources".to_string()];
    for mirror in mirrors() {
        for suite in SUITES {
            say(&format!("looking for rust-src {release} in {suite} of {}", mirror.uris.join(" ")));
            let apt = Apt::with_sources(scratch, &mirror.of_suite(suite))?;
            if let Some(version) = apt.version_of(release)? {
                return apt.download(&version, scratch);
            }
            searched.push(format!("{suite} of {}", mirror.uris.join(" ")));
        }
    }
    bail!("{release} is not in {}", searched.join(", "))
}

/// The Debian mirrors among the machine's sources. Only on Debian itself:
/// the suites' names mean something else, or nothing, on its descendants.
fn mirrors() -> Vec<AptSource> {
    let os_release = os_release();
    if os_release_value(&os_release, "ID") != "debian" {
        return Vec::new();
    }
    let codename = os_release_value(&os_release, "VERSION_CODENAME");
    let mut mirrors: Vec<AptSource> = Vec::new();
    for source in apt_sources::of_this_machine() {
        if source.is_distribution(codename) && !mirrors.iter().any(|m| m.uris == source.uris) {
            mirrors.push(source);
        }
    }
    mirrors
}

/// apt with a configuration and a state of our own.
struct Apt {
    configuration: PathBuf,
}

impl Apt {
    /// With the machine's sources and, to read, the machine's lists.
    fn new(scratch: &Path) -> Result<Apt> {
        Apt::configured(scratch, "")
    }

    /// With other sources, and lists of its own, which are fetched. A mirror
    /// that lacks the suite is no error: then the lists are empty.
    fn with_sources(scratch: &Path, sources: &str) -> Result<Apt> {
        let (lists, parts) = (scratch.join("lists"), scratch.join("parts"));
        for folder in [&lists, &parts] {
            if folder.exists() {
                fs::remove_dir_all(folder)?;
            }
        }
        fs::create_dir_all(lists.join("partial"))?;
        fs::create_dir_all(&parts)?;
        fs::write(parts.join("mirror.sources"), sources)?;
        let state = format!(
            "Dir::State::lists \"{}\";\nDir::Etc::sourcelist \"/dev/null\";\n\
             Dir::Etc::sourceparts \"{}\";\n",
            lists.display(),
            parts.display()
        );
        let apt = Apt::configured(scratch, &state)?;
        if let Err(error) = capture(apt.command("apt-get").args(["-q", "update"])) {
            say(&format!("{error:#}"));
        }
        Ok(apt)
    }

    /// On top of the machine's configuration, which has the proxy and the like.
    /// Not its hooks, which act on the machine; not the change to another user,
    /// to whom the scratch folder may be closed; no index that is of no use.
    fn configured(scratch: &Path, more: &str) -> Result<Apt> {
        let cache = scratch.join("cache");
        fs::create_dir_all(cache.join("archives/partial"))?;
        let text = format!(
            "Dir::Cache \"{}\";\nAPT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n\
             #clear Acquire::IndexTargets::deb::DEP-11;\n#clear Acquire::IndexTargets::deb::CNF;\n\
             #clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n\
             #clear APT::Update::Post-Invoke-Success;\n{more}",
            cache.display()
        );
        let configuration = scratch.join("apt.conf");
        fs::write(&configuration, text)?;
        Ok(Apt { configuration })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-c").arg(&self.configuration);
        command
    }

    /// The package's version that has the release, by what the lists say.
    fn version_of(&self, release: &str) -> Result<Option<String>> {
        let table = capture(self.command("apt-cache").args(["madison", "rust-src"]))?;
        Ok(choose_version(&table, release).map(String::from))
    }

    fn download(&self, version: &str, scratch: &Path) -> Result<PathBuf> {
        say(&format!("downloading Debian's rust-src {version}"));
        let package = format!("rust-src={version}");
        let mut apt_get = self.command("apt-get");
        run(apt_get.args(["-q", "download", &package]).current_dir(scratch))?;
        let mut entries = fs::read_dir(scratch)?.filter_map(|entry| Some(entry.ok()?.path()));
        entries
            .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
            .context("apt-get downloaded nothing")
    }
}

/// The first version in `apt-cache madison`'s table, newest first, whose
/// upstream part is the release: `1.95.0+dfsg1-2~bpo13+1` is 1.95.0.
fn choose_version<'a>(table: &'a str, release: &str) -> Option<&'a str> {
    let mut versions = table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim()));
    versions.find(|version| {
        version
            .strip_prefix(release)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-', '~']))
    })
}

#[cfg(test)]
#[path = "apt_tests.rs"]
mod tests;
