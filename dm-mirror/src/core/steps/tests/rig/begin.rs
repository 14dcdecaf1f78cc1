//! Mirrors to begin a test with.

use alloc::vec::Vec;
use core::time::Duration;

use super::{Rig, throw};
use crate::core::event::Message;
use crate::core::parts::leg::LegState;
use crate::core::parts::region::Regions;
use crate::core::tests::model::{Disk, GEOMETRY, labelled, setup};
use crate::core::{Core, Log};
use crate::format::MemberId;

impl Rig {
    /// Without records, all legs in sync.
    pub(crate) fn plain(legs: usize) -> Rig {
        Rig::without_records(legs, true)
    }

    /// Without records; all is to be copied from leg 0 to the others.
    pub(crate) fn copying(legs: usize) -> Rig {
        Rig::without_records(legs, false)
    }

    /// Without records, not resumed yet.
    pub(crate) fn new_plain(legs: usize, nosync: bool) -> Rig {
        let (setup, wishes) = setup(legs, Log::Core { region: GEOMETRY.region, nosync });
        let ids = core::array::from_fn(MemberId::new);
        let regions = Regions::new(GEOMETRY, ids, false);
        let (_, disks) = labelled(legs, true, || 1);
        Rig::over(Core::new(setup, wishes, Some(regions), &[0; 4][..legs]), disks)
    }

    fn without_records(legs: usize, nosync: bool) -> Rig {
        let mut mirror = Rig::new_plain(legs, nosync);
        mirror.resume();
        mirror
    }

    /// With records, labelled and not resumed yet.
    pub(crate) fn labelled(legs: usize, clean: bool) -> Rig {
        let mut dice = 1_u64 << 32;
        let (core, disks) = labelled(legs, clean, || throw(&mut dice));
        Rig::over(core, disks)
    }

    /// With records, running; all legs in sync, all regions clean.
    pub(crate) fn recorded(legs: usize) -> Rig {
        Rig::labelled(legs, true).started()
    }

    /// The same, but every region was DIRTY at the start: none is settled yet.
    pub(crate) fn unsettled(legs: usize) -> Rig {
        Rig::labelled(legs, false).started()
    }

    /// With records; region 0 was written and is DIRTY, so nobody waits for its intent.
    pub(crate) fn written(legs: usize) -> Rig {
        let mut mirror = Rig::recorded(legs);
        mirror.write(0, 1);
        mirror.settles();
        mirror
    }

    /// With records; a start has read both members, and found leg 1 absent.
    pub(crate) fn held() -> Rig {
        let mut mirror = Rig::labelled(2, true);
        mirror.resume();
        mirror.finds_only(&[0]);
        assert!(mirror.core.not_started().is_some());
        mirror
    }

    /// With records; leg 1 was out while region 0 was written, is being rebuilt, and no copy
    /// has begun.
    pub(crate) fn rebuilding(legs: usize) -> Rig {
        let mut mirror = Rig::one_out(legs);
        mirror.write(0, 8);
        mirror.settles();
        mirror.says(Message::Add { leg: 1, force: false }).expect("it may come back");
        mirror.settles();
        assert_eq!(mirror.state(1), LegState::Rebuilding);
        mirror
    }

    /// With records; leg 1 missed nothing any more, and is flushed for its promotion.
    pub(crate) fn promoting(legs: usize) -> Rig {
        let mut mirror = Rig::rebuilding(legs);
        while mirror.core.promotion.is_none() {
            mirror.goes_on();
        }
        mirror
    }

    /// With records; a person took leg 1 out.
    pub(crate) fn one_out(legs: usize) -> Rig {
        let mut mirror = Rig::recorded(legs);
        mirror.says(Message::Fail(1)).expect("it is not the last one");
        mirror.settles();
        mirror
    }

    fn over(core: Core, disks: Vec<Disk>) -> Rig {
        Rig {
            core,
            disks,
            now: Duration::ZERO,
            dice: 1 << 40,
            open: Vec::new(),
            alarms: Vec::new(),
            heard: Vec::new(),
            asked: Vec::new(),
            does: Vec::new(),
            events: 0,
        }
    }

    /// The mirror is resumed, and its session begins.
    pub(crate) fn started(mut self) -> Rig {
        self.resume();
        self.settles();
        assert!(self.core.runs(), "it starts: {:?}", self.heard);
        self
    }

    /// The machine goes down: what was durable is what another mirror finds.
    pub(crate) fn crashes(self) -> Rig {
        let legs = self.disks.len();
        let mut mirror = Rig { disks: self.disks, dice: self.dice, ..Rig::labelled(legs, true) };
        mirror.disks.iter_mut().for_each(Disk::loses);
        mirror
    }
}
