//! Which file of a crate uses which, read from the text.
//!
//! Place: `floors` and `circles` judge what is found here. A file is named by its module. Its
//! uses are its `use` items, its paths that begin with `crate` or `super`, and its paths into
//! its own submodules. Rules:
//!
//! - A crate's root is no file here: it uses every other, and all may use it.
//! - A name that the root re-exports leads to the file that has it.
//! - Tests are left out.
//! - A use without a name, such as a method call, is not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Source;
use super::code::is_word;

/// A module path below the crate's root, such as `core::parts::range`.
pub(super) type Module = String;

/// The files of one crate.
pub(super) struct Files {
    /// Where each module is.
    paths: BTreeMap<Module, PathBuf>,
    /// The names that the root re-exports, with the full path of each.
    given: BTreeMap<String, Vec<String>>,
    /// Each module, with the modules that it uses and on which line first.
    pub(super) uses: BTreeMap<Module, BTreeMap<Module, usize>>,
}

impl Files {
    /// Reads the crate whose sources are in the folder `root`.
    pub(super) fn of(root: &str, sources: &[Source]) -> Self {
        let module = |source: &Source| module_of(root, &source.path);
        let lib = sources.iter().find(|source| source.path == Path::new(root).join("lib.rs"));
        let mut files = Self {
            paths: sources.iter().filter_map(|it| Some((module(it)?, it.path.clone()))).collect(),
            given: lib.map(|lib| given(&lib.code)).unwrap_or_default(),
            uses: BTreeMap::new(),
        };
        for source in sources {
            let Some(module) = module(source) else { continue };
            let mut used = BTreeMap::new();
            for (line, path) in paths(&without_tests(&source.code)) {
                if let Some(on) = files.resolve(&module, &path).filter(|on| *on != module) {
                    used.entry(on).and_modify(|first| *first = line.min(*first)).or_insert(line);
                }
            }
            files.uses.insert(module, used);
        }
        files
    }

    /// The file of a module, from the workspace's folder.
    pub(super) fn path(&self, module: &Module) -> &Path {
        self.paths.get(module).map_or(Path::new(""), PathBuf::as_path)
    }

    /// The module of the crate that a path in `module` leads into, if it does.
    fn resolve(&self, module: &str, path: &[String]) -> Option<Module> {
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
            name if self.paths.contains_key(&[module, name].join("::")) => {}
            _ => return None,
        }
        let mut full = here;
        full.extend(rest.iter().cloned());
        if let Some(path) = full.first().and_then(|name| self.given.get(name)) {
            full.splice(..1, path.iter().cloned());
        }
        while !full.is_empty() && !self.paths.contains_key(&full.join("::")) {
            full.pop();
        }
        (!full.is_empty()).then(|| full.join("::"))
    }
}

/// The module of a file, if it is below `root`, not the root itself and no test.
fn module_of(root: &str, path: &Path) -> Option<Module> {
    let below = path.strip_prefix(root).ok()?.with_extension("");
    let mut names: Vec<&str> = below.iter().filter_map(|name| name.to_str()).collect();
    if names.last() == Some(&"mod") {
        names.pop();
    }
    let is_test = |name: &&str| *name == "tests" || name.ends_with("_tests");
    (names != ["lib"] && !names.iter().any(is_test)).then(|| names.join("::"))
}

/// The names that a root's `pub use` items re-export, each with its full path.
fn given(code: &str) -> BTreeMap<String, Vec<String>> {
    let mut given = BTreeMap::new();
    for (at, _) in code.match_indices("pub use ") {
        for path in expanded(code[at + 8..].split(';').next().unwrap_or_default()) {
            let (path, name) = path.split_once(" as ").unwrap_or((&path, ""));
            let mut path = split(path);
            path.retain(|part| part != "self" && part != "crate");
            let own = path.last().cloned().unwrap_or_default();
            let name = if name.is_empty() { own } else { name.trim().to_owned() };
            given.insert(name, path);
        }
    }
    given
}

/// `code` with each item behind `#[cfg(test)]` blanked out; lines keep their numbers.
fn without_tests(code: &str) -> String {
    const HEAD: &str = "#[cfg(test)]";
    let (mut kept, mut rest) = (String::with_capacity(code.len()), code);
    while let Some(at) = rest.find(HEAD) {
        kept.push_str(&rest[..at]);
        let item = &rest[at + HEAD.len()..];
        let item = &item[..end_of_item(item)];
        kept.extend(item.chars().filter(|c| *c == '\n'));
        rest = &rest[at + HEAD.len() + item.len()..];
    }
    kept + rest
}

/// Where the item ends that `code` begins with: behind its `;` or its block.
fn end_of_item(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            // The end of the item's surroundings.
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' => depth -= 1,
            '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

/// The paths that a file's code names, each with its line.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let line_of = |at: usize| code[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    let mut items = BTreeSet::new();
    for (at, _) in code.match_indices("use ") {
        let begins = code[..at]
            .rsplit('\n')
            .next()
            .is_some_and(|it| ["", "pub", "pub(crate)", "pub(super)"].contains(&it.trim()));
        let item = code[at + 4..].split(';').next().unwrap_or_default();
        if begins {
            items.extend(at..at + 4 + item.len());
            found.extend(expanded(item).into_iter().map(|path| (line_of(at), split(&path))));
        }
    }
    for (at, _) in code.match_indices("::") {
        let begin = code[..at].trim_end_matches(is_word).len();
        let inside = code[..begin].ends_with("::");
        if begin < at && !inside && !items.contains(&at) {
            let ends = |c: char| !(is_word(c) || c == ':');
            let path = code[begin..].split(ends).next().unwrap_or_default();
            found.push((line_of(begin), split(path)));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(files: &[(&str, &str)]) -> Vec<String> {
        let source = |(path, code): &(&str, &str)| Source {
            path: format!("a/src/{path}").into(),
            text: (*code).into(),
            code: (*code).into(),
        };
        let files = Files::of("a/src", &files.iter().map(source).collect::<Vec<_>>());
        let pairs = files.uses.iter().flat_map(|(module, used)| {
            used.iter().map(move |(on, line)| format!("{module}:{line} {on}"))
        });
        pairs.collect()
    }

    #[test]
    fn use_items_and_paths_lead_to_the_file_that_is_named() {
        let files = [
            ("x/mod.rs", "mod y;\nuse y::{A, B};\n"),
            ("x/y.rs", "use crate::{\n    z::{self, C},\n    D,\n};\n"),
            ("z.rs", "fn f() {\n    super::x::y::g();\n    crate::x::h();\n}\n"),
        ];
        assert_eq!(uses(&files), ["x:2 x::y", "x::y:1 z", "z:3 x", "z:2 x::y"]);
    }

    #[test]
    fn a_path_into_a_submodule_is_a_use_and_one_into_another_crate_is_none() {
        let files = [
            ("x/mod.rs", "mod y;\nmod core;\nfn f() { y::g(bio::y::h()) }\n"),
            ("x/y.rs", "use core::fmt;\nfn g(f: &mut fmt::Formatter) {}\n"),
            ("x/core.rs", ""),
        ];
        assert_eq!(uses(&files), ["x:3 x::y"]);
    }

    #[test]
    fn what_the_root_gives_on_is_in_the_file_behind_it() {
        let files = [
            ("lib.rs", "mod x;\npub use x::{A, y, z::B as C};\npub const MAX: u8 = 1;\n"),
            ("x/mod.rs", ""),
            ("x/y.rs", "use crate::{A, MAX};\n"),
            ("x/z.rs", ""),
            ("w.rs", "use crate::C;\nuse super::y::D;\n"),
        ];
        assert_eq!(uses(&files), ["w:2 x::y", "w:1 x::z", "x::y:1 x"]);
    }

    #[test]
    fn a_file_s_own_tests_may_use_what_they_like() {
        let tests = "#[cfg(test)]\nmod tests {\n    use crate::y::T;\n    fn f() {}\n}\n";
        let files = [("x.rs", tests), ("y.rs", ""), ("y/tests.rs", "use crate::x;\n")];
        assert!(uses(&files).is_empty(), "{:?}", uses(&files));
    }

    #[test]
    fn what_is_behind_tests_is_read_with_its_line() {
        let code = "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse crate::y::{T, U};\nuse crate::z;\n";
        assert_eq!(uses(&[("x.rs", code), ("y.rs", ""), ("z.rs", "")]), ["x:5 z"]);
    }
}
