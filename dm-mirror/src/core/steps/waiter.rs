//! Who waits for a range, and what begins once it is held.

use bio::{BufCmd, Extent, Sector};

use crate::core::parts::range::{Mode, Ticket};
use crate::core::parts::requests::Req;
use crate::core::parts::waiter::Waiter;
use crate::core::{Core, Follow};

impl Core {
    /// Starts `waiter` once it has its range.
    ///
    /// Its callers know who waits: there `begin` comes to one of its arms.
    #[inline(always)]
    pub(super) fn enter(&mut self, extent: Extent, mode: Mode, waiter: Waiter) -> Follow {
        let (ticket, granted) = self.ranges.acquire(extent, mode, waiter);
        if granted.is_some() { self.begin(ticket, waiter) } else { Follow::Nothing }
    }

    /// Waits for the range of the whole mirror.
    pub(super) fn enter_whole(&mut self, waiter: Waiter) -> Follow {
        let whole = Extent::new(Sector(0), self.setup.length);
        self.enter(whole, Mode::Exclusive, waiter)
    }

    #[inline(always)]
    fn begin(&mut self, ticket: Ticket, waiter: Waiter) -> Follow {
        match waiter {
            Waiter::Request(req) => {
                let request = &mut self.requests[req];
                request.ticket = Some(ticket);
                match request.cmd {
                    BufCmd::Read => self.read(req),
                    BufCmd::Write { .. } | BufCmd::FreeBlks | BufCmd::Flush => {
                        self.start_group(req)
                    }
                }
            }
            Waiter::Copy(extent) => self.copy(ticket, extent),
            Waiter::Promote(legs) => self.promote(ticket, legs),
            Waiter::Scrub(job) => self.examine(ticket, job),
        }
    }

    /// Gives the range of a request back, if it has one.
    #[inline]
    pub(super) fn release_of(&mut self, req: Req) {
        if let Some(ticket) = self.requests[req].ticket.take() {
            self.ranges.release(ticket);
        }
    }

    /// Starts all whose range has become free.
    #[inline]
    pub(in crate::core) fn grant(&mut self) -> Follow {
        if self.ranges.nobody_is_ready() { Follow::Nothing } else { self.grant_all() }
    }

    fn grant_all(&mut self) -> Follow {
        let mut follow = Follow::Nothing;
        while let Some((ticket, waiter)) = self.ranges.grant() {
            follow = follow.or(self.begin(ticket, waiter));
        }
        follow
    }
}
