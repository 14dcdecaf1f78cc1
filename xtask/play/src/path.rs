//! Who decides in a run: the numbers of its path, and then chance, or nobody.
//!
//! Rules: unlike the simulator's `path=`, this path has a number for every question, also
//! where there is one answer, and begins each step with a zero. So it says where a run stands,
//! and not only how it got there.

use sim::{Chooser, Random, Trace};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) what: &'static str,
    pub(crate) of: usize,
    pub(crate) taken: usize,
}

/// What decides behind the end of the path.
#[derive(Debug)]
pub(crate) enum Then {
    /// The plain case.
    Plain,
    /// Chance, as in the simulator's runs by a seed.
    Seeded(Random),
    /// Chance decides what comes next; nothing goes wrong.
    Calm(Random),
    /// The simulator's shorter path, from its beginning.
    Path(Vec<usize>),
}

/// Follows a path.
#[derive(Debug)]
pub(crate) struct Follow<'a> {
    path: &'a [u32],
    then: Then,
    /// How many questions of two answers or more there were.
    decisions: usize,
    /// The events that chance may choose, if it is calm; of all, if there are none.
    only: Vec<usize>,
    /// All questions so far, those of one answer too.
    pub(crate) asked: Vec<Asked>,
    trace: Trace,
}

impl<'a> Follow<'a> {
    pub(crate) fn new(path: &'a [u32], then: Then) -> Follow<'a> {
        Follow {
            path,
            then,
            decisions: 0,
            only: Vec::new(),
            asked: Vec::new(),
            trace: Trace::default(),
        }
    }

    /// Calm chance chooses one of these events from now on.
    pub(crate) fn only(&mut self, events: Vec<usize>) {
        self.only = events;
    }

    /// A step begins.
    pub(crate) fn begin(&mut self) {
        let _ = self.take(1, "step", |_| 0);
    }

    /// Whether the whole path was followed.
    pub(crate) fn is_over(&self) -> bool {
        self.asked.len() >= self.path.len()
    }

    /// The path so far.
    pub(crate) fn so_far(&self) -> Vec<u32> {
        self.asked.iter().map(|asked| asked.taken as u32).collect()
    }

    fn take(
        &mut self,
        of: usize,
        what: &'static str,
        then: impl FnOnce(&mut Self) -> usize,
    ) -> usize {
        let taken = match self.path.get(self.asked.len()) {
            Some(&taken) => taken as usize,
            None => then(self),
        };
        // A path of another program may say anything.
        let taken = taken.min(of - 1);
        self.decisions += usize::from(of > 1);
        self.asked.push(Asked { what, of, taken });
        taken
    }
}

impl Chooser for Follow<'_> {
    fn choose(&mut self, n: usize, what: &'static str) -> usize {
        self.take(n, what, |it| match &mut it.then {
            Then::Plain => 0,
            Then::Seeded(_) | Then::Calm(_) if n == 1 => 0,
            Then::Calm(random) if what == "event" && !it.only.is_empty() => {
                it.only[random.below(it.only.len() as u64) as usize]
            }
            Then::Seeded(random) | Then::Calm(random) => random.below(n as u64) as usize,
            Then::Path(path) if n > 1 => path.get(it.decisions).copied().unwrap_or(0),
            Then::Path(_) => 0,
        })
    }

    fn rarely(&mut self, one_in: u32, what: &'static str) -> bool {
        let taken = self.take(2, what, |it| match &mut it.then {
            Then::Plain | Then::Calm(_) => 0,
            Then::Seeded(random) => usize::from(random.below(u64::from(one_in.max(1))) == 0),
            Then::Path(path) => path.get(it.decisions).copied().unwrap_or(0),
        });
        taken == 1
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }
}
