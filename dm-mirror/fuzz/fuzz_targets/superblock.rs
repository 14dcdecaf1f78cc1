//! No bytes make the superblock's decoder panic, and what it accepts is all that
//! they say: it encodes to the same bytes, echoes that its writer did not know of apart.
#![no_main]
#![forbid(unsafe_code)]

use dm_mirror::format::{Member, Newest, Region, Second, Superblock, newest_of};
use dm_mirror_fuzz::{as_old, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Superblock::decode(bytes);
    let unit = sealed(bytes);
    let _ = newest_of([bytes, &unit]);
    let Ok(superblock) = Superblock::decode(&unit) else { return };
    let echoes = (1..8).map(|sector| 512 * sector + 496..512 * (sector + 1));
    assert_eq!(as_old(superblock.encode(), echoes, &unit), unit);
    let geometry = superblock.geometry;
    let last = Region(geometry.regions() - 1);
    assert!(!geometry.extent(last).is_empty());
    assert!(geometry.map_place().end() <= geometry.data_start);
    let newest = Newest { slot: 0, superblock, second: Second::Same };
    let Ok(member) = Member::from_bytes(newest, bytes) else { return };
    let _ = member.marks(last);
});
