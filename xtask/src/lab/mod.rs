//! `cargo xtask lab`: pieces of the mirror, for a reader to write again.
//!
//! `table` says what each lab is about, `cut` takes functions out of a text, `page` reads
//! contracts from docs/labs, `copy` makes the copy that a person works in, `check` judges it
//! by `programs` of tests. Rule: the person's own tree is never written to.

mod check;
mod copy;
mod cut;
mod page;
mod programs;
mod table;

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use crate::mutants::{self, Noticed};
use crate::workspace;
use check::Verdict;
pub(crate) use table::LABS;
pub(crate) use table::Lab;

/// Which lab, and what with it.
#[derive(Args)]
pub(crate) struct Options {
    /// A lab's number, or `list`
    #[arg(value_name = "N", default_value = "list")]
    which: String,

    /// What to do; without it the lab is described
    #[arg(value_enum)]
    act: Option<Act>,

    /// Begin again, though the copy has changes
    #[arg(long)]
    force: bool,
}

/// What is done with a lab.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Act {
    /// Make a copy of the workspace without the piece
    Start,
    /// Say whether the piece in the copy is right, and what is missing
    Check,
    /// Print the original piece, and what is subtle about it
    Show,
}

/// Does what a person asks; false if a check finds something missing.
pub(crate) fn main(options: &Options) -> Result<bool> {
    if options.which == "list" {
        ensure!(options.act.is_none(), "which lab? `cargo xtask lab list` has their numbers");
        list();
        return Ok(true);
    }
    let lab = find(&options.which)?;
    ensure!(!options.force || options.act == Some(Act::Start), "--force belongs to `start`");
    match options.act {
        None => describe(lab),
        Some(Act::Start) => start(lab, options.force)?,
        Some(Act::Check) => {
            let mark = workspace::root().join(copy::MARK);
            ensure!(!mark.exists(), "this is the copy: check it from the checkout it was made of");
            return check::main(lab);
        }
        Some(Act::Show) => check::show(lab)?,
    }
    Ok(true)
}

fn find(which: &str) -> Result<&'static Lab> {
    let lab = LABS.into_iter().find(|lab| which == lab.number.to_string() || which == lab.name);
    lab.with_context(|| format!("no lab `{which}`: `cargo xtask lab list` has them"))
}

fn list() {
    for lab in LABS {
        println!("{}  {:<13} {:<12} {}", lab.number, lab.name, lab.hours, lab.title);
    }
    println!("\n`cargo xtask lab N start` begins one; docs/labs/README.md says how they go");
}

fn describe(lab: &Lab) {
    println!("lab {}: {} ({})", lab.number, lab.title, lab.hours);
    println!("its page: {}", lab.shown_page());
    lab.pieces.iter().for_each(|piece| println!("  `{}` in {}", piece.name, piece.file));
    println!("`cargo xtask lab {} start`, then `check`; `show` has the original", lab.number);
}

fn start(lab: &Lab, force: bool) -> Result<()> {
    let folder = copy::start(lab, force)?;
    println!("lab {}: {}", lab.number, lab.title);
    println!("your copy: {}", folder.display());
    for piece in lab.pieces {
        println!("  to be written: `{}` in {}", piece.name, piece.file);
    }
    println!("first read {}, in the copy or here", lab.shown_page());
    println!("`cargo xtask lab {} check`, from here, says what is missing", lab.number);
    Ok(())
}

/// For the test command: builds all ways to break the originals together. The example that a
/// reader's own tests begin with must pass with nothing broken. Returns how many ways it
/// notices, and of how many.
pub(crate) fn ways_are_tried() -> Result<(usize, usize)> {
    let (ways, example) = (table::all_ways(), copy::own_tests(LABS[0])?);
    let names: Vec<&str> = ways.iter().copied().collect();
    match mutants::noticed(copy::OWN_TESTS, &example, &names, &ways)? {
        Noticed::Ways(ways) => Ok((ways.iter().filter(|it| it.by.is_some()).count(), ways.len())),
        Noticed::Unsound(why) => bail!("the example: {why}"),
    }
}

/// What the test command does with a lab, given a folder for copies, a log, and a listener.
pub(crate) type Test = fn(&Lab, &Path, &Path, &mut dyn FnMut(&str)) -> Result<()>;

/// For the test command: a copy without the pieces must compile, and fail its check. The copies
/// share a folder, so that their common parts are built once.
pub(crate) fn fails_unsolved(
    lab: &Lab,
    folder: &Path,
    log: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    copy::place(lab, folder)?;
    // Nothing works without the pieces, so one program is enough.
    match check::run(lab, &lab.tests[..1], folder, log, say)? {
        Verdict::Unwritten => Ok(()),
        Verdict::Failed if lab.pieces.is_empty() => Ok(()),
        verdict => bail!("the copy without the pieces: {verdict:?}"),
    }
}

/// For the test command: the original must pass its lab's check. If a lab takes nothing out, a
/// copy with the kept solution must pass.
pub(crate) fn passes_solved(
    lab: &Lab,
    folder: &Path,
    log: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<()> {
    let root = match lab.solution {
        None => workspace::root(),
        Some(solution) => {
            copy::place(lab, folder)?;
            copy::solve(folder, solution)?;
            folder
        }
    };
    match check::run(lab, lab.tests, root, log, say)? {
        Verdict::Solved(_) => Ok(()),
        verdict => bail!("with the solution: {verdict:?}"),
    }
}
