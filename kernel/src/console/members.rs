//! The superblocks on devices, and which of them belong together.
//!
//! Place: `mirror label`, `mirror assemble`, `mirror forget` and the boot use it before they do
//! anything.
//!
//! Rules: looking changes nothing. A place that cannot be read is not taken for blank.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::array;

use bio::{Buf, ErrorKind, Sectors};
use bytes::BytesMut;
use dm::{DeviceRef, Dm};
use dm_mirror::assemble::{self, Contest, Places};
use dm_mirror::format::{
    self as on_disk, Bad, FoundPage, MemberState, Newest, SLOTS, Second, Superblock, UNIT,
    UNIT_SECTORS, newest_of, superblock_place,
};

use super::commands::mirrors;
use super::job::Ticket;
use super::session::{Session, room};
use super::stream::Reader;
use super::{Failure, Outcome, stack};

/// The bytes in the places of both superblocks.
pub type Slots = [Vec<u8>; SLOTS];

/// The smallest device that can hold superblocks.
const SMALLEST: Sectors = Sectors(SLOTS as u64 * UNIT_SECTORS.0);

/// Reads the places of the superblocks of each device. `Err` for a device that is too small, or
/// whose places cannot be read, neither of them. If one of the two cannot be read, it has no
/// bytes.
pub fn read_slots(
    session: &mut Session<'_>,
    devices: &[DeviceRef],
) -> Result<Vec<Result<Slots, ErrorKind>>, Failure> {
    let mut all = Vec::new();
    session.job(Sectors::ZERO, |job| {
        // All reads at once, so that a slow disk holds up the others only once.
        room(devices.len() * SLOTS * UNIT * 2)?;
        let mut issue = |device: &DeviceRef, slot| {
            let memory = BytesMut::zeroed(UNIT);
            job.issue(device, Buf::read(superblock_place(slot), memory))
        };
        let tickets: Vec<Option<[Ticket; SLOTS]>> = devices
            .iter()
            .map(|it| (it.capacity() >= SMALLEST).then(|| array::from_fn(|slot| issue(it, slot))))
            .collect();
        for tickets in tickets {
            let Some(tickets) = tickets else {
                all.push(Err(ErrorKind::Invalid));
                continue;
            };
            let (mut slots, mut error) = (Slots::default(), None);
            for (slot, ticket) in slots.iter_mut().zip(tickets) {
                let (buf, result) = job.wait(ticket)?;
                *slot = match (result, buf.into_read()) {
                    (Ok(()), Some(memory)) => memory.to_vec(),
                    (result, _) => {
                        error = Some(result.err().map_or(ErrorKind::Gone, |error| error.kind));
                        Vec::new()
                    }
                };
            }
            let read = slots.iter().any(|slot| slot.iter().any(|&byte| byte != 0));
            all.push(match error {
                Some(kind) if !read => Err(kind),
                _ => Ok(slots),
            });
        }
        Ok(())
    })?;
    Ok(all)
}

/// The newest of both superblocks, ...
pub fn superblock(slots: &Slots) -> Result<Superblock, Bad> {
    newest(slots).map(|newest| newest.superblock)
}

/// ... and what is known of the other superblock.
pub fn newest(slots: &Slots) -> Result<Newest, Bad> {
    newest_of([&slots[0], &slots[1]])
}

/// A member in words: `member 1 of the mirror `home` (its uuid), in sync`.
pub fn describe(superblock: &Superblock) -> String {
    let state = match superblock.own().state {
        MemberState::InSync => "in sync",
        MemberState::Out => "out",
        MemberState::Rebuilding => "being rebuilt",
        MemberState::FailedMedia => "out for errors of its medium",
        MemberState::FailedByHand => "failed by hand",
    };
    let Superblock { slot, name, set, .. } = superblock;
    format!("member {slot} of the mirror `{name}` ({set}), {state} as it last knew")
}

/// All whole disks, in the order of their names' numbers.
pub fn disks(dm: &Dm) -> Vec<DeviceRef> {
    dm.list().into_iter().filter(|it| !it.mapped).map(|it| it.device).collect()
}

/// A device that is a member.
#[derive(Clone)]
pub struct Member {
    /// The device.
    pub device: DeviceRef,
    /// Its newest superblock, ...
    pub superblock: Superblock,
    /// ... and what the other slot holds.
    pub second: Second,
    /// Its map, if that was asked for.
    pub map: Vec<Option<FoundPage>>,
}

/// The members of one mirror that were found.
pub struct Set {
    /// In the order in which they were found; at least one.
    pub members: Vec<Member>,
}

impl Set {
    /// Sorts members by their mirrors.
    pub fn sort(members: Vec<Member>) -> Vec<Set> {
        let mut sets: Vec<Set> = Vec::new();
        for member in members {
            let same = |set: &&mut Set| set.members[0].superblock.set == member.superblock.set;
            match sets.iter_mut().find(same) {
                Some(set) => set.members.push(member),
                None => sets.push(Set { members: vec![member] }),
            }
        }
        sets
    }

    /// The superblock to read the mirror's name and size from. The mirror itself decides whom
    /// to believe.
    pub fn newest(&self) -> &Superblock {
        // If places are contested, any superblock will do for the name.
        let newest = self.decided().map_or(0, |places| places.newest);
        &self.members[newest].superblock
    }

    /// Whether all members are there that the newest record calls in sync.
    pub fn is_complete(&self) -> bool {
        let mut wanted = self.newest().members.iter().flatten();
        wanted.all(|it| {
            let mut here = self.members.iter().map(|member| member.superblock.own().uuid);
            it.state != MemberState::InSync || here.any(|uuid| uuid == it.uuid)
        })
    }

    fn decided(&self) -> Result<Places, Contest> {
        let member = |it: &Member| on_disk::Member {
            second: it.second,
            ..on_disk::Member::new(it.superblock.clone(), 0, it.map.clone())
        };
        let members: Vec<on_disk::Member> = self.members.iter().map(member).collect();
        let members: Vec<Option<&on_disk::Member>> = members.iter().map(Some).collect();
        assemble::places(&members).expect("a set has a member")
    }

    /// Reads the maps, if the superblocks alone do not say who has a place. A map that cannot
    /// be read shows nothing.
    pub fn look_closer(&mut self, session: &mut Session<'_>) -> Outcome {
        if !matches!(self.decided(), Err(Contest::Apart { .. })) {
            return Ok(());
        }
        for Member { device, superblock, second, map } in &mut self.members {
            let place = superblock.geometry.map_place();
            if !place.fits(device.capacity()) {
                continue;
            }
            // Once for the map's bytes, once for its pages.
            room(2 * place.count().bytes())?;
            let mut bytes = Vec::with_capacity(place.count().bytes());
            let read = session.job(Sectors::ZERO, |job| {
                let mut reader = Reader::new(device, place);
                while let Some((_, data)) = reader.next(job)? {
                    bytes.extend_from_slice(&data);
                    job.recycle(data);
                }
                Ok(())
            });
            session.go_on()?;
            if read.is_ok() {
                let superblock = superblock.clone();
                let newest = Newest { slot: 0, superblock, second: *second };
                let member = on_disk::Member::from_bytes(newest, &bytes);
                *map = member.map_or(Vec::new(), |member| member.pages);
            }
        }
        Ok(())
    }

    /// The members by their slots, and the members without one. Refuses members that contest a
    /// slot.
    pub fn places(&self) -> Result<(Vec<Option<&Member>>, Vec<&Member>), Failure> {
        let places = self.decided().map_err(|contest| self.contested(&contest))?;
        let member = |device: usize| &self.members[device];
        let slots = self.newest().members.iter().rposition(Option::is_some);
        let slots = slots.map_or(0, |last| last + 1);
        let holders = places.holders.iter().take(slots);
        let holders = holders.map(|it| it.map(member)).collect();
        Ok((holders, places.left_out.into_iter().map(member).collect()))
    }

    /// The refusal of devices if nobody can say which of them has a place.
    fn contested(&self, contest: &Contest) -> Failure {
        let name = |device: usize| self.members[device].device.name();
        let list = |devices: &[usize], around: &str, between: &str| {
            let names = devices.iter().map(|it| format!("{around}{}{around}", name(*it)));
            names.collect::<Vec<_>>().join(between)
        };
        match contest {
            Contest::Copies(this, other) => {
                let slot = self.members[*this].superblock.slot;
                let (this, other) = (name(*this), name(*other));
                Failure::new(format!(
                    "`{this}` and `{other}` both claim to be member {slot}: one is a copy"
                ))
                .and(&format!(
                    "detach the copy, or `mirror forget DISK --force`: {this} or {other}"
                ))
            }
            Contest::Apart { member, sides } => {
                let halves: Vec<String> =
                    sides.iter().map(|side| list(side, "`", " and ")).collect();
                let what = format!(
                    "{} ran apart, and two disks have the place of member {member}",
                    halves.join(", and ")
                );
                let failure = Failure::new(what).and("each may have what the others lack; choose:");
                sides.iter().fold(failure, |failure, side| {
                    failure.and(&format!("`mirror assemble {}`", list(side, "", " ")))
                })
            }
        }
    }
}

/// The mapped device that has a mirror with records on `name`.
pub fn owner(dm: &Dm, name: &str) -> Option<String> {
    let remembers = |user: &&alloc::sync::Arc<str>| {
        let device = dm.get(user);
        device.is_ok_and(|device| mirrors(&device).iter().any(|it| it.table.remembers()))
    };
    stack::users(dm, name).iter().find(remembers).map(|user| String::from(&**user))
}
