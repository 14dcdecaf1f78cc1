//! No bytes make the decoder of a map's page panic, and what it accepts is all
//! that they say: it encodes to the same bytes.
#![no_main]
#![forbid(unsafe_code)]

use dm_mirror::format::MapPage;
use dm_mirror_fuzz::sealed;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = MapPage::decode(bytes);
    let unit = sealed(bytes);
    if let Ok(page) = MapPage::decode(&unit) {
        assert_eq!(page.encode(), unit);
    }
});
