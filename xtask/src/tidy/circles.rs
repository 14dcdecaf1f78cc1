//! No files of a crate use each other in a circle.
//!
//! Place: `uses` finds which file uses which. Rule: a natural circle is listed in [`NATURAL`]
//! with its reason, and a listed circle must still be in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::uses::{Files, Module};
use super::{Complaint, Source};

/// The crates for which this holds.
const ROOTS: [&str; 7] = [
    "dm-mirror/src",
    "drivers/src",
    "kernel/bio/src",
    "kernel/dm/src",
    "kernel/lwkt/src",
    "kernel/shell/src",
    "kernel/sim/src",
];

/// A circle that is allowed.
struct Natural {
    root: &'static str,
    /// Its modules, in the order of the alphabet.
    modules: &'static [&'static str],
    /// Why its files belong together.
    why: &'static str,
}

/// All of them.
const NATURAL: &[Natural] = &[Natural {
    root: "kernel/sim/src",
    modules: &["acts", "lives", "mishaps", "restless", "rot", "world"],
    why: "a `World` is one run: each file keeps one side of it, and decides by the others",
}];

/// Complains about every circle that is not natural, and about every natural one that is gone.
pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    ROOTS.iter().flat_map(|root| in_crate(root, NATURAL, sources)).collect()
}

fn in_crate(root: &str, natural: &[Natural], sources: &[Source]) -> Vec<Complaint> {
    let files = Files::of(root, sources);
    let mut natural: Vec<_> = natural.iter().filter(|natural| natural.root == root).collect();
    let mut complaints = Vec::new();
    for circle in circles(&files) {
        let known = natural.iter().position(|natural| natural.modules == circle);
        if let Some(known) = known {
            natural.remove(known);
            continue;
        }
        let what = format!(
            "files use each other in a circle: {}; move what several need to a file below them",
            circle.join(", ")
        );
        complaints.push(Complaint::new(files.path(&circle[0]), 1, what));
    }
    complaints.extend(natural.iter().map(|gone| {
        let modules = gone.modules.join(", ");
        let what = format!("the circle of {modules} is gone ({}): take it off the list", gone.why);
        Complaint::new(Path::new(file!()), 1, what)
    }));
    complaints
}

/// The circles: modules that reach each other, each circle once.
fn circles(files: &Files) -> Vec<Vec<Module>> {
    let uses = &files.uses;
    let reached = |from: &Module| {
        let (mut reached, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(module) = left.pop() {
            for on in uses.get(module).into_iter().flat_map(BTreeMap::keys) {
                if reached.insert(on.clone()) {
                    left.push(on);
                }
            }
        }
        reached
    };
    let all: BTreeMap<&Module, BTreeSet<Module>> =
        uses.keys().map(|module| (module, reached(module))).collect();
    let circle = |module: &Module| -> Vec<Module> {
        let mutual = |other: &&Module| all[module].contains(*other) && all[*other].contains(module);
        uses.keys().filter(mutual).cloned().collect()
    };
    let circles = uses.keys().map(circle).filter(|circle| circle.len() > 1);
    circles.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(natural: &[Natural], files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, code): &(&str, &str)| Source {
            path: format!("a/src/{path}").into(),
            text: (*code).into(),
            code: (*code).into(),
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        in_crate("a/src", natural, &sources).iter().map(ToString::to_string).collect()
    }

    const THREE: [(&str, &str); 4] = [
        ("io/a.rs", "use super::b::B;\n"),
        ("io/b.rs", "use crate::{io::c::C, core::Core};\n"),
        ("io/c.rs", "pub(crate) use super::a::A;\n"),
        ("io/d.rs", "use super::a::A;\n"),
    ];

    #[test]
    fn a_circle_is_found_through_others_and_once() {
        let [one] = &complaints(&[], &THREE)[..] else { panic!("{:?}", complaints(&[], &THREE)) };
        let what = "a/src/io/a.rs:1: files use each other in a circle: io::a, io::b, io::c; ";
        assert!(one.starts_with(what), "{one}");
    }

    #[test]
    fn a_natural_circle_is_that_of_its_files_and_no_larger_one() {
        let natural = |modules| [Natural { root: "a/src", modules, why: "a tree" }];
        assert!(complaints(&natural(&["io::a", "io::b", "io::c"]), &THREE).is_empty());
        assert_eq!(complaints(&natural(&["io::a", "io::b"]), &THREE).len(), 2);
    }

    #[test]
    fn a_natural_circle_that_is_gone_is_taken_off_the_list() {
        let natural = [Natural { root: "a/src", modules: &["x", "y"], why: "a tree" }];
        let [one] = &complaints(&natural, &[("x.rs", "use crate::y;\n"), ("y.rs", "")])[..] else {
            panic!("it is listed, and gone")
        };
        assert!(
            one.ends_with("the circle of x, y is gone (a tree): take it off the list"),
            "{one}"
        );
        assert!(complaints(&[Natural { root: "b/src", ..natural[0] }], &[]).is_empty());
    }

    #[test]
    fn natural_circles_are_of_crates_that_are_read() {
        assert!(NATURAL.iter().all(|natural| ROOTS.contains(&natural.root)));
    }
}
