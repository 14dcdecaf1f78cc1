//! What travels in a frame with a leg's request, and tells what it was for.

use crate::core::event::Of;
use crate::core::parts::requests::Req;

/// A leg, and what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) leg: usize,
    pub(super) of: Of,
    /// A request's leg is read for itself.
    pub(super) look: bool,
    /// When it was asked, if that was not for a request: the slot of a request keeps that.
    pub(super) since: u64,
}

impl Tag {
    /// In a frame's info: the kind in 4 bits, the leg in 4, and in 56 the place (24) and the
    /// age (32) of a request, or since when.
    #[inline]
    pub(super) fn to_info(self) -> u64 {
        let (kind, what) = match self.of {
            Of::Request(req) if self.look => (6, name(req)),
            Of::Request(req) => (0, name(req)),
            Of::Flush => (1, self.since & SINCE),
            Of::Page => (2, self.since & SINCE),
            Of::Superblock => (3, self.since & SINCE),
            Of::Wipe => (4, self.since & SINCE),
            Of::Search => (5, self.since & SINCE),
        };
        kind << 60 | (self.leg as u64) << 56 | what
    }

    /// A tag for a request.
    #[inline]
    pub(super) fn of_request(leg: usize, req: Req, look: bool) -> Tag {
        Tag { leg, of: Of::Request(req), look, since: 0 }
    }

    #[inline(always)]
    pub(super) fn from_info(info: u64) -> Tag {
        let req = Req { index: (info >> 32 & 0xff_ffff) as u32, age: info as u32 };
        let leg = (info >> 56 & 0xf) as usize;
        if info >> 60 == 0 {
            // Most are this: whoever asks what it is of knows it here.
            return Tag::of_request(leg, req, false);
        }
        let of = match info >> 60 {
            6 => Of::Request(req),
            1 => Of::Flush,
            2 => Of::Page,
            3 => Of::Superblock,
            4 => Of::Wipe,
            _ => Of::Search,
        };
        let since = if let Of::Request(_) = of { 0 } else { info & SINCE };
        Tag { leg, of, look: info >> 60 == 6, since }
    }
}

/// The bits of a time that travel: 2^56 ns are more than two years.
const SINCE: u64 = (1 << 56) - 1;

#[inline]
fn name(req: Req) -> u64 {
    assert!(req.index >> 24 == 0, "so many requests are not possible");
    u64::from(req.index) << 32 | u64::from(req.age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_leg_was_asked_survives_its_frame() {
        let req = Req { index: 0xff_ffff, age: u32::MAX };
        for of in [Of::Flush, Of::Page, Of::Superblock, Of::Wipe, Of::Search] {
            let tag = Tag { leg: 3, of, look: false, since: SINCE };
            assert_eq!(Tag::from_info(tag.to_info()), tag);
            let late = Tag { since: u64::MAX, ..tag };
            assert_eq!(Tag::from_info(late.to_info()), tag, "56 bits of its time");
        }
        for look in [false, true] {
            let tag = Tag::of_request(1, req, look);
            assert_eq!(Tag::from_info(tag.to_info()), tag);
        }
    }
}
