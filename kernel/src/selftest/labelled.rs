//! Mirrors with superblocks, over real disks: data outlive the mapped device, and a leg that
//! was out gets what it missed and no more.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::time::Duration;

use bio::{BlockDevice, ErrorKind, Sector};
use dm_mirror::format::{MemberState, Superblock, newest_superblock, superblock_place};
use shell::Mode;
use sim::{FaultDisk, Hit};

use super::Test;
use super::rig::{Rig, extent};
use crate::check;
use crate::console::session::Session;
use crate::disks;
use crate::task::{MaySleep, sleep};

pub const TESTS: &[Test] = &[
    Test { name: "labelled::what_was_written_outlives_the_device", run: outlives },
    Test { name: "labelled::a_leg_that_failed_gets_what_it_missed", run: partial_rebuild },
    Test { name: "labelled::a_leg_that_failed_for_its_medium_waits_for_a_person", run: bad_medium },
    Test { name: "labelled::a_check_finds_what_a_repair_makes_equal", run: check_and_repair },
    Test { name: "labelled::a_missing_member_holds_the_start", run: held },
    Test { name: "labelled::a_copy_of_a_member_is_not_taken_for_it", run: twins },
    Test { name: "labelled::power_off_stops_the_mirror_cleanly", run: clean_stop },
];

/// How many copies a region of 512 KiB takes.
const COPIES_PER_REGION: u64 = 4;

/// Two disks, of which the second fails when told to.
pub(super) struct Disks<'t> {
    pub(super) rig: Rig<'t>,
    pub(super) fault: Arc<FaultDisk>,
}

impl<'t> Disks<'t> {
    pub(super) fn new(may_sleep: &'t MaySleep) -> Result<Disks<'t>, String> {
        let disk = |name: &str| {
            disks::find(name).map(disks::Disk::device).ok_or_else(|| format!("there is no {name}"))
        };
        let fault = FaultDisk::new(disk("vbd1")?);
        let faulty: Arc<dyn BlockDevice> = fault.clone();
        let rig = Rig::of(may_sleep, [("vbd0", disk("vbd0")?), ("faulty", faulty)])?;
        Ok(Disks { rig, fault })
    }

    /// Makes the mirror `m`, in sync.
    pub(super) fn label(&self, session: &mut Session<'_>) -> Result<(), String> {
        all_run(session, &["mirror label m vbd0 faulty --force", "mirror wait m"])
    }

    fn superblock(&self, disk: &str) -> Result<Superblock, String> {
        let a = self.rig.read(disk, superblock_place(0))?;
        let b = self.rig.read(disk, superblock_place(1))?;
        let found = newest_superblock([&a, &b]).map_err(|bad| format!("{disk}: {bad}"))?;
        Ok(found.1)
    }

    pub(super) fn show(&self) -> Result<String, String> {
        let device = self.rig.dm.get("m").map_err(|error| error.to_string())?;
        device.message(Sector(0), &["show"]).map_err(|error| error.to_string())
    }

    /// How many chunks were copied to a leg.
    fn copies(&self, leg: usize) -> Result<u64, String> {
        let report = self.show()?;
        let line = report.lines().find(|line| line.starts_with(&format!("leg {leg}: ")));
        let count =
            line.and_then(|line| line.split(" copy ").nth(1)?.split('/').next()?.parse().ok());
        count.ok_or_else(|| format!("no count of copies in {report:?}"))
    }

    /// Waits until all regions are clean: nothing happens in them.
    fn until_clean(&self, may_sleep: &MaySleep) -> Result<(), String> {
        while !self.show()?.contains("; 0 dirty,") {
            sleep(may_sleep, Duration::from_millis(50));
        }
        Ok(())
    }

    /// Checks that the legs' data are equal, and leaves the disks without a mirror.
    pub(super) fn end(&self, session: &mut Session<'_>) -> Result<(), String> {
        all_run(
            session,
            &[
                "compare vbd0 faulty 1M 63M",
                "dmsetup remove m",
                "mirror forget vbd0 --force",
                "mirror forget faulty --force",
            ],
        )
    }
}

pub(super) fn all_run(session: &mut Session<'_>, lines: &[&str]) -> Result<(), String> {
    for line in lines {
        let outcome = session.execute(line);
        check!(outcome.is_ok(), "{line}: {outcome:?}");
    }
    Ok(())
}

fn outlives(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    // So that the first start has something to make equal, from either disk.
    all_run(&mut session, &["fill vbd0 0 64M 0x11", "fill faulty 0 64M 0x22"])?;
    disks.label(&mut session)?;
    all_run(&mut session, &["compare vbd0 faulty 1M 63M", "fill m 0 8M random=5"])?;
    all_run(&mut session, &["dmsetup suspend m", "dmsetup resume m", "verify m 0 8M random=5"])?;
    all_run(&mut session, &["fill m 8M 1M random=6", "dmsetup remove m"])?;
    check!(disks.superblock("vbd0")?.clean && disks.superblock("faulty")?.clean);
    all_run(&mut session, &["mirror assemble faulty vbd0"])?;
    let table = disks.rig.dm.get("m").and_then(|device| device.table(dm::Slot::Active));
    let table = table.map_err(|error| error.to_string())?;
    check!(table.contains(" vbd0 0 faulty 0"), "not in the order of the slots: {table}");
    let report = disks.show()?;
    check!(report.contains(" 0 dirty, 0 to be resynced; session 2"), "{report}");
    check!(disks.copies(0)? == 0 && disks.copies(1)? == 0, "{}", disks.show()?);
    all_run(&mut session, &["verify m 0 8M random=5", "verify m 8M 1M random=6"])?;
    disks.end(&mut session)
}

fn partial_rebuild(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["fill m 0 8M random=7", "flush m"])?;
    disks.until_clean(may_sleep)?;
    disks.fault.fail(Hit::All, ErrorKind::Gone);
    // Eight regions of 512 KiB.
    all_run(&mut session, &["fill m 16M 4M random=8", "flush m"])?;
    let excluded = disks.superblock("vbd0")?.members[1].map(|member| member.state);
    check!(excluded == Some(MemberState::Out), "{excluded:?}");
    all_run(&mut session, &["dmsetup remove m", "mirror assemble"])?;
    let report = disks.show()?;
    check!(report.starts_with("degraded: 1 of 2"), "no start by itself: {report}");
    check!(report.contains("missed 8 regions"), "{report}");
    disks.fault.forgive();
    all_run(&mut session, &["mirror assemble", "mirror wait m"])?;
    let report = disks.show()?;
    check!(report.starts_with("healthy: 2 of 2"), "{report}");
    let copies = disks.copies(1)?;
    check!(copies == 8 * COPIES_PER_REGION, "{copies} copies: {report}");
    all_run(&mut session, &["verify m 0 8M random=7", "verify m 16M 4M random=8"])?;
    disks.end(&mut session)
}

fn bad_medium(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    disks.fault.fail(Hit::Writes(extent(8192, 8)), ErrorKind::Media);
    all_run(&mut session, &["fill m 0 8M random=1", "flush m"])?;
    disks.fault.forgive();
    let excluded = disks.superblock("vbd0")?.members[1].map(|member| member.state);
    check!(excluded == Some(MemberState::FailedMedia), "{excluded:?}");
    all_run(&mut session, &["dmsetup remove m", "mirror assemble"])?;
    check!(disks.show()?.starts_with("degraded: 1 of 2"), "{}", disks.show()?);
    all_run(&mut session, &["mirror add m 1", "mirror wait m", "verify m 0 8M random=1"])?;
    check!(disks.show()?.starts_with("healthy: 2 of 2"), "{}", disks.show()?);
    disks.end(&mut session)
}

fn check_and_repair(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["fill m 0 8M random=1", "flush m"])?;
    // Behind the mirror's back; its data begin at 1 MiB.
    check!(disks.rig.write("faulty", extent(2048 + 99, 2), 7)? == Ok(()));
    all_run(&mut session, &["mirror check m --wait"])?;
    let report = disks.show()?;
    check!(report.contains("check: all 129024 sectors; 2 differ, 0 cannot be read"), "{report}");
    check!(report.contains("  99+2: leg 1 differs"), "{report}");
    all_run(&mut session, &["mirror repair m --wait", "mirror check m --wait"])?;
    let report = disks.show()?;
    check!(report.contains("check: all 129024 sectors; 0 differ"), "{report}");
    all_run(&mut session, &["verify m 0 8M random=1"])?;
    disks.end(&mut session)
}

fn held(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["fill m 0 1M random=1", "dmsetup remove m"])?;
    check!(session.execute("mirror assemble vbd0").is_err(), "it does not run");
    check!(disks.show()?.starts_with("not started: held"), "{}", disks.show()?);
    check!(disks.rig.read("m", extent(0, 8)).is_err(), "it answers though it is held");
    // It needs only the member that it waits for ...
    all_run(&mut session, &["mirror assemble faulty", "mirror wait m", "verify m 0 1M random=1"])?;
    check!(disks.show()?.starts_with("healthy"), "{}", disks.show()?);
    // ... or a person who says that the member does not come back. Even then it may come back.
    all_run(&mut session, &["dmsetup remove m"])?;
    check!(session.execute("mirror assemble vbd0").is_err(), "it does not run");
    all_run(&mut session, &["mirror start-degraded m", "fill m 1M 1M random=2"])?;
    all_run(&mut session, &["mirror assemble", "mirror wait m"])?;
    check!(disks.show()?.starts_with("healthy"), "{}", disks.show()?);
    all_run(&mut session, &["verify m 0 1M random=1", "verify m 1M 1M random=2"])?;
    disks.end(&mut session)
}

fn twins(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["dmsetup remove m", "copy vbd0 faulty 1M"])?;
    let outcome = session.execute("mirror assemble");
    let told = outcome.err().map(|failure| failure.to_string()).unwrap_or_default();
    check!(told.contains("both claim to be member 0"), "{told:?}");
    check!(disks.rig.dm.get("m").is_err(), "it was assembled from a copy");
    all_run(&mut session, &["mirror forget vbd0 --force", "mirror forget faulty --force"])
}

fn clean_stop(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["fill m 0 4M random=3"])?;
    check!(!disks.superblock("vbd0")?.clean);
    session.stop_all();
    check!(disks.superblock("vbd0")?.clean && disks.superblock("faulty")?.clean);
    all_run(&mut session, &["dmsetup resume m", "write m 0 x"])?;
    check!(!disks.superblock("vbd0")?.clean, "it runs, and its record says that it stopped");
    disks.end(&mut session)
}
