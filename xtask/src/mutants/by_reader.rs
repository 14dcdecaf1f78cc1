//! Tests that the reader of a lab wrote, tried with mutations of the original.
//!
//! Place: `cargo xtask lab N check`, once the reader's piece is right. The tests are in a file
//! of their own beside ours, and only they are run. Rule: they count only if they pass with
//! nothing broken.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};

use super::list;
use super::programs::{self, Built, Ran, Which};
use super::tree::Trees;

/// The copy with the mutations of the labs.
const COPY: &str = "lab";

/// The result.
pub(crate) enum Noticed {
    /// Each way to break the original.
    Ways(Vec<Way>),
    /// The tests do not compile, or fail with nothing broken.
    Unsound(String),
}

/// A way to break the original.
pub(crate) struct Way {
    /// What it does wrong.
    pub(crate) name: &'static str,
    /// The words of the rule that it breaks.
    pub(crate) rule: &'static str,
    /// The first test that noticed, if any did.
    pub(crate) by: Option<String>,
}

/// Tries the tests of `text`, as the file `path` of the mirror's tests, with each of the
/// mutations `names`. The build has all mutations that are `known`, so that other names need no
/// other build.
pub(crate) fn noticed(
    path: &str,
    text: &str,
    names: &[&str],
    known: &BTreeSet<&str>,
) -> Result<Noticed> {
    let mut mutants: Vec<_> = list::all().map(|mutant| (mutant.number(), mutant)).collect();
    mutants.retain(|(_, mutant)| known.contains(mutant.name));
    ensure!(mutants.len() == known.len(), "a lab names a mutation that is not in the list");
    let file = path.rsplit('/').next().and_then(|file| file.strip_suffix(".rs"));
    let id = format!("dm-mirror::{}", file.context("tests are a file of Rust")?);
    let mut trees = Trees::open()?;
    trees.add(path, text);
    let woven = trees.weave(COPY, &mutants)?;
    let apart: Vec<usize> = woven.apart().collect();
    ensure!(apart.is_empty(), "a mutation of a lab has no place for a switch");
    let programs = match programs::build(&woven.tree, Which::Program(&id))? {
        Built::Programs(programs) => programs,
        Built::Refused(refusals) => return Ok(Noticed::Unsound(refusals[0].shown())),
    };
    let program = programs.iter().find(|program| program.id == id).context("it was built")?;
    let pace = match program.sound(None) {
        Ok(pace) => pace.unwrap_or_default(),
        Err(why) => return Ok(Noticed::Unsound(format!("{why:#}"))),
    };
    let mut ways = Vec::new();
    for name in names {
        let mutant = mutants.iter().find(|(_, mutant)| mutant.name == *name);
        let &(number, mutant) = mutant.with_context(|| format!("no mutation `{name}`"))?;
        let by = match program.run(number, None, pace)? {
            Ran::Well | Ran::Nothing => None,
            Ran::Failed(test) => Some(test),
            Ran::Hung(test) => Some(format!("{test}, which does not end")),
        };
        ways.push(Way { name: mutant.name, rule: mutant.rule, by });
    }
    Ok(Noticed::Ways(ways))
}
