//! A record that goes bad between two starts.
//!
//! Place: part of a [`World`]. If the chooser says so, a start finds one copy of one record of
//! one leg unreadable or altered, as often as [`Scenario::rot`](crate::Scenario) allows. The
//! start may follow a crash or a stop, it may be that of another table, or of a device that is
//! created anew. An enumeration of crashes takes such cases in turn, if its
//! [`Options`](crate::crashes::Options) name the places of records.
//!
//! Rules:
//!
//! - One copy is bad at a time. The next one goes bad only once this one is whole again: it was
//!   rewritten, and both copies of the record are durably equal.
//! - In a life that finds a bad copy, every other copy can be read. If another could not be
//!   read, a second member would be in doubt, and no promise is made for two members in doubt.
//! - While a copy is bad the device need not start, but then it says why. After plugging in all
//!   legs several times the person gives up, and the run ends.
//! - The device's answers must still be right. It may start from a leg that is stale by the
//!   books of `lives.rs`: if only flushes were acknowledged without that leg, its data are
//!   right, and the maps of the other legs show that.
//! - A leg that may have been ahead of the others is the only leg for a while. If it fails
//!   then, requests may fail that another leg could have done.
//! - A copy that differed from the other copy *stood alone*: it may have been the newest, and
//!   then that record is lost. If it said who is in sync, the device need not know what a
//!   person said, and the person does not rely on that leg.

use alloc::format;
use alloc::vec;

use bio::{BufCmd, Extent, SECTOR_SIZE, Sectors};

use crate::chooser::Chooser;
use crate::disk::SimDisk;
use crate::slot::Pending;
use crate::subject::{Life, Subject};
use crate::world::World;

/// By chance, one in this many starts finds a bad record.
pub const ROT_ONE_IN: u32 = 2;

/// How often a person plugs in all legs before they give up.
const TRIES: u32 = 3;

/// The ways in which a record goes bad in an enumeration. A bit flips in the head of the
/// record, or at the beginning of another of its sectors.
const WAYS: [Way; 6] = [
    Way::Zeroed,
    Way::Overwritten,
    Way::Flipped(32 * 8),
    Way::Flipped((SECTOR_SIZE + 32) * 8),
    Way::Flipped((2 * SECTOR_SIZE + 32) * 8),
    Way::Unreadable,
];

/// How a copy of a record goes bad.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// All is zero.
    Zeroed,
    /// Other data lie there.
    Overwritten,
    /// One of its sectors is zero.
    SectorZeroed(usize),
    /// One bit flips.
    Flipped(usize),
    /// It cannot be read until it is written.
    Unreadable,
}

/// Which copy goes bad, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    leg: usize,
    record: usize,
    way: Way,
}

/// What has gone bad.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rot {
    /// The copy that is not whole again yet.
    bad: Option<Bad>,
    /// A record was bad when this life began, or is bad now.
    since: bool,
    /// How often the person has plugged in all legs since the device last ran.
    tries: u32,
}

/// A copy of a record that went bad.
#[derive(Clone, Copy, Debug)]
struct Bad {
    leg: usize,
    place: Extent,
    /// Where the other copy lies.
    twin: Extent,
    /// It stood alone, and said who is in sync.
    alone: bool,
}

/// How many cases there are with this number of legs.
pub(crate) fn count(legs: usize, records: &[Extent]) -> usize {
    legs * records.len() * WAYS.len()
}

impl World<'_> {
    /// Another start follows: it may find a bad record.
    pub(crate) fn go_bad(&mut self, subject: &dyn Subject, chooser: &mut dyn Chooser) {
        if let Some(case) = self.choose_rot(chooser) {
            self.take_rot(subject, case);
        }
    }

    /// Whether the next start finds a bad record, and which one.
    pub(crate) fn choose_rot(&mut self, chooser: &mut dyn Chooser) -> Option<Case> {
        let records = &self.scenario.records;
        let may = self.left.rot > 0 && !records.is_empty() && !self.is_rotten();
        if !may || !chooser.rarely(ROT_ONE_IN, "a record goes bad") {
            return None;
        }
        self.left.rot -= 1;
        let leg = chooser.choose(self.legs.len(), "of which leg");
        let record = chooser.choose(records.len(), "which record");
        let sectors = records[record].count().0 as usize;
        let way = match chooser.choose(5, "how") {
            0 => Way::Flipped(chooser.choose(sectors * SECTOR_SIZE * 8, "which bit")),
            1 => Way::SectorZeroed(chooser.choose(sectors, "which sector")),
            2 => Way::Zeroed,
            3 => Way::Overwritten,
            _ => Way::Unreadable,
        };
        Some(Case { leg, record, way })
    }

    /// This record goes bad.
    pub(crate) fn take_rot(&mut self, subject: &dyn Subject, case: Case) {
        self.rot.since = true;
        let bad = self.spoil(case, &self.scenario.records);
        if bad.alone && subject.is_record(bad.leg, bad.place.start()) {
            self.acts.start_from_what_is_there();
            self.rot.bad = Some(bad);
        } else {
            self.rot.bad = Some(Bad { alone: false, ..bad });
        }
    }

    /// Lets a record go bad; `nth` is one of the [`count`] cases.
    pub(crate) fn rot(&mut self, nth: usize, records: &[Extent]) {
        let way = WAYS[nth % WAYS.len()];
        let (leg, record) = (nth / WAYS.len() / records.len(), nth / WAYS.len() % records.len());
        self.rot.bad = Some(self.spoil(Case { leg, record, way }, records));
    }

    fn spoil(&self, Case { leg, record, way }: Case, records: &[Extent]) -> Bad {
        let (place, twin) = (records[record], records[record ^ 1]);
        self.history.note(|| format!("leg {leg} has its record at {place} {way:?}"));
        let alone = !is_whole(&self.legs[leg], place, twin);
        alter(&self.legs[leg], place, way);
        Bad { leg, place, twin, alone }
    }

    /// Whether a copy of a record is bad.
    pub(crate) fn is_rotten(&self) -> bool {
        self.rot.bad.is_some()
    }

    /// Another life begins.
    pub(crate) fn forget_rot(&mut self) {
        self.rot.since = self.is_rotten();
    }

    /// Whether a record was bad in this life.
    pub(crate) fn was_rotten(&self) -> bool {
        self.rot.since || self.is_rotten()
    }

    /// Whether this request reads a record while one was bad in this life.
    pub(crate) fn is_second_record(&self, request: &Pending) -> bool {
        let reads = request.cmd == BufCmd::Read && self.was_rotten();
        reads && self.scenario.records.iter().any(|record| record.overlaps(request.extent))
    }

    /// Whether the person may know more of this leg than the device.
    pub(crate) fn is_forgotten(&self, leg: usize) -> bool {
        self.rot.bad.is_some_and(|bad| bad.alone && bad.leg == leg)
    }

    /// Whether the device is excused for not running.
    pub(crate) fn is_excused(&self, subject: &dyn Subject) -> bool {
        let says = matches!(subject.life(), Life::Held | Life::Refused);
        self.is_rotten() && says && !subject.why().is_empty()
    }

    /// A person plugs all legs in.
    pub(crate) fn try_once_more(&mut self) {
        self.rot.tries += 1;
    }

    /// Whether the person has given up.
    pub(crate) fn has_given_up(&self) -> bool {
        self.is_rotten() && self.rot.tries >= TRIES
    }

    /// The device runs: it may have made the record whole again.
    pub(crate) fn look_at_records(&mut self) {
        self.rot.tries = 0;
        let whole = |bad: &Bad| is_whole(&self.legs[bad.leg], bad.place, bad.twin);
        self.rot.bad = self.rot.bad.filter(|bad| !whole(bad));
    }
}

/// Whether both copies of a record are durably equal and can be read.
fn is_whole(disk: &SimDisk, place: Extent, twin: Extent) -> bool {
    let same = |n| {
        let [a, b] = [place, twin].map(|copy| disk.durable(copy.start() + Sectors(n)));
        a == b
    };
    !disk.is_unreadable(place) && (0..place.count().0).all(same)
}

/// Alters what a read sees, and what is durable. Sectors that are not altered stay in the
/// cache.
fn alter(disk: &SimDisk, place: Extent, way: Way) {
    let sector_of = |n: usize| place.start() + Sectors(n as u64);
    let put = |n: usize, change: &dyn Fn(&mut [u8])| {
        let mut bytes = vec![0; SECTOR_SIZE];
        disk.contents(sector_of(n)).fill(&mut bytes);
        change(&mut bytes);
        disk.preset(sector_of(n), &bytes);
    };
    let all = 0..place.count().0 as usize;
    match way {
        Way::Zeroed => all.for_each(|n| put(n, &|bytes| bytes.fill(0))),
        Way::Overwritten => all.for_each(|n| put(n, &|bytes| bytes.fill(0x55))),
        Way::SectorZeroed(n) => put(n, &|bytes| bytes.fill(0)),
        Way::Flipped(bit) => {
            let (byte, bit) = (bit / 8, bit % 8);
            put(byte / SECTOR_SIZE, &|bytes| bytes[byte % SECTOR_SIZE] ^= 1 << bit);
        }
        Way::Unreadable => disk.spoil(place),
    }
}
