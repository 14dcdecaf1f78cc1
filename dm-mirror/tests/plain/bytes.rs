//! Records as bytes, by docs/format.md alone: nothing of the mirror's own code is used.

/// The size of a unit, of a sector, and how many regions a page speaks of.
pub const UNIT: usize = 4096;
const SECTOR: usize = 512;
pub const MARKS: usize = UNIT - 64;

/// Where in a superblock its fields lie.
pub const SEQ: usize = 16;
pub const GENERATION: usize = 40;
pub const VERSION: usize = 56;
pub const SESSION: usize = 64;
pub const MINTED: usize = 72;
pub const OWN: usize = 81;
pub const INCARNATION: usize = 84;
pub const HISTORY: usize = 192;
pub const MEMBERS: usize = 320;

/// Where in a member's entry.
pub const ENTRY: usize = 64;
pub const BASE: usize = 16;
pub const SEEN: usize = 32;
pub const STATE: usize = 40;

/// Half of what a counter may be: no more of it is started with.
const ROOM: u64 = (1 << 62) - 1;

pub fn u64_at(unit: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(unit[at..at + 8].try_into().unwrap())
}

pub fn put_u64(unit: &mut [u8], at: usize, value: u64) {
    unit[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

fn u32_at(unit: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(unit[at..at + 4].try_into().unwrap())
}

fn id_at(unit: &[u8], at: usize) -> [u8; 16] {
    unit[at..at + 16].try_into().unwrap()
}

/// CRC-32C, bit by bit over a table of one byte.
fn crc32c(unit: &[u8]) -> u32 {
    static TABLE: std::sync::OnceLock<[u32; 256]> = std::sync::OnceLock::new();
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
    let table = TABLE
        .get_or_init(|| std::array::from_fn(|byte| (0..8).fold(byte as u32, |crc, _| step(crc))));
    !unit.iter().fold(!0, |crc, byte| table[(crc as u8 ^ byte) as usize] ^ crc >> 8)
}

/// CRC-16/IBM-SDLC.
fn crc16(bytes: &[u8]) -> u16 {
    let step = |crc: u16| if crc & 1 == 1 { crc >> 1 ^ 0x8408 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u16::from(*byte), |crc, _| step(crc)))
}

fn is_page(unit: &[u8]) -> bool {
    unit[..8] == *b"DMIR-MAP"
}

/// Makes the checks of a unit right.
pub fn seal(unit: &mut [u8]) {
    if is_page(unit) {
        let head = [&unit[..12], &unit[16..48], &unit[50..64]].concat();
        for part in 0..7 {
            let check = crc16(&unit[64 + 576 * part..][..576]);
            unit[50 + 2 * part..][..2].copy_from_slice(&check.to_le_bytes());
        }
        // The checks of the parts are in the head, so that comes last.
        let head = [&head[..44], &unit[50..64]].concat();
        let check = crc16(&head);
        unit[48..50].copy_from_slice(&check.to_le_bytes());
    } else {
        let seq = u64_at(unit, SEQ);
        for sector in 1..UNIT / SECTOR {
            let end = (sector + 1) * SECTOR;
            put_u64(unit, end - 16, seq);
            put_u64(unit, end - 8, !seq);
        }
    }
    unit[12..16].fill(0);
    let sum = crc32c(unit);
    unit[12..16].copy_from_slice(&sum.to_le_bytes());
}

/// Whether the checksum of a unit is right.
fn is_sealed(unit: &[u8]) -> bool {
    let mut zeroed = unit.to_vec();
    zeroed[12..16].fill(0);
    u32_at(unit, 12) == crc32c(&zeroed)
}

/// What a superblock says of a member.
#[derive(Clone, Copy, PartialEq)]
pub struct Entry {
    pub uuid: [u8; 16],
    pub base: [u8; 16],
    pub seen: u64,
    pub state: u8,
}

/// A superblock whose checksum is right.
#[derive(Clone)]
pub struct Superblock {
    pub seq: u64,
    pub generation: [u8; 16],
    pub own: usize,
    pub incarnation: u32,
    pub history: Vec<[u8; 16]>,
    pub members: Vec<Option<Entry>>,
    /// Region size, data start and length.
    pub geometry: [u64; 3],
    pub set: [u8; 16],
    pub has_room: bool,
}

impl Superblock {
    pub fn read(unit: &[u8]) -> Option<Superblock> {
        let fits = unit[..8] == *b"DMIR-SUP" && u32_at(unit, 8) == 1 && is_sealed(unit);
        if !fits {
            return None;
        }
        let entry = |nth: usize| {
            let raw = &unit[MEMBERS + nth * ENTRY..][..ENTRY];
            let (uuid, base) = (id_at(raw, 0), id_at(raw, BASE));
            let entry = Entry { uuid, base, seen: u64_at(raw, SEEN), state: raw[STATE] };
            raw.iter().any(|byte| *byte != 0).then_some(entry)
        };
        let members: Vec<_> = (0..4).map(entry).collect();
        let counters = [SEQ, VERSION, SESSION, MINTED].map(|at| u64_at(unit, at));
        let seen = members.iter().flatten().map(|entry: &Entry| entry.seen);
        let has_room = counters.into_iter().chain(seen).all(|counter| counter <= ROOM)
            && u32_at(unit, INCARNATION) < 1 << 30;
        Some(Superblock {
            seq: u64_at(unit, SEQ),
            generation: id_at(unit, GENERATION),
            own: usize::from(unit[OWN]),
            incarnation: u32_at(unit, INCARNATION),
            history: (0..usize::from(unit[83]).min(8))
                .map(|nth| id_at(unit, HISTORY + 16 * nth))
                .collect(),
            members,
            geometry: [88, 96, 104].map(|at| u64_at(unit, at)),
            set: id_at(unit, 24),
            has_room,
        })
    }

    /// What it says of the member that it lies on, if that can be.
    pub fn me(&self) -> Option<Entry> {
        *self.members.get(self.own)?
    }
}

/// The marks of a page that belongs to this member.
pub fn page(unit: &[u8], superblock: &Superblock, number: u32) -> Option<(u64, Vec<u8>)> {
    let allowed = u64_at(unit, 32) < 1 << 63;
    let fits = is_page(unit) && u32_at(unit, 8) == 1 && is_sealed(unit) && allowed;
    let mine = superblock.me().is_some_and(|me| me.uuid == id_at(unit, 16))
        && u32_at(unit, 40) == number
        && u32_at(unit, 44) == superblock.incarnation;
    (fits && mine).then(|| (u64_at(unit, 32), unit[64..].to_vec()))
}
