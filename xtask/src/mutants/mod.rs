//! `cargo xtask mutants`: rules, broken one at a time.
//!
//! A test that never fails proves nothing. `list` says how each rule is broken, `weave` puts
//! many mutations into one text behind a switch, `tree` keeps copies of the crates to do it in,
//! `programs` builds and runs their tests, `trial` gives the verdict, `page` keeps what caught
//! each. Rules: the unbroken copy passes; every mutation compiles; each makes a test fail, or
//! hang twice. The output is the tables of docs/mutations.md. `by_reader` tries the tests of a
//! lab's reader instead of ours.

mod by_reader;
mod list;
mod page;
mod planted;
mod programs;
mod tree;
mod trial;
mod weave;

use anyhow::{Context, Result, ensure};

use crate::suites::tally::Tally;
pub(crate) use by_reader::{Noticed, noticed};
use list::{Mutant, groups};
use page::Page;
pub(crate) use planted::plant;
use trial::{Trials, Verdict};

/// Which rules are broken.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Only mutations whose name, rule or file contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,

    /// Keep the tables of docs/mutations.md up to date with what was tried
    #[arg(long)]
    write: bool,
}

/// Tries the mutations asked for; true if every one was caught.
pub(crate) fn main(options: &Options) -> Result<bool> {
    let about = |mutant: &Mutant| [mutant.name, mutant.rule, mutant.file].map(str::to_lowercase);
    let wanted = options.filter.to_lowercase();
    let mut page = Page::read()?;
    let (tally, verdicts) = try_all(
        &page,
        |mutant| about(mutant).iter().any(|text| text.contains(&wanted)),
        wanted.is_empty(),
        &mut |line| println!("{line}"),
    )?;
    if options.write {
        verdicts.iter().for_each(|(mutant, verdict)| page.note(mutant, verdict));
        page.write(groups())?;
    }
    println!("{tally}");
    Ok(tally.failed == 0)
}

/// Whether the list has a mutation of this name.
#[cfg(test)]
pub(crate) fn is_known(name: &str) -> bool {
    list::all().any(|mutant| mutant.name == name)
}

/// Tries the few that the test command has time for.
pub(crate) fn sample(say: &mut dyn FnMut(&str)) -> Result<Tally> {
    let (tally, _) = try_all(&Page::read()?, list::is_in_sample, false, say)?;
    Ok(tally)
}

/// The mutations that were tried, and their verdicts.
type Verdicts = Vec<(&'static Mutant, Verdict)>;

/// Tries each mutation that is `wanted`, a row of the tables for each. If `whole`, every test
/// has to pass with nothing broken, even a test that catches nothing.
fn try_all(
    page: &Page,
    wanted: impl Fn(&Mutant) -> bool,
    whole: bool,
    say: &mut dyn FnMut(&str),
) -> Result<(Tally, Verdicts)> {
    let all: Vec<_> = list::all().map(|mutant| (mutant.number(), mutant)).collect();
    let wanted: Vec<_> = list::all().filter(|mutant| wanted(mutant)).collect();
    ensure!(!wanted.is_empty(), "no mutation has such a name, rule or file");
    say("building the copy with all mutations in it");
    let trials = Trials::prepare(&all, page, say)?;
    if whole {
        say("testing it with nothing broken");
        trials.unbroken().context("nothing can be said of mutations")?;
    }
    let (mut tally, mut verdicts, mut title) = (Tally::default(), Vec::new(), "");
    trials.of(&wanted, |mutant, verdict| {
        let group = list::group_of(mutant);
        if group.title != title {
            title = group.title;
            say(&format!("\n## {title}\n\n{}\n\n{}", group.rules, page::HEAD.trim_end()));
        }
        tally += Tally::of(matches!(verdict, Verdict::Caught { .. }));
        say(&page::row(mutant, verdict));
        verdicts.push((mutant, verdict.clone()));
    })?;
    Ok((tally, verdicts))
}
