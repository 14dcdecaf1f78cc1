//! Mutations on trial: does a test fail?
//!
//! Mutations with a place for a switch are built together, the others one by one. The test that
//! caught a mutation last time comes first, then the tests of the mutation's package, the
//! quickest first, then those of the packages above. Rules: a test counts only if it passes
//! with nothing broken. A test that hangs twice has noticed too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

use anyhow::{Result, bail, ensure};

use super::list::Mutant;
use super::page::Page;
use super::programs::{self, Built, Pace, Program, Ran, Which};
use super::tree::{Trees, package_of};

/// The packages that use another, the nearest first.
const ABOVE: [(&str, &[&str]); 2] =
    [("bio", &["dm", "drivers", "sim", "dm-mirror"]), ("dm", &["dm-mirror"])];

/// The verdict on a mutation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// This test failed or hung.
    Caught {
        /// Its program and its name.
        test: String,
        /// It did not end.
        hung: bool,
    },
    /// Every test passed: a promise has no test.
    Survived,
    /// It does not compile; the compiler's first error.
    NotRust(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Caught { test, hung } => {
                write!(f, "`{test}`{}", if *hung { " (hung)" } else { "" })
            }
            Verdict::Survived => f.write_str("NOTHING: all tests passed"),
            Verdict::NotRust(error) => write!(f, "THE COMPILER: {error}"),
        }
    }
}

/// How fast tests are, by their binary and a name that they share.
type Paces = BTreeMap<(String, Option<String>), Option<Pace>>;

/// The builds, and what is known of them.
pub(super) struct Trials<'a> {
    page: &'a Page,
    trees: Trees,
    programs: Vec<Program>,
    /// Mutations without a place for a switch, by number.
    apart: BTreeSet<usize>,
    /// How long whole programs and single tests take with nothing broken; `None`: there is no
    /// such test.
    paces: Mutex<Paces>,
}

impl<'a> Trials<'a> {
    /// Builds everything for `mutants`, each with its number.
    pub(super) fn prepare(
        mutants: &[(usize, &'static Mutant)],
        page: &'a Page,
        say: &mut dyn FnMut(&str),
    ) -> Result<Self> {
        let trees = Trees::open()?;
        let mut apart = BTreeSet::new();
        loop {
            let together: Vec<_> =
                mutants.iter().filter(|(number, _)| !apart.contains(number)).copied().collect();
            let woven = trees.weave("woven", &together)?;
            apart.extend(woven.apart());
            match programs::build(&woven.tree, Which::All)? {
                Built::Programs(programs) => {
                    ensure!(!programs.is_empty(), "the copy has no tests");
                    let paces = Mutex::default();
                    return Ok(Self { page, trees, programs, apart, paces });
                }
                Built::Refused(refusals) => {
                    let before = apart.len();
                    for refusal in &refusals {
                        let blamed = |(file, byte): &(String, usize)| woven.at(file, *byte);
                        let blamed = refusal.places.iter().map(blamed).find(|it| !it.is_empty());
                        for number in blamed.unwrap_or_default() {
                            let name = self::name(mutants, *number);
                            say(&format!("`{name}` is built apart: {}", refusal.shown()));
                            apart.insert(*number);
                        }
                    }
                    ensure!(apart.len() > before, "the copy: {}", refusals[0].shown());
                }
            }
        }
    }

    /// Checks that all tests of all programs pass with nothing broken.
    pub(super) fn unbroken(&self) -> Result<()> {
        let ended = side_by_side(&self.programs, |program| self.pace(program, None), |_, _| {});
        ended.into_iter().try_for_each(|pace| pace.map(drop))
    }

    /// Tries these mutations, side by side; tells each verdict, in order.
    pub(super) fn of(
        &self,
        mutants: &[&'static Mutant],
        mut tell: impl FnMut(&'static Mutant, &Verdict),
    ) -> Result<()> {
        let is_apart = |mutant: &&&'static Mutant| self.apart.contains(&mutant.number());
        let mut verdicts: BTreeMap<usize, Verdict> = BTreeMap::new();
        for mutant in mutants.iter().filter(is_apart) {
            verdicts.insert(mutant.number(), self.alone(mutant)?);
        }
        let together: Vec<_> = mutants.iter().filter(|mutant| !is_apart(mutant)).collect();
        let mut left = mutants.iter().peekable();
        let mut flush = |verdicts: &BTreeMap<usize, Verdict>| {
            while let Some(verdict) = left.peek().and_then(|it| verdicts.get(&it.number())) {
                tell(left.next().expect("it was seen"), verdict);
            }
        };
        flush(&verdicts);
        let ended = side_by_side(
            &together,
            |mutant| self.woven(mutant),
            |mutant, verdict| {
                if let Ok(verdict) = verdict {
                    verdicts.insert(mutant.number(), verdict.clone());
                    flush(&verdicts);
                }
            },
        );
        ended.into_iter().try_for_each(|verdict| verdict.map(drop))
    }

    /// The verdict on a mutation that is built with all others.
    fn woven(&self, mutant: &Mutant) -> Result<Verdict> {
        let number = mutant.number();
        if let Some((id, test)) = self.page.caught_by(mutant)
            && let Some(program) = self.programs.iter().find(|program| program.id == id)
            && let Some(pace) = self.pace(program, Some(test))?
            && let Some(caught) = caught(program, program.run(number, Some(test), pace)?)
        {
            return Ok(caught);
        }
        for program in self.in_order(mutant)? {
            let pace = self.pace(program, None)?.unwrap_or_default();
            if let Some(caught) = caught(program, program.run(number, None, pace)?) {
                return Ok(caught);
            }
        }
        Ok(Verdict::Survived)
    }

    /// The verdict on a mutation that is built by itself: the copy has no other.
    fn alone(&self, mutant: &Mutant) -> Result<Verdict> {
        let (number, tree) = (mutant.number(), self.trees.apart(mutant)?);
        if let Some((id, test)) = self.page.caught_by(mutant)
            && let Some(unbroken) = self.programs.iter().find(|program| program.id == id)
            && let Some(pace) = self.pace(unbroken, Some(test))?
            && let Built::Programs(programs) = programs::build(&tree, Which::Program(id))?
            && let Some(program) = programs.iter().find(|program| program.id == id)
            && let Some(caught) = caught(program, program.run(number, Some(test), pace)?)
        {
            return Ok(caught);
        }
        let broken = match programs::build(&tree, Which::Of(&asked(mutant)))? {
            Built::Programs(programs) => programs,
            Built::Refused(refusals) => return Ok(Verdict::NotRust(refusals[0].shown())),
        };
        for unbroken in self.in_order(mutant)? {
            let pace = self.pace(unbroken, None)?.unwrap_or_default();
            let Some(program) = broken.iter().find(|program| program.id == unbroken.id) else {
                bail!("{} was not built", unbroken.id);
            };
            if let Some(caught) = caught(program, program.run(number, None, pace)?) {
                return Ok(caught);
            }
        }
        Ok(Verdict::Survived)
    }

    /// The programs that may notice `mutant`, those of its own package first, the quickest
    /// first.
    fn in_order(&self, mutant: &Mutant) -> Result<Vec<&Program>> {
        let mut programs = Vec::new();
        for package in asked(mutant) {
            let mut of_package = Vec::new();
            for program in self.programs.iter().filter(|program| program.package == package) {
                let pace = self.pace(program, None)?.unwrap_or_default();
                of_package.push((pace.whole, program));
            }
            of_package.sort_by_key(|(whole, _)| *whole);
            programs.extend(of_package.into_iter().map(|(_, program)| program));
        }
        Ok(programs)
    }

    /// How long tests take with nothing broken; an error if one fails.
    fn pace(&self, program: &Program, test: Option<&str>) -> Result<Option<Pace>> {
        let paces = || self.paces.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (program.id.clone(), test.map(str::to_owned));
        if let Some(pace) = paces().get(&key) {
            return Ok(*pace);
        }
        let pace = program.sound(test)?;
        paces().insert(key, pace);
        Ok(pace)
    }
}

/// The packages whose tests may notice `mutant`: its own, and those above.
fn asked(mutant: &Mutant) -> Vec<&'static str> {
    let own = package_of(mutant.file).unwrap_or_default();
    let above = ABOVE.iter().find(|(package, _)| *package == own).map_or(&[][..], |it| it.1);
    [own].iter().chain(above).copied().collect()
}

fn name(mutants: &[(usize, &'static Mutant)], number: usize) -> &'static str {
    mutants.iter().find(|(it, _)| *it == number).map_or("", |(_, mutant)| mutant.name)
}

/// The verdict on a mutation, from a run of `program` with it; `None` if the program did not
/// notice.
fn caught(program: &Program, ran: Ran) -> Option<Verdict> {
    let (test, hung) = match ran {
        Ran::Well | Ran::Nothing => return None,
        Ran::Failed(test) => (test, false),
        Ran::Hung(test) => (test, true),
    };
    Some(Verdict::Caught { test: format!("{}: {test}", program.id), hung })
}

/// Does `work` for each of `items`, as many at a time as there are processors. `tell` hears of
/// each end as it comes. Returns the results in order.
fn side_by_side<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
    mut tell: impl FnMut(&T, &Result<R>),
) -> Vec<Result<R>> {
    let next = AtomicUsize::new(0);
    let (sender, ends) = mpsc::channel();
    let mut results: BTreeMap<usize, Result<R>> = BTreeMap::new();
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            let (sender, next, work) = (sender.clone(), &next, &work);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { return };
                    let result = work(item);
                    let failed = result.is_err();
                    if sender.send((index, result)).is_err() || failed {
                        // After an error no thread begins another item.
                        next.store(items.len(), Ordering::Relaxed);
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (index, result) in ends {
            tell(&items[index], &result);
            results.insert(index, result);
        }
    });
    results.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_and_told_once_and_nothing_after_a_failure() {
        let items: Vec<u32> = (0..50).collect();
        let mut told = 0;
        let ended = side_by_side(&items, |item| Ok(item * 2), |_, _| told += 1);
        let doubled: Vec<_> = ended.into_iter().map(Result::unwrap).collect();
        assert_eq!((told, doubled), (50, items.iter().map(|item| item * 2).collect()));
        let ended = side_by_side(&items, |_| -> Result<()> { bail!("no") }, |_, _| {});
        assert!(!ended.is_empty() && ended.len() < items.len() && ended[0].is_err());
    }

    #[test]
    fn a_verdict_names_the_test_and_how_it_ended() {
        let caught = |hung| Verdict::Caught { test: "a: b".into(), hung }.to_string();
        assert_eq!((caught(false), caught(true)), ("`a: b`".into(), "`a: b` (hung)".into()));
    }
}
