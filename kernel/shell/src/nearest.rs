//! The name that was most likely meant by a wrong word.
//!
//! Place: [`crate::parse()`] asks, to advise a command.

use crate::error::WORD_SHOWN_MAX;
use alloc::vec::Vec;

/// The name that was most likely meant by `word`, if any: up to a third of its letters may be
/// wrong, missing, added or swapped with their neighbour.
pub(crate) fn nearest<'n>(word: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let word: Vec<char> =
        word.chars().take(WORD_SHOWN_MAX).map(|c| c.to_ascii_lowercase()).collect();
    let limit = word.len().div_ceil(3);
    names
        .map(|name| (distance(&word, &name.chars().collect::<Vec<_>>()), name))
        .filter(|(distance, name)| *distance <= limit && *distance < name.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Edit distance with swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for j in 0..b.len() {
            let same = above[j] + usize::from(a[i] != b[j]);
            let mut best = same.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_slips() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (a, b, expected) in [
            ("read", "read", 0),
            ("raed", "read", 1),
            ("red", "read", 1),
            ("reead", "read", 1),
            ("rexd", "read", 1),
            ("", "read", 4),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(&chars(a), &chars(b)), expected, "{a} {b}");
            assert_eq!(distance(&chars(b), &chars(a)), expected, "{b} {a}");
        }
    }
}
