//! Which loads are measured.

use std::fmt;

use super::subjects::Subject;

/// The part of each device that loads go to: 64 regions of 512 KiB.
pub(super) const SPAN: &str = "32M";

/// Requests that touch a clean region each, and the size of a region.
pub(super) const TOUCHED: u64 = 128;
const REGION: u64 = 64 << 10;

/// A load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) writes: bool,
    pub(super) random: bool,
    /// The length of a request, in bytes.
    pub(super) bytes: u64,
    /// Requests in flight.
    pub(super) depth: u64,
    /// Each request is the first one to its region.
    pub(super) first_touch: bool,
}

/// All loads.
pub(super) struct Matrix {
    pub(super) cells: Vec<Cell>,
    pub(super) depths_of_first_touch: &'static [u64],
}

const SIZES: [u64; 3] = [4 << 10, 64 << 10, 1 << 20];
const DEPTHS: &[u64] = &[1, 8, 32];

impl Matrix {
    /// The whole, or what tells most in a short time.
    pub(super) fn new(quick: bool) -> Self {
        let mut cells = Vec::new();
        for bytes in SIZES {
            for writes in [false, true] {
                for random in [true, false] {
                    let tells = if bytes == SIZES[0] { random } else { !random };
                    for depth in DEPTHS.iter().copied() {
                        if !quick || (tells && (bytes == SIZES[0] || depth == 8)) {
                            cells.push(Cell { writes, random, bytes, depth, first_touch: false });
                        }
                    }
                }
            }
        }
        Self { cells, depths_of_first_touch: if quick { &[1, 8] } else { DEPTHS } }
    }
}

impl Cell {
    /// Writes of a region's size, one after the other, to regions that are clean.
    pub(super) fn first_touch(depth: u64) -> Self {
        Self { writes: true, random: false, bytes: REGION, depth, first_touch: true }
    }

    /// The console's command for it.
    pub(super) fn command(&self, subject: &Subject, requests: u64) -> String {
        let operation = if self.writes { "write" } else { "read" };
        let random = if self.random { " --random" } else { "" };
        format!(
            "bench {} {operation}{random} --size {}K --depth {} --requests {requests} \
             --length {SPAN} --json",
            subject.device,
            self.bytes >> 10,
            self.depth
        )
    }

    /// What it does, its depth left out.
    pub(super) fn what(&self) -> String {
        let order = if self.random { "random" } else { "sequential" };
        let operation = if self.writes { "writes" } else { "reads" };
        let size = match self.bytes >> 20 {
            0 => format!("{} KiB", self.bytes >> 10),
            mebibytes => format!("{mebibytes} MiB"),
        };
        if self.first_touch {
            return format!("{size}, each the first write to its region");
        }
        format!("{size}, {order} {operation}")
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {} in flight", self.what(), self.depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_matrix_has_every_load_once_and_the_quick_one_some_of_them() {
        let (whole, quick) = (Matrix::new(false), Matrix::new(true));
        assert_eq!(whole.cells.len(), 2 * 2 * SIZES.len() * DEPTHS.len());
        let twice = |(at, cell): (usize, &Cell)| whole.cells[..at].contains(cell);
        assert!(!whole.cells.iter().enumerate().any(twice));
        assert!(quick.cells.len() < 12 && quick.cells.iter().all(|it| whole.cells.contains(it)));
    }

    #[test]
    fn a_load_is_a_line_of_the_console() {
        let plain = super::super::subjects::ALL.first().unwrap();
        let cell = Cell { random: true, ..Cell::first_touch(8) };
        assert_eq!(
            cell.command(plain, 7),
            "bench vbd0 write --random --size 64K --depth 8 --requests 7 --length 32M --json"
        );
    }
}
