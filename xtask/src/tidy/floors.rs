//! The floors of the mirror: a file uses what is on its floor and below it.
//!
//! Place: docs/architecture.md draws the floors; `uses` finds which file uses which.

use super::uses::Files;
use super::{Complaint, Source};

/// The crate that has floors.
const ROOT: &str = "dm-mirror/src";

/// Its floors, the lowest first: the beginnings of module paths.
const FLOORS: [&str; 6] = ["disk", "core::parts", "core::event", "core", "io", "face"];

/// Complains about every use that leads up.
pub(super) fn check(sources: &[Source]) -> Vec<Complaint> {
    let files = Files::of(ROOT, sources);
    let mut complaints = Vec::new();
    for (module, used) in &files.uses {
        for (on, line) in used {
            if floor(on) > floor(module) {
                let what = format!("`{module}` uses `{on}`, which is on a floor above it");
                complaints.push(Complaint::new(files.path(module), *line, what));
            }
        }
    }
    complaints
}

fn floor(module: &str) -> usize {
    let is_in = |floor: &&str| {
        module.strip_prefix(*floor).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    // The longest beginning that matches.
    let fits = FLOORS.iter().enumerate().filter(|(_, floor)| is_in(floor));
    fits.max_by_key(|(_, floor)| floor.len()).map_or(FLOORS.len(), |(floor, _)| floor)
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
            ("lib.rs", "mod disk;\npub use disk::{assemble, format};\n"),
            ("disk/format/mod.rs", ""),
            ("core/parts/range/mod.rs", "use crate::format::Region;\n"),
            ("core/mod.rs", "mod parts;\nuse parts::range::{Mode, RangeLock};\n"),
            ("io/mod.rs", "use crate::core::Core;\n"),
        ];
        assert!(complaints(&files).is_empty(), "{:?}", complaints(&files));
    }

    #[test]
    fn what_is_above_may_not() {
        let files = [
            ("core/parts/range/mod.rs", "\nfn f() { crate::core::steps::read::g(); }\n"),
            ("core/steps/read.rs", ""),
        ];
        let [one] = &complaints(&files)[..] else { panic!("{:?}", complaints(&files)) };
        assert!(one.starts_with("dm-mirror/src/core/parts/range/mod.rs:2: "), "{one}");
    }

    #[test]
    fn a_file_s_own_tests_may_use_what_they_like() {
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::face::table::T;\n}\n";
        assert!(complaints(&[("disk/label/mod.rs", tests), ("face/table.rs", "")]).is_empty());
    }
}
