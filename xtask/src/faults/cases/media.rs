//! Disks that answer with errors.
//!
//! The data of a leg begin at sector 2048 of its disk; reads go to leg 0 while both are
//! well.

use anyhow::{Result, ensure};
use serde_json::json;

use super::super::Case;
use super::super::bench::Bench;
use super::MIB;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "read-error-once",
        fault: "vbd0 fails one read",
        promise: "answered from the other leg; rewritten, and no leg is lost",
        in_tests: true,
        run: read_once,
    },
    Case {
        name: "read-error-sector",
        fault: "one sector of vbd0 cannot be read, for ever",
        promise: "answered from the other leg each time; a check counts it; no leg is lost",
        in_tests: false,
        run: read_sector,
    },
    Case {
        name: "read-error-both",
        fault: "two sectors cannot be read: one of vbd0, one of vbd1, in one request",
        promise: "each sector is answered from the leg that has it",
        in_tests: true,
        run: read_both,
    },
    Case {
        name: "read-error-all",
        fault: "vbd0 fails every read",
        promise: "all reads are answered; after too many errors the leg is out until a person adds it",
        in_tests: true,
        run: read_all,
    },
    Case {
        name: "write-error",
        fault: "vbd1 fails one write",
        promise: "the leg is out before the write is acknowledged; added back it gets what it missed",
        in_tests: true,
        run: write_once,
    },
    Case {
        name: "write-error-last",
        fault: "vbd0 and vbd1 fail every write for a while",
        promise: "the error goes up, the last leg stays and serves again later",
        in_tests: true,
        run: write_last,
    },
    Case {
        name: "flush-error",
        fault: "vbd1 fails one flush",
        promise: "the leg is out, the flush is acknowledged by the other",
        in_tests: true,
        run: flush_once,
    },
    Case {
        name: "flush-error-last",
        fault: "vbd0 and vbd1 fail every flush for a while",
        promise: "no flush is acknowledged before one that began after the loss has failed; \
                  the last leg stays and serves again later",
        in_tests: true,
        run: flush_last,
    },
];

/// The part that is written first.
const FIRST: (usize, usize) = (0, 4 * MIB);

fn first(bench: &mut Bench<'_>) -> Result<()> {
    bench.mirror()?;
    bench.does("fill m0 0 4M 0x11", "filled 4 MiB")?;
    bench.does("flush m0", "flushed")
}

fn read_once(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(0, &[json!({"iotype": "read", "once": true})])?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.give_back(0)?;
    bench.does("mirror check m0 --wait", "0 differ")?;
    bench.is_healthy()?;
    bench.does("mirror status m0", "healthy: 2 of 2")?;
    let (errors, repaired) = (bench.column(0, "READ ERR")?, bench.column(0, "REPAIRED")?);
    ensure!(errors > 0 && repaired > 0, "{errors} errors of leg 0, {repaired} repairs");
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_are_equal()?;
    Ok(format!("errors of leg 0: {errors}; repaired: {repaired}"))
}

fn read_sector(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(0, &[json!({"iotype": "read", "sector": 2048 + 100})])?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.does("mirror check m0 --wait", "1 cannot be read")?;
    let saw = bench.saw("cannot be read")?;
    bench.is_healthy()?;
    bench.give_back(0)?;
    bench.does("mirror check m0 --wait", "0 differ")?;
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn read_both(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(0, &[json!({"iotype": "read", "sector": 2048 + 9})])?;
    bench.inject(1, &[json!({"iotype": "read", "sector": 2048 + 10})])?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.is_healthy()?;
    bench.does("mirror status m0", "healthy: 2 of 2")?;
    let errors = [bench.column(0, "READ ERR")?, bench.column(1, "READ ERR")?];
    ensure!(errors[0] > 0 && errors[1] > 0, "errors of the legs: {errors:?}");
    bench.give_back(0)?;
    bench.give_back(1)?;
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_are_equal()?;
    Ok(format!("errors of leg 0: {}, of leg 1: {}", errors[0], errors[1]))
}

fn read_all(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(0, &[json!({"iotype": "read"})])?;
    for _ in 0..4 {
        bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    }
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 0 (vbd0) is out")?;
    bench.does("fill m0 4M 1M 0x22", "filled 1 MiB")?;
    bench.give_back(0)?;
    bench.stop()?;
    // A start alone does not take it back.
    bench.boot_legs()?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    bench.add_back(0)?;
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_hold((4 * MIB, MIB), 0x22)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn write_once(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(1, &[json!({"iotype": "write", "sector": 2048 + 8192 + 1024, "once": true})])?;
    bench.does("fill m0 4M 1M 0x22", "filled 1 MiB")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 1 (vbd1) is out")?;
    bench.does("verify m0 4M 1M 0x22", "verified 1 MiB")?;
    bench.give_back(1)?;
    bench.add_back(1)?;
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_hold((4 * MIB, MIB), 0x22)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn write_last(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    let writes = [json!({"iotype": "write"})];
    bench.inject(0, &writes)?;
    bench.inject(1, &writes)?;
    bench.fails("fill m0 4M 1M 0x22", "cannot write m0")?;
    let saw = bench.saw("cannot write m0")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    bench.give_back(0)?;
    bench.give_back(1)?;
    bench.does("verify m0 0 4M 0x11", "verified 4 MiB")?;
    bench.does("fill m0 4M 1M 0x33", "filled 1 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.does("verify m0 4M 1M 0x33", "verified 1 MiB")?;
    let out = usize::from(bench.saw("is out")?.contains("leg 1"));
    bench.add_back(out)?;
    bench.stop()?;
    bench.legs_hold(FIRST, 0x11)?;
    bench.legs_hold((4 * MIB, MIB), 0x33)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn flush_once(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    bench.inject(1, &[json!({"iotype": "flush", "once": true})])?;
    bench.does("fill m0 0 1M 0x22", "filled 1 MiB")?;
    bench.does("flush m0", "flushed")?;
    bench.does("mirror status m0", "degraded: 1 of 2")?;
    let saw = bench.saw("leg 1 (vbd1) is out")?;
    bench.give_back(1)?;
    bench.add_back(1)?;
    bench.stop()?;
    bench.legs_hold((0, MIB), 0x22)?;
    bench.legs_are_equal()?;
    Ok(saw)
}

fn flush_last(bench: &mut Bench<'_>) -> Result<String> {
    first(bench)?;
    let flushes = [json!({"iotype": "flush"})];
    bench.inject(0, &flushes)?;
    bench.inject(1, &flushes)?;
    // QEMU passes a flush on only if something was written.
    bench.does("fill m0 0 1M 0x22", "filled 1 MiB")?;
    bench.fails("flush m0", "cannot flush m0")?;
    let saw = bench.saw("cannot flush m0")?;
    bench.give_back(0)?;
    bench.give_back(1)?;
    // The flush that found the loss began too early to cover all writes in doubt.
    bench.fails("flush m0", "cannot flush m0")?;
    bench.does("flush m0", "flushed")?;
    bench.does("verify m0 0 1M 0x22", "verified 1 MiB")?;
    let out = usize::from(bench.saw("is out")?.contains("leg 1"));
    bench.add_back(out)?;
    bench.stop()?;
    bench.legs_hold((0, MIB), 0x22)?;
    bench.legs_are_equal()?;
    Ok(saw)
}
