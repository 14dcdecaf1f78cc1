//! A leg has given back what it was asked.

use bio::BufCmd;

use crate::core::event::{Of, Report};
use crate::core::parts::requests::{Req, What};
use crate::core::{Core, Dice, Follow};

impl Core {
    /// Its callers know what the leg was asked: there it comes to one of its arms.
    #[inline(always)]
    pub(in crate::core) fn reported(
        &mut self,
        leg: usize,
        of: Of,
        report: Report,
        dice: Dice<'_>,
    ) -> Follow {
        match of {
            Of::Request(req) => self.step_done(req, leg, report),
            other => self.other_done(leg, other, report, dice),
        }
    }

    /// A leg has done, or failed, a step of a request.
    fn step_done(&mut self, req: Req, leg: usize, report: Report) -> Follow {
        match &self.requests[req].what {
            What::Read(it) => self.read_bio_done(req, *it, report),
            What::Write(_) => self.write_bio_done(req, leg, report),
            What::Looks(_) => {
                self.look_done(req, leg, report);
                Follow::Perhaps
            }
            what @ (What::Free
            | What::Waiting
            | What::Blocks
            | What::Compared(..)
            | What::Verified(_)
            | What::Over) => unreachable!("no leg was asked: {what:?}"),
        }
    }

    #[inline(never)]
    fn other_done(&mut self, leg: usize, of: Of, report: Report, dice: Dice<'_>) -> Follow {
        let write = BufCmd::Write { fua: false };
        match of {
            Of::Request(req) => return self.step_done(req, leg, report),
            Of::Flush => {
                self.name_newcomers(dice);
                self.flush_reported(leg, report);
            }
            Of::Page => {
                let _ = self.returned(leg, write, report);
                self.map_page_written(leg, report.result);
            }
            Of::Superblock => {
                let _ = self.returned(leg, write, report);
                self.superblock_written(leg, report.result);
            }
            Of::Wipe => {
                let _ = self.returned(leg, write, report);
                self.place_wiped(leg, report.result);
            }
            Of::Search => _ = self.returned(leg, BufCmd::Read, report),
        }
        Follow::Perhaps
    }
}
