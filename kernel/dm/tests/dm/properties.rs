//! Tables made at random: printed and read again they are the same, and no
//! text at all makes the parser panic.

use dm::{Dm, DmError, Slot};
use proptest::prelude::*;

use crate::bench::{self, disk};

const DISK: u64 = 4096;

fn with_disks() -> Dm {
    let dm = bench::dm();
    disk(&dm, "vbd0", DISK);
    disk(&dm, "vbd1", DISK);
    dm.create("d").unwrap();
    dm
}

/// A target's words, given the entry's length.
fn words(length: u64) -> impl Strategy<Value = String> {
    let part = move || (0..2, 0..=DISK - length).prop_map(|(disk, at)| format!("vbd{disk} {at}"));
    let way = move || (part(), any::<u32>()).prop_map(|(part, ms)| format!("{part} {ms}"));
    let bad = prop::sample::select(&[
        "2 error_reads error_writes",
        "1 drop_writes",
        "7 error_reads drop_writes corrupt_bio_byte 9 r 255 0",
        "5 corrupt_bio_byte 1 w 0 0",
    ]);
    prop_oneof![
        Just("zero".to_string()),
        Just("error".to_string()),
        part().prop_map(|part| format!("linear {part}")),
        (part(), part()).prop_map(move |(a, b)| match length % 2 {
            0 => format!("striped 2 {} {a} {b}", length / 2),
            _ => format!("striped 1 {length} {a}"),
        }),
        prop::collection::vec(way(), 1..=3).prop_map(|ways| format!("delay {}", ways.join(" "))),
        (part(), 1..9, 0..9, bad)
            .prop_map(|(part, up, down, bad)| format!("flakey {part} {up} {down} {bad}")),
    ]
}

/// Entries, in order and without gaps.
fn table() -> impl Strategy<Value = String> {
    let entry = (1..1000u64).prop_flat_map(|length| (Just(length), words(length)));
    prop::collection::vec(entry, 1..20).prop_map(|entries| {
        let mut start = 0;
        let line = |(length, words): (u64, String)| {
            let line = format!("{start} {length} {words}\n");
            start += length;
            line
        };
        entries.into_iter().map(line).collect()
    })
}

/// Text that gets past the first word of the parser now and then.
fn near_table() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => Just("0".to_string()),
        4 => (0..20u64).prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        4 => Just("zero".to_string()),
        4 => Just("linear".to_string()),
        2 => prop::sample::select(&["striped", "delay", "flakey", "drop_writes"])
            .prop_map(String::from),
        4 => Just("vbd0".to_string()),
        2 => Just("d".to_string()),
        2 => Just("\n".to_string()),
        1 => Just("#".to_string()),
        1 => any::<String>(),
    ];
    prop::collection::vec(word, 0..16).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_printed_table_makes_the_same_table(text in table()) {
        let dm = with_disks();
        dm.load("d", &text).unwrap();
        let device = dm.get("d").unwrap();
        prop_assert_eq!(device.table(Slot::Inactive).unwrap(), text);
    }

    #[test]
    fn any_text_is_a_table_or_is_refused_at_a_place_in_it(
        text in prop_oneof![near_table(), any::<String>(),
            prop::collection::vec(any::<u8>(), 0..64)
                .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())],
    ) {
        let dm = with_disks();
        let device = dm.get("d").unwrap();
        match dm.load("d", &text) {
            Ok(()) => {
                let printed = device.table(Slot::Inactive).unwrap();
                dm.load("d", &printed).unwrap();
                prop_assert_eq!(device.table(Slot::Inactive).unwrap(), printed);
            }
            Err(DmError::Table(error)) => {
                prop_assert!((1..=text.lines().count().max(1)).contains(&error.line));
                let line = text.lines().nth(error.line - 1).unwrap_or("");
                prop_assert!((1..=line.chars().count() + 1).contains(&error.column));
                prop_assert_eq!(device.table(Slot::Inactive), Err(DmError::NoTable));
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
