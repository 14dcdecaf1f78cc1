//! Figures as people read them: sizes, rates, durations, progress, tables.
//!
//! Place: whatever the console prints. Pure functions of their arguments; time is a
//! [`Duration`] that the caller measured. Integers only, rounded down, so that "100%" means
//! that everything is done.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::color;

const UNITS: [(u64, &str); 4] =
    [(1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];

/// An amount of bytes, shown in the largest unit it reaches, with one decimal
/// where it is not whole: `64 MiB`, `1.5 KiB`, `512 B`.
///
/// ```
/// use shell::format::Amount;
/// assert_eq!(Amount(64 << 20).to_string(), "64 MiB");
/// assert_eq!(Amount(1536).to_string(), "1.5 KiB");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amount(pub u64);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((unit, name)) = UNITS.into_iter().find(|(unit, _)| self.0 >= *unit) else {
            return write!(f, "{} B", self.0);
        };
        match (self.0 / unit, self.0 % unit) {
            (whole, 0) => write!(f, "{whole} {name}"),
            // The remainder is below 2^40, so ten times it fits.
            (whole, rest) => write!(f, "{whole}.{} {name}", rest * 10 / unit),
        }
    }
}

/// Bytes per second over a time, or `None` if no time has passed.
///
/// ```
/// use core::time::Duration;
/// use shell::format::{Amount, rate};
/// assert_eq!(rate(3 << 20, Duration::from_millis(1500)), Some(Amount(2 << 20)));
/// ```
pub fn rate(bytes: u64, elapsed: Duration) -> Option<Amount> {
    let per_second = (u128::from(bytes) * 1_000_000_000).checked_div(elapsed.as_nanos())?;
    Some(Amount(u64::try_from(per_second).unwrap_or(u64::MAX)))
}

/// A time in its two largest units: `350 ms`, `1.2 s`, `2 min 03 s`,
/// `5 h 07 min`, `3 d 01 h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed(pub Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let tenths = self.0.subsec_millis() / 100;
        match seconds {
            0 if self.0.as_micros() < 1000 => write!(f, "{} us", self.0.as_micros()),
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 if tenths > 0 => write!(f, "{seconds}.{tenths} s"),
            1..60 => write!(f, "{seconds} s"),
            60..3600 => write!(f, "{} min {:02} s", seconds / 60, seconds % 60),
            3600..86400 => write!(f, "{} h {:02} min", seconds / 3600, seconds / 60 % 60),
            _ => write!(f, "{} d {:02} h", seconds / 86400, seconds / 3600 % 24),
        }
    }
}

/// How long a request took, to three digits: `812 ns`, `41.2 us`, `2.13 ms`, `1.05 s`.
/// Rounded down; from 1000 s on in whole seconds.
///
/// ```
/// use core::time::Duration;
/// use shell::format::Latency;
/// assert_eq!(Latency(Duration::from_nanos(41_290)).to_string(), "41.2 us");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency(pub Duration);

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, name) = match nanos {
            0..1000 => return write!(f, "{nanos} ns"),
            1000..1_000_000 => (1000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        let whole = nanos / unit;
        let hundredths = nanos % unit * 100 / unit;
        match whole {
            0..10 => write!(f, "{whole}.{hundredths:02} {name}"),
            10..100 => write!(f, "{whole}.{} {name}", hundredths / 10),
            _ => write!(f, "{whole} {name}"),
        }
    }
}

/// `count` divided by `of`, to three decimals, rounded down: `2.000`. If `of` is 0, it is
/// `0.000`.
///
/// ```
/// use shell::format::Each;
/// assert_eq!(Each { count: 4, of: 3 }.to_string(), "1.333");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Each {
    /// What is divided.
    pub count: u64,
    /// By how many.
    pub of: u64,
}

impl fmt::Display for Each {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandths = u128::from(self.count) * 1000 / u128::from(self.of.max(1));
        write!(f, "{}.{:03}", thousandths / 1000, thousandths % 1000)
    }
}

/// A job under way, as one line without carriage return or line end: a console
/// shows it as carriage return, line, `ESC [ K`.
///
/// ```
/// use core::time::Duration;
/// use shell::format::Progress;
/// let job = Progress { done: 16 << 20, total: 64 << 20, elapsed: Duration::from_secs(2) };
/// assert_eq!(job.to_string(), " 25%  16 MiB of 64 MiB  8 MiB/s  6 s left");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes done.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
    /// Time since the start.
    pub elapsed: Duration,
}

impl Progress {
    /// Whole percent done, at most 100; a job of nothing is done.
    pub fn percent(self) -> u64 {
        let percent = (u128::from(self.done) * 100).checked_div(u128::from(self.total));
        percent.map_or(100, |percent| percent.min(100) as u64)
    }

    /// Time left at the rate so far, in whole seconds; `None` while there is no
    /// rate, or beyond what a clock can count.
    pub fn left(self) -> Option<Duration> {
        let remaining = u128::from(self.total.saturating_sub(self.done));
        let nanos = remaining.checked_mul(self.elapsed.as_nanos())?;
        let done_a_second = u128::from(self.done) * 1_000_000_000;
        if done_a_second == 0 {
            return None;
        }
        Some(Duration::from_secs(u64::try_from(nanos.div_ceil(done_a_second)).ok()?))
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, total) = (Amount(self.done), Amount(self.total));
        write!(f, "{:3}%  {done} of {total}", self.percent())?;
        if let Some(rate) = rate(self.done, self.elapsed) {
            write!(f, "  {rate}/s")?;
        }
        if self.done >= self.total {
            return write!(f, "  in {}", Elapsed(self.elapsed));
        }
        self.left().map_or(Ok(()), |left| write!(f, "  {} left", Elapsed(left)))
    }
}

/// The side on which a column's cells are flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Figures.
    Right,
}

/// Rows of `N` cells under headings, in columns as wide as they need to be.
///
/// ```
/// use shell::format::{Align, Amount, Table};
/// let mut table = Table::new([("DISK", Align::Left), ("SIZE", Align::Right)]);
/// table.row(["vbd0".into(), Amount(64 << 20).to_string()]);
/// assert_eq!(table.to_string(), "DISK    SIZE\nvbd0  64 MiB\n");
/// ```
#[derive(Debug)]
pub struct Table<const N: usize> {
    headings: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// An empty table.
    pub fn new(headings: [(&'static str, Align); N]) -> Self {
        Self { headings, rows: Vec::new() }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    fn line(
        &self,
        f: &mut fmt::Formatter<'_>,
        widths: [usize; N],
        cells: [&str; N],
    ) -> fmt::Result {
        let mut line = String::new();
        for ((cell, width), (_, align)) in cells.into_iter().zip(widths).zip(self.headings) {
            let padding = core::iter::repeat_n(' ', width - color::width(cell));
            match align {
                Align::Left => line.extend(cell.chars().chain(padding)),
                Align::Right => line.extend(padding.chain(cell.chars())),
            }
            line.push_str("  ");
        }
        writeln!(f, "{}", line.trim_end())
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths = self.headings.map(|(heading, _)| heading.chars().count());
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(color::width(cell));
            }
        }
        self.line(f, widths, self.headings.map(|(heading, _)| heading))?;
        self.rows
            .iter()
            .try_for_each(|row| self.line(f, widths, row.each_ref().map(|c| c.as_str())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn sizes_use_the_largest_unit_they_reach_and_round_down() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (2047, "1.9 KiB"),
            ((1 << 20) - 1, "1023.9 KiB"),
            (1 << 20, "1 MiB"),
            (5 << 29, "2.5 GiB"),
            (3 << 40, "3 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(Amount(bytes).to_string(), text);
        }
    }

    #[test]
    fn durations_show_their_two_largest_units() {
        for (millis, text) in [
            (0, "0 us"),
            (350, "350 ms"),
            (1000, "1 s"),
            (1290, "1.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min 00 s"),
            (3_599_999, "59 min 59 s"),
            (3_600_000, "1 h 00 min"),
            (90_000_000, "1 d 01 h"),
        ] {
            assert_eq!(Elapsed(Duration::from_millis(millis)).to_string(), text);
        }
        assert_eq!(Elapsed(Duration::from_micros(42)).to_string(), "42 us");
        assert_eq!(Elapsed(Duration::MAX).to_string(), "213503982334601 d 07 h");
    }

    #[test]
    fn latencies_have_three_digits() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1000, "1.00 us"),
            (9_999, "9.99 us"),
            (10_000, "10.0 us"),
            (99_999, "99.9 us"),
            (999_999, "999 us"),
            (2_130_000, "2.13 ms"),
            (1_050_000_000, "1.05 s"),
            (1_234_567_000_000, "1234 s"),
        ] {
            assert_eq!(Latency(Duration::from_nanos(nanos)).to_string(), text);
        }
    }

    #[test]
    fn what_each_has_is_rounded_down_to_a_thousandth() {
        for (count, of, text) in [(0, 0, "0.000"), (7, 0, "7.000"), (1999, 1000, "1.999")] {
            assert_eq!(Each { count, of }.to_string(), text);
        }
        assert_eq!(Each { count: u64::MAX, of: 1 }.to_string(), "18446744073709551615.000");
        assert_eq!(Each { count: 1, of: 3001 }.to_string(), "0.000");
    }

    #[test]
    fn a_rate_needs_time() {
        assert_eq!(rate(1, Duration::ZERO), None);
        assert_eq!(rate(u64::MAX, Duration::from_nanos(1)), Some(Amount(u64::MAX)));
    }

    #[test]
    fn progress_says_no_more_than_it_knows() {
        let line = |done, total, millis| {
            Progress { done, total, elapsed: Duration::from_millis(millis) }.to_string()
        };
        assert_eq!(line(0, 1 << 20, 0), "  0%  0 B of 1 MiB");
        assert_eq!(line(0, 1 << 20, 500), "  0%  0 B of 1 MiB  0 B/s");
        assert_eq!(line(0, 0, 0), "100%  0 B of 0 B  in 0 us");
        assert_eq!(
            line((1 << 20) - 1, 1 << 20, 1000),
            " 99%  1023.9 KiB of 1 MiB  1023.9 KiB/s  1 s left"
        );
        assert_eq!(line(1 << 20, 1 << 20, 2000), "100%  1 MiB of 1 MiB  512 KiB/s  in 2 s");
        assert_eq!(line(2048, 1024, 1000), "100%  2 KiB of 1 KiB  2 KiB/s  in 1 s");
    }

    #[test]
    fn progress_of_the_largest_job_does_not_overflow() {
        let job = Progress { done: 1, total: u64::MAX, elapsed: Duration::MAX };
        assert_eq!(job.left(), None);
        assert_eq!(job.percent(), 0);
        let job = Progress { done: u64::MAX, total: u64::MAX, elapsed: Duration::from_nanos(1) };
        assert_eq!(job.percent(), 100);
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new([("A", Align::Left), ("N", Align::Right), ("B", Align::Left)]);
        table.row(["long name".into(), "7".into(), "x".into()]);
        table.row(["ä".into(), "12345".into(), "".into()]);
        assert_eq!(
            table.to_string(),
            "A              N  B\nlong name      7  x\nä          12345\n"
        );
    }
}
