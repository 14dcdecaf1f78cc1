//! The switch of the mutations: which one is on in this process.
//!
//! `cargo xtask mutants` puts this file, as a crate of its own, beside its copy of the sources.
//! Rule: it allocates nothing, since some tests count allocations.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The variable in the environment, with the end of the variable before.
const NAME: &[u8] = b"\0MUTANT=";

/// The number that is on; [`UNASKED`] until somebody asks.
static CHOSEN: AtomicUsize = AtomicUsize::new(UNASKED);

const UNASKED: usize = usize::MAX;

/// Whether mutation `number` is on: the one last [chosen](choose), else the one that `MUTANT`
/// names in the environment, else none.
pub fn on(number: usize) -> bool {
    let chosen = match CHOSEN.load(Ordering::Relaxed) {
        UNASKED => {
            let chosen = chosen();
            CHOSEN.store(chosen, Ordering::Relaxed);
            chosen
        }
        chosen => chosen,
    };
    chosen == number
}

/// From here on mutation `number` is on, or none for 0.
pub fn choose(number: usize) {
    CHOSEN.store(number, Ordering::Relaxed);
}

/// The number in the environment that the program was started with; 0 if there is none.
/// `std::env` would allocate.
fn chosen() -> usize {
    let mut environment = File::open("/proc/self/environ").expect("an environment");
    let (mut block, mut matched, mut number) = ([0; 4096], 1, 0);
    loop {
        let read = environment.read(&mut block).expect("an environment");
        if read == 0 {
            return number;
        }
        for byte in &block[..read] {
            match byte {
                b'0'..=b'9' if matched == NAME.len() => {
                    number = 10 * number + usize::from(byte - b'0')
                }
                _ if matched == NAME.len() => return number,
                _ if *byte == NAME[matched] => matched += 1,
                _ => matched = usize::from(*byte == 0),
            }
        }
    }
}

/// One of two iterators. A function that returns `impl Iterator` returns this if its versions
/// return different iterators.
#[derive(Clone, Debug)]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

impl<A: Iterator, B: Iterator<Item = A::Item>> Iterator for Either<A, B> {
    type Item = A::Item;

    fn next(&mut self) -> Option<A::Item> {
        match self {
            Either::Left(it) => it.next(),
            Either::Right(it) => it.next(),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Either::Left(it) => it.size_hint(),
            Either::Right(it) => it.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn without_a_word_in_the_environment_nothing_is_broken() {
        assert!(super::on(0) && !super::on(1));
    }
}
