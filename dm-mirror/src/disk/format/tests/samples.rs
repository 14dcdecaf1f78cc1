//! A superblock and a page whose every field can be told from the others.

use alloc::boxed::Box;

use arrayvec::ArrayVec;
use bio::{Sector, Sectors};
use uuid::Uuid;

use crate::format::{
    Geometry, MapPage, Marks, MemberEntry, MemberId, MemberState, Minted, Newest, REGIONS_PER_PAGE,
    Second, Superblock,
};

/// The uuid `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` of this byte.
pub(super) fn uuid(byte: u8) -> Uuid {
    Uuid::from_bytes([byte; 16])
}

pub(super) fn superblock() -> Superblock {
    let in_sync =
        MemberEntry { uuid: uuid(0xa0), state: MemberState::InSync, base: Uuid::nil(), seen: 40 };
    let failed = MemberEntry {
        uuid: uuid(0xa2),
        state: MemberState::FailedMedia,
        base: uuid(0x61),
        seen: 31,
    };
    Superblock {
        seq: 41,
        set: uuid(0x5e),
        name: "home".into(),
        slot: 0,
        generation: uuid(0x63),
        minted: Minted { by: 2, session: 4 },
        history: ArrayVec::from_iter([uuid(0x62), uuid(0x61)]),
        version: 17,
        session: 5,
        clean: true,
        incarnation: 3,
        geometry: Geometry {
            region: Sectors(1024),
            data_start: Sector(2048),
            length: Sectors(0x0001_0203),
        },
        members: [Some(in_sync), None, Some(failed), None],
    }
}

/// As if it had been found so, in slot A.
pub(super) fn newest(superblock: Superblock) -> Newest {
    Newest { slot: 0, superblock, second: Second::Same }
}

pub(super) fn page() -> MapPage {
    let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
    marks[0] = Marks::DIRTY;
    marks[1] = Marks::DIRTY | Marks::missed(MemberId::new(2));
    marks[REGIONS_PER_PAGE - 1] = Marks::missed(MemberId::new(3));
    MapPage { member: uuid(0xa0), number: 7, incarnation: 3, seq: 9, marks }
}
