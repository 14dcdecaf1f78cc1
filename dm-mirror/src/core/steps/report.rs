//! A leg has given back what it was asked.

use bio::BufCmd;

use crate::core::event::{Of, Report};
use crate::core::parts::requests::What;
use crate::core::{Core, Follow};

impl Core {
    pub(in crate::core) fn reported(
        &mut self,
        leg: usize,
        of: Of,
        report: Report,
        dice: &mut dyn FnMut() -> u64,
    ) -> Follow {
        let write = BufCmd::Write { fua: false };
        match of {
            Of::Request(req) => match &self.requests[req].what {
                What::Read(it) => return self.read_bio_done(req, *it, report),
                What::Write(_) => return self.write_bio_done(req, leg, report),
                What::Looks(_) => self.look_done(req, leg, report),
                what @ (What::Free
                | What::Waiting
                | What::Blocks
                | What::Compared(..)
                | What::Verified(_)
                | What::Over) => unreachable!("no leg was asked: {what:?}"),
            },
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
