//! Intent ahead of writers that go straight on.
//!
//! Place: part of the [`Core`](crate::core::Core). `steps/write.rs` tells it of each user's
//! write, and has regions marked that it names.
//!
//! Rules:
//!
//! - To mark a region DIRTY before somebody writes to it is always allowed: after a crash it
//!   is made equal for nothing. To mark it late never is (R1). So a wrong guess costs a copy.
//! - A run is as long as each write begins where the one before ended. Whoever wrote two
//!   regions from end to end will write the next ones, as likely as not. So the marks are as
//!   far ahead as the run is long, and at most [`AHEAD_MAX`] regions.
//! - Several writers may take turns, each straight on at a place of its own. The mirror follows
//!   the [`RUNS`] runs that went on last.
//! - The marks are extended when the writer has come half way through them. Nobody waits for
//!   that record, unless the writer is faster than it.

use core::ops::Range;

use bio::{Extent, Sector, Sectors};

use crate::format::Geometry;

/// So many regions are marked ahead of a run at most: with regions of 512 KiB, 32 MiB are made
/// equal for nothing after a crash.
const AHEAD_MAX: u64 = 64;

/// So many runs are followed at once.
const RUNS: usize = 4;

/// Where users write straight on.
#[derive(Debug, Default)]
pub(crate) struct Runs {
    /// The one that went on last comes first.
    runs: [Run; RUNS],
}

impl Runs {
    /// A user's write begins; a region becomes DIRTY by it if it is the `first` there. Returns
    /// the regions that are to be marked ahead, if any.
    #[inline]
    pub(crate) fn goes_on(
        &mut self,
        extent: Extent,
        first: bool,
        geometry: Geometry,
    ) -> Option<Range<u32>> {
        let place = self.runs.iter().position(|run| run.end == extent.start());
        self.runs[..=place.unwrap_or(RUNS - 1)].rotate_right(1);
        let [run, ..] = &mut self.runs;
        if place.is_none() {
            *run = Run { begin: extent.start(), end: extent.end(), marked: 0 };
            return None;
        }
        run.end = extent.end();
        if first {
            // What was marked has become clean meanwhile, or was never marked.
            run.marked = 0;
        }
        run.ahead(geometry)
    }
}

/// A run of writes.
#[derive(Clone, Copy, Debug, Default)]
struct Run {
    begin: Sector,
    end: Sector,
    /// The first region behind those that are marked ahead.
    marked: u32,
}

impl Run {
    /// The regions that are to be marked ahead of it now, if any.
    fn ahead(&mut self, geometry: Geometry) -> Option<Range<u32>> {
        let length = Sectors(self.end.0 - self.begin.0);
        let whole = length.0 / geometry.region.0;
        if whole < 2 {
            return None;
        }
        let ahead = whole.min(AHEAD_MAX) as u32;
        let next = self.end.0.div_ceil(geometry.region.0) as u32;
        if self.marked >= next.saturating_add(ahead / 2) {
            return None;
        }
        let first = self.marked.max(next);
        self.marked = next.saturating_add(ahead).min(geometry.regions());
        (first < self.marked).then_some(first..self.marked)
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    const GEOMETRY: Geometry =
        Geometry { region: Sectors(8), data_start: Sector(32), length: Sectors(8 * 1000) };

    /// What is marked ahead while writes of `size` go from `begin` to `end`.
    fn marked(runs: &mut Runs, begin: u64, end: u64, size: u64) -> Vec<(u32, u32)> {
        let at = (begin..end).step_by(size as usize);
        let extents = at.map(|start| Extent::new(Sector(start), Sectors(size)));
        let marked = extents.filter_map(|extent| runs.goes_on(extent, false, GEOMETRY));
        marked.map(|it| (it.start, it.end)).collect()
    }

    #[test]
    fn marks_are_as_far_ahead_as_the_run_is_long() {
        let mut runs = Runs::default();
        assert_eq!(marked(&mut runs, 80, 96, 4), [(12, 14)]);
        assert_eq!(marked(&mut runs, 96, 108, 4), [(14, 17)]);
    }

    #[test]
    fn a_long_run_is_marked_once_for_half_of_what_is_ahead() {
        let mut runs = Runs::default();
        let marked = marked(&mut runs, 0, 8 * 900, 1);
        let far = marked.iter().skip_while(|(first, end)| u64::from(end - first) < AHEAD_MAX / 2);
        assert!((10..=900 / 32 + 2).contains(&far.clone().count()), "{marked:?}");
        assert!(marked.is_sorted() && marked.windows(2).all(|it| it[0].1 == it[1].0), "{marked:?}");
        assert!(marked.len() < 40, "{marked:?}");
    }

    /// With regions of 512 KiB that is a gibibyte.
    #[test]
    fn two_thousand_regions_are_marked_seventy_times() {
        let geometry = Geometry { length: Sectors(8 * 3000), ..GEOMETRY };
        let mut runs = Runs::default();
        let extents = (0..2048).map(|region| Extent::new(Sector(region * 8), Sectors(8)));
        let marked = extents.filter_map(|extent| runs.goes_on(extent, false, geometry)).count();
        assert!((60..=70).contains(&marked), "{marked}");
    }

    #[test]
    fn marks_that_are_gone_are_made_anew() {
        let mut runs = Runs::default();
        marked(&mut runs, 0, 8 * 100, 8);
        let extent = Extent::new(Sector(800), Sectors(8));
        assert_eq!(runs.goes_on(extent, true, GEOMETRY), Some(101..101 + AHEAD_MAX as u32));
    }

    #[test]
    fn nothing_is_marked_behind_the_end_of_the_mirror() {
        let mut runs = Runs::default();
        let marked = marked(&mut runs, 8 * 900, 8 * 1000, 2);
        assert_eq!(marked.last().map(|it| it.1), Some(1000));
    }

    #[test]
    fn four_writers_that_take_turns_are_each_marked_ahead() {
        let mut alone = Runs::default();
        let expected = marked(&mut alone, 0, 800, 4);
        for writers in 1..=4_u64 {
            let mut runs = Runs::default();
            let mut seen = vec![Vec::new(); writers as usize];
            for start in (0..800).step_by(4) {
                for (writer, seen) in (0..).zip(&mut seen) {
                    // Each has 200 regions of its own.
                    let extent = Extent::new(Sector(writer * 1600 + start), Sectors(4));
                    let ahead = runs.goes_on(extent, false, GEOMETRY);
                    let own = |it: Range<u32>| {
                        (it.start - 200 * writer as u32, it.end - 200 * writer as u32)
                    };
                    seen.extend(ahead.map(own));
                }
            }
            assert!(seen.iter().all(|seen| *seen == expected), "{writers} writers: {seen:?}");
        }
    }

    #[test]
    fn a_run_is_forgotten_behind_those_that_went_on_later() {
        let mut runs = Runs::default();
        marked(&mut runs, 0, 80, 8);
        let elsewhere = |runs: &mut Runs, count: u64| {
            for place in 1..=count {
                let extent = Extent::new(Sector(1000 + 100 * place), Sectors(8));
                assert_eq!(runs.goes_on(extent, false, GEOMETRY), None);
            }
        };
        elsewhere(&mut runs, 3);
        assert_ne!(marked(&mut runs, 80, 160, 8), []);
        elsewhere(&mut runs, 4);
        assert_eq!(marked(&mut runs, 160, 168, 8), []);
    }

    #[test]
    fn writes_here_and_there_mark_nothing_ahead() {
        let mut runs = Runs::default();
        for start in (0..900).rev().chain((0..900).map(|it| it * 7 % 900)) {
            let extent = Extent::new(Sector(start * 8), Sectors(8));
            assert_eq!(runs.goes_on(extent, true, GEOMETRY), None, "at {start}");
        }
    }
}
