//! The floors of the mirror: a file uses what is below it, and no files use each other in a
//! circle.
//!
//! Place: docs/architecture.md draws the floors. A file's uses are its `use` items and its
//! paths that begin with `crate` or `super`, its own tests left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{Complaint, Source};

/// The crate that has floors.
const ROOT: &str = "dm-mirror/src";

/// Its floors, the lowest first: the beginnings of module paths.
const FLOORS: [&str; 6] = ["disk", "core::parts", "core::event", "core", "io", "face"];

/// A module path below the crate's root, such as `core::parts::range`.
type Module = String;

/// Each module, with the modules that it uses and on which line first.
type Uses = BTreeMap<Module, BTreeMap<Module, usize>>;

/// Complains about every use that leads up, and about every circle.
pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    let uses = uses(sources);
    let path = |module: &Module| {
        let of = |source: &&Source| module_of(&source.path).as_ref() == Some(module);
        sources.iter().find(of).map(|source| source.path.clone()).unwrap_or_default()
    };
    let mut complaints = Vec::new();
    for (module, used) in &uses {
        for (on, line) in used {
            if floor(on) > floor(module) {
                let what = format!("`{module}` uses `{on}`, which is on a floor above it");
                complaints.push(Complaint::new(&path(module), *line, what));
            }
        }
    }
    for circle in circles(&uses) {
        let what = format!("files use each other in a circle: {}", circle.join(", "));
        complaints.push(Complaint::new(&path(&circle[0]), 1, what));
    }
    complaints
}

fn floor(module: &str) -> usize {
    let is_in = |floor: &&str| {
        module.strip_prefix(*floor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    // The longest beginning that fits.
    let fits = FLOORS.iter().enumerate().filter(|(_, floor)| is_in(floor));
    fits.max_by_key(|(_, floor)| floor.len()).map_or(FLOORS.len(), |(floor, _)| floor)
}

/// The module of a file, if it is one of the crate's and not its root.
fn module_of(path: &Path) -> Option<Module> {
    let below = path.strip_prefix(ROOT).ok()?.with_extension("");
    let mut names: Vec<&str> = below.iter().filter_map(|name| name.to_str()).collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    (names != ["lib"] && !names.contains(&"tests")).then(|| names.join("::"))
}

fn uses(sources: &[Source]) -> Uses {
    let modules: BTreeSet<Module> =
        sources.iter().filter_map(|source| module_of(&source.path)).collect();
    let mut uses = Uses::new();
    for source in sources {
        let Some(module) = module_of(&source.path) else { continue };
        let code = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        let used = uses.entry(module.clone()).or_default();
        for (line, path) in paths(code) {
            if let Some(on) = resolve(&module, &path, &modules).filter(|on| *on != module) {
                used.entry(on).or_insert(line);
            }
        }
    }
    uses
}

/// The paths that a file's code names, each with its line.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    for (at, _) in code.match_indices("use ") {
        let begins = code[..at]
            .rsplit('\n')
            .next()
            .is_some_and(|it| ["", "pub", "pub(crate)", "pub(super)"].contains(&it.trim()));
        let item = code[at + 4..].split(';').next().unwrap_or_default();
        if begins {
            found.extend(expanded(item).into_iter().map(|path| (line_of(at), split(&path))));
        }
    }
    for word in ["crate::", "super::"] {
        for (at, _) in code.match_indices(word) {
            let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
            let path = code[at..].split(ends).next().unwrap_or_default();
            let inside = code[..at].ends_with("::");
            if !inside {
                found.push((line_of(at), split(path)));
            }
        }
    }
    found
}

fn split(path: &str) -> Vec<String> {
    path.split("::").map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn expanded(item: &str) -> Vec<String> {
    let Some((before, rest)) = item.split_once('{') else { return vec![item.to_owned()] };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut parts, mut depth) = (vec![String::new()], 0_usize);
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one").push(c);
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| expanded(&format!("{before}{part}"))).collect()
}

/// The module that a path of `module` leads into, if it is one of the crate's.
fn resolve(module: &str, path: &[String], modules: &BTreeSet<Module>) -> Option<Module> {
    let mut here: Vec<String> = split(module);
    let mut rest = path;
    match rest.first()?.as_str() {
        "crate" => (here, rest) = (Vec::new(), &rest[1..]),
        "super" => {
            while rest.first().is_some_and(|name| name == "super") {
                here.pop();
                rest = &rest[1..];
            }
        }
        "self" => rest = &rest[1..],
        // A module of its own.
        name if modules.contains(&[here.join("::"), name.to_owned()].join("::")) => {}
        _ => return None,
    }
    let mut full = here;
    full.extend(rest.iter().cloned());
    // The crate gives what lies on a member to others under shorter names.
    if let Some("format" | "label" | "assemble") = full.first().map(String::as_str) {
        full.insert(0, "disk".into());
    }
    while !full.is_empty() && !modules.contains(&full.join("::")) {
        full.pop();
    }
    (!full.is_empty()).then(|| full.join("::"))
}

/// The circles: modules that reach each other, each circle once.
fn circles(uses: &Uses) -> Vec<Vec<Module>> {
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

    fn source(path: &str, code: &str) -> Source {
        Source { path: format!("{ROOT}/{path}").into(), text: code.into(), code: code.into() }
    }

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let sources: Vec<Source> = files.iter().map(|(path, code)| source(path, code)).collect();
        check(&sources).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_below_may_be_used() {
        let files = [
            ("disk/format/mod.rs", ""),
            ("core/parts/range.rs", "use crate::format::Region;\n"),
            ("core/mod.rs", "mod parts;\nuse parts::range::{Mode, RangeLock};\n"),
            ("io/mod.rs", "use crate::core::Core;\n"),
        ];
        assert!(complaints(&files).is_empty(), "{:?}", complaints(&files));
    }

    #[test]
    fn what_is_above_may_not() {
        let files = [
            ("core/parts/range.rs", "\nfn f() { crate::core::steps::read::g(); }\n"),
            ("core/steps/read.rs", ""),
        ];
        let [one] = &complaints(&files)[..] else { panic!("{:?}", complaints(&files)) };
        assert!(one.starts_with("dm-mirror/src/core/parts/range.rs:2: "), "{one}");
    }

    #[test]
    fn a_circle_is_found_through_others_and_once() {
        let files = [
            ("io/a.rs", "use super::b::B;\n"),
            ("io/b.rs", "use crate::{io::c::C, core::Core};\n"),
            ("io/c.rs", "pub(crate) use super::a::A;\n"),
            ("io/d.rs", "use super::a::A;\n"),
        ];
        let [one] = &complaints(&files)[..] else { panic!("{:?}", complaints(&files)) };
        assert!(one.ends_with("in a circle: io::a, io::b, io::c"), "{one}");
    }

    #[test]
    fn a_file_s_own_tests_may_use_what_they_like() {
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::face::table::T;\n}\n";
        assert!(complaints(&[("disk/label/mod.rs", tests), ("face/table.rs", "")]).is_empty());
    }
}
