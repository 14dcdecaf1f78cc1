//! `cargo xtask inspect`: what the members of a mirror hold, read from images.
//!
//! The package `inspect` does the work. It uses the project's crates; xtask itself does not.
//! Its exit code is passed on.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result};
use clap::Args;
use serde_json::Value;

use crate::workspace;

/// What is shown.
#[derive(Args)]
pub(crate) struct Options {
    /// Raw images or block devices: the disks of one mirror, in any order
    #[arg(required = true, value_name = "DISK")]
    disks: Vec<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// List the regions that are dirty or missed
    #[arg(long)]
    map: bool,

    /// Where halves ran apart: decide as if the half of this disk had been chosen
    #[arg(long, value_name = "DISK")]
    keep: Option<PathBuf>,
}

/// The package's program, built: for callers that ask often, and must not wait for a cargo that
/// builds something else.
pub(crate) struct Program(PathBuf);

impl Program {
    /// Builds it.
    pub(crate) fn build() -> Result<Self> {
        let mut cargo = workspace::cargo();
        workspace::run(cargo.args(["build", "--quiet", "--package", "inspect"]))?;
        Ok(Self(workspace::target().join("debug/inspect")))
    }

    /// The report on these images, with the regions listed.
    pub(crate) fn json(&self, disks: &[PathBuf]) -> Result<Value> {
        let mut program = Command::new(&self.0);
        program.args(["--json", "--map", "--"]).args(disks).stderr(Stdio::inherit());
        let said = program.output().with_context(|| workspace::shown(&program))?;
        serde_json::from_slice(&said.stdout).with_context(|| workspace::shown(&program))
    }
}

/// Runs the package on the disks.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    let mut cargo = workspace::cargo();
    // The paths of the disks count from where the user is.
    cargo.current_dir(env::current_dir()?);
    cargo.args(["run", "--quiet", "--package", "inspect", "--manifest-path"]);
    cargo.arg(workspace::root().join("Cargo.toml")).arg("--");
    cargo.args(options.json.then_some("--json")).args(options.map.then_some("--map"));
    if let Some(disk) = &options.keep {
        cargo.arg("--keep").arg(disk);
    }
    cargo.arg("--").args(&options.disks);
    let status = cargo.status().with_context(|| workspace::shown(&cargo))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
