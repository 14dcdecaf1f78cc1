//! Provisioning: what a build and a run need from the machine, found or installed.
//!
//! Place: `main` asks here before it starts cargo or QEMU. [`tools`] gives the programs and the
//! firmware, [`node`] and [`browser`] what the page in a browser needs, [`rust_src`] the
//! standard library's sources for `-Zbuild-std`; [`doctor`] only looks. Below: `programs`
//! searches, `packages` knows the distributions, `qemu_packages` knows how QEMU's packages
//! depend on each other, `rust_src` and its helpers `apt` and `unpack` get the sources.
//!
//! Rules: every step that changes the machine or takes long is announced on standard error
//! first. Nothing that is present is touched, except packages of QEMU itself that exclude the
//! rest of it. A run that was killed at any point leaves nothing that a later run would take
//! for complete. A C linker is not looked for: without one, xtask would not have been built.

mod apt;
mod apt_sources;
mod packages;
mod programs;
mod qemu_packages;
mod rust_src;
mod unpack;

use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use programs::Part;
pub(crate) use programs::{Tools, find_program};

/// The person's options, and where we may keep files.
pub(crate) struct Options {
    /// Where rust-src is to be taken from (`--rust-src` or `RUST_SRC`): a folder
    /// that is or contains `library`, a `.tar.xz` or a `.deb`. Empty counts as none.
    pub(crate) rust_src: Option<PathBuf>,
    /// A folder of ours that survives from run to run; made when it is needed.
    pub(crate) cache: PathBuf,
}

/// The variable by which cargo takes the standard library's sources from
/// another place than its sysroot. Cargo keeps it for its own tests; with the
/// pinned toolchain it is dependable, and it reaches the nested `cargo install`
/// of the boot loader's build script as well. The alternative, writing into the
/// toolchain's folder, makes a later `rustup component add` fail.
pub(crate) const RUST_SRC_VARIABLE: &str = "__CARGO_TESTS_ONLY_SRC_ROOT";

/// The programs and the firmware, after installing those that are missing.
///
/// # Errors
/// What is missing could not be installed: the text has the command to type.
pub(crate) fn tools() -> Result<Tools> {
    let missing = programs::missing();
    if !missing.is_empty() {
        packages::install(&missing)?;
    }
    let name = |part: Part| part.label();
    Tools::find().with_context(|| {
        let missing: Vec<_> = programs::missing().into_iter().map(name).collect();
        format!("installed, yet still not found: {}", missing.join(", "))
    })
}

/// The programs that bundle the page.
pub(crate) struct Node {
    /// `node`.
    pub(crate) node: PathBuf,
    /// `npm`.
    pub(crate) npm: PathBuf,
}

/// Node.js and npm; installs what is missing of them.
///
/// # Errors
/// What is missing could not be installed: the text has the command to type.
pub(crate) fn node() -> Result<Node> {
    let missing: Vec<_> = Part::PAGE.into_iter().filter(|part| !part.is_present()).collect();
    if !missing.is_empty() {
        packages::install(&missing)?;
    }
    let find = |name| programs::find_program(name).with_context(|| format!("no {name} was found"));
    Ok(Node { node: find("node")?, npm: find("npm")? })
}

/// A browser that the page's tests can drive, after installing one if there is none.
///
/// # Errors
/// None could be installed: the text has the command to type.
pub(crate) fn browser() -> Result<PathBuf> {
    if !Part::Browser.is_present() {
        packages::install(&[Part::Browser])?;
    }
    programs::find_browser().context("installed, yet still not found: a browser")
}

/// The folder `library` of the sources of exactly rustc's release, an absolute
/// path, fetched if need be. Give it to every cargo that builds the standard
/// library, as the variable [`RUST_SRC_VARIABLE`].
///
/// # Errors
/// No source had them: the text lists each source and why it failed.
pub(crate) fn rust_src(options: &Options) -> Result<PathBuf> {
    rust_src::provide(options)
}

/// Prints what is present, what is missing and how it would be got; changes
/// nothing. True if nothing that is needed is missing.
pub(crate) fn doctor(options: &Options) -> Result<bool> {
    let programs = programs::report();
    let sources = rust_src::report(options)?;
    programs::report_optional();
    Ok(programs && sources)
}

/// Tells the person what is being done.
fn say(what: &str) {
    eprintln!("xtask: {what}");
}

/// Standard output of a program that must succeed.
fn capture(command: &mut Command) -> Result<String> {
    let output = finish(command.stdout(Stdio::piped()))?;
    String::from_utf8(output).context("output that is not UTF-8")
}

/// Runs a program that must succeed, its output to be seen by the person.
fn run(command: &mut Command) -> Result<()> {
    finish(command.stdout(io::stderr())).map(drop)
}

/// Its standard output, if it is piped. Its complaints are part of the error. It gets no
/// standard input, which may be a script for the guest.
fn finish(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn();
    let output = child
        .and_then(|child| child.wait_with_output())
        .with_context(|| format!("start {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program}: {}: {}", output.status, complaint.trim());
    Ok(output.stdout)
}
