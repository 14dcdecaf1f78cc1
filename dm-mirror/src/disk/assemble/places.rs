//! Who has the place of each member.
//!
//! Place: asked before a mirror is made of disks, by a console and by tools that look at
//! images: a table names one device for each member. It is pure, and uses the relations of
//! `elect.rs`, so that this answer and the decision of the start agree.
//!
//! Rules:
//!
//! - The newest generation says which disk a number means. The largest count of sessions does
//!   not: a replaced disk may have been started alone many times.
//! - A disk that the newest generation does not mean is left out, and left alone.
//! - If no generation is the newest and two disks claim one number, the maps are asked: a half
//!   whose map shows that it wrote nothing since it ran alone is old. Otherwise nobody is
//!   chosen, and all disks concerned are named.
//! - Two disks with the same identity are both named.

use alloc::vec;
use alloc::vec::Vec;

use super::candidate::{Candidate, present};
use super::elect::{Side, rank, sides, written_without};
use super::types::Missed;
use crate::format::{MEMBERS_MAX, Member, MemberId};

/// Which device has which place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// By member: which of the devices given has the member's place.
    pub holders: [Option<usize>; MEMBERS_MAX],
    /// The devices that have no place, in order: by their numbers the newest generation means
    /// another disk, or none.
    pub left_out: Vec<usize>,
    /// The device with the newest record; it says what the mirror is called, and how
    /// large it is.
    pub newest: usize,
}

/// Devices that contest places, of those given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contest {
    /// Two say that they are the same member: one is a copy of the other.
    Copies(usize, usize),
    /// Halves ran apart, and two disks claim one number. Which disk it means depends on the
    /// half that is kept.
    Apart {
        /// The member that both claim to be.
        member: MemberId,
        /// The devices of each half, in order.
        sides: Vec<Vec<usize>>,
    },
}

/// Says which of these devices has which place of their mirror. All are of one set. The map of
/// a member without pages shows nothing. `None` if there are no devices.
pub fn places(found: &[Option<&Member>]) -> Option<Result<Places, Contest>> {
    let present = present(found);
    (!present.is_empty()).then(|| placed(&present))
}

fn placed(present: &[Candidate<'_>]) -> Result<Places, Contest> {
    let mut heads = sides(present);
    if heads.is_empty() {
        // Nobody is evidence: the mirror will refuse them, and says why.
        let newest = newest(present.iter().copied());
        heads = vec![Side { members: present.to_vec(), newest }];
    }
    match held(present, &heads) {
        Err(Contest::Apart { member, sides }) => match winner(&heads) {
            Some(winner) => held(present, core::slice::from_ref(winner)),
            None => Err(Contest::Apart { member, sides }),
        },
        places => places,
    }
}

/// The places as these sides know them.
fn held(present: &[Candidate<'_>], heads: &[Side<'_>]) -> Result<Places, Contest> {
    let mut holders = [None::<Candidate<'_>>; MEMBERS_MAX];
    let mut left_out = Vec::new();
    for &it in present {
        if !heads.iter().any(|side| side.newest.entry_of(it).is_some()) {
            left_out.push(it.device);
            continue;
        }
        match holders[it.id().index()].replace(it) {
            None => {}
            Some(other) if other.own().uuid == it.own().uuid => {
                return Err(Contest::Copies(other.device, it.device));
            }
            Some(_) => return Err(apart(it.id(), present, heads)),
        }
    }
    left_out.sort_unstable();
    let newest = newest(heads.iter().map(|side| side.newest)).device;
    Ok(Places { holders: holders.map(|it| it.map(|it| it.device)), left_out, newest })
}

fn newest<'a>(of: impl Iterator<Item = Candidate<'a>>) -> Candidate<'a> {
    of.max_by_key(|it| rank(*it)).expect("one is there")
}

/// The side that has all that the others have, by their maps; the newest of several.
fn winner<'s, 'a>(heads: &'s [Side<'a>]) -> Option<&'s Side<'a>> {
    let has_all = |side: &&Side<'_>| {
        let others = heads.iter().filter(|it| it.newest.device != side.newest.device);
        !side.newest.rolled_back && { others }.all(|other| has_all_of(side, other))
    };
    heads.iter().filter(has_all).max_by_key(|side| rank(side.newest))
}

/// Whether one side has all that each member of the other has. Each of those members had a
/// past in common with a member of this side, and wrote nothing without it since, by its own
/// map.
fn has_all_of(side: &Side<'_>, other: &Side<'_>) -> bool {
    let wrote_nothing = |it: Candidate<'_>, by: Candidate<'_>| {
        it.entry_of(by).is_some()
            && by.has_a_past_in_common(it)
            && !it.rolled_back
            && !by.rolled_back
            && written_without(it, by) == Missed::Regions(Vec::new())
    };
    other.members.iter().all(|it| side.members.iter().any(|by| wrote_nothing(*it, *by)))
}

/// Each half with those who go with it: members that it knows, and that lead no other half.
fn apart(member: MemberId, present: &[Candidate<'_>], heads: &[Side<'_>]) -> Contest {
    let in_side = |side: &Side<'_>, it: Candidate<'_>| {
        side.members.iter().any(|member| member.device == it.device)
    };
    let goes_with = |side: &Side<'_>, it: Candidate<'_>| {
        let leads = heads.iter().any(|head| in_side(head, it));
        in_side(side, it) || (!leads && side.newest.entry_of(it).is_some())
    };
    let devices = |side: &Side<'_>| {
        let its = present.iter().filter(|it| goes_with(side, **it));
        let mut devices: Vec<usize> = its.map(|it| it.device).collect();
        devices.sort_unstable();
        devices
    };
    let mut sides: Vec<Vec<usize>> = heads.iter().map(devices).collect();
    sides.sort();
    Contest::Apart { member, sides }
}
