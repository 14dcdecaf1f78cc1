//! Every table that is refused, with the place and the reason.

use bio::{BlockDevice, Limits};
use dm::{Dm, DmError, Slot, TableError};

use crate::bench::{self, disk, disk_with, running};

/// A table; line and column of the refusal; its reason, from its start on.
type Refusal = (&'static str, usize, usize, &'static str);

const MALFORMED: &[Refusal] = &[
    ("", 1, 1, "the table has no entry; give `start length target arguments`"),
    ("\n  \n# 0 8 zero\n", 1, 1, "the table has no entry"),
    ("zero 8 zero", 1, 1, "`zero` is no start sector; give a number"),
    ("-1 8 zero", 1, 1, "`-1` is no start sector; give a number"),
    ("+0 8 zero", 1, 1, "`+0` is no start sector; give a number"),
    ("0x0 8 zero", 1, 1, "`0x0` is no start sector; give a number"),
    ("0 8.5 zero", 1, 3, "`8.5` is no length; give a number"),
    ("0 zero", 1, 3, "`zero` is no length; give a number"),
    ("0", 1, 2, "length is missing; add it here"),
    ("  0  8  ", 1, 7, "target is missing; add it here"),
    ("0 0 zero", 1, 3, "the entry has no sectors; give a length of at least 1"),
    ("0 18446744073709551616 zero", 1, 3, "length 18446744073709551616 is too large"),
    ("18446744073709551616 1 zero", 1, 1, "start sector 18446744073709551616 is too large"),
    ("0 18446744073709551615 zero", 1, 3, "the entry ends beyond 18014398509481984 sectors"),
    ("0 18014398509481985 zero", 1, 3, "the entry ends beyond 18014398509481984 sectors"),
    ("0 8 zero\n8 18446744073709551615 zero", 2, 3, "the entry ends beyond"),
    ("0 8 nothing", 1, 5, "there is no target `nothing`; use one of: linear, striped, zero, "),
    ("0 8 Zero", 1, 5, "there is no target `Zero`"),
    ("é 8 zero", 1, 1, "`é` is no start sector"),
    ("0 8 zéro x", 1, 5, "there is no target `zéro`"),
    ("0\t8\tzero\tx", 1, 10, "`x` is one word too many; remove it"),
];

const MISPLACED: &[Refusal] = &[
    ("1 8 zero", 1, 1, "the first entry starts at 1; let it start at 0"),
    ("0 8 zero\n9 8 zero", 2, 1, "a gap: the entry before ends at 8; let this one start there"),
    ("0 8 zero\n7 8 zero", 2, 1, "an overlap: the entry before ends at 8"),
    ("0 8 zero\n0 8 zero", 2, 1, "an overlap: the entry before ends at 8"),
    ("8 8 zero\n0 8 zero", 1, 1, "the first entry starts at 8"),
    ("# a comment\n\r\n0 8 zero\r\n\n   9 8 zero", 5, 4, "a gap: the entry before ends at 8"),
];

const ARGUMENTS: &[Refusal] = &[
    ("0 8 zero 1", 1, 10, "`1` is one word too many; remove it"),
    ("0 8 error x y", 1, 11, "`x` is one word too many; remove it"),
    ("0 8 zero # no", 1, 10, "`#` is one word too many"),
    ("0 8 linear", 1, 11, "device name is missing; add it here"),
    ("0 8 linear vbd0", 1, 16, "device offset is missing; add it here"),
    ("0 8 linear vbd0 0 0", 1, 19, "`0` is one word too many"),
    ("0 8 linear vbd9 0", 1, 12, "there is no device `vbd9`; name an existing one"),
    ("0 8 linear vbd0 x", 1, 17, "`x` is no device offset; give a number"),
    ("0 8 linear vbd0 -8", 1, 17, "`-8` is no device offset; give a number"),
    ("0 8 linear vbd0 99999999999999999999", 1, 17, "device offset 99999999999999999999 is too"),
    ("0 8 linear vbd0 93", 1, 17, "8 sectors from 93 on end beyond `vbd0`, which has 100"),
    ("0 101 linear vbd0 0", 1, 19, "101 sectors from 0 on end beyond `vbd0`"),
    ("0 8 linear vbd0 18446744073709551615", 1, 17, "8 sectors from 18446744073709551615 on end"),
    ("0 8 linear none 0", 1, 17, "8 sectors from 0 on end beyond `none`, which has 0"),
    ("0 8 linear big 4", 1, 16, "the offset 4 is no multiple of the block of `big`; use multiples"),
    ("0 4 linear big 0", 1, 12, "the entry's length 4 is no multiple of the block of `big`"),
    ("0 4 zero\n4 8 linear big 0", 1, 1, "the entry ends at 4, no multiple of 8 sectors"),
    ("0 8 linear big 8\n8 1 linear vbd0 0", 2, 1, "the entry ends at 9, no multiple of 8 sectors"),
];

const STRIPED: &[Refusal] = &[
    ("0 8 striped", 1, 12, "number of stripes is missing; add it here"),
    (
        "0 8 striped 0 4",
        1,
        13,
        "8 sectors make no 0 equal stripes; change the number or the length",
    ),
    ("0 8 striped 3 4", 1, 13, "8 sectors make no 3 equal stripes"),
    ("0 8 striped 2", 1, 14, "chunk size is missing; add it here"),
    (
        "0 8 striped 2 0",
        1,
        15,
        "a stripe of 4 sectors makes no whole chunks of 0; change the chunk",
    ),
    ("0 8 striped 2 3", 1, 15, "a stripe of 4 sectors makes no whole chunks of 3"),
    ("0 8 striped 2 4 vbd0 0", 1, 23, "device name is missing; add it here"),
    ("0 8 striped 2 4 vbd0 0 vbd0", 1, 28, "device offset is missing; add it here"),
    ("0 8 striped 2 4 vbd0 0 vbd0 4 5", 1, 31, "`5` is one word too many"),
    ("0 8 striped 2 4 vbd0 0 vbd0 97", 1, 29, "4 sectors from 97 on end beyond `vbd0`"),
    ("0 8 striped 2 4 vbd0 0 big 0", 1, 24, "the stripe's length 4 is no multiple of the block"),
    ("0 32 striped 2 4 vbd0 0 big 0", 1, 16, "chunks of 4 sectors cut blocks; use multiples of 8"),
];

const DELAY: &[Refusal] = &[
    ("0 8 delay vbd0 0", 1, 17, "delay is missing; add it here"),
    ("0 8 delay vbd0 0 x", 1, 18, "`x` is no delay; give a number"),
    ("0 8 delay vbd0 0 4294967296", 1, 18, "delay 4294967296 is too large; give at most"),
    ("0 8 delay vbd0 0 1 vbd0", 1, 24, "device offset is missing; add it here"),
    ("0 8 delay vbd0 0 1 vbd0 0", 1, 26, "delay is missing; add it here"),
    ("0 8 delay vbd0 0 1 vbd0 93 1", 1, 25, "8 sectors from 93 on end beyond `vbd0`"),
    ("0 8 delay vbd0 0 1 vbd0 0 2 vbd0 0 3 4", 1, 38, "`4` is one word too many; remove it"),
];

const FLAKEY: &[Refusal] = &[
    ("0 8 flakey vbd0 0", 1, 18, "up interval is missing; add it here"),
    ("0 8 flakey vbd0 0 1", 1, 20, "down interval is missing; add it here"),
    ("0 8 flakey vbd0 0 0 0", 1, 21, "up and down together are 0 seconds; give one of them"),
    ("0 8 flakey vbd0 0 1 4294967296", 1, 21, "down interval 4294967296 is too large"),
    ("0 8 flakey vbd0 0 1 1 2 drop_writes", 1, 23, "2 feature words announced, but 1 follow"),
    ("0 8 flakey vbd0 0 1 1 0 drop_writes", 1, 25, "`drop_writes` is one word too many"),
    ("0 8 flakey vbd0 0 1 1 1 eat_writes", 1, 25, "there is no feature `eat_writes`; use"),
    (
        "0 8 flakey vbd0 0 1 1 2 drop_writes error_writes",
        1,
        37,
        "`error_writes` is given twice, or",
    ),
    ("0 8 flakey vbd0 0 1 1 2 error_reads error_reads", 1, 37, "`error_reads` is given twice"),
    ("0 8 flakey vbd0 0 1 1 1 corrupt_bio_byte", 1, 41, "number of the byte is missing"),
    ("0 8 flakey vbd0 0 1 1 5 corrupt_bio_byte 0 r 1 0", 1, 42, "bytes are counted from 1"),
    ("0 8 flakey vbd0 0 1 1 5 corrupt_bio_byte 1 x 1 0", 1, 44, "`x` is no direction; give r or w"),
    ("0 8 flakey vbd0 0 1 1 5 corrupt_bio_byte 1 r 256 0", 1, 46, "value of the byte 256 is too"),
    (
        "0 8 flakey vbd0 0 1 1 5 corrupt_bio_byte 1 r 1 32",
        1,
        48,
        "requests have no flags to select",
    ),
    ("0 8 flakey vbd0 0 1 1 6 drop_writes corrupt_bio_byte 1 w 1 0", 1, 37, "writes that fail or"),
    ("0 8 flakey vbd0 0 1 1 6 corrupt_bio_byte 1 w 1 0 error_writes", 1, 50, "writes that fail or"),
];

fn with_disks() -> Dm {
    let dm = bench::dm();
    disk(&dm, "vbd0", 100);
    disk_with(&dm, "big", 64, Limits { block_size: 4096, ..Limits::default() });
    dm.create("none").unwrap();
    dm
}

fn check(refusals: &[Refusal]) {
    let dm = with_disks();
    let device = running(&dm, "d", "0 16 zero");
    dm.load("d", "0 3 error").unwrap();
    for &(table, line, column, reason) in refusals {
        let Err(DmError::Table(error)) = dm.load("d", table) else {
            panic!("{table:?} was not refused");
        };
        assert_eq!((error.line, error.column), (line, column), "{table:?}: {error}");
        assert!(error.reason.starts_with(reason), "{table:?}: {error}");
        assert_eq!(device.table(Slot::Inactive).unwrap(), "0 3 error\n", "it changed nothing");
    }
    assert_eq!(device.table(Slot::Active).unwrap(), "0 16 zero\n");
    assert!(dm.list().iter().all(|listed| listed.open == 0), "no device is left open");
}

#[test]
fn a_malformed_table_is_refused_with_its_place() {
    check(MALFORMED);
}

#[test]
fn entries_with_gaps_or_overlaps_are_refused() {
    check(MISPLACED);
}

#[test]
fn wrong_arguments_are_refused() {
    check(ARGUMENTS);
}

#[test]
fn wrong_arguments_of_striped_delay_and_flakey_are_refused() {
    [STRIPED, DELAY, FLAKEY].into_iter().for_each(check);
}

#[test]
fn a_refusal_reads_as_one_line() {
    let error = TableError { line: 3, column: 5, reason: "there is no target".into() };
    assert_eq!(DmError::from(error).to_string(), "line 3, column 5: there is no target");
}

#[test]
fn comments_blank_lines_and_any_white_space_are_allowed() {
    let dm = with_disks();
    let device = dm.create("d").unwrap();
    dm.load("d", "# first\n\n  0  8\tlinear vbd0 007 \r\n\t# then\n8 1 zero").unwrap();
    assert_eq!(device.table(Slot::Inactive).unwrap(), "0 8 linear vbd0 7\n8 1 zero\n");
}

#[test]
fn the_largest_table_is_accepted() {
    let dm = bench::dm();
    let device = running(&dm, "d", "0 1 zero\n1 18014398509481983 zero");
    assert_eq!(device.capacity().0, 1 << 54);
}

#[test]
fn blocks_do_not_grow_under_those_who_use_them() {
    let dm = with_disks();
    let device = running(&dm, "d", "0 16 zero");
    let Err(DmError::Table(error)) = dm.load("d", "0 8 linear vbd0 0\n8 8 linear big 0") else {
        panic!("it was not refused");
    };
    assert_eq!((error.line, error.column), (2, 1));
    assert_eq!(
        error.reason,
        "blocks of 4096 bytes in a device whose blocks have 512; create a new device"
    );
    assert_eq!(device.table(Slot::Inactive), Err(DmError::NoTable));
}
