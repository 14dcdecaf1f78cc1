//! What a person does at the console: with mirrors on mirrors, suspended devices, disks that
//! come back, and names of their choice.
//!
//! Place: beside `console` and `labelled`, on parts of `vbd0` and `vbd1`.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bio::{Sector, Sectors};
use dm::{Mode, Slot};
use dm_mirror::MirrorTarget;
use dm_mirror::report::Report;
use shell::COMMANDS;

use super::Test;
use super::console::{all_run, fails};
use super::rig::{Rig, extent};
use crate::check;
use crate::console::session::Session;
use crate::disks;
use crate::task::{MaySleep, sleep};

pub const TESTS: &[Test] = &[
    Test { name: "operator::no_command_waits_for_a_suspended_device", run: no_waiting },
    Test { name: "operator::what_a_person_set_is_not_undone", run: set_stays },
    Test { name: "operator::mirrors_on_mirrors_are_assembled_lowest_first", run: nested },
    Test { name: "operator::the_newest_generation_has_the_place", run: stale_disk },
    Test { name: "operator::a_mirror_that_does_not_run_is_a_failure", run: not_running },
    Test { name: "operator::a_disk_named_twice_is_called_that", run: twice },
    Test { name: "operator::a_name_is_a_word_on_the_command_line", run: names },
    Test { name: "operator::one_replacement_is_on_its_way_at_a_time", run: replacements },
    Test { name: "operator::a_leg_that_was_failed_just_now_is_waited_for", run: fail_then_add },
    Test { name: "operator::progress_counts_sectors", run: progress },
    Test { name: "operator::what_is_advised_can_be_done", run: hints },
];

/// Four devices of 17 MiB: `a` and `c` are parts of `vbd0`, `b` and `d` of `vbd1`.
const PARTS: &[&str] = &[
    "dmsetup create a --table \"0 34816 linear vbd0 0\"",
    "dmsetup create b --table \"0 34816 linear vbd1 0\"",
    "dmsetup create c --table \"0 34816 linear vbd0 34816\"",
    "dmsetup create d --table \"0 34816 linear vbd1 34816\"",
];

/// `m0` on `a` and `b`, `top` on `m0` and `c`.
const STACK: &[&str] = &[
    "mirror label m0 a b --force",
    "mirror wait m0",
    "mirror label top m0 c --force",
    "mirror wait top",
];

/// A device mapper with two disks, whose parts hold no record of a mirror.
fn rig(may_sleep: &MaySleep) -> Result<Rig<'_>, String> {
    let find = |name| {
        let disk = disks::find(name).ok_or_else(|| format!("there is no {name}"));
        disk.map(|disk| (name, disk.device()))
    };
    let rig = Rig::of(may_sleep, [find("vbd0")?, find("vbd1")?])?;
    for disk in ["vbd0", "vbd1"] {
        for start in [0, 2048, 34816, 36864, 69632] {
            check!(rig.wipe(disk, extent(start, 2048))? == Ok(()), "{disk} is not wiped");
        }
    }
    Ok(rig)
}

/// A session that cannot hang: Ctrl-C comes by itself, and is a failure.
fn session<'t>(rig: &'t Rig<'t>, may_sleep: &'t MaySleep) -> Result<Session<'t>, String> {
    let mut session = Session::new(&rig.dm, shell::Mode::Plain, may_sleep);
    all_run(&mut session, PARTS)?;
    Ok(session)
}

fn patient(session: &mut Session<'_>) {
    session.interrupt_after(Some(Duration::from_secs(60)));
}

fn mode(rig: &Rig<'_>, name: &str) -> Result<Mode, String> {
    Ok(rig.dm.get(name).map_err(|error| error.to_string())?.info().mode)
}

fn table(rig: &Rig<'_>, name: &str, slot: Slot) -> Result<String, String> {
    let device = rig.dm.get(name).map_err(|error| error.to_string())?;
    Ok(device.table(slot).unwrap_or_default())
}

fn report(rig: &Rig<'_>, name: &str) -> Result<Report, String> {
    let device = rig.dm.get(name).map_err(|error| error.to_string())?;
    let report = device.look_at(Sector(0), MirrorTarget::report);
    report.ok_or_else(|| format!("{name} is no mirror"))
}

/// What happens to a command on `top`.
#[derive(Clone, Copy)]
enum Then {
    /// It is carried out: it issues no request to the device, or none that would wait.
    Does,
    /// It is refused, with this text.
    Refuses(&'static str),
    /// It is not tried: it would change the stack under test, or has nothing to do with
    /// devices.
    Untried,
}

use Then::{Does, Refuses, Untried};

/// `top` itself is suspended, and a request to it, or a change of it, is refused.
const REQUEST: Then = Refuses("`top` is suspended: the request would wait");
const FIRST: Then = Refuses("`top` is suspended: `dmsetup resume top` first");
/// The device below `top` is suspended.
const BELOW: Then = Refuses("`m0` is suspended: the request would wait");

/// Each command, and what happens to it while `top` is suspended, and while `m0` below is.
const SUSPENDED: &[(&str, Then, Then)] = &[
    ("help flush", Does, Does),
    ("events top", Does, Does),
    ("disks", Does, Does),
    ("dmsetup create", Untried, Untried),
    ("dmsetup load", Untried, Untried),
    ("dmsetup reload", Untried, Untried),
    ("dmsetup clear", Untried, Untried),
    ("dmsetup remove top", Untried, BELOW),
    ("dmsetup remove_all", Untried, BELOW),
    ("dmsetup rename", Untried, Untried),
    ("dmsetup wipe_table top", FIRST, BELOW),
    ("dmsetup ls --tree", Does, Does),
    ("dmsetup info top", Does, Does),
    ("dmsetup deps top", Does, Does),
    ("dmsetup table top", Does, Does),
    ("dmsetup status top", Does, Does),
    ("dmsetup targets", Does, Does),
    ("dmsetup suspend top", Does, Refuses("`dmsetup resume m0` first")),
    ("dmsetup suspend --noflush top", Does, BELOW),
    ("dmsetup resume top", Untried, Does),
    ("dmsetup message top 0 show", Does, Does),
    ("dmsetup wait top 99999", Does, Does),
    ("mirror label x top --force", REQUEST, BELOW),
    ("mirror assemble", REQUEST, BELOW),
    ("mirror assemble top", REQUEST, BELOW),
    ("mirror assemble a", Untried, BELOW),
    ("mirror start x", REQUEST, BELOW),
    ("mirror start-degraded top", FIRST, BELOW),
    ("mirror keep top 0", FIRST, BELOW),
    ("mirror stop top", Untried, BELOW),
    ("mirror status top", Does, Does),
    ("mirror status --json", Does, Does),
    ("mirror wait top", FIRST, BELOW),
    ("mirror fail top 1", FIRST, Untried),
    ("mirror add top 1", FIRST, BELOW),
    ("mirror add top 2 d", FIRST, BELOW),
    ("mirror replace top 1 d", FIRST, BELOW),
    ("mirror rebuild top 1", FIRST, BELOW),
    ("mirror remove top 1 --force", FIRST, BELOW),
    ("mirror forget top --force", REQUEST, BELOW),
    ("mirror forget top 1", FIRST, BELOW),
    ("mirror examine top", REQUEST, BELOW),
    ("mirror policy top round_robin", Does, Does),
    ("mirror write-mostly top 1 off", Does, Does),
    ("mirror rate top none,none", Does, Does),
    ("mirror check top", FIRST, BELOW),
    ("mirror check top --wait", FIRST, BELOW),
    ("mirror repair top --wait", FIRST, BELOW),
    ("mirror idle", Untried, Untried),
    ("read top 0", REQUEST, BELOW),
    ("write top 0 x", REQUEST, BELOW),
    ("fill top 0 1M 0", REQUEST, BELOW),
    ("verify top 0 1M 0", REQUEST, BELOW),
    ("compare top d 0 1M", REQUEST, BELOW),
    ("compare d top 0 1M", REQUEST, BELOW),
    ("copy top d 1M", REQUEST, BELOW),
    ("copy d top 1M", REQUEST, BELOW),
    ("flush top", REQUEST, BELOW),
    ("discard top 0 1M", REQUEST, BELOW),
    ("torture top 0 1M 10 7", REQUEST, BELOW),
    ("bench top mix --requests 10", REQUEST, BELOW),
    ("slot ls", Does, Does),
    ("slot eject", Untried, Untried),
    ("slot start", Untried, Untried),
    ("slot reset", Untried, Untried),
    ("slot pull", Untried, Untried),
    ("threads", Untried, Untried),
    ("memory", Untried, Untried),
    ("interrupts", Untried, Untried),
    ("uptime", Untried, Untried),
    ("log", Untried, Untried),
    ("color", Untried, Untried),
    ("trace on", Does, Does),
    ("trace show", Does, Does),
    ("trace dump", Untried, Untried),
    ("trace clear", Does, Does),
    ("trace off", Does, Does),
    ("fuzz", Untried, Untried),
    ("panic", Untried, Untried),
    ("poweroff", Untried, Untried),
];

fn no_waiting(may_sleep: &MaySleep) -> Result<(), String> {
    for spec in COMMANDS {
        let named = |line: &str| line == spec.name || line.starts_with(&format!("{} ", spec.name));
        let has_row = SUSPENDED.iter().any(|(line, ..)| named(line));
        check!(has_row, "{} has no row", spec.name);
    }
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    all_run(&mut session, STACK)?;
    for (asleep, awake) in [("top", "m0"), ("m0", "top")] {
        all_run(&mut session, &[&format!("dmsetup suspend --noflush {asleep}")])?;
        for (line, itself, below) in SUSPENDED {
            patient(&mut session);
            match if asleep == "top" { itself } else { below } {
                Does => all_run(&mut session, &[line])?,
                Refuses(why) => fails(&mut session, line, why)?,
                Untried => {}
            }
            check!(mode(&rig, asleep)? == Mode::Suspended, "{line}: {asleep} was resumed");
            check!(mode(&rig, awake)? == Mode::Running, "{line}: {awake} was suspended");
        }
        all_run(&mut session, &[&format!("dmsetup resume {asleep}")])?;
    }
    session.interrupt_after(None);
    check!(report(&rig, "top")?.summary == "healthy: 2 of 2 legs in sync");
    all_run(&mut session, &["mirror stop top", "mirror stop m0"])
}

fn set_stays(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, &["mirror label m0 a b", "mirror wait m0", "mirror fail m0 1"])?;
    all_run(&mut session, &["mirror forget m0 1"])?;
    let before = table(&rig, "m0", Slot::Active)?;
    check!(before.contains("2 a 0 - 0"), "{before}");
    let exchanges = [
        "mirror add m0 1 c --force",
        "mirror add m0 2 c --force",
        "mirror replace m0 0 c --force",
        "mirror remove m0 1",
        "mirror forget m0 1",
    ];
    all_run(&mut session, &["dmsetup suspend m0"])?;
    for line in exchanges.into_iter().chain(["dmsetup wipe_table m0"]) {
        fails(&mut session, line, "`m0` is suspended: `dmsetup resume m0` first")?;
        check!(mode(&rig, "m0")? == Mode::Suspended, "{line}");
    }
    all_run(&mut session, &["dmsetup resume m0"])?;
    // The length that it has, with another target, so that it can be told from the table that
    // an exchange would load.
    let loaded = format!("0 {} error", 30720);
    all_run(&mut session, &[&format!("dmsetup load m0 --table \"{loaded}\"")])?;
    for line in exchanges.into_iter().chain(["dmsetup wipe_table m0"]) {
        fails(&mut session, line, "`dmsetup clear m0` drops it")?;
        check!(table(&rig, "m0", Slot::Inactive)?.trim() == loaded, "{line}");
        check!(table(&rig, "m0", Slot::Active)? == before, "{line}");
    }
    // The advice helps.
    all_run(&mut session, &["dmsetup clear m0", exchanges[0], "mirror wait m0"])?;
    check!(report(&rig, "m0")?.summary == "healthy: 2 of 2 legs in sync");
    // A member that comes back is no reason to drop a table either.
    all_run(&mut session, &["mirror stop m0"])?;
    fails(&mut session, "mirror assemble a", "does not run")?;
    all_run(&mut session, &["dmsetup suspend --noflush m0"])?;
    fails(&mut session, "mirror assemble c", "`m0` is suspended: `dmsetup resume m0` first")?;
    all_run(&mut session, &["dmsetup resume m0", "mirror assemble c", "mirror stop m0"])
}

fn nested(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, STACK)?;
    all_run(&mut session, &["write top 0 \"on all three\""])?;
    // Devices in use stay in use. The disks below the parts are not taken for copies of them.
    all_run(&mut session, &["mirror assemble", "mirror stop top", "mirror stop m0"])?;
    for command in ["mirror assemble", "mirror assemble c a b", "mirror assemble b a c"] {
        all_run(&mut session, &[command])?;
        for name in ["m0", "top"] {
            let summary = report(&rig, name)?.summary;
            check!(summary == "healthy: 2 of 2 legs in sync", "{command}: {name}: {summary}");
        }
        let top = table(&rig, "top", Slot::Active)?;
        check!(top.contains(" 2 m0 0 c 0"), "{command}: {top}");
        all_run(&mut session, &["mirror stop top", "mirror stop m0"])?;
    }
    // A mirror that waits for another mirror gets it when that is assembled later.
    fails(&mut session, "mirror assemble c", "`top` is there and does not run")?;
    all_run(&mut session, &["mirror assemble"])?;
    check!(report(&rig, "top")?.summary == "healthy: 2 of 2 legs in sync");
    all_run(&mut session, &["mirror stop top", "mirror start top", "mirror stop top"])?;
    all_run(&mut session, &["mirror stop m0"])
}

fn stale_disk(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, &["mirror label m0 a b", "mirror wait m0"])?;
    // A region that is dirty when a leg leaves may have been written on that leg.
    while report(&rig, "m0")?.map.is_none_or(|map| map.dirty > 0) {
        sleep(may_sleep, Duration::from_millis(50));
    }
    all_run(
        &mut session,
        &[
            "mirror fail m0 0",
            "mirror add m0 0 c",
            "mirror wait m0",
            "write m0 0 \"newest, on b and c\"",
            "mirror stop m0",
        ],
    )?;
    // While the old one wrote nothing, it is the older one, however it compares.
    all_run(&mut session, &["mirror assemble", "mirror wait m0"])?;
    check!(table(&rig, "m0", Slot::Active)?.contains(" c 0 b 0"));
    all_run(&mut session, &["mirror stop m0"])?;
    // Started alone, more often than the others, it has a history of its own. While it wrote
    // nothing, it is still the older one.
    fails(&mut session, "mirror assemble a", "does not run")?;
    all_run(&mut session, &["mirror start-degraded m0", "mirror stop m0", "mirror assemble a"])?;
    all_run(&mut session, &["mirror stop m0", "mirror assemble"])?;
    check!(table(&rig, "m0", Slot::Active)?.contains(" c 0 b 0"));
    all_run(&mut session, &["mirror stop m0", "mirror assemble a", "write m0 0 \"alone\""])?;
    all_run(&mut session, &["mirror stop m0"])?;
    for name in ["`a` ran apart", "`mirror assemble a`", "`mirror assemble b c`"] {
        let told = session.execute("mirror assemble").err().map(|it| it.to_string());
        let told = told.unwrap_or_default().replace("`a`, and `b` and `c` ran", "`a` ran");
        check!(told.contains(name), "{told}");
        check!(rig.dm.get("m0").is_err(), "a mirror was made of what is contested");
    }
    all_run(&mut session, &["mirror assemble b c"])?;
    check!(report(&rig, "m0")?.summary == "healthy: 2 of 2 legs in sync");
    // A member that serves is not contested by a disk that is also there.
    all_run(&mut session, &["mirror assemble"])?;
    check!(table(&rig, "m0", Slot::Active)?.contains(" c 0 b 0"));
    all_run(&mut session, &["mirror stop m0"])
}

fn not_running(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, &["mirror label m0 a b", "mirror wait m0", "mirror stop m0"])?;
    all_run(&mut session, &["mirror label m1 c d", "mirror wait m1", "mirror stop m1"])?;
    // All are tried, even those after one that does not start.
    fails(&mut session, "mirror assemble a c d", "`m0` is there and does not run: not started")?;
    check!(report(&rig, "m1")?.summary == "healthy: 2 of 2 legs in sync");
    all_run(&mut session, &["mirror stop m0"])?;
    all_run(&mut session, &["mirror assemble", "mirror stop m0", "mirror stop m1"])?;
    all_run(&mut session, &["mirror start m0", "mirror stop m0"])?;
    all_run(&mut session, &["mirror forget b --force"])?;
    fails(&mut session, "mirror start m0", "`m0` is there and does not run: not started")?;
    fails(&mut session, "mirror start m0", "`mirror start-degraded m0`")?;
    all_run(&mut session, &["mirror start-degraded m0", "mirror stop m0"])
}

fn twice(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    all_run(&mut session, &["mirror label m0 a b", "mirror wait m0", "mirror stop m0"])?;
    for line in ["mirror assemble a a b", "mirror examine b a b", "mirror label x c d c"] {
        fails(&mut session, line, " is named twice")?;
    }
    all_run(&mut session, &["mirror assemble a b", "mirror stop m0"])
}

fn names(may_sleep: &MaySleep) -> Result<(), String> {
    let printable = || ('!'..='~').map(String::from);
    let pairs =
        printable().flat_map(|first| printable().map(move |second| first.clone() + &second));
    let more = ["--force", "<<END", "4096"].map(String::from);
    for name in printable().chain(pairs).chain(more) {
        let command = shell::parse(&format!("flush {name}")).ok().flatten();
        let is_word = command == Some(shell::Command::Flush { dev: name.clone() });
        check!(is_word || dm::check_name(&name).is_err(), "{name} is a name, and no word");
    }
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    all_run(&mut session, &["dmsetup create error --table \"0 8 error\"", "dmsetup table error"])?;
    for name in ["-", "\"--force\"", "8", "\"#m\"", "\"<<E\"", "\"a'\""] {
        for line in
            ["mirror label NAME c d", "dmsetup create NAME --notable", "dmsetup rename error NAME"]
        {
            fails(&mut session, &line.replace("NAME", name), "is no device name")?;
        }
    }
    Ok(())
}

fn replacements(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, &["mirror label m0 a b", "mirror wait m0", "mirror rate m0 none,256"])?;
    all_run(&mut session, &["mirror replace m0 0 c"])?;
    let before = table(&rig, "m0", Slot::Active)?;
    for line in ["mirror replace m0 1 d", "mirror replace m0 0 d", "mirror remove m0 0 --force"] {
        fails(&mut session, line, "leg 0 of `m0` is being replaced")?;
        check!(table(&rig, "m0", Slot::Active)? == before, "{line}");
    }
    // A leg that is coming back cannot be replaced, and no table is exchanged to find that out.
    fails(&mut session, "mirror add m0 2 d", "`mirror fail m0 2`, then `mirror add m0 2 d`")?;
    check!(table(&rig, "m0", Slot::Active)? == before);
    all_run(&mut session, &["mirror rate m0 none,none", "mirror wait m0", "mirror forget m0 0"])?;
    let report = report(&rig, "m0")?;
    check!(report.summary == "healthy: 2 of 2 legs in sync", "{}", report.summary);
    all_run(&mut session, &["mirror stop m0"])
}

fn fail_then_add(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    // A copy to `slow` is in flight for a while.
    all_run(&mut session, &["dmsetup create slow --table \"0 34816 delay b 0 300\""])?;
    all_run(&mut session, &["mirror label m0 a slow"])?;
    for _ in 0..3 {
        all_run(&mut session, &["mirror fail m0 1", "mirror add m0 1"])?;
    }
    all_run(&mut session, &["mirror rate m0 none,256", "mirror fail m0 1", "mirror add m0 1"])?;
    all_run(&mut session, &["mirror fail m0 1", "dmsetup remove m0"])
}

fn progress(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    for region in [9_223_372_036_854_775_808_u64, 2_097_152, 32_768] {
        let line = format!("0 32768 mirror core 1 {region} 2 a 0 b 0 1 sync_rate=none,1");
        all_run(&mut session, &[&format!("dmsetup create m --table \"{line}\"")])?;
        let report = report(&rig, "m")?;
        let copying = report.copying.ok_or("nothing is copied")?;
        let amounts = (copying.done_sectors, copying.all_sectors, report.legs[1].missed_sectors);
        check!(amounts == (Sectors::ZERO, Sectors(32768), Sectors(32768)), "{region}: {amounts:?}");
        let left = copying.left.unwrap_or_default();
        check!(left <= Duration::from_secs(16384), "{region}: {left:?} are left");
        all_run(&mut session, &["mirror status m", "dmsetup remove m"])?;
    }
    Ok(())
}

fn hints(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = rig(may_sleep)?;
    let mut session = session(&rig, may_sleep)?;
    patient(&mut session);
    all_run(&mut session, &["mirror label m0 a b c d", "mirror wait m0"])?;
    all_run(&mut session, &["dmsetup create e --table \"0 34816 linear vbd0 69632\""])?;
    fails(&mut session, "mirror add m0 4 e", "4 are the most")?;
    let full = "`mirror fail m0 3`, then `mirror add m0 3 e`";
    fails(&mut session, "mirror add m0 3 e", full)?;
    fails(&mut session, "mirror replace m0 3 e", full)?;
    all_run(&mut session, &["mirror fail m0 3", "mirror add m0 3 e --force", "mirror wait m0"])?;
    // A device that is no mirror has no leg to fail. A device in use is removed from the top.
    all_run(&mut session, &["dmsetup create l --table \"0 8 linear m0 0\""])?;
    fails(&mut session, "write m0 0 x", "to take it apart: `dmsetup remove l`")?;
    fails(&mut session, "write a 0 x", "`mirror fail m0 LEG`")?;
    fails(&mut session, "write a 0 x", "`dmsetup remove l`, then `dmsetup remove m0`")?;
    let told = session.execute("write m0 0 x").err().map(|it| it.to_string()).unwrap_or_default();
    check!(!told.contains("mirror fail"), "{told}");
    all_run(&mut session, &["dmsetup remove l", "dmsetup rename m0 n0", "mirror stop n0"])?;
    all_run(&mut session, &["mirror start m0", "mirror stop m0"])?;
    // The name is taken by another device.
    all_run(&mut session, &["dmsetup create m0 --table \"0 8 zero\""])?;
    fails(&mut session, "mirror start m0", "`mirror assemble` starts the mirror")?;
    all_run(&mut session, &["mirror assemble", "mirror stop m0-2"])?;
    fails(&mut session, "mirror label x a b --region 64K", "--region 128s --force`")?;
    let lines: Vec<String> =
        ["a", "b", "c", "e"].map(|it| format!("mirror forget {it} --force")).into();
    lines.iter().try_for_each(|line| all_run(&mut session, &[line]))
}
