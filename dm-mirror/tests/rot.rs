//! Every bit of every record may flip: what is decided then is right, or it is held.
//!
//! Two legs are brought into each state in which records matter. Then a bit of one record
//! of one leg flips, each in turn, and the start is decided from what is there, as
//! `start.rs` does it. It is compared with what the legs really lack. In *the window*
//! one copy is still that of the commit before.
//!
//! `SIM_EXHAUSTIVE=1` takes every bit; the test command one of some.

mod rig;

use std::ops::Range;

use bio::{ErrorKind, SECTOR_SIZE};
use dm_mirror::assemble::{Missed, Role, Verdict, assemble};
use dm_mirror::format::{
    Bad, Marks, Member, MemberId, Region, SLOTS, UNIT, newest_of, page_place, superblock_place,
};
use rig::LENGTH;
use rig::recorded::{Ask, DATA, REGION, Recorded, Survives};
use sim::{Landed, Outcome};

const REGIONS: u32 = (LENGTH / REGION) as u32;

/// The records of a leg: two superblocks, and a page twice.
const RECORDS: usize = 2 * SLOTS;

/// What both legs hold, and what of it is true.
struct State {
    name: &'static str,
    legs: [Vec<u8>; 2],
    /// The regions that leg 1 lacks; leg 0 has all.
    lacks: Vec<u32>,
    /// Those in which they may differ otherwise.
    differ: Vec<u32>,
}

impl State {
    fn of(name: &'static str, rig: &Recorded, lacks: &[u32], differ: &[u32]) -> State {
        let legs = [0, 1].map(|leg| rig.snapshot(leg)[..DATA as usize * SECTOR_SIZE].to_vec());
        State { name, legs, lacks: lacks.into(), differ: differ.into() }
    }

    /// The same with one record of leg 0 as it was `before`, one commit earlier.
    fn in_window(&self, before: &State, record: usize, name: &'static str) -> State {
        let mut legs = self.legs.clone();
        let place = place(record);
        legs[0][place.clone()].copy_from_slice(&before.legs[0][place]);
        State { name, legs, lacks: self.lacks.clone(), differ: self.differ.clone() }
    }

    /// Looks at every bit of every record of both legs, or every so many.
    #[track_caller]
    fn survives_rot(&self) {
        self.judge("nothing", &self.legs);
        let step = if std::env::var_os("SIM_EXHAUSTIVE").is_some() { 1 } else { 61 };
        for leg in 0..2 {
            for bit in (0..RECORDS * UNIT * 8).step_by(step) {
                let mut legs = self.legs.clone();
                legs[leg][bit / 8] ^= 1 << (bit % 8);
                self.judge(&format!("bit {bit} of leg {leg}"), &legs);
            }
            for record in 0..RECORDS {
                for byte in [0, 0x55, 0xff] {
                    let mut legs = self.legs.clone();
                    legs[leg][place(record)].fill(byte);
                    self.judge(&format!("record {record} of leg {leg}, all {byte:#x}"), &legs);
                }
            }
        }
    }

    fn judge(&self, what: &str, legs: &[Vec<u8>; 2]) {
        let members: Vec<_> = legs.iter().map(|bytes| member(bytes).ok()).collect();
        let found: Vec<Option<&Member>> = members.iter().map(Option::as_ref).collect();
        let plan = match assemble(&found, None) {
            Verdict::Start(plan) => plan,
            Verdict::Hold { .. } | Verdict::Refuse(_) => return,
        };
        let role = |leg: usize| {
            let roles = MemberId::all().map(|id| plan.role(id));
            let of = |role: &Role| match role {
                Role::InSync { device } | Role::Return { device, .. } => *device == leg,
                _ => false,
            };
            roles.into_iter().find(|role| of(role)).cloned()
        };
        let wrong = |why: &str| panic!("{}: {what}: {why}: {plan}", self.name);
        let lacks = |region: &u32| self.lacks.contains(region);
        match (role(0), role(1)) {
            (Some(Role::InSync { .. }), Some(Role::InSync { .. })) => {
                let marks = |leg: usize, region| {
                    found[leg].unwrap().marks(Region(region)).unwrap_or(Marks::all())
                };
                let dirty = |region| (marks(0, region) | marks(1, region)).contains(Marks::DIRTY);
                if self.lacks.iter().any(|_| true) {
                    wrong("leg 1 lacks something, and is in sync");
                }
                if !self.differ.iter().all(|region| dirty(*region)) {
                    wrong("they differ where nothing is dirty");
                }
            }
            (Some(Role::InSync { .. }), Some(Role::Return { missed, .. })) => {
                let given = |region: u32| match &missed {
                    Missed::Everything => true,
                    Missed::Regions(regions) => regions.contains(&Region(region)),
                };
                let needs = |region: &u32| lacks(region) || self.differ.contains(region);
                if !(0..REGIONS).filter(needs).all(given) {
                    wrong("leg 1 is not given what it lacks");
                }
            }
            (Some(Role::InSync { .. }), None) => {}
            (other, _) if !self.lacks.is_empty() => wrong(&format!("leg 0 is {other:?}")),
            _ => {}
        }
    }
}

/// Where a record of a leg lies: both superblocks, both slots of the page.
fn place(record: usize) -> Range<usize> {
    let place = match record {
        0 | 1 => superblock_place(record),
        _ => page_place(0, record - SLOTS),
    };
    let start = place.start().0 as usize * SECTOR_SIZE;
    start..start + UNIT
}

fn member(bytes: &[u8]) -> Result<Member, Bad> {
    let newest = newest_of([&bytes[place(0)], &bytes[place(1)]])?;
    Member::from_bytes(newest, &bytes[SLOTS * UNIT..RECORDS * UNIT])
}

/// Both in sync, everything clean, and the mirror stopped.
fn clean() -> State {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    assert!(rig.stop());
    State::of("clean", &rig, &[], &[])
}

/// Writes were on their way, in regions 1 and 2; the legs may differ there.
fn dirty() -> (State, State) {
    let mut rig = Recorded::new(2);
    let before = State::of("before", &rig, &[], &[]);
    rig.put(REGION, 2 * REGION, 1);
    rig.pass();
    rig.settle();
    (before, State::of("dirty", &rig, &[], &[1, 2]))
}

/// Leg 1 is out, and lacks regions 2 and 5.
fn degraded() -> (State, State) {
    let mut rig = Recorded::new(2);
    rig.put(0, LENGTH, 1);
    rig.rest();
    let before = State::of("before", &rig, &[], &[]);
    rig.message("fail 1").unwrap();
    rig.settle();
    rig.put(2 * REGION, 1, 2);
    rig.put(5 * REGION, 1, 2);
    rig.rest();
    (before, State::of("degraded", &rig, &[2, 5], &[]))
}

/// Leg 1 is being rebuilt, and lacks regions 2 and 5 still.
fn rebuilding() -> State {
    let mut rig = Recorded::leg_out(2);
    rig.put(2 * REGION, 1, 2);
    rig.put(5 * REGION, 1, 2);
    rig.sync();
    rig.message("sync_rate 1,1").unwrap();
    rig.message("add 1").unwrap();
    rig.until(|rig| rig.message("show").unwrap().contains("rebuilding"));
    State::of("rebuilding", &rig, &[2, 5], &[])
}

#[test]
fn no_bit_that_flips_in_a_clean_mirror_makes_it_wrong() {
    clean().survives_rot();
}

#[test]
fn no_bit_that_flips_in_a_dirty_mirror_makes_it_wrong() {
    dirty().1.survives_rot();
}

#[test]
fn no_bit_that_flips_in_a_degraded_mirror_makes_it_wrong() {
    degraded().1.survives_rot();
}

#[test]
fn no_bit_that_flips_in_a_mirror_that_is_rebuilt_makes_it_wrong() {
    rebuilding().survives_rot();
}

#[test]
fn no_bit_that_flips_while_a_record_stands_alone_makes_it_wrong() {
    let (before, degraded) = degraded();
    let (clean, dirty) = dirty();
    for slot in 0..SLOTS {
        degraded.in_window(&before, slot, "degraded, in the window").survives_rot();
        dirty.in_window(&clean, SLOTS + slot, "dirty, in the window").survives_rot();
    }
}

#[test]
fn a_record_that_went_bad_is_written_anew_by_the_start_and_counted() {
    for record in 0..RECORDS {
        let mut rig = Recorded::new(2);
        rig.put(0, LENGTH, 1);
        rig.rest();
        let mut bytes = rig.snapshot(0);
        bytes[place(record)][700] ^= 4;
        rig.restore(0, &bytes);
        assert!(!rig.message("show").unwrap().contains("records repaired"));
        let mut rig = rig.crash(&[Survives::All; 2]);
        rig.until(|rig| rig.asks(0).contains(&Ask::Super));
        assert!(!rig.message("show").unwrap().contains("records repaired"), "not yet");
        rig.rest();
        let report = rig.message("show").unwrap();
        assert!(report.contains("\nrecords repaired: 1 on leg 0\n"), "{report}");
        // A page's second copy has no flush of its own.
        rig.sync();
        let bytes = rig.snapshot(0);
        let member = member(&bytes).unwrap();
        assert_eq!(member.damaged(), 0, "record {record}");
        assert!(rig.agree(0, 1));
    }
}

/// Legs 0 and 1 both fail to write that leg 2 is out, but leg 0 keeps it. Leg 1 goes on
/// alone, and says so in the commit after; that one goes bad. If it were the only one, leg 0
/// would show the commit that failed and be believed, without what was acknowledged.
#[test]
fn a_superblock_that_goes_bad_behind_a_commit_that_failed_makes_nothing_stale() {
    let mut rig = Recorded::new(3);
    rig.put(0, 1, 1);
    rig.sync();
    rig.put(0, 1, 2);
    rig.message("fail 2").unwrap();
    let late = rig.disks[0].pending(0).expect("a superblock").extent;
    rig.end_ask(0, Ask::Super, Outcome::Fail(ErrorKind::Media, Landed::All));
    rig.fail_ask(1, Ask::Super);
    assert_eq!(rig.letters(), "DAD");
    while {
        let flush = rig.flush();
        rig.until(|rig| rig.end(flush).is_some());
        rig.end(flush) != Some(Ok(()))
    } {}
    rig.disks[0].preset(late.start(), &rig.bytes(0, late));
    let mut bytes = rig.snapshot(1);
    bytes[place(rig.member(1).slot)].fill(0x55);
    rig.restore(1, &bytes);
    let mut rig = rig.crash_and_start(&[Survives::Durable; 3], &[true, true, false], "");
    rig.rest();
    assert!(!rig.runs() || rig.get(0, 1) == 2, "{}", rig.message("show").unwrap());
}

/// Leg 1 goes on without leg 0, and writes nothing. Then one superblock of leg 0 is lost: it
/// may have said that leg 0 goes on without leg 1; and so is the map that could show that leg
/// 0 wrote nothing.
#[test]
fn a_member_in_doubt_does_not_win_over_one_that_went_on_without_it() {
    for slot in 0..SLOTS {
        let rig = Recorded::new(2).stop_and_start(&[false, true]);
        rig.settle();
        rig.message("start_degraded").unwrap();
        rig.rest();
        assert_eq!(rig.letters(), "DA");
        assert!(rig.stop());
        let pages = (0..SLOTS).map(|slot| page_place(0, slot));
        for lost in pages.chain([superblock_place(slot)]) {
            rig.disks[0].preset(lost.start(), &[0x55; UNIT]);
        }
        let rig = rig.made_anew(&[true; 2]);
        rig.settle();
        let show = rig.message("show").unwrap();
        assert!(!rig.runs() && show.contains("ran apart"), "{show}");
        rig.message("keep 1").unwrap();
        rig.rest();
        assert_eq!(rig.letters(), "AA");
    }
}
