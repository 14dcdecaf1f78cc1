//! `cargo xtask mutants`: the mirror's rules, broken one at a time.
//!
//! A test that never fails proves nothing. `list` says how each rule is broken,
//! `tree` keeps a copy of the mirror to do it in, `trial` runs the mirror's own
//! tests on that. Rules: the unbroken copy passes; every mutation compiles; each
//! makes a test fail, or hang. What is printed is the table of docs/mutations.md.

mod list;
mod tree;
mod trial;

use anyhow::{Context, Result, ensure};

use crate::suites::tally::Tally;
use list::{Mutant, SAMPLE};
use tree::Tree;
use trial::Verdict;

/// Which rules are broken.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only mutations whose name, rule or file contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
}

/// Tries the mutations asked for; true if every one was caught.
pub(crate) fn main(options: &Options) -> Result<bool> {
    let about = |mutant: &Mutant| [mutant.name, mutant.rule, mutant.file].map(str::to_lowercase);
    let wanted = options.filter.to_lowercase();
    let tally =
        try_all(|mutant| about(mutant).iter().any(|text| text.contains(&wanted)), &mut |line| {
            println!("{line}")
        })?;
    println!("{tally}");
    Ok(tally.failed == 0)
}

/// Tries the few that the test command has time for.
pub(crate) fn sample(say: &mut dyn FnMut(&str)) -> Result<Tally> {
    try_all(|mutant| SAMPLE.contains(&mutant.name), say)
}

/// Tries each mutation that is `wanted`, a row of the table for each.
fn try_all(wanted: impl Fn(&Mutant) -> bool, say: &mut dyn FnMut(&str)) -> Result<Tally> {
    let mutants: Vec<_> = list::all().filter(|mutant| wanted(mutant)).collect();
    ensure!(!mutants.is_empty(), "no mutation has such a name, rule or file");
    let tree = Tree::open()?;
    say("building the unbroken mirror, and testing it");
    trial::unbroken(&tree).context("nothing can be said of mutations")?;
    say("| what is broken | the rule | caught by |");
    say("|---|---|---|");
    let mut tally = Tally::default();
    for mutant in mutants {
        let verdict = trial::of(&tree, mutant)?;
        tally += Tally::of(matches!(verdict, Verdict::Caught(_)));
        say(&format!("| {} | {} | {verdict} |", mutant.name, mutant.rule));
    }
    Ok(tally)
}
