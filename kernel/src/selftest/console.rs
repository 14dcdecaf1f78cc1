//! The console's commands, run as a script would run them. `cargo xtask test --suite console`
//! tries from outside what they refuse.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BlockDevice, ErrorKind, Limits, Sectors};
use dm::{Severity, Slot};
use shell::Mode;

use super::Test;
use super::rig::Rig;
use crate::check;
use crate::console::session::Session;
use crate::console::welcome::{self, Legs};
use crate::task::MaySleep;
use crate::{disks, events};

pub const TESTS: &[Test] = &[
    Test { name: "console::what_is_filled_and_copied_is_verified", run: filled_and_copied },
    Test { name: "console::a_difference_is_found_and_counted", run: a_difference },
    Test { name: "console::nothing_is_asked_of_a_suspended_device", run: suspended },
    Test { name: "console::no_flush_waits_for_a_suspended_device", run: flushes },
    Test { name: "console::what_another_device_uses_is_not_written_to", run: clashes },
    Test { name: "console::an_empty_disk_is_no_device_without_table", run: empty_disk },
    Test { name: "console::a_mirror_made_by_itself_overwrites_no_data", run: made_by_itself },
    Test { name: "console::the_log_of_events_is_in_order_and_bounded", run: events_kept },
];

/// A mirror `m` of 8 MiB on `vbd0` and `vbd1`, and a device `tail` elsewhere on `vbd0`.
const DEVICES: &[&str] = &[
    "dmsetup create m --table \"0 16384 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"",
    "dmsetup create tail --table \"0 16384 linear vbd0 65536\"",
];

/// Runs lines that must not fail.
pub(super) fn all_run(session: &mut Session<'_>, lines: &[&str]) -> Result<(), String> {
    for line in lines {
        let outcome = session.execute(line);
        check!(outcome.is_ok(), "{line}: {outcome:?}");
    }
    Ok(())
}

/// Runs a line that must fail and say `why`.
pub(super) fn fails(session: &mut Session<'_>, line: &str, why: &str) -> Result<(), String> {
    match session.execute(line) {
        Ok(()) => Err(alloc::format!("{line}: it did not fail")),
        Err(failure) => {
            let told = failure.to_string();
            check!(told.contains(why), "{line}: {told:?} does not tell {why:?}");
            Ok(())
        }
    }
}

fn filled_and_copied(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, DEVICES)?;
    all_run(
        &mut session,
        &[
            "fill tail 0 8M 0",
            // Neither end is the end of a chunk.
            "fill m 512 5M random=3",
            "verify m 512 5M random=3",
            "copy m tail 5M --from 512 --to 512",
            "verify tail 512 5M random=3",
            "verify tail 0 1s 0",
            "verify tail 10241s 1s 0",
            "compare vbd0 vbd1 0 8M",
            "flush m",
        ],
    )
}

fn a_difference(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, DEVICES)?;
    all_run(&mut session, &["fill m 0 8M 0x55", "copy m tail", "compare m tail"])?;
    all_run(&mut session, &["write tail 1M --hex 5500", "fill tail 4M 1M 0xff"])?;
    fails(&mut session, "compare m tail 1M 1M", "511 bytes in 1 sector differs")?;
    fails(&mut session, "verify tail 0 8M 0x55", "1049087 bytes in 2049 sectors differ")
}

/// Otherwise the console would wait for ever for a resume that only it can give.
fn suspended(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, DEVICES)?;
    let over = "dmsetup create over --table \"0 8 linear m 0\"";
    all_run(&mut session, &[over, "write over 0 x", "dmsetup suspend m"])?;
    for line in ["read m 0", "read over 0", "write over 0 x", "flush m", "copy tail over 8s"] {
        fails(&mut session, line, "`m` is suspended")?;
    }
    all_run(&mut session, &["dmsetup resume m", "read over 0"])
}

/// Nothing flushes: no suspension, no exchange of tables, no power-off.
fn flushes(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, DEVICES)?;
    let over = "dmsetup create over --table \"0 8 linear m 0\"";
    all_run(&mut session, &[over, "dmsetup suspend --noflush m"])?;
    fails(&mut session, "dmsetup suspend over", "`dmsetup resume m` first")?;
    rig.dm.load("over", "0 8 zero").map_err(|error| error.to_string())?;
    fails(&mut session, "dmsetup resume over", "`dmsetup suspend --noflush over`")?;
    let flushes = || -> Vec<u64> {
        let counts = ["vbd0", "vbd1"].into_iter().filter_map(disks::find);
        counts.map(|disk| disk.status().counts.flushes).collect()
    };
    let before = flushes();
    session.stop_all();
    check!(flushes() == [before[0] + 1, before[1] + 1], "by `tail`, and where `m` is suspended");
    all_run(
        &mut session,
        &["dmsetup suspend --noflush over", "dmsetup resume over", "dmsetup resume m"],
    )?;
    all_run(&mut session, &["read over 0", "dmsetup resume tail"])?;
    all_run(&mut session, &["dmsetup remove tail", "dmsetup remove over"])?;
    let before = flushes();
    session.stop_all();
    check!(flushes() == [before[0] + 1, before[1] + 1], "once by `m`");
    all_run(&mut session, &["dmsetup remove m"])?;
    let before = flushes();
    session.stop_all();
    check!(flushes() == [before[0] + 1, before[1] + 1], "by themselves");
    Ok(())
}

/// Otherwise a mirror's legs would differ, and nobody would know.
fn clashes(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, DEVICES)?;
    all_run(
        &mut session,
        &[
            "dmsetup create l0 --table \"0 2048 linear vbd0 16383\"",
            "dmsetup create l1 --table \"0 8 linear l0 1024\"",
            "dmsetup create beside --table \"0 2048 linear vbd0 32768\"",
        ],
    )?;
    fails(&mut session, "fill vbd0 0 1M 0", "`vbd0` is part of")?;
    for line in ["fill l1 0 8s 0", "write l1 0 x", "copy tail l1 8s", "discard l1 0 8s"] {
        fails(&mut session, line, "lies on `vbd0` where `m` does too")?;
    }
    all_run(&mut session, &["read l1 0", "fill beside 0 1M 0", "fill tail 0 1M 0"])?;
    fails(&mut session, "write m 0 x", "where `l0` does too")?;
    let second =
        "dmsetup create m1 --table \"0 8 mirror core 2 1024 sync 2 vbd0 16376 vbd1 65536\"";
    fails(&mut session, second, "`m` uses the same place of `vbd0`")?;
    check!(rig.dm.get("m1").is_err());
    all_run(&mut session, &["dmsetup remove l1", "dmsetup remove l0", "write m 0 x"])
}

/// A disk that has no sectors.
struct Empty;

impl BlockDevice for Empty {
    fn capacity(&self) -> Sectors {
        Sectors::ZERO
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn strategy(&self, bio: Bio) {
        bio.fail(ErrorKind::Invalid);
    }
}

fn empty_disk(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    rig.dm.add_disk("empty", Arc::new(Empty)).map_err(|error| error.to_string())?;
    rig.dm.create("bare").map_err(|error| error.to_string())?;
    fails(&mut session, "read empty 0", "`empty` is a disk with no sectors")?;
    fails(&mut session, "read bare 0", "`bare` has no table, hence no sectors")
}

fn made_by_itself(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    let begins = |session: &mut Session<'_>, how: &str| {
        let made = welcome::make_mirror(session, Legs::Unknown);
        check!(made.is_ok(), "{made:?}");
        let m0 = rig.dm.get("m0").map_err(|error| error.to_string())?;
        let table = m0.table(Slot::Active).map_err(|error| error.to_string())?;
        check!(table.contains(how), "{table} is not {how}");
        all_run(session, &["dmsetup remove m0"])
    };
    let refused = |session: &mut Session<'_>| {
        let Err(failure) = welcome::make_mirror(session, Legs::Unknown) else {
            return Err("a mirror was made".to_string());
        };
        let told = failure.to_string();
        for choice in ["sync 2 vbd0 0 vbd1 0\"", "sync 2 vbd1 0 vbd0 0\""] {
            check!(told.contains(choice), "{told:?} does not offer {choice}");
        }
        check!(rig.dm.get("m0").is_err());
        Ok(())
    };
    all_run(&mut session, &["fill vbd0 0 64M 0", "fill vbd1 0 64M 0"])?;
    begins(&mut session, " internal 0 2 vbd0 0 vbd1 0")?;
    all_run(&mut session, &["fill vbd0 0 1M 0", "fill vbd1 0 1M 0"])?;
    // Data far from the start, in the last sector: a disk that begins blank may be the rest of
    // a mirror whose superblocks were wiped, on one disk or on both.
    let behind_nothing = |session: &mut Session<'_>| {
        let Err(failure) = welcome::make_mirror(session, Legs::Unknown) else {
            return Err("a mirror was made of data that may be shifted".to_string());
        };
        let told = failure.to_string();
        check!(told.contains("`vbd0` holds data behind a blank begin"), "{told:?}");
        check!(rig.dm.get("m0").is_err());
        Ok(())
    };
    let fails_to_begin = |session: &mut Session<'_>, why: &str| {
        let made = welcome::make_mirror(session, Legs::Unknown);
        let told = made.err().map(|failure| failure.to_string()).unwrap_or_default();
        check!(told.contains(why), "{told:?}");
        Ok::<(), String>(())
    };
    all_run(&mut session, &["write vbd0 131071s x"])?;
    behind_nothing(&mut session)?;
    all_run(&mut session, &["write vbd1 131071s x"])?;
    behind_nothing(&mut session)?;
    all_run(&mut session, &["write vbd1 131071s y"])?;
    fails_to_begin(&mut session, "data behind a blank begin")?;
    all_run(&mut session, &["write vbd1 131071s --hex 00", "write vbd0 0 x"])?;
    begins(&mut session, " sync ")?;
    all_run(&mut session, &["fill vbd1 0 1M 0", "write vbd1 131071s y"])?;
    refused(&mut session)?;
    all_run(&mut session, &["write vbd0 131071s --hex 00"])?;
    refused(&mut session)?;
    all_run(&mut session, &["write vbd1 0 x", "write vbd0 131071s y"])?;
    begins(&mut session, " nosync ")
}

fn events_kept(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let device = rig.dm.create("noted").map_err(|error| error.to_string())?;
    let first = events::since(0).last().map_or(0, |last| last.number + 1);
    for number in 0..2 * events::KEPT {
        device.events().note(Severity::Info, format_args!("{number}"));
    }
    let kept = events::since(first);
    check!(kept.len() == events::KEPT, "{} are kept", kept.len());
    let newest = (events::KEPT..).zip(&kept);
    for (number, entry) in newest {
        check!(entry.device == "noted" && entry.what == number.to_string(), "{entry:?}");
        check!(entry.number == first + number as u64, "{entry:?} is no. {number}");
    }
    check!(kept.windows(2).all(|pair| pair[0].at <= pair[1].at), "out of order");
    let last = kept.last().map_or(0, |last| last.number);
    check!(events::since(last + 1).is_empty());
    Ok(())
}
