//! A leg goes out.

use crate::core::Core;
use crate::core::parts::leg::{Failure, LegState};
use crate::core::parts::news::News;

impl Core {
    /// Takes a leg out, unless it is the last one in sync, and tells a person. Returns whether
    /// that is news. It follows that superblocks come to say so, and that nothing waits any
    /// longer for that leg to be made equal.
    pub(super) fn fail_leg(&mut self, leg: usize, why: Failure) -> bool {
        let news = self.fail(leg, why);
        if news {
            self.tell(News::Out(leg, why));
        }
        news
    }

    /// Takes a leg out and says whether that is news; not the last in sync.
    fn fail(&mut self, leg: usize, why: Failure) -> bool {
        let last = self.in_sync().iter().eq([leg]);
        match self.legs[leg].state() {
            LegState::Failed(_) => return false,
            LegState::InSync if last => return false,
            LegState::InSync | LegState::Rebuilding | LegState::Returning => {}
        }
        self.legs.set(leg, LegState::Failed(why));
        self.resync.forget(leg, |_| true);
        self.resync.stuck = false;
        self.replaces_no_more(leg);
        let by = self.in_sync().iter().next().expect("the last one is never failed");
        if let Some(regions) = &mut self.regions {
            regions.exclude(leg);
            let (member, by) = (regions.member(leg), regions.member(by));
            if let Some(membership) = &mut self.membership {
                membership.exclude(leg, member, by, why.recorded_as());
                self.untold.excluded.insert(leg);
                if !membership.has(member) {
                    self.legs.set(leg, LegState::Failed(Failure::NoMember));
                }
            }
        }
        true
    }
}
