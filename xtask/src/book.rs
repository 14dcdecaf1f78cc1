//! `cargo xtask book`: mdBook makes a book of docs/.
//!
//! Place: `book.toml` in the workspace's folder says where the pages are, `docs/SUMMARY.md`
//! their order; `tidy` checks that they are complete. Rule: mdBook is used if it is there;
//! xtask never installs it.

use std::io;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::workspace;

/// What is done with the book.
#[derive(Args)]
pub(crate) struct Options {
    /// Show it in a browser once it is made
    #[arg(long)]
    open: bool,
}

/// Makes the book.
///
/// # Errors
/// `mdbook` is not on `PATH`, or cannot make a book of what it finds.
pub(crate) fn main(options: &Options) -> Result<()> {
    let folder = workspace::book();
    let mut mdbook = Command::new("mdbook");
    mdbook.arg("build").args(options.open.then_some("--open"));
    mdbook.arg("--dest-dir").arg(&folder).arg(workspace::root());
    match mdbook.status() {
        Ok(status) => ensure!(status.success(), "{} failed: {status}", workspace::shown(&mdbook)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!("mdbook is not on PATH: `cargo install mdbook` gets it, then try again")
        }
        Err(error) => return Err(error).with_context(|| workspace::shown(&mdbook)),
    }
    println!("{}", folder.join("index.html").display());
    Ok(())
}
