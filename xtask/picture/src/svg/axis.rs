//! The axis of a picture: each moment has a place, and each state room for its name.
//!
//! A state that takes no time, as START, has a width of its own: its moment is a stretch of the
//! axis.

use crate::model::Slice;

/// The width of a character.
pub(super) const CHAR: f64 = 6.7;

/// Between two moments: room for a time below them.
const GAP: f64 = 64.0;

/// So much more for each factor of e that lies between them.
const GROWS: f64 = 9.0;

/// What a name takes.
pub(super) fn width(name: &str) -> f64 {
    name.chars().count() as f64 * CHAR + 14.0
}

/// A time in the unit that suits it.
pub(super) fn time(nanos: u64) -> String {
    let at = nanos as f64;
    match nanos {
        0 => "0".to_owned(),
        1..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} µs", at / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", at / 1e6),
        _ => format!("{:.2} s", at / 1e9),
    }
}

/// Where moments are.
pub(super) struct Axis {
    /// Each moment, where it begins and where it ends.
    places: Vec<(u64, f64, f64)>,
}

impl Axis {
    /// The moments of these slices within a span, from `left` on.
    pub(super) fn new(left: f64, (start, end): (u64, u64), slices: &[&Slice]) -> Axis {
        let clamped = |slice: &&Slice| (slice.start.clamp(start, end), slice.end.clamp(start, end));
        let mut moments: Vec<u64> = slices
            .iter()
            .flat_map(|slice| <[u64; 2]>::from(clamped(slice)))
            .chain([start, end])
            .collect();
        moments.sort_unstable();
        moments.dedup();
        let mut places: Vec<(u64, f64, f64)> = Vec::new();
        let mut x = left;
        for (nth, &at) in moments.iter().enumerate() {
            if let Some(before) = nth.checked_sub(1).map(|before| moments[before]) {
                x += GAP + GROWS * ((at - before) as f64 / 1e3).ln_1p();
            }
            // What ends here has room for its name.
            for slice in slices.iter().filter(|slice| clamped(slice).1 == at) {
                let from = places.iter().find(|(it, ..)| *it == clamped(slice).0);
                x = from.map_or(x, |(.., leave)| x.max(leave + width(&slice.name)));
            }
            let still = slices.iter().filter(|slice| clamped(slice) == (at, at));
            let wide = still.map(|slice| width(&slice.name)).fold(0.0, f64::max);
            places.push((at, x, x + wide));
            x += wide;
        }
        Axis { places }
    }

    fn place(&self, at: u64) -> (f64, f64) {
        let found = self.places.iter().rfind(|(it, ..)| *it <= at).or(self.places.first());
        found.map_or((0.0, 0.0), |(_, enter, leave)| (*enter, *leave))
    }

    /// Where a moment begins.
    pub(super) fn enter(&self, at: u64) -> f64 {
        self.place(at).0
    }

    /// Where it ends.
    pub(super) fn leave(&self, at: u64) -> f64 {
        self.place(at).1
    }

    pub(super) fn end(&self) -> f64 {
        self.places.last().map_or(0.0, |(_, _, leave)| *leave)
    }

    /// Each moment, and where its line is.
    pub(super) fn ticks(&self) -> impl Iterator<Item = (u64, f64)> {
        self.places.iter().map(|(at, enter, _)| (*at, *enter))
    }
}
