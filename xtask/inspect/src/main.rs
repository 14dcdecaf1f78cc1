//! Shows what the members of a mirror hold, and what a start would make of them.
//!
//! Place: `cargo xtask inspect` runs it on images. A disk is read (`disk.rs`),
//! its map summed up (`map.rs`), all are put before `dm_mirror::assemble`
//! (`report.rs`), and the result is told (`text.rs`, `json.rs`).
//!
//! Rule: images are opened for reading only, and those of a guest that runs or
//! crashed are left as they are; unless a person asks for `--repair-copies`.
#![forbid(unsafe_code)]

mod disk;
mod json;
mod map;
mod repair;
mod report;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dm_mirror::assemble::Verdict;

use disk::Disk;
use repair::Repaired;
use report::Report;

/// Shows what the members of a mirror hold, and whether they would start
///
/// Exit code: 0 they would start, 1 they would be held or refused, 2 an argument
/// cannot be used.
#[derive(Parser)]
struct Options {
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

    /// First write the second copies of records that are whole, and nothing else; never
    /// of a disk that a guest uses
    #[arg(long)]
    repair_copies: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if options.repair_copies
        && let Err(why) = repair_copies(&options.disks)
    {
        eprintln!("inspect: {why:#}");
        return ExitCode::from(2);
    }
    match Report::of(&options.disks, options.keep.as_deref()) {
        Ok(report) => {
            let text = if options.json {
                format!("{:#}\n", json::of(&report, options.map))
            } else {
                text::Text { report: &report, map: options.map }.to_string()
            };
            // A reader that has seen enough, as `head`, misses nothing.
            let _ = io::stdout().write_all(text.as_bytes());
            match report.verdict {
                Ok(Verdict::Start(_)) => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        Err(why) => {
            eprintln!("inspect: {why:#}");
            ExitCode::from(2)
        }
    }
}

/// Restores what can be restored on each disk, and tells on the standard error.
fn repair_copies(disks: &[PathBuf]) -> anyhow::Result<()> {
    for path in disks {
        let Repaired { restored, left } = repair::copies(&Disk::read(path)?)?;
        let path = path.display();
        eprintln!("{path}: {} restored", report::copies(restored));
        if left > 0 {
            let what = report::counted(left, "record");
            eprintln!("{path}: {what} may have had a newer copy that is lost; left alone");
        }
    }
    Ok(())
}
