//! Bounds of tables and disks: a size beyond a bound is refused, with its place. A disk that
//! cannot be a leg is left alone, and the others start.
//!
//! Place: beside `operator`, on parts of `vbd0` and `vbd1`, and on `vbd2`, whose blocks have
//! 4096 bytes.

use alloc::format;
use alloc::string::String;

use super::Test;
use super::console::{all_run, fails};
use super::rig::{Rig, extent};
use crate::check;
use crate::console::session::Session;
use crate::disks;
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "bounds::a_table_beyond_a_bound_is_refused_with_its_place", run: tables },
    Test { name: "bounds::a_stack_costs_no_more_than_its_tables", run: stacked },
    Test { name: "bounds::a_member_of_large_blocks_is_left_alone", run: large_blocks },
];

fn tables(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, shell::Mode::Plain, may_sleep);
    let vast = "0 18014398509481984 zero";
    all_run(
        &mut session,
        &[
            &format!("dmsetup create z --table \"{vast}\""),
            &format!("dmsetup create y --table \"{vast}\""),
        ],
    )?;
    for (table, why) in [
        // 2^33 regions, too many for 32 bits, and 2^30, for which there is no memory.
        ("0 68719476736 mirror core 2 8 nosync 2 z 0 y 0", "line 1, column 29: "),
        ("0 8589934592 mirror core 2 8 nosync 2 z 0 y 0", "use regions of 4096 or more"),
        ("0 8589934592 mirror core 0 2 z 0 y 0", "line 1, column 26: "),
        ("0 65 striped 65 1 z 0", "65 stripes are too many"),
    ] {
        fails(&mut session, &format!("dmsetup create m --table \"{table}\""), why)?;
        check!(rig.dm.get("m").is_err());
    }
    // Numbers that a person gives.
    for (line, why) in [
        ("torture z 0 8s 2 7 --first 18446744073709551614", "no numbers left"),
        ("dmsetup message z 18446744073709551615 show", "the device ends at"),
        ("read z 18446744073709551615", ""),
        ("fill z 8388608T 1s 0", ""),
        ("discard z 0 18014398509481985s", ""),
        ("slot eject 65536", ""),
        ("mirror fail z 18446744073709551615", ""),
    ] {
        fails(&mut session, line, why)?;
    }
    let fits = "dmsetup create m --table \"0 8589934592 mirror core 2 4096 nosync 2 z 0 y 0\"";
    all_run(&mut session, &[fits, "mirror status m", "write m 0 x", "flush m"])
}

/// Commands that look at a stack, and walks in the device mapper. With 300 lines on each of
/// three levels they would take hours if their cost were the product of the lines.
fn stacked(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut session = Session::new(&rig.dm, shell::Mode::Plain, may_sleep);
    for level in 1..=dm::DEPTH_MAX {
        let below = if level == 1 { "vbd0".into() } else { format!("d{}", level - 1) };
        let lines: String =
            (0..300).map(|line| format!("{line} 1 linear {below} {line}\n")).collect();
        let made = session.run(&format!("dmsetup create d{level} <<END"), Some(&lines));
        check!(made.is_ok(), "{made:?}");
    }
    all_run(&mut session, &["dmsetup ls --tree", "dmsetup deps", "disks", "write d4 299s x"])?;
    check!(rig.read("d4", extent(299, 1))? == rig.read("vbd0", extent(299, 1))?);
    all_run(&mut session, &["flush d4", "dmsetup suspend d1", "dmsetup resume d1"])?;
    fails(&mut session, "write d1 0 x", "`d1` is part of `d2`")?;
    all_run(&mut session, &["dmsetup remove_all"])
}

/// Makes the mirror `m0` of `sectors` sectors of `vbd0` and `vbd1`, copies the second leg to
/// `vbd2`, and stops the mirror.
fn moved(rig: &Rig<'_>, session: &mut Session<'_>, sectors: u64) -> Result<(), String> {
    for disk in ["vbd0", "vbd1", "vbd2"] {
        check!(rig.wipe(disk, extent(0, 2048))? == Ok(()));
    }
    all_run(
        session,
        &[
            &format!("dmsetup create a --table \"0 {sectors} linear vbd0 0\""),
            &format!("dmsetup create b --table \"0 {sectors} linear vbd1 0\""),
            "mirror label m0 a b",
            "mirror wait m0",
            "fill m0 0 1M random=3",
            "mirror stop m0",
            // Whole blocks of 4096 bytes.
            &format!("copy vbd1 vbd2 {}s", sectors.next_multiple_of(8)),
            "mirror forget b --force",
        ],
    )
}

fn large_blocks(may_sleep: &MaySleep) -> Result<(), String> {
    let disk = |name| disks::find(name).map(|disk| (name, disk.device()));
    let disks = ["vbd0", "vbd1", "vbd2"].into_iter().filter_map(disk);
    let rig = Rig::of(may_sleep, disks)?;
    let mut session = Session::new(&rig.dm, shell::Mode::Plain, may_sleep);
    let table = || rig.dm.get("m0").and_then(|device| device.table(dm::Slot::Active));
    let is_alone = || table().is_ok_and(|table| table.contains(" a 0 - 0"));
    // An odd length, no multiple of 4096 bytes.
    moved(&rig, &mut session, 32769)?;
    fails(&mut session, "mirror assemble a vbd2", "`m0` is there and does not run: ")?;
    check!(is_alone(), "{:?}", table());
    all_run(&mut session, &["mirror start-degraded m0", "verify m0 0 1M random=3"])?;
    all_run(&mut session, &["mirror assemble", "write m0 4M x", "mirror stop m0"])?;
    // From now on that member is known to be out.
    all_run(&mut session, &["mirror start m0", "verify m0 0 1M random=3"])?;
    check!(is_alone(), "{:?}", table());
    all_run(&mut session, &["mirror stop m0", "mirror forget a --force"])?;
    all_run(&mut session, &["dmsetup remove a", "dmsetup remove b"])?;
    // A multiple of 4096 bytes: the disk may be a leg, but not of a mirror that runs with
    // blocks of 512.
    moved(&rig, &mut session, 32768)?;
    fails(&mut session, "mirror assemble a", "does not run")?;
    all_run(&mut session, &["mirror start-degraded m0", "mirror assemble", "write m0 1s x"])?;
    check!(is_alone(), "{:?}", table());
    all_run(&mut session, &["mirror stop m0", "mirror assemble"])?;
    check!(!is_alone() && rig.open("m0")?.limits().block_size == 4096, "{:?}", table());
    all_run(&mut session, &["verify m0 8s 8s random=3", "mirror stop m0"])?;
    all_run(
        &mut session,
        &["mirror forget a --force", "mirror forget vbd2 --force", "dmsetup remove_all"],
    )
}
