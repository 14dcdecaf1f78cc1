//! `cargo xtask play`: the mirror in a browser.
//!
//! The module (crate `play`) is compiled for WebAssembly, the page (`xtask/play/page`) is
//! bundled around it, and both are served to this machine, or written to a folder. docs/play.md
//! says what can be done there. Rules: the page loads nothing from outside its folder. The
//! packages that bundle it come from its lock file alone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::guard::{self, Ending};
use crate::provision::{self, Node};
use crate::{build, workspace};

/// Where the page goes.
#[derive(Args)]
pub(crate) struct Options {
    /// Write the page to this folder and serve nothing
    #[arg(long, value_name = "DIR", conflicts_with_all = ["port", "no_open"])]
    build: Option<PathBuf>,

    /// The port on the loopback interface; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8311)]
    port: u16,

    /// Show this, as in the line of a test that failed: `s=TEST&path=2.0.1`, `c=CHAPTER`
    #[arg(long, value_name = "WHAT", conflicts_with = "build")]
    at: Option<String>,

    /// Only say the address, and open no browser
    #[arg(long)]
    no_open: bool,

    #[command(flatten)]
    sources: build::Sources,
}

/// Builds the page, and serves it until somebody ends it.
pub(crate) fn main(options: &Options) -> Result<()> {
    let node = provision::node()?;
    let folder = options.build.clone().unwrap_or_else(workspace::bundled_page);
    bundle(&node, &build::module(&options.sources)?, &folder)?;
    if options.build.is_some() {
        println!("{}", folder.display());
        return Ok(());
    }
    serve(&node, &folder, options)
}

/// Bundles the page around `module` into `folder`. First installs the packages, if they differ
/// from the lock file.
pub(crate) fn bundle(node: &Node, module: &Path, folder: &Path) -> Result<()> {
    let page = workspace::page();
    // npm writes this file when all packages are there.
    let installed = page.join("node_modules/.package-lock.json");
    if !is_newer(&installed, &page.join("package-lock.json")) {
        eprintln!("xtask: getting what bundles the page (npm ci)");
        let mut npm = Command::new(&node.npm);
        npm.args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&page);
        workspace::run(npm.stdout(Stdio::null()))?;
    }
    let folder = std::path::absolute(folder)?;
    let mut script = Command::new(&node.node);
    script.arg("build.mjs").arg(folder).arg(module).current_dir(&page);
    workspace::run(&mut script).context("the page could not be bundled")
}

/// Serves `folder` to this machine for as long as xtask runs.
fn serve(node: &Node, folder: &Path, options: &Options) -> Result<()> {
    let mut script = Command::new(&node.node);
    script.arg(workspace::page().join("serve.mjs")).arg(folder).arg(options.port.to_string());
    let (mut child, life) =
        guard::spawn(&script, Ending::AtOnce, Stdio::piped(), Stdio::inherit())?;
    let output = child.stdout.take().context("the server's output is a pipe, as said above")?;
    let mut address = String::new();
    BufReader::new(output).read_line(&mut address)?;
    let address = address.trim();
    if address.is_empty() {
        bail!("nothing is served; `--port 0` takes any port that is free");
    }
    let address = shown(address, options.at.as_deref());
    println!("{address}\nCtrl-C ends it");
    if !options.no_open {
        open(&address);
    }
    let status = child.wait()?;
    drop(life);
    ensure!(status.success(), "the server ended: {status}");
    Ok(())
}

/// The address of the page, with what it is to show.
fn shown(address: &str, at: Option<&str>) -> String {
    let fragment = at.map(|at| format!("#{}", at.trim_start_matches('#')));
    address.to_owned() + &fragment.unwrap_or_default()
}

/// Opens a browser, if this machine has a screen and a program that knows the browser.
fn open(address: &str) {
    let on_screen = ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|it| std::env::var_os(it).is_some());
    let program = match cfg!(target_os = "macos") {
        true => provision::find_program("open"),
        false => provision::find_program("xdg-open").filter(|_| on_screen),
    };
    let Some(program) = program else { return };
    let quiet = || Stdio::null();
    // The address was printed: a browser that does not come is no failure.
    let _ =
        Command::new(program).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn();
}

/// Whether `made` is there and no older than `source`.
fn is_newer(made: &Path, source: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    changed(made).is_some_and(|made| changed(source).is_none_or(|source| source <= made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_shown_is_the_addresss_fragment() {
        let page = "http://127.0.0.1:8311/";
        assert_eq!(shown(page, None), page);
        for at in ["c=stale", "#c=stale"] {
            assert_eq!(shown(page, Some(at)), format!("{page}#c=stale"));
        }
    }
}
