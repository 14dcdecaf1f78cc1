//! No bytes make the decoder of a map's page panic, and what it accepts is all
//! that they say: it encodes to the same bytes, checks that its writer did not know of apart.
#![no_main]
#![forbid(unsafe_code)]

use dm_mirror::format::MapPage;
use dm_mirror_fuzz::{as_old, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = MapPage::decode(bytes);
    let unit = sealed(bytes);
    if let Ok(page) = MapPage::decode(&unit) {
        // The checks of its parts.
        assert_eq!(as_old(page.encode(), [48..64], &unit), unit);
    }
});
