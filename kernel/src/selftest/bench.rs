//! What `bench` counts: requests, and their cost at the disks, the mirror and the heap. Nothing
//! here depends on how long anything takes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use shell::load::Load;
use shell::{Command, Mode, parse};

use super::Test;
use super::console::{all_run, fails};
use super::rig::Rig;
use crate::check;
use crate::console::{Figures, measure, session::Session};
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "bench::each_request_is_counted_once", run: counted },
    Test { name: "bench::a_mirrored_write_costs_one_for_each_leg_and_no_more", run: mirrored },
    Test { name: "bench::a_request_allocates_itself_and_nothing_else", run: allocations },
    Test { name: "bench::a_load_ends_with_the_first_error_and_with_ctrl_c", run: ends },
];

/// A mirror of 8 MiB.
const MIRROR: &str =
    "dmsetup create m --table \"0 16384 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"";

/// Measures the load that a line asks for.
fn figures(session: &mut Session<'_>, line: &str) -> Result<Figures, String> {
    let (dev, load) = load(line)?;
    measure(session, &dev, &load).map_err(|failure| format!("{line}: {failure}"))
}

fn load(line: &str) -> Result<(String, Load), String> {
    match parse(line) {
        Ok(Some(Command::Bench { dev, load, .. })) => Ok((dev, load)),
        other => Err(format!("{line}: {other:?}")),
    }
}

fn counted(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    let lines = [
        ("bench vbd0 read --requests 100 --depth 4", (100, 0, 0)),
        ("bench vbd0 write --random --requests 100 --depth 100", (0, 100, 0)),
        // The part has three places, and a rest in which nothing is written.
        ("bench vbd0 mix --size 8K --at 4K --length 28K --requests 7", (4, 3, 0)),
        ("bench vbd0 write --requests 30 --flush-every 10 --depth 1", (0, 30, 3)),
        ("bench vbd0 read --requests 1 --flush-every 2", (1, 0, 0)),
    ];
    for (line, (reads, writes, flushes)) in lines {
        let Figures { measured, below, .. } = figures(&mut session, line)?;
        check!((measured.reads, measured.writes) == (reads, writes), "{line}: {measured:?}");
        check!(measured.times.count() == reads + writes, "{line}: {}", measured.times.count());
        check!(measured.flush_times.count() == flushes, "{line}: {:?}", measured.flush_times);
        check!(below.requests == reads + writes + flushes, "{line}: {below:?}");
        check!(below.flushes == flushes && below.mirror.is_none(), "{line}: {below:?}");
        check!(below.kicks > 0, "{line}: {below:?}");
    }
    Ok(())
}

fn mirrored(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    let over = "dmsetup create over --table \"0 8192 linear m 8192\"";
    // The disks and the mirror are found through the devices between.
    for (device, made) in [("m", MIRROR), ("over", over)] {
        all_run(&mut session, &[made])?;
        let line = format!("bench {device} write --requests 60 --flush-every 20 --depth 1");
        let Figures { below, .. } = figures(&mut session, &line)?;
        check!((below.requests, below.flushes) == (2 * 63, 2 * 3), "{line}: {below:?}");
        let user = below.of_cause("user");
        check!((user.writes, user.flushes) == (2 * 60, 2 * 3), "{line}: {below:?}");
        check!(below.metadata_writes() == Some(0), "{line}: {below:?}");
    }
    all_run(&mut session, &["dmsetup remove over"])?;
    let Figures { below, .. } = figures(&mut session, "bench m read --random --requests 60")?;
    check!((below.requests, below.flushes) == (60, 0), "{below:?}");
    all_run(&mut session, &["mirror fail m 1"])?;
    let Figures { below, .. } = figures(&mut session, "bench m write --requests 60")?;
    check!((below.requests, below.of_cause("user").writes) == (60, 60), "{below:?}");
    Ok(())
}

/// Allocations of other threads are counted too. In at least one of several runs there are
/// none.
fn allocations(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    all_run(&mut session, &[MIRROR])?;
    for (device, operation) in [("vbd0", "read"), ("m", "read"), ("m", "write"), ("m", "mix")] {
        // Overlapping requests to a mirror would wait in a list, which may grow.
        let line = format!("bench {device} {operation} --requests 200 --depth 8");
        let least = (0..5).map(|_| Ok::<_, String>(figures(&mut session, &line)?.allocations));
        let least = least.collect::<Result<Vec<_>, _>>()?.into_iter().min();
        check!(least == Some(200), "{line}: {least:?}");
    }
    Ok(())
}

fn ends(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    let made = session.run("dmsetup create half <<END", Some("0 80 linear vbd0 0\n80 80 error"));
    check!(made.is_ok(), "{made:?}");
    fails(&mut session, "bench half read --requests 20 --depth 1", "until then: 10 requests")?;
    fails(
        &mut session,
        "bench half write --requests 99 --depth 16",
        "cannot write half at 0xa000",
    )?;
    session.interrupt_after(Some(core::time::Duration::from_millis(20)));
    let ended = fails(&mut session, "bench vbd1 read --seconds 86400", "stopped by Ctrl-C");
    session.interrupt_after(None);
    ended
}
