//! Reads what a leg holds of a mirror: superblocks, then the map.
//!
//! Place: the core has a leg searched once it was flushed (`core/steps/search.rs`), and hears
//! what the leg holds. Changes nothing.
//!
//! Rules:
//!
//! - A slot that cannot be read may hold the newest commit. So a reader does not fall back to
//!   the other slot, as it does for a slot that was torn. Such a page of the map is bad. A
//!   member with such a superblock is in doubt; `assemble` says what that means.
//! - The next commit of such a page goes to the slot that can be read: until it is
//!   durable, a crash leaves the page bad.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::mem;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufDone, Extent, IoResult, Sectors};
use bytes::BytesMut;

use super::Mirror;
use super::times::Kind;
use crate::core::event::{Event, Of, Report};
use crate::core::parts::found::{Found, Unreadable};
use crate::core::parts::news::News;
use crate::format::{Member, Newest, SLOTS, UNIT, UNIT_SECTORS, newest_of, superblock_place};

/// How much of a map is read at once.
const CHUNK: Sectors = Sectors(16 * UNIT_SECTORS.0);

/// The memory that a map takes while it is read, in lengths of the map: its bytes, which grow
/// by doubling, its pages, and the regions of the mirror.
const MAP_COPIES: usize = 4;

/// One leg being read.
struct LegSearch {
    mirror: Arc<Mirror>,
    leg: usize,
    progress: Lock<Progress>,
}

#[derive(Default)]
struct Progress {
    slots: Vec<Vec<u8>>,
    /// The last superblock slot could not be read; it is tried once more.
    failed_once: bool,
    /// The leg cannot be flushed: what it shows may not be durable.
    hidden: bool,
    /// There is no memory for its map, which is as long as this.
    no_room: Option<Sectors>,
    unreadable: Unreadable,
    superblock: Option<Newest>,
    map: Vec<u8>,
    /// Units are read one by one, since a larger read failed.
    by_unit: bool,
}

impl Mirror {
    /// Reads what a leg holds. One that could not be flushed shows what may not be durable.
    pub(super) fn search(self: &Arc<Self>, leg: usize, durable: bool) {
        let progress = Progress { hidden: !durable, ..Progress::default() };
        let progress = Lock::new(Rank::WRITE_GROUP, progress);
        Arc::new(LegSearch { mirror: self.clone(), leg, progress }).next();
    }
}

impl LegSearch {
    /// Reads what comes next, or ends.
    fn next(self: Arc<Self>) {
        let Some(place) = self.place() else { return self.end() };
        let mut since = 0;
        self.mirror.event(|inner| {
            since = inner.times.now();
            Event::Searches { leg: self.leg }
        });
        let leg = &self.mirror.legs[self.leg];
        let memory = BytesMut::zeroed(place.count().bytes());
        leg.strategy(Bio::new(Buf::read(leg.place(place), memory), self.clone(), since));
    }

    /// What is to be read next.
    fn place(&self) -> Option<Extent> {
        let mut progress = self.progress.lock();
        if progress.hidden {
            return None;
        }
        if progress.slots.len() < SLOTS {
            return Some(superblock_place(progress.slots.len()));
        }
        if progress.superblock.is_none() {
            let found = newest_of([&progress.slots[0], &progress.slots[1]]).ok()?;
            let map = found.superblock.geometry.map_place().count();
            if !self.mirror.env.has_room(MAP_COPIES * map.bytes()) {
                (progress.hidden, progress.no_room) = (true, Some(map));
                return None;
            }
            progress.superblock = Some(found);
        }
        let Newest { superblock, .. } = progress.superblock.as_ref()?;
        let map = superblock.geometry.map_place();
        let start = map.start() + Sectors((progress.map.len() / bio::SECTOR_SIZE) as u64);
        let chunk = if progress.by_unit { UNIT_SECTORS } else { CHUNK };
        (start < map.end()).then(|| Extent::new(start, chunk.min(map.end() - start)))
    }

    fn end(&self) {
        let mut progress = self.progress.lock();
        let found = match progress.superblock.take() {
            Some(newest) => {
                let map = mem::take(&mut progress.map);
                let unreadable = mem::take(&mut progress.unreadable);
                match Member::from_bytes(newest, &map) {
                    Ok(mut member) => {
                        unreadable.iter().for_each(|(page, _)| member.pages[*page as usize] = None);
                        Found::Member(Box::new(member), unreadable)
                    }
                    Err(bad) => Found::Bad(bad),
                }
            }
            None if progress.hidden => Found::Absent,
            None => match newest_of([&progress.slots[0], &progress.slots[1]]) {
                // A slot that cannot be read says nothing. The leg may be read at another
                // time.
                Err(_) if progress.slots.iter().any(Vec::is_empty) => Found::Absent,
                Err(bad) => Found::Bad(bad),
                Ok(_) => Found::Absent,
            },
        };
        let no_room = progress.no_room;
        drop(progress);
        if let Some(map) = no_room {
            self.mirror.tell(&News::NoRoom(self.leg, map));
        }
        let (leg, facts) = (self.leg, self.mirror.facts());
        self.mirror.event(|_| Event::Searched { leg, found, facts });
    }

    fn take(&self, memory: Option<BytesMut>, count: Sectors, result: IoResult) {
        let mut progress = self.progress.lock();
        let bytes = match (memory, result) {
            (Some(memory), Ok(())) => memory.to_vec(),
            _ if progress.slots.len() < SLOTS && !progress.failed_once => {
                progress.failed_once = true;
                return;
            }
            _ if progress.slots.len() < SLOTS => Vec::new(),
            _ if count > UNIT_SECTORS && !progress.by_unit => {
                progress.by_unit = true;
                return;
            }
            _ => {
                let unit = progress.map.len() / UNIT;
                progress.unreadable.push(((unit / SLOTS) as u32, unit % SLOTS));
                vec![0; count.bytes()]
            }
        };
        if progress.slots.len() < SLOTS {
            progress.failed_once = false;
            progress.slots.push(bytes);
        } else {
            progress.map.extend(bytes);
        }
    }
}

impl BufDone for LegSearch {
    fn buf_done(self: Arc<Self>, buf: Buf, since: u64, result: IoResult) {
        let (leg, resets) = (self.leg, self.mirror.legs[self.leg].resets());
        let report = Report { result, resets, memory: true };
        self.mirror.event(|inner| {
            inner.times.ended(leg, Kind::Record, since);
            Event::Reported { leg, of: Of::Search, report }
        });
        let count = buf.extent().count();
        self.take(buf.into_read(), count, result);
        self.next();
    }
}
