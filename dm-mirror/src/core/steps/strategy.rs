//! The entry of every request (`dmirror_strategy`).

use bio::{BufCmd, ErrorKind, Extent, IoError, IoResult};

use crate::core::event::Action;
use crate::core::parts::range::Mode;
use crate::core::parts::requests::{Origin, Req, Request, What};
use crate::core::parts::waiter::Waiter;
use crate::core::{Core, Follow, Life};

impl Core {
    /// A user's request came. Its name is the one that was said to be the next.
    #[inline(never)]
    pub(in crate::core) fn asked(&mut self, req: Req, cmd: BufCmd, extent: Extent) -> Follow {
        let named = self.requests.add(cmd, extent, Origin::User);
        assert_eq!(named, req, "the hands keep its bio under its name");
        self.suspension.still = false;
        self.strategy(req)
    }

    /// Takes over a request that came now, or that waited for the start.
    #[inline(always)]
    pub(super) fn strategy(&mut self, req: Req) -> Follow {
        self.pace.asked();
        if !self.runs() {
            return self.wait_for_start(req);
        }
        let Request { cmd, extent, .. } = self.requests[req];
        match cmd {
            BufCmd::Read => self.enter_read(req, extent),
            BufCmd::Write { .. } | BufCmd::FreeBlks => {
                self.enter(extent, Mode::Exclusive, Waiter::Request(req))
            }
            BufCmd::Flush => self.start_group(req),
        }
    }

    /// A request waits for the start, or fails if there is none to wait for.
    #[cold]
    fn wait_for_start(&mut self, req: Req) -> Follow {
        match &mut self.life {
            Life::Running => unreachable!("it has started"),
            // A FLUSH behind a suspension that ended the search: nobody can say what is durable.
            Life::New(_) if self.suspension.suspended => self.fail_request(req, ErrorKind::Gone),
            Life::New(waiting) | Life::Searching(waiting) | Life::Opening(waiting) => {
                waiting.push(req);
                Follow::Perhaps
            }
            Life::Held(_) | Life::Refused(_) => self.fail_request(req, ErrorKind::Gone),
        }
    }

    /// A request ends, of which nothing was done.
    pub(super) fn fail_request(&mut self, req: Req, kind: ErrorKind) -> Follow {
        let request = &self.requests[req];
        let resid = match request.cmd {
            BufCmd::Read | BufCmd::Write { .. } => request.extent.count().bytes(),
            BufCmd::Flush | BufCmd::FreeBlks => 0,
        };
        self.complete(req, Err(IoError { kind, resid }));
        Follow::Nothing
    }

    /// A user's request ends.
    #[inline]
    pub(super) fn complete(&mut self, req: Req, result: IoResult) {
        self.requests[req].becomes(What::Over);
        self.act(Action::Complete { req, result });
    }

    /// A user's request ends, and gives its range back, if it has one.
    #[inline(always)]
    pub(super) fn release_and_complete(&mut self, req: Req, result: IoResult) {
        let request = &mut self.requests[req];
        let ticket = request.ticket.take();
        request.becomes(What::Over);
        if let Some(ticket) = ticket {
            self.ranges.release(ticket);
        }
        self.act(Action::Complete { req, result });
    }

    /// A request of the mirror's own ends.
    pub(super) fn drop_request(&mut self, req: Req) {
        self.requests[req].becomes(What::Over);
        self.act(Action::Drop { req });
    }
}
