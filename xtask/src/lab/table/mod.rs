//! The labs: what each takes out, and what its check runs.
//!
//! Place: data; `copy` takes pieces out, `check` runs the tests and has the sentences. Rules,
//! each a test below: every piece has its place in the sources, its contract on the lab's page,
//! and a text on what is subtle. Every named test exists. Every mutation is in the list.

mod records;
mod requests;

use std::collections::BTreeSet;

use super::page;

/// A lab.
pub(crate) struct Lab {
    /// Its number, by which a person names it.
    pub(crate) number: u32,
    /// The name of its page and its copy, after the number.
    pub(crate) name: &'static str,
    /// Its title.
    pub(crate) title: &'static str,
    /// How long it takes.
    pub(crate) hours: &'static str,
    /// The functions that the reader writes, each with its file.
    pub(super) pieces: &'static [Piece],
    /// Files that the copy gets instead of the workspace's, or in addition.
    pub(super) files: &'static [Given],
    /// Functions that the copy does not have, since they need more than the contract promises.
    pub(super) left_out: &'static [Piece],
    /// If the lab takes nothing out: a patch that solves it, below the folder of the pages.
    pub(crate) solution: Option<&'static str>,
    /// What the check runs, the quick ones first.
    pub(super) tests: &'static [Program],
    /// The mutations that the reader's own tests are tried with.
    pub(super) ways: &'static [&'static str],
}

/// A function.
pub(super) struct Piece {
    /// Its file, from the workspace's folder.
    pub(super) file: &'static str,
    /// `Type::name`, or `name`.
    pub(super) name: &'static str,
}

/// A file that the lab brings.
pub(super) struct Given {
    /// Where it comes from, below the folder of the pages.
    pub(super) from: &'static str,
    /// Where it goes, from the copy's folder.
    pub(super) to: &'static str,
    /// It is one of the lab's own tests: the check puts it back.
    pub(super) is_test: bool,
}

/// A program of tests of the mirror.
pub(super) struct Program {
    /// Its file in dm-mirror/tests, or `None`: the unit tests.
    pub(super) file: Option<&'static str>,
    /// Only tests whose names contain one of these, or all.
    pub(super) only: &'static [&'static str],
    /// What the failure of a test means, by the test's name.
    pub(super) says: &'static [(&'static str, &'static str)],
    /// What the failure of any other test means.
    pub(super) otherwise: &'static str,
    /// A failure takes minutes, since a shorter run is searched that fails in the same way.
    pub(super) is_slow: bool,
}

/// How many requests each test of the simulator makes in a check.
pub(super) const SIM_OPS: u32 = 4_000;

/// What a failure of the simulator means, in every lab.
const SIMULATED: &str = "The simulator found an order of events in which a promise is broken. \
    Read its account from the end: the last lines are what broke it, and what led there stands \
    above. What it says behind `replay:` makes the same run again, for example `SIM_REPLAY=seed=7` \
    before the command below.";

const fn simulated(file: &'static str, only: &'static [&'static str]) -> Program {
    Program { file: Some(file), only, says: &[], otherwise: SIMULATED, is_slow: true }
}

/// All labs, by number.
pub(crate) static LABS: [&Lab; 8] = [
    &requests::READ_RETRY,
    &requests::RANGE_LOCK,
    &requests::WRITE_GROUP,
    &records::WRITE_INTENT,
    &records::RESYNC,
    &records::ELECTION,
    &records::CACHE_LOSS,
    &requests::LATENCY,
];

/// The mutations of all labs.
pub(super) fn all_ways() -> BTreeSet<&'static str> {
    LABS.iter().flat_map(|lab| lab.ways).copied().collect()
}

impl Lab {
    /// The name of its copy and, with `.md`, of its page.
    pub(crate) fn folder(&self) -> String {
        format!("{}-{}", self.number, self.name)
    }

    /// Where its page is, below the folder of the pages.
    pub(super) fn page(&self) -> String {
        format!("{}.md", self.folder())
    }

    /// Where the page is that is read afterwards.
    pub(super) fn after(&self) -> String {
        format!("after/{}.md", self.folder())
    }

    /// A page as a person finds it.
    pub(super) fn shown_page(&self) -> String {
        format!("{}/{}", page::FOLDER, self.page())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::super::cut;
    use super::*;
    use crate::{mutants, workspace};

    fn source(file: &str) -> String {
        fs::read_to_string(workspace::root().join(file)).expect(file)
    }

    /// A file of the copy before anything is cut.
    fn given(lab: &Lab, file: &str) -> String {
        match lab.files.iter().find(|it| it.to == file) {
            Some(it) => page::text(it.from).unwrap(),
            None => source(file),
        }
    }

    #[test]
    fn each_piece_has_its_place_its_contract_and_a_word_for_afterwards() {
        for lab in LABS {
            let [page, after] = [lab.page(), lab.after()].map(|name| page::text(&name).unwrap());
            for Piece { file, name } in lab.pieces {
                let contract = page::section(&page, name).unwrap();
                let original = source(file);
                assert!(cut::piece(&original, name).is_ok(), "lab {}: {name}", lab.number);
                let cut = cut::cut(&given(lab, file), name, lab.number, contract).unwrap();
                assert!(cut::is_unwritten(&cut, name, lab.number), "{name}");
                assert!(!cut::is_unwritten(&original, name, lab.number), "{name}");
                assert!(!contract.is_empty() && !page::section(&after, name).unwrap().is_empty());
            }
            for Piece { file, name } in lab.left_out {
                assert!(cut::without(&given(lab, file), name).is_ok(), "{name}");
            }
        }
    }

    #[test]
    fn each_test_that_is_named_is_there_and_each_program_has_some() {
        for lab in LABS {
            for program in lab.tests {
                let names = names(lab, program);
                for (name, sentence) in program.says {
                    assert!(names.contains(&(*name).to_owned()), "lab {}: {name}", lab.number);
                    assert!(sentence.ends_with(['.', '?', ')']), "{name}: {sentence}");
                }
                for part in program.only {
                    assert!(names.iter().any(|it| it.contains(part)), "lab {}: {part}", lab.number);
                }
            }
        }
    }

    /// The names of a program's tests.
    fn names(lab: &Lab, program: &Program) -> Vec<String> {
        let Some(file) = program.file else {
            let unit = lab.pieces[0].file.replace("mod.rs", "tests.rs");
            let path = unit.trim_start_matches("dm-mirror/src/").trim_end_matches(".rs");
            return tests_of(&path.replace('/', "::"), &source(&unit));
        };
        if file != "assembly" {
            return tests_of("", &given(lab, &format!("dm-mirror/tests/{file}.rs")));
        }
        let folder = workspace::root().join("dm-mirror/tests/assemble");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let of_file = |path: PathBuf| {
            let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let path = if path.is_dir() { path.join("mod.rs") } else { path };
            tests_of(&format!("assemble::{module}"), &fs::read_to_string(path).unwrap())
        };
        files.flat_map(of_file).collect()
    }

    /// The tests of a text, behind the path of its module.
    fn tests_of(module: &str, text: &str) -> Vec<String> {
        let functions = text.split("#[test]").skip(1).filter_map(|rest| {
            let (_, rest) = rest.split_once("fn ")?;
            Some(rest.split_once('(')?.0)
        });
        let path = |name: &str| [module, name].join("::").trim_start_matches("::").to_owned();
        functions.map(path).collect()
    }

    #[test]
    fn labs_are_numbered_and_each_way_to_break_a_piece_is_known() {
        for (lab, number) in LABS.iter().zip(1..) {
            assert_eq!(lab.number, number);
            assert_eq!(lab.pieces.is_empty(), lab.solution.is_some());
            assert!(page::text("README.md").unwrap().contains(&format!("({})", lab.page())));
            let unknown = lab.ways.iter().find(|name| !mutants::is_known(name));
            assert_eq!(unknown, None, "lab {number}");
        }
    }
}
