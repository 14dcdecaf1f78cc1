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
}

impl Tag {
    /// In a frame's info: the age of a request in 32 bits, its place in 24, the leg in 4,
    /// the kind in 4.
    pub(super) fn to_info(self) -> u64 {
        let (kind, req) = match self.of {
            Of::Request(req) if self.look => (6, req),
            Of::Request(req) => (0, req),
            Of::Flush => (1, NONE),
            Of::Page => (2, NONE),
            Of::Superblock => (3, NONE),
            Of::Wipe => (4, NONE),
            Of::Search => (5, NONE),
        };
        assert!(req.index >> 24 == 0, "so many requests are not possible");
        kind << 60 | (self.leg as u64) << 56 | u64::from(req.index) << 32 | u64::from(req.age)
    }

    pub(super) fn from_info(info: u64) -> Tag {
        let req = Req { index: (info >> 32 & 0xff_ffff) as u32, age: info as u32 };
        let of = match info >> 60 {
            0 | 6 => Of::Request(req),
            1 => Of::Flush,
            2 => Of::Page,
            3 => Of::Superblock,
            4 => Of::Wipe,
            _ => Of::Search,
        };
        Tag { leg: (info >> 56 & 0xf) as usize, of, look: info >> 60 == 6 }
    }
}

const NONE: Req = Req { index: 0, age: 0 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_leg_was_asked_survives_its_frame() {
        let req = Req { index: 0xff_ffff, age: u32::MAX };
        for of in [Of::Request(req), Of::Flush, Of::Page, Of::Superblock, Of::Wipe, Of::Search] {
            let tag = Tag { leg: 3, of, look: false };
            assert_eq!(Tag::from_info(tag.to_info()), tag);
        }
        let look = Tag { leg: 1, of: Of::Request(req), look: true };
        assert_eq!(Tag::from_info(look.to_info()), look);
    }
}
