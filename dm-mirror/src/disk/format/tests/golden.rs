//! Fixed units, as docs/format.md would have them written by hand.

use super::samples::{page, superblock, uuid};
use crate::format::{Bad, MapPage, MemberEntry, Superblock, UNIT};

/// A unit of zeroes with these bytes at these offsets.
fn unit(parts: &[(usize, &[u8])]) -> [u8; UNIT] {
    let mut unit = [0; UNIT];
    for (offset, bytes) in parts {
        unit[*offset..][..bytes.len()].copy_from_slice(bytes);
    }
    unit
}

/// CRC-32C as it is defined: bit by bit, the polynomial reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !crc
}

/// CRC-16/IBM-SDLC (X.25) as it is defined.
fn crc16(parts: &[&[u8]]) -> [u8; 2] {
    let mut crc = u16::MAX;
    for byte in parts.concat() {
        crc ^= u16::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0x8408 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}

/// The superblock with the echoes of its number.
fn echoed(mut unit: [u8; UNIT]) -> [u8; UNIT] {
    let seq: [u8; 8] = unit[16..24].try_into().unwrap();
    for end in (1024..=4096).step_by(512) {
        unit[end - 16..][..8].copy_from_slice(&seq);
        unit[end - 8..][..8].copy_from_slice(&seq.map(|byte| !byte));
    }
    unit
}

/// The page with the checks of its parts.
fn checked(mut unit: [u8; UNIT]) -> [u8; UNIT] {
    for part in 0..7 {
        let check = crc16(&[&unit[64 + 576 * part..][..576]]);
        unit[50 + 2 * part..][..2].copy_from_slice(&check);
    }
    let head = crc16(&[&unit[..12], &unit[16..48], &unit[50..64]]);
    unit[48..50].copy_from_slice(&head);
    unit
}

/// The unit with the checksum that it has to have.
fn sealed(mut unit: [u8; UNIT]) -> [u8; UNIT] {
    unit[12..16].fill(0);
    let crc = crc32c(&unit);
    unit[12..16].copy_from_slice(&crc.to_le_bytes());
    unit
}

fn golden_superblock() -> [u8; UNIT] {
    sealed(echoed(unit(&[
        (0, b"DMIR-SUP"),
        (8, &[1, 0, 0, 0]),
        (16, &[41]),
        (24, &[0x5e; 16]),
        (40, &[0x63; 16]),
        (56, &[17]),
        (64, &[5]),
        (72, &[4]),
        (80, &[2]),
        (81, &[0]),
        (82, &[1]),
        (83, &[2]),
        (84, &[3]),
        (88, &[0, 4]),
        (96, &[0, 8]),
        (104, &[3, 2, 1]),
        (128, b"home"),
        (192, &[0x62; 16]),
        (208, &[0x61; 16]),
        // Slot 0: in sync.
        (320, &[0xa0; 16]),
        (352, &[40]),
        (360, &[1]),
        // Slot 2: failed for its medium.
        (448, &[0xa2; 16]),
        (464, &[0x61; 16]),
        (480, &[31]),
        (488, &[4]),
    ])))
}

fn golden_page() -> [u8; UNIT] {
    sealed(checked(unit(&[
        (0, b"DMIR-MAP"),
        (8, &[1, 0, 0, 0]),
        (16, &[0xa0; 16]),
        (32, &[9]),
        (40, &[7]),
        (44, &[3]),
        (64, &[0x01, 0x41]),
        (4095, &[0x80]),
    ])))
}

#[test]
fn the_checksum_is_crc32c() {
    // RFC 3720, B.4.
    assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
}

#[test]
fn a_superblock_lies_as_documented() {
    assert_eq!(superblock().encode(), golden_superblock());
    assert_eq!(Superblock::decode(&golden_superblock()), Ok(superblock()));
}

#[test]
fn a_page_lies_as_documented() {
    assert_eq!(page().encode(), golden_page());
    assert_eq!(MapPage::decode(&golden_page()), Ok(page()));
}

/// What both decoders say of a golden unit with these bytes put in, resealed.
fn refused(parts: &[(usize, &[u8])]) -> [Option<Bad>; 2] {
    let change = |mut unit: [u8; UNIT]| {
        for (offset, bytes) in parts {
            unit[*offset..][..bytes.len()].copy_from_slice(bytes);
        }
        sealed(unit)
    };
    [
        Superblock::decode(&change(golden_superblock())).err(),
        MapPage::decode(&change(golden_page())).err(),
    ]
}

#[test]
fn the_head_is_judged_before_the_rest() {
    assert_eq!(Superblock::decode(&[0; UNIT]), Err(Bad::Blank));
    assert_eq!(MapPage::decode(&[0; UNIT]), Err(Bad::Blank));
    assert_eq!(Superblock::decode(&golden_page()), Err(Bad::Magic));
    assert_eq!(MapPage::decode(&golden_superblock()), Err(Bad::Magic));
    assert_eq!(refused(&[(8, &[2])]), [Some(Bad::Version(2)); 2]);

    let mut newer = golden_superblock();
    (newer[8], newer[12]) = (2, !newer[12]);
    assert_eq!(Superblock::decode(&newer), Err(Bad::Version(2)), "its checksum is not ours");
    let mut torn = golden_superblock();
    torn[4095] = 1;
    assert_eq!(Superblock::decode(&torn), Err(Bad::Checksum));
    for length in [0, 512, UNIT - 1] {
        let short = &golden_superblock()[..length];
        assert_eq!(Superblock::decode(short), Err(Bad::Field("the length of the unit")));
    }
}

#[test]
fn a_superblock_that_cannot_be_so_is_refused() {
    let most = u64::MAX.to_le_bytes();
    let cases: &[(usize, &[u8], &str)] = &[
        (16, &[42], "an echo of the sequence number"),
        (1008, &[42], "an echo of the sequence number"),
        (24, &[0; 16], "the set's uuid"),
        (40, &[0; 16], "the generation"),
        (56, &most, "the config version"),
        (64, &most, "the session"),
        (72, &most, "the session of the generation"),
        (80, &[4], "who minted the generation"),
        (81, &[1], "the slot"),
        (81, &[255], "the slot"),
        (82, &[3], "a reserved flag"),
        (83, &[9], "the length of the history"),
        (83, &[3], "the history"),
        (83, &[1], "the history"),
        (84, &[0, 0, 0, 0x80], "the incarnation"),
        (88, &[0, 3], "the region size"),
        (88, &[4, 0], "the region size"),
        (88, &[0, 0], "the region size"),
        (96, &[31, 0], "the start of the data"),
        (96, &most, "the end of the data"),
        (104, &[0, 0, 0], "the length"),
        (104, &most, "the length"),
        (112, &[1], "a reserved byte"),
        (128, &[0], "the name"),
        (129, b"/", "the name"),
        (129, b" ", "the name"),
        (129, &[0x1b], "the name"),
        (129, &[0xff], "the name"),
        (133, b"x", "the name"),
        (320, &[0; 16], "a member's uuid"),
        (320, &[0xa2; 16], "a member's uuid"),
        (352, &most, "the sequence number seen of a member"),
        (360, &[0], "a member's state"),
        (360, &[6], "a member's state"),
        (361, &[1], "a reserved byte"),
        (384, &[1], "a member's state"),
        (576, &[1], "a reserved byte"),
        (1007, &[1], "a reserved byte"),
    ];
    for (offset, bytes, field) in cases {
        let [superblock, _] = refused(&[(*offset, bytes)]);
        assert_eq!(superblock, Some(Bad::Field(field)), "{bytes:?} at {offset}");
    }
}

#[test]
fn a_page_that_cannot_be_so_is_refused() {
    let cases: &[(usize, &[u8], &str)] = &[
        (16, &[0; 16], "the member's uuid"),
        (32, &u64::MAX.to_le_bytes(), "the sequence number"),
        (44, &[0, 0, 0, 0x80], "the incarnation"),
        (64, &[1 << 1], "a reserved mark"),
        (4095, &[1 << 2], "a reserved mark"),
        (4095, &[1 << 3], "a reserved mark"),
    ];
    for (offset, bytes, field) in cases {
        let mut unit = golden_page();
        unit[*offset..][..bytes.len()].copy_from_slice(bytes);
        let page = MapPage::decode(&sealed(checked(unit))).err();
        assert_eq!(page, Some(Bad::Field(field)), "{bytes:?} at {offset}");
    }
    for (offset, byte) in [(32, 1), (48, 1), (63, 1), (64, 0), (4095, 0)] {
        let [_, page] = refused(&[(offset, &[byte])]);
        assert_eq!(page, Some(Bad::Field("a check of a part")), "at {offset}");
    }
}

#[test]
fn a_record_without_echoes_and_checks_is_read() {
    let mut plain = golden_superblock();
    (1024..=4096).step_by(512).for_each(|end| plain[end - 16..end].fill(0));
    assert_eq!(Superblock::decode(&sealed(plain)), Ok(superblock()));
    let mut plain = golden_page();
    plain[48..64].fill(0);
    assert_eq!(MapPage::decode(&sealed(plain)), Ok(page()));
}

#[test]
fn a_number_that_no_field_can_have_is_refused() {
    let most = u64::MAX.to_le_bytes();
    let mut unit = golden_superblock();
    unit[16..24].copy_from_slice(&most);
    let refused = Superblock::decode(&sealed(echoed(unit)));
    assert_eq!(refused, Err(Bad::Field("the sequence number")));
}

#[test]
fn the_largest_values_that_may_be_are_read() {
    let mut most = superblock();
    most.name = core::iter::repeat_n('ü', 32).collect();
    most.seq = u64::MAX / 2;
    most.history = (1..=8).map(uuid).collect();
    most.slot = 3;
    most.members = [1, 2, 3, 4].map(|byte| {
        let entry = *superblock().own();
        Some(MemberEntry { uuid: uuid(byte), ..entry })
    });
    most.geometry.data_start = most.geometry.metadata_end();
    assert_eq!(Superblock::decode(&most.encode()), Ok(most));
}

#[test]
fn every_bit_counts() {
    let (mut superblock, mut page) = (golden_superblock(), golden_page());
    for bit in 0..UNIT * 8 {
        let (byte, mask) = (bit / 8, 1 << (bit % 8));
        superblock[byte] ^= mask;
        page[byte] ^= mask;
        assert!(Superblock::decode(&superblock).is_err(), "bit {bit}");
        assert!(MapPage::decode(&page).is_err(), "bit {bit}");
        superblock[byte] ^= mask;
        page[byte] ^= mask;
    }
}
