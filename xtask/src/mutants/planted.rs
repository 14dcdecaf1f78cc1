//! Mutations for the page: its reader breaks the mirror on purpose.
//!
//! Place: `build.rs` builds the page's module from the copy made here. Rules: each of these
//! breaks a promise in the runs of two legs that the page can search, or stops the mirror by
//! an assertion of its own. All have a place for a switch.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::list::{self, Mutant};
use super::tree::Trees;

/// The mutations that a reader can plant, by their names, the simplest first.
const PLANTED: [&str; 12] = [
    "the last leg gets no writes",
    "writes are acknowledged while an exclusion is not durable",
    "writes share their range",
    "a copy takes no range",
    "a forced write is not flushed",
    "data is written before the leg's own intent is durable",
    "regions that were dirty at the start are taken for equal",
    "a returning leg is not given what was written since it went out",
    "no record says who missed a write",
    "a leg is promoted under writes",
    "a leg that lost its cache stays",
    "the mirror starts without members that were in sync",
];

/// The copy with the mutations in it.
pub(crate) struct Planted {
    /// Its folder, a workspace.
    pub(crate) root: PathBuf,
    /// Its target folder.
    pub(crate) built: PathBuf,
    /// The mutations, as JSON: the number, the name and the rule of each.
    pub(crate) list: String,
    /// Nobody else changes the copy meanwhile.
    _trees: Trees,
}

/// Makes the copy, or brings it up to date.
pub(crate) fn plant() -> Result<Planted> {
    let mutants = PLANTED.iter().map(|name| named(name)).collect::<Result<Vec<_>>>()?;
    let numbered: Vec<_> = mutants.iter().map(|mutant| (mutant.number(), *mutant)).collect();
    let trees = Trees::open_for_page()?;
    let woven = trees.weave("page", &numbered)?;
    ensure!(woven.apart().next().is_none(), "a mutation of the page has no place for a switch");
    let bug = |mutant: &&Mutant| json!({ "id": mutant.number().to_string(), "name": mutant.name, "rule": mutant.rule });
    let list = mutants.iter().map(bug).collect::<serde_json::Value>().to_string();
    let (root, built) = (woven.tree.root, woven.tree.built);
    Ok(Planted { root, built, list, _trees: trees })
}

fn named(name: &str) -> Result<&'static Mutant> {
    list::all().find(|mutant| mutant.name == name).with_context(|| format!("no mutation `{name}`"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_page_plants_is_in_the_list() {
        super::PLANTED.iter().for_each(|name| assert_eq!(super::named(name).unwrap().name, *name));
    }
}
