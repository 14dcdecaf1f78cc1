//! Bars in a terminal: several distributions side by side, in plain characters.
//!
//! Place: `mirror status --latency` shows with it how long each leg takes. Pure: counts in,
//! lines out.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::color;

/// The width of a line: a terminal has 80 columns.
const WIDTH: usize = 79;

/// The longest bar that is drawn, however much room there is.
const BAR_MAX: usize = 24;

/// Between two columns.
const GAP: usize = 2;

/// A row for each bucket, from the first to the last that is not empty, and a column of bars
/// for each distribution. Bars are logarithmic, so that one request in a million is seen: one
/// `#` is one request, and each further `#` doubles the number, or more than doubles it if room
/// is short. The last line says which.
///
/// `buckets` names the first column and its rows. Each of `columns` has a name and the count in
/// each bucket. If all counts are zero, there is no line.
///
/// ```
/// let buckets = ("from", ["1 us", "2 us", "4 us", "8 us"].map(String::from));
/// let columns = [("leg 0".into(), vec![0, 9, 1, 0]), ("leg 1".into(), vec![0, 0, 0, 3])];
/// let lines = shell::plot::bars((buckets.0, &buckets.1), &columns);
/// assert_eq!(lines, "\
/// from  leg 0  leg 1
/// 2 us  ####
/// 4 us  #
/// 8 us         ##
/// each # more is 2 times as many
/// ");
/// ```
pub fn bars(buckets: (&str, &[String]), columns: &[(String, Vec<u64>)]) -> String {
    let (heading, names) = buckets;
    let holds = |row: &usize| columns.iter().any(|(_, counts)| counts.get(*row) > Some(&0));
    let rows = 0..names.len();
    let (Some(first), Some(last)) = (rows.clone().find(holds), rows.rev().find(holds)) else {
        return String::new();
    };
    let shown = names[first..=last].iter().map(|name| color::width(name));
    let name_width = shown.chain([color::width(heading)]).max().unwrap_or_default();
    let room = WIDTH.saturating_sub(name_width) / columns.len().max(1);
    let bar_width = room.saturating_sub(GAP).clamp(1, BAR_MAX);
    let most = columns.iter().flat_map(|(_, counts)| counts).map(|count| bits(*count)).max();
    let bits_each = most.unwrap_or_default().div_ceil(bar_width).max(1);
    let bar = |count: u64| "#".repeat(bits(count).div_ceil(bits_each));
    let bars_of = |(_, counts): &(String, Vec<u64>)| {
        counts[first..].iter().map(|count| bits(*count).div_ceil(bits_each)).max()
    };
    let widths: Vec<usize> = columns
        .iter()
        .map(|column| bars_of(column).unwrap_or_default().max(color::width(&column.0)))
        .collect();
    let line = |name: &str, cells: &[String]| {
        let mut line = format!("{name:>name_width$}");
        for (cell, width) in cells.iter().zip(&widths) {
            line.push_str(&format!("{:GAP$}{cell:width$}", ""));
        }
        line.trim_end().to_string() + "\n"
    };
    let headings: Vec<String> = columns.iter().map(|(heading, _)| heading.clone()).collect();
    let mut text = line(heading, &headings);
    for row in first..=last {
        let cells: Vec<String> = columns.iter().map(|(_, counts)| bar(counts[row])).collect();
        text += &line(&names[row], &cells);
    }
    text + &format!("each # more is {} times as many\n", 1_u128 << bits_each)
}

/// The length of a count in bits: none for zero, one more for each doubling.
fn bits(count: u64) -> usize {
    (u64::BITS - count.leading_zeros()) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn drawn(columns: &[&[u64]]) -> String {
        let names: Vec<String> = (0..columns[0].len()).map(|row| format!("{row}")).collect();
        let column = |(n, counts): (usize, &&[u64])| (format!("{n}"), counts.to_vec());
        bars(("at", &names), &columns.iter().enumerate().map(column).collect::<Vec<_>>())
    }

    #[test]
    fn one_of_very_many_is_seen_and_each_mark_doubles() {
        let counts = [1, 2, 3, 4, 7, 8, 0, 1 << 20];
        let text = drawn(&[&counts]);
        let lengths: Vec<usize> =
            text.lines().skip(1).take(8).map(|line| line.matches('#').count()).collect();
        assert_eq!(lengths, [1, 2, 2, 3, 3, 4, 0, 21]);
        assert!(text.ends_with("each # more is 2 times as many\n"), "{text}");
    }

    #[test]
    fn rows_before_the_first_and_behind_the_last_are_left_out_and_those_between_are_not() {
        let text = drawn(&[&[0, 0, 1, 0, 0, 0], &[0, 0, 0, 0, 1, 0]]);
        let names: Vec<&str> =
            text.lines().filter_map(|line| line.split(' ').find(|it| !it.is_empty())).collect();
        assert_eq!(names, ["at", "2", "3", "4", "each"]);
    }

    #[test]
    fn no_line_is_longer_than_a_terminal_is_wide_whatever_is_counted() {
        for columns in 1..=8 {
            let counts: Vec<u64> = vec![u64::MAX, 1, 0, 1 << 40];
            let text = drawn(&vec![&counts[..]; columns]);
            assert!(text.lines().all(|line| line.len() <= WIDTH), "{text}");
            assert!(text.is_ascii());
            let one = text.lines().nth(2).unwrap();
            assert_eq!(one.matches('#').count(), columns, "one is seen in each: {text}");
        }
    }

    #[test]
    fn nothing_is_no_line() {
        assert_eq!(drawn(&[&[0, 0], &[0, 0]]), "");
        assert_eq!(bars(("at", &[]), &[]), "");
    }
}
