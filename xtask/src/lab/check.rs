//! `cargo xtask lab N check`: says whether the piece is right, and what is missing.
//!
//! Place: `table` has the tests and the sentences, `programs` builds and runs them. Rules: the
//! first failure ends the check, in words that say what went wrong and where to look. A log has
//! all output. The copy is only read, except that the lab's own tests are put back.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::programs::{Bench, Built, Failure, Ran};
use super::table::{Lab, Piece, Program};
use super::{copy, cut, page, table};
use crate::mutants;
use crate::workspace;

/// How many lines of a test's output are shown.
const WORDS_SHOWN: usize = 24;

/// How wide a line of prose is.
const WIDTH: usize = 88;

/// How much of a line of a test's output is shown: the path of a long run fills pages.
const LINE_SHOWN: usize = 160;

/// The result of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// All tests passed; how many.
    Solved(u32),
    /// A part is not written yet, and a test called it.
    Unwritten,
    /// The compiler refused it.
    Refused,
    /// A test failed.
    Failed,
}

/// Checks the copy of a lab; true if nothing is missing.
pub(super) fn main(lab: &Lab) -> Result<bool> {
    let folder = copy::of(lab)?;
    copy::restore_tests(lab, &folder)?;
    println!("lab {}, {}: {}", lab.number, lab.title, folder.display());
    let unwritten = unwritten(lab, &folder);
    for piece in &unwritten {
        println!("  still to be written: `{}` in {}", piece.name, piece.file);
    }
    if !unwritten.is_empty() && unwritten.len() == lab.pieces.len() {
        println!("\nNothing is written yet. {} has the contract and the steps.", lab.shown_page());
        return Ok(false);
    }
    let log = workspace::labs().join(format!("{}.log", lab.folder()));
    let verdict = run(lab, lab.tests, &folder, &log, &mut |line| println!("{line}"))?;
    let Verdict::Solved(count) = verdict else {
        println!("\nAll that was said is in {}", log.display());
        return Ok(false);
    };
    println!("\nAll {count} tests pass: nothing is missing.");
    println!("`cargo xtask lab {} show` has the original, and what is subtle.", lab.number);
    own_tests(lab, &folder)?;
    Ok(true)
}

/// The pieces that are not written yet in this folder.
fn unwritten<'a>(lab: &'a Lab, folder: &Path) -> Vec<&'a Piece> {
    let is = |piece: &&Piece| {
        let text = fs::read_to_string(folder.join(piece.file)).unwrap_or_default();
        cut::is_unwritten(&text, piece.name, lab.number)
    };
    lab.pieces.iter().filter(is).collect()
}

/// Builds and runs some of a lab's tests in `folder`, up to the first failure.
pub(super) fn run(
    lab: &Lab,
    tests: &[Program],
    folder: &Path,
    log: &Path,
    say: &mut dyn FnMut(&str),
) -> Result<Verdict> {
    let mut bench = Bench::at(folder, log)?;
    let all: Vec<&Program> = tests.iter().collect();
    let first = if folder.join("target").exists() { "" } else { "; the first time takes minutes" };
    say(&format!("  building{first}"));
    let built = match bench.build(&all)? {
        Built::Programs(built) => built,
        Built::Refused(error) => {
            say("\nThe compiler refuses it:\n");
            error.iter().take(WORDS_SHOWN).for_each(|line| say(&format!("  {line}")));
            return Ok(Verdict::Refused);
        }
    };
    let mut count = 0;
    for program in all {
        let path = path_of(program, &built);
        match bench.run(program, &path)? {
            Ran::Well(passed) => {
                say(&format!("  {:<12} {passed} passed", name_of(program)));
                count += passed;
            }
            Ran::Failed(failure) => return Ok(explain(lab, folder, program, &failure, say)),
        }
    }
    Ok(Verdict::Solved(count))
}

/// The name of a program, for a person.
fn name_of(program: &Program) -> &'static str {
    program.file.unwrap_or("unit tests")
}

fn path_of(program: &Program, built: &[(Option<String>, PathBuf)]) -> PathBuf {
    let is = |(name, _): &&(Option<String>, PathBuf)| name.as_deref() == program.file;
    built.iter().find(is).map(|(_, path)| path.clone()).expect("cargo builds what it is told to")
}

/// Says what the failure of a test means, and what to look at.
fn explain(
    lab: &Lab,
    folder: &Path,
    program: &Program,
    failure: &Failure,
    say: &mut dyn FnMut(&str),
) -> Verdict {
    let test = if failure.test.is_empty() { "(it died)" } else { &failure.test };
    say(&format!("  {:<12} FAILED: {test}", name_of(program)));
    let word = cut::said_by(lab.number);
    let called = failure.said.iter().find_map(|line| line.split_once(&word));
    if let Some((_, name)) = called {
        let file = lab.pieces.iter().find(|it| it.name == name).map_or("", |it| it.file);
        say(&format!("\nThe test comes to `{name}`, which is not written yet ({file})."));
        return Verdict::Unwritten;
    }
    let sentence = program.says.iter().find(|(name, _)| *name == failure.test);
    say("");
    wrapped(sentence.map_or(program.otherwise, |(_, sentence)| sentence))
        .iter()
        .for_each(|it| say(it));
    if failure.hung {
        say("\nThe test did not end: something waits for ever, or goes in a circle.");
    } else {
        say("\nThe test says:\n");
        for line in shortened(&failure.said) {
            let shown: String = line.chars().take(LINE_SHOWN).collect();
            say(&format!("  {shown}{}", if shown.len() < line.len() { " ..." } else { "" }));
        }
    }
    let which = program.file.map_or("--lib".to_owned(), |file| format!("--test {file}"));
    say(&format!("\nIt alone: cd {}", folder.display()));
    say(&format!("          cargo test -p dm-mirror {which} {}", failure.test));
    Verdict::Failed
}

/// The first and the last lines: an account of the simulator has what matters at its end.
fn shortened(said: &[String]) -> Vec<String> {
    if said.len() <= WORDS_SHOWN {
        return said.to_vec();
    }
    let (head, tail) = (WORDS_SHOWN / 3, WORDS_SHOWN - WORDS_SHOWN / 3);
    let left_out = said.len() - head - tail;
    let mut lines = said[..head].to_vec();
    lines.push(format!("... {left_out} lines, see the log ..."));
    lines.extend_from_slice(&said[said.len() - tail..]);
    lines
}

/// Prose in lines that a terminal has room for.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().expect("there is one");
        if !line.is_empty() && line.len() + 1 + word.len() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

/// Tries the reader's own tests against each way to break the original.
fn own_tests(lab: &Lab, folder: &Path) -> Result<()> {
    if lab.ways.is_empty() {
        return Ok(());
    }
    let text = fs::read_to_string(folder.join(copy::OWN_TESTS)).unwrap_or_default();
    if text.trim() == copy::own_tests(lab)?.trim() || !text.contains("#[test]") {
        println!(
            "\nNow write tests of your own in {}: of {} ways to break the original, how many do \
             they notice? This check tries them.",
            copy::OWN_TESTS,
            lab.ways.len()
        );
        return Ok(());
    }
    println!("\nTrying your tests with the original, and with {} ways to break it", lab.ways.len());
    let tried = mutants::noticed(copy::OWN_TESTS, &text, lab.ways, &table::all_ways())?;
    let tried = match tried {
        mutants::Noticed::Ways(tried) => tried,
        mutants::Noticed::Unsound(why) => {
            println!("  Your tests say nothing yet: {why}");
            return Ok(());
        }
    };
    let count = tried.iter().filter(|it| it.by.is_some()).count();
    println!("  Your tests notice {count} of {} ways to break it.", tried.len());
    for way in &tried {
        match &way.by {
            Some(test) => println!("  noticed: {} ({test})", way.name),
            None => println!("  NOT noticed: {}; the rule: {}", way.name, way.rule),
        }
    }
    Ok(())
}

/// Prints the original of each piece, and what is subtle about it.
pub(super) fn show(lab: &Lab) -> Result<()> {
    let after = page::text(&lab.after())?;
    for Piece { file, name } in lab.pieces {
        let text = fs::read_to_string(workspace::root().join(file))?;
        println!("// {file}\n{}\n", cut::piece(&text, name)?);
        println!("{}\n", page::section(&after, name)?);
    }
    if let Some(solution) = lab.solution {
        println!("{}\n\n{}", page::text(solution)?.trim_end(), after.trim());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_between_words() {
        let text = "word ".repeat(50);
        let lines = wrapped(&text);
        assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= WIDTH), "{lines:?}");
        assert_eq!(lines.join(" "), text.trim());
    }

    #[test]
    fn of_long_words_the_beginning_and_the_end_are_shown() {
        let said: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let short = shortened(&said);
        assert_eq!(short.len(), WORDS_SHOWN + 1);
        assert!(short[0] == "0" && short.last().unwrap() == "99");
        assert!(short.contains(&"... 76 lines, see the log ...".to_owned()), "{short:?}");
        assert_eq!(shortened(&said[..5]), said[..5]);
    }
}
