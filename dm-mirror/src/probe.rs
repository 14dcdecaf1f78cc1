//! Reads what legs hold of a mirror: superblocks, then the map.
//!
//! Place: `start.rs` asks for all legs, `readmit.rs` for one; the last leg to be
//! read ends the probe. Changes nothing.
//!
//! Rules:
//!
//! - A leg is flushed before it is read, so that all that is found is durable. The
//!   last machine may have gone down and left the disks their power: a superblock
//!   that is only in a cache would be believed, seen by the other members, and
//!   overtaken in its other slot, and then be lost.
//! - A slot that cannot be read may hold the newest commit: the other slot is no
//!   fall-back, as it is for a slot that was torn. Such a page of the map is bad;
//!   a member with such a superblock is in doubt, and what that means `assemble` says.
//! - Whoever writes such a page again begins with the slot that can be read: as
//!   long as both are bad, a crash leaves the page bad.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::array;
use core::mem;

use bio::sync::{Lock, Rank};
use bio::{Bio, Buf, BufCmd, BufDone, Extent, IoResult, Sectors};
use bytes::BytesMut;
use dm::Severity;

use crate::counts::Cause;
use crate::format::{
    Bad, Member, Newest, SLOTS, Superblock, UNIT, UNIT_SECTORS, newest_of, superblock_place,
};
use crate::leg::{LEGS_MAX, LegSet};
use crate::mirror::Mirror;

/// How much of a map is read at once.
const CHUNK: Sectors = Sectors(16 * UNIT_SECTORS.0);

/// A map that is being read takes so much memory, in lengths of the map: its bytes, which
/// grow by doubling, its pages, and the regions of the mirror.
const MAP_COPIES: usize = 4;

/// What a leg holds.
#[derive(Debug)]
pub(crate) enum Found {
    /// No device, or one that cannot be flushed or read, or for whose map there is no memory.
    Absent,
    /// No superblock that can be used.
    Bad(Bad),
    /// A member, and the slots of its map that cannot be read.
    Member(Box<Member>, Unreadable),
}

/// Pages of a map, each with the slot that cannot be read.
pub(crate) type Unreadable = Vec<(u32, usize)>;

/// What is done with what was found.
pub(crate) type Then = Box<dyn FnOnce(&Arc<Mirror>, [Found; LEGS_MAX]) + Send>;

/// A probe on its way; each leg that is being read holds it.
struct Probe {
    mirror: Arc<Mirror>,
    found: Lock<[Found; LEGS_MAX]>,
    then: Lock<Option<Then>>,
}

/// One leg being read.
struct LegProbe {
    probe: Arc<Probe>,
    leg: usize,
    progress: Lock<Progress>,
}

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
    /// Reads `legs`, then calls `then` with what each of them holds.
    pub(crate) fn probe(self: &Arc<Self>, legs: LegSet, then: Then) {
        let found = Lock::new(Rank::WRITE_GROUP, array::from_fn(|_| Found::Absent));
        let then = Lock::new(Rank::WRITE_GROUP, Some(then));
        let probe = Arc::new(Probe { mirror: self.clone(), found, then });
        for leg in legs.iter().filter(|&leg| self.legs[leg].device.is_some()) {
            let progress = Progress {
                slots: Vec::new(),
                failed_once: false,
                hidden: false,
                no_room: None,
                unreadable: Vec::new(),
                superblock: None,
                map: Vec::new(),
                by_unit: false,
            };
            let progress = Lock::new(Rank::WRITE_GROUP, progress);
            Arc::new(LegProbe { probe: probe.clone(), leg, progress }).flush();
        }
    }
}

impl LegProbe {
    fn flush(self: Arc<Self>) {
        let mirror = &self.probe.mirror;
        mirror.flush_leg(self.leg, Bio::new(Buf::flush(), self.clone(), 0), Cause::Super);
    }

    /// Reads what comes next, or ends.
    fn next(self: Arc<Self>) {
        let Some(place) = self.place() else { return self.end() };
        let mirror = &self.probe.mirror;
        mirror.state.lock().legs[self.leg].issued(BufCmd::Read, Cause::Super);
        let leg = &mirror.legs[self.leg];
        let memory = BytesMut::zeroed(place.count().bytes());
        leg.strategy(Bio::new(Buf::read(leg.place(place), memory), self.clone(), 0));
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
            if !self.probe.mirror.env.has_room(MAP_COPIES * map.bytes()) {
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
                // A slot that cannot be read says nothing; the leg may be read another time.
                Err(_) if progress.slots.iter().any(Vec::is_empty) => Found::Absent,
                Err(bad) => Found::Bad(bad),
                Ok(_) => Found::Absent,
            },
        };
        let no_room = progress.no_room;
        drop(progress);
        if let Some(map) = no_room {
            let (mirror, name) = (&self.probe.mirror, self.probe.mirror.call(self.leg));
            let bytes = map.bytes();
            mirror.note(
                Severity::Error,
                format_args!("{name} counts as absent: no memory for its map of {bytes} bytes"),
            );
        }
        // A lock of the same rank: one after the other.
        self.probe.found.lock()[self.leg] = found;
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

impl BufDone for LegProbe {
    fn buf_done(self: Arc<Self>, buf: Buf, _info: u64, result: IoResult) {
        self.probe.mirror.returned(self.leg, buf.cmd(), result);
        if buf.cmd() == BufCmd::Flush {
            self.progress.lock().hidden = result.is_err();
            return self.next();
        }
        let count = buf.extent().count();
        self.take(buf.into_read(), count, result);
        self.next();
    }
}

impl Drop for Probe {
    /// Every leg was read.
    fn drop(&mut self) {
        let found = mem::replace(self.found.get_mut(), array::from_fn(|_| Found::Absent));
        let then = self.then.get_mut().take().expect("a probe ends once");
        then(&self.mirror, found);
    }
}

impl Mirror {
    /// Whether the data of a member with this superblock fits its leg.
    pub(crate) fn fits(&self, leg: usize, superblock: &Superblock) -> bool {
        self.check_fit(leg, superblock.geometry).is_ok()
    }
}
