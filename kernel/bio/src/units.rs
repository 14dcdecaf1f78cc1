//! Units: sector addresses, sector counts, extents.
//!
//! Bytes appear only at the edges (memory and the console). Arithmetic never
//! wraps: the operators panic on overflow in every build, because an address
//! that wrapped is data loss; input from outside goes through the `checked_`
//! and `try_` forms first.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};

/// The unit of every address on a disk, in bytes, whatever the disk's own
/// block size (see [`Limits::block_size`](crate::Limits)).
pub const SECTOR_SIZE: usize = 512;

/// The address of a sector, counted from the start of its device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sector(pub u64);

/// A number of sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sectors(pub u64);

impl Sector {
    /// The sector `count` further on, or `None` past the end of the address space.
    pub fn checked_add(self, count: Sectors) -> Option<Sector> {
        self.0.checked_add(count.0).map(Sector)
    }
}

impl Sectors {
    /// No sectors.
    pub const ZERO: Sectors = Sectors(0);

    /// The number of sectors in `bytes`, or `None` if that is no whole number.
    pub fn from_bytes(bytes: u64) -> Option<Sectors> {
        bytes.is_multiple_of(SECTOR_SIZE as u64).then(|| Sectors(bytes / SECTOR_SIZE as u64))
    }

    /// The same length in bytes. Panics where memory could not hold it.
    #[inline]
    pub fn bytes(self) -> usize {
        usize::try_from(self.0)
            .ok()
            .and_then(|n| n.checked_mul(SECTOR_SIZE))
            .expect("length in bytes overflows")
    }
}

impl From<u64> for Sector {
    fn from(sector: u64) -> Sector {
        Sector(sector)
    }
}

impl Add<Sectors> for Sector {
    type Output = Sector;
    #[inline]
    fn add(self, count: Sectors) -> Sector {
        self.checked_add(count).expect("sector address overflows")
    }
}

impl AddAssign<Sectors> for Sector {
    fn add_assign(&mut self, count: Sectors) {
        *self = *self + count;
    }
}

/// The distance from `earlier` up to this sector. Panics if `earlier` is later.
impl Sub<Sector> for Sector {
    type Output = Sectors;
    #[inline]
    fn sub(self, earlier: Sector) -> Sectors {
        Sectors(self.0.checked_sub(earlier.0).expect("sector distance is negative"))
    }
}

impl Add for Sectors {
    type Output = Sectors;
    #[inline]
    fn add(self, other: Sectors) -> Sectors {
        Sectors(self.0.checked_add(other.0).expect("sector count overflows"))
    }
}

impl Sub for Sectors {
    type Output = Sectors;
    #[inline]
    fn sub(self, other: Sectors) -> Sectors {
        Sectors(self.0.checked_sub(other.0).expect("sector count is negative"))
    }
}

impl fmt::Display for Sector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Sectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A run of sectors `start .. start + count`; its end never overflows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Extent {
    start: Sector,
    count: Sectors,
}

impl Extent {
    /// `count` sectors from `start` on. Panics if the end overflows; use
    /// [`try_new`](Extent::try_new) for input from outside.
    #[inline]
    pub fn new(start: Sector, count: Sectors) -> Extent {
        Extent::try_new(start, count).expect("extent overflows")
    }

    /// `count` sectors from `start` on, or `None` if the end overflows.
    pub fn try_new(start: Sector, count: Sectors) -> Option<Extent> {
        start.checked_add(count).map(|_| Extent { start, count })
    }

    /// The first sector.
    #[inline]
    pub fn start(self) -> Sector {
        self.start
    }

    /// How many sectors.
    #[inline]
    pub fn count(self) -> Sectors {
        self.count
    }

    /// The first sector that no longer belongs to it.
    #[inline]
    pub fn end(self) -> Sector {
        self.start + self.count
    }

    /// The same number of sectors elsewhere.
    #[inline]
    pub fn at(self, start: Sector) -> Extent {
        Extent::new(start, self.count)
    }

    /// Whether it holds no sector.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.count == Sectors::ZERO
    }

    /// Whether some sector belongs to both. An empty extent overlaps nothing.
    #[inline]
    pub fn overlaps(self, other: Extent) -> bool {
        !self.is_empty()
            && !other.is_empty()
            && self.start < other.end()
            && other.start < self.end()
    }

    /// Whether it lies within a device of `capacity` sectors.
    #[inline]
    pub fn fits(self, capacity: Sectors) -> bool {
        self.end().0 <= capacity.0
    }

    /// The smallest extent that holds both.
    pub fn hull(self, other: Extent) -> Extent {
        let start = self.start.min(other.start);
        Extent::new(start, self.end().max(other.end()) - start)
    }

    /// The sectors that belong to both, if any.
    pub fn intersection(self, other: Extent) -> Option<Extent> {
        self.overlaps(other).then(|| {
            let start = self.start.max(other.start);
            Extent::new(start, self.end().min(other.end()) - start)
        })
    }
}

/// `start+count`, in sectors.
impl fmt::Display for Extent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(start: u64, count: u64) -> Extent {
        Extent::new(Sector(start), Sectors(count))
    }

    #[test]
    fn extents_overlap_only_where_they_share_a_sector() {
        assert!(extent(0, 8).overlaps(extent(7, 1)));
        assert!(!extent(0, 8).overlaps(extent(8, 1)));
        assert!(!extent(4, 0).overlaps(extent(0, 8)));
        assert_eq!(extent(0, 8).intersection(extent(6, 8)), Some(extent(6, 2)));
        assert_eq!(extent(0, 8).intersection(extent(8, 8)), None);
        assert_eq!(extent(8, 2).hull(extent(1, 3)), extent(1, 9));
    }

    #[test]
    fn an_extent_never_wraps() {
        assert_eq!(Extent::try_new(Sector(u64::MAX), Sectors(1)), None);
        assert!(extent(u64::MAX - 1, 1).fits(Sectors(u64::MAX)));
    }

    #[test]
    fn an_empty_extent_overlaps_nothing() {
        let extent = |start, count| Extent::new(Sector(start), Sectors(count));
        for (a, b) in [((0, 8), (4, 0)), ((4, 0), (0, 8)), ((4, 0), (4, 0))] {
            assert!(!extent(a.0, a.1).overlaps(extent(b.0, b.1)), "{a:?} {b:?}");
        }
    }

    #[test]
    fn bytes_are_whole_sectors() {
        assert_eq!(Sectors::from_bytes(1024), Some(Sectors(2)));
        assert_eq!(Sectors::from_bytes(1000), None);
    }
}
