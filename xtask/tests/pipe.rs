//! A reader that leaves ends xtask, and nobody hears of it.

use std::io::pipe;
use std::process::Command;

/// What a shell reports of a program that SIGPIPE ended.
const BROKEN_PIPE: i32 = 128 + 13;

#[test]
fn a_reader_that_has_seen_enough_ends_it_without_a_word() {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let ended = doctor.arg("doctor").stdout(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(BROKEN_PIPE), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}
