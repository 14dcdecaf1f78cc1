//! The trace: its ring and its layers; and it costs nothing while it is off.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use shell::Mode;

use super::Test;
use super::console::{all_run, fails};
use super::rig::Rig;
use crate::check;
use crate::console::session::Session;
use crate::task::{MaySleep, yield_now};
use crate::trace::{self, LAYERS_ALL, Layer, Ring};

pub const TESTS: &[Test] = &[
    Test { name: "trace::the_ring_forgets_the_oldest_and_counts_it", run: ring },
    Test { name: "trace::off_records_nothing", run: off },
    Test { name: "trace::only_the_layers_that_were_asked_for_are_recorded", run: layers },
    Test { name: "trace::a_mirrored_write_is_seen_from_its_coming_to_its_end", run: write },
    Test { name: "trace::the_console_switches_shows_and_clears_it", run: console },
];

/// A mirror of 8 MiB that keeps nothing.
const MIRROR: &str =
    "dmsetup create m --table \"0 16384 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"";

fn ring(_: &MaySleep) -> Result<(), String> {
    let mut ring = Ring::new(4).ok_or("no memory")?;
    let numbers = |ring: &Ring<u64>, from| -> Vec<(u64, u64)> {
        ring.since(from).map(|entry| (entry.number, entry.record)).collect()
    };
    check!(numbers(&ring, 0).is_empty() && ring.lost() == 0);
    for record in 0..3 {
        ring.push(record, record * 10);
    }
    check!(numbers(&ring, 1) == [(1, 10), (2, 20)], "{:?}", numbers(&ring, 1));
    for record in 3..11 {
        ring.push(record, record * 10);
    }
    check!((ring.count(), ring.lost()) == (11, 7));
    let kept = numbers(&ring, 0);
    check!(kept == [(7, 70), (8, 80), (9, 90), (10, 100)], "{kept:?}");
    check!(numbers(&ring, 9) == [(9, 90), (10, 100)] && numbers(&ring, 11).is_empty());
    ring.clear();
    ring.push(0, 5);
    check!(numbers(&ring, 0) == [(0, 5)] && ring.lost() == 0);
    Ok(())
}

/// All records, as lines.
fn lines() -> Vec<String> {
    let (mut lines, mut next) = (Vec::new(), 0);
    loop {
        let found = trace::since(next, 64);
        let Some(last) = found.last() else { return lines };
        next = last.number + 1;
        lines.extend(found.iter().map(|entry| entry.record.to_string()));
    }
}

/// Switches the trace on for these layers, does something, and switches it off.
fn record(layers: u8, act: impl FnOnce() -> Result<(), String>) -> Result<Vec<String>, String> {
    trace::on(layers).map_err(|error| format!("{error:?}"))?;
    let done = act();
    trace::off();
    done.map(|()| lines())
}

fn off(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, &[MIRROR])?;
    record(LAYERS_ALL, || Ok(()))?;
    trace::clear();
    all_run(&mut session, &["fill m 0 64K 7", "verify m 0 64K 7"])?;
    yield_now();
    check!(trace::counts() == (0, 0), "{:?}", trace::counts());
    all_run(&mut session, &["dmsetup remove m"])
}

fn layers(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, &[MIRROR])?;
    for layer in Layer::ALL {
        let lines = record(layer.bit(), || all_run(&mut session, &["fill m 0 64K 7"]))?;
        let other = lines.iter().find(|line| !line.starts_with(layer.word()));
        check!(other.is_none(), "{} has {other:?}", layer.word());
        check!(!lines.is_empty(), "{} has none", layer.word());
    }
    all_run(&mut session, &["dmsetup remove m"])
}

fn write(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, &[MIRROR])?;
    let layers = Layer::Dm.bit() | Layer::Mirror.bit() | Layer::Disk.bit();
    let lines = record(layers, || all_run(&mut session, &["write m 0 hello"]))?;
    // Each leg goes as fast as its disk.
    for leg in 0..2 {
        let of_leg = |words: &str| format!("leg={leg} {words}");
        let of_disk = |words: &str| format!("disk vbd{leg} {words} cmd=write at=0 count=1");
        let order = [
            "dm m taken cmd=write at=0 count=1".into(),
            "mirror m asked ".into(),
            of_leg("is=START"),
            of_leg("is=DATA_WRITE"),
            of_disk("submitted"),
            of_disk("completed"),
            of_leg("of="),
            of_leg("is=DONE"),
            "complete ".into(),
            "dm m ended cmd=write at=0 count=1 result=ok".into(),
        ];
        let mut left = lines.iter();
        for words in order {
            check!(left.any(|line| line.contains(&words)), "no {words} in its place: {lines:#?}");
        }
    }
    let count = |words: &str| lines.iter().filter(|line| line.contains(words)).count();
    check!(count("completed cmd=write at=0 count=1 result=ok") == 2, "{lines:#?}");
    all_run(&mut session, &["dmsetup remove m"])
}

fn console(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, &["trace on --filter disk,mirror", "flush vbd0"])?;
    check!(trace::layers() == Layer::Disk.bit() | Layer::Mirror.bit());
    check!(trace::counts().0 == 2, "{:?}", lines());
    let shown = ["trace show", "trace show --filter vbd1,m0 --last 3", "trace dump"];
    all_run(&mut session, &shown)?;
    all_run(&mut session, &["trace clear", "trace off", "trace show"])?;
    check!(trace::layers() == 0 && trace::counts() == (0, 0));
    fails(&mut session, "trace on --filter nothing", "is none of")?;
    fails(&mut session, "trace show --filter m0,,m1", "empty word")?;
    Ok(())
}
