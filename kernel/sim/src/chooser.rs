//! Who decides: chance, everything in turn, or an earlier run.
//!
//! Place: a run asks a [`Chooser`] for every open decision: which request completes next,
//! whether it fails, what survives a crash. Nothing else is left to chance: the answers are the
//! run.
//!
//! Rules:
//!
//! - A run that gets the same answers asks the same questions. It looks at no
//!   clock, no address and no hash order.
//! - Alternative 0 is the plain case (the oldest request, no fault), so that a
//!   path cut short still names a run: [`Replay`] goes on with zeroes.
//! - A question with one answer is no decision and leaves no trace.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Makes the decisions of a run and remembers them.
pub trait Chooser {
    /// One of `0..n`; `what` names the decision, for the trace. Panics if there is nothing to
    /// choose from.
    fn choose(&mut self, n: usize, what: &'static str) -> usize;

    /// Whether something unusual happens. If chance decides: about once in `one_in` questions.
    /// If everything is tried: both ways.
    fn rarely(&mut self, one_in: u32, what: &'static str) -> bool {
        let _ = one_in;
        self.choose(2, what) == 1
    }

    /// The decisions so far.
    fn trace(&self) -> &Trace;

    /// One line from which [`replay`] makes this run again.
    fn replay(&self) -> String {
        format!("path={}", self.trace())
    }
}

/// A decision that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub what: &'static str,
    /// The number of alternatives.
    pub of: u32,
    /// Which one was taken.
    pub taken: u32,
}

/// The decisions of a run, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    decisions: Vec<Decision>,
}

impl Trace {
    /// The decisions, first to last.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    fn record(&mut self, n: usize, taken: usize, what: &'static str) -> usize {
        if n > 1 {
            self.decisions.push(Decision { what, of: n as u32, taken: taken as u32 });
        }
        taken
    }
}

/// The path as [`Replay`] reads it, `2.0.1`. `{:#}` adds what was decided.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = |decision: &Decision| f.alternate() || decision.taken != 0;
        let end = self.decisions.iter().rposition(told).map_or(0, |last| last + 1);
        for (index, Decision { what, of, taken }) in self.decisions[..end].iter().enumerate() {
            match (f.alternate(), index) {
                (true, 0) => write!(f, "{what} {taken} of {of}")?,
                (true, _) => write!(f, ", {what} {taken} of {of}")?,
                (false, 0) => write!(f, "{taken}")?,
                (false, _) => write!(f, ".{taken}")?,
            }
        }
        Ok(())
    }
}

/// Steele, Lea and Flood's SplitMix64: small, seekable by its seed, good
/// enough to shuffle with.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, which is not 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no number is below 0");
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }
}

/// Decides by chance, and the same way for the same seed.
#[derive(Clone, Debug)]
pub struct Seeded {
    seed: u64,
    random: Random,
    trace: Trace,
}

impl Seeded {
    /// The decisions that belong to `seed`.
    pub fn new(seed: u64) -> Seeded {
        Seeded { seed, random: Random::new(seed), trace: Trace::default() }
    }
}

impl Chooser for Seeded {
    fn choose(&mut self, n: usize, what: &'static str) -> usize {
        assert!(n > 0, "nothing to choose from: {what}");
        let taken = if n == 1 { 0 } else { self.random.below(n as u64) as usize };
        self.trace.record(n, taken, what)
    }

    fn rarely(&mut self, one_in: u32, what: &'static str) -> bool {
        let happens = self.random.below(u64::from(one_in.max(1))) == 0;
        self.trace.record(2, usize::from(happens), what) == 1
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }

    fn replay(&self) -> String {
        format!("seed={}", self.seed)
    }
}

/// Decides everything, one run after the other, depth first.
///
/// ```
/// use sim::{Chooser, Exhaustive};
/// let mut all = Exhaustive::new();
/// let mut seen = Vec::new();
/// loop {
///     seen.push((all.choose(2, "coin"), all.choose(3, "die")));
///     if !all.advance() {
///         break;
///     }
/// }
/// assert_eq!(seen, [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
/// assert_eq!(all.runs(), 6);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Exhaustive {
    trace: Trace,
    depth: usize,
    runs: u64,
}

impl Exhaustive {
    /// Begins with the run in which every answer is 0.
    pub fn new() -> Exhaustive {
        Exhaustive::default()
    }

    /// Ends a run at any point, and turns to the next. False if that was the last.
    pub fn advance(&mut self) -> bool {
        self.runs += 1;
        let decisions = &mut self.trace.decisions;
        decisions.truncate(self.depth);
        self.depth = 0;
        while decisions.pop_if(|last| last.taken + 1 == last.of).is_some() {}
        let Some(last) = decisions.last_mut() else { return false };
        last.taken += 1;
        true
    }

    /// How many runs have ended.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Whether this run has left the path of the run before. From here on no earlier run made
    /// these decisions.
    pub fn is_fresh(&self) -> bool {
        self.depth == self.trace.decisions.len()
    }
}

impl Chooser for Exhaustive {
    fn choose(&mut self, n: usize, what: &'static str) -> usize {
        assert!(n > 0, "nothing to choose from: {what}");
        if n == 1 {
            return 0;
        }
        self.depth += 1;
        match self.trace.decisions.get(self.depth - 1) {
            None => self.trace.record(n, 0, what),
            Some(again) => {
                let same = again.of as usize == n && again.what == what;
                assert!(same, "the run depends on more than its decisions: {what} of {n}");
                again.taken as usize
            }
        }
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }
}

/// Decides as an earlier run did, and with 0 after the end of that run.
///
/// An answer beyond the alternatives becomes the last alternative, so that a shortened path
/// still names a run.
#[derive(Clone, Debug)]
pub struct Replay {
    path: Vec<u32>,
    asked: usize,
    trace: Trace,
}

impl Replay {
    /// The run of these answers.
    pub fn new(path: Vec<u32>) -> Replay {
        Replay { path, asked: 0, trace: Trace::default() }
    }

    /// The run that left `trace`.
    pub fn of(trace: &Trace) -> Replay {
        Replay::new(trace.decisions.iter().map(|decision| decision.taken).collect())
    }
}

impl Chooser for Replay {
    fn choose(&mut self, n: usize, what: &'static str) -> usize {
        assert!(n > 0, "nothing to choose from: {what}");
        if n == 1 {
            return 0;
        }
        let wanted = self.path.get(self.asked).map_or(0, |&taken| taken as usize);
        self.asked += 1;
        self.trace.record(n, wanted.min(n - 1), what)
    }

    fn trace(&self) -> &Trace {
        &self.trace
    }
}

/// The error: a line is no replay line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoReplay;

impl fmt::Display for NoReplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("a replay is seed=NUMBER, path=NUMBER.NUMBER..., or crash=STORY/SCHEDULE/CRASH...")
    }
}

impl core::error::Error for NoReplay {}

/// The chooser of a replay line: `seed=71` or `path=2.0.1`.
pub fn replay(line: &str) -> Result<Box<dyn Chooser>, NoReplay> {
    match line.trim().split_once('=').ok_or(NoReplay)? {
        ("seed", seed) => Ok(Box::new(Seeded::new(seed.parse().map_err(|_| NoReplay)?))),
        ("path", "") => Ok(Box::new(Replay::new(Vec::new()))),
        ("path", path) => {
            let path = path.split('.').map(str::parse).collect::<Result<_, _>>();
            Ok(Box::new(Replay::new(path.map_err(|_| NoReplay)?)))
        }
        _ => Err(NoReplay),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two choices, the second of which depends on the first.
    fn run(chooser: &mut dyn Chooser) -> (usize, usize) {
        let first = chooser.choose(3, "first");
        (first, chooser.choose(first + 1, "second"))
    }

    #[test]
    fn exhaustive_takes_every_path_once() {
        let mut all = Exhaustive::new();
        let mut seen = Vec::new();
        loop {
            seen.push(run(&mut all));
            assert!(all.is_fresh());
            if !all.advance() {
                break;
            }
        }
        assert_eq!(seen, [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]);
        assert_eq!(all.runs(), 6);
    }

    #[test]
    fn a_run_given_up_early_is_not_gone_into() {
        let mut all = Exhaustive::new();
        let mut firsts = Vec::new();
        loop {
            firsts.push(all.choose(3, "first"));
            if firsts.len() != 2 {
                all.choose(2, "second");
            }
            if !all.advance() {
                break;
            }
        }
        assert_eq!(firsts, [0, 0, 1, 1, 2, 2]);
    }

    #[test]
    #[should_panic(expected = "more than its decisions")]
    fn exhaustive_notices_a_run_that_is_not_its_decisions() {
        let mut all = Exhaustive::new();
        run(&mut all);
        all.advance();
        all.choose(4, "first");
    }

    #[test]
    fn a_line_replays_any_run() {
        for seed in 0..20 {
            let mut seeded = Seeded::new(seed);
            let was = run(&mut seeded);
            assert_eq!(run(&mut *replay(&seeded.replay()).unwrap()), was);
            assert_eq!(run(&mut Replay::of(seeded.trace())), was);
            assert_eq!(run(&mut *replay(&format!("path={}", seeded.trace())).unwrap()), was);
        }
        assert_eq!(run(&mut *replay("path=").unwrap()), (0, 0));
        assert!(["", "seed", "seed=x", "path=1.", "tea=3"].iter().all(|no| replay(no).is_err()));
    }

    #[test]
    fn a_rare_event_is_rare_by_chance_and_both_ways_when_all_is_tried() {
        let mut seeded = Seeded::new(1);
        let hits = (0..10_000).filter(|_| seeded.rarely(100, "fault")).count();
        assert!((50..200).contains(&hits), "{hits} of 10000, expected about 100");
        let mut all = Exhaustive::new();
        assert!(!all.rarely(100, "fault") && all.advance());
        assert!(all.rarely(100, "fault") && !all.advance());
    }
}
