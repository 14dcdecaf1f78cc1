//! The suite at the kernel's console: a script of commands, each with the answer that it must
//! give. Every bad input is refused in words that name the place, and changes nothing, as the
//! commands after it show.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::json;

use super::Options;
use super::lab::{Lab, blank_disk, failing_disk, scratch_disks};
use super::report::Report;
use super::tally::Tally;
use crate::patience;
use crate::qemu::Guest;
use crate::scratch::Scratch;
use crate::verdict::Verdict;

/// How long the kernel may say nothing before its prompt, and in each command.
const STEP_LIMIT: Duration = patience::OF_A_GUEST;

/// A command, with its here-document if it has one; whether it must succeed, and words that its
/// answer must have.
struct Step {
    line: &'static str,
    carried_out: bool,
    words: &'static str,
}

const fn does(line: &'static str, words: &'static str) -> Step {
    Step { line, carried_out: true, words }
}

const fn refuses(line: &'static str, words: &'static str) -> Step {
    Step { line, carried_out: false, words }
}

/// The script. Disks: `vbd0`, `vbd1` of 64 MiB, `vbd2` with blocks of 4 KiB,
/// `vbd3` read-only, `vbd4` of 1 MiB, `vbd5` fails every request,
/// `vbd6` of 64 MiB, which nothing else uses.
const SCRIPT: &[Step] = &[
    // A mirror that works.
    does("disks", "vbd5"),
    does(
        "dmsetup create m0 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"",
        "m0: 64 MiB",
    ),
    does("mirror status m0 --latency", "no leg has answered a request yet"),
    does("fill m0 0 4M random=7", "filled 4 MiB"),
    does("verify m0 0 4M random=7", "verified 4 MiB"),
    // How long each leg takes: 4 MiB are 16 requests, which go to both legs.
    does("mirror status m0 --latency", "REQUEST  LEG  DEVICE  COUNT"),
    does("mirror status m0 --latency", "write      0  vbd0       16"),
    does("mirror status m0 --latency", "write      1  vbd1       16"),
    does("mirror status m0 --latency", "write from  leg 0 vbd0"),
    does("mirror status m0 --latency", "each # more is 2 times as many"),
    does("mirror status m0 --json", "\"powers_of_two\": ["),
    refuses("mirror status m0 latency", "column 18"),
    refuses("verify m0 0 4M random=8", "8192 sectors differ"),
    does("compare vbd0 vbd1 0 4M", "are the same"),
    does("flush m0", "flushed"),
    // The legs of a mirror, and a mirror in use, cannot be taken away.
    refuses("fill vbd0 0 1M 0x5a", "`vbd0` is part of `m0`"),
    refuses("bench vbd0 write", "`vbd0` is part of `m0`"),
    does("dmsetup create l0 --table \"0 8 linear m0 0\"", "l0: 4 KiB"),
    refuses("dmsetup remove m0", "`m0` is part of `l0`"),
    does("dmsetup remove l0", ""),
    refuses("dmsetup create m0 --table \"0 8 zero\"", "exists already"),
    // A leg is taken out by hand: reads and writes go on, the other leg is the last.
    refuses("mirror fail m0 2", "no leg `2`"),
    does("mirror fail m0 1", "leg 1 is out"),
    does("verify m0 0 4M random=7", "verified 4 MiB"),
    does("fill m0 0 4M random=9", "filled 4 MiB"),
    does("mirror status m0", "degraded: 1 of 2"),
    refuses("mirror fail m0 0", "last one in sync"),
    refuses("compare vbd0 vbd1 0 4M", "8192 sectors differ"),
    does("dmsetup suspend m0", "suspended"),
    does("dmsetup info m0", "suspended"),
    does("dmsetup resume m0", "running"),
    does("verify m0 0 4M random=9", "verified 4 MiB"),
    does("dmsetup remove m0", ""),
    // Disks that cannot be legs.
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd9 0\"",
        "line 1, column 45: there is no device `vbd9`",
    ),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd0 0\"",
        "line 1, column 45: `vbd0` holds leg 0 already",
    ),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd4 0\"",
        "line 1, column 50: 131072 sectors from 0 on end beyond `vbd4`",
    ),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd3 0\"",
        "line 1, column 45: `vbd3` is read-only",
    ),
    // Tables that are wrong.
    refuses("dmsetup create m1 --table \"\"", "line 1, column 1"),
    refuses("dmsetup create m1 --table \"0 0 zero\"", "line 1, column 3"),
    refuses("dmsetup create m1 --table \"8 8 zero\"", "line 1, column 1"),
    refuses("dmsetup create m1 --table \"0 x zero\"", "line 1, column 3"),
    refuses("dmsetup create m1 --table \"0 8 quantum\"", "line 1, column 5"),
    refuses("dmsetup create m1 --table \"0 8 zero extra\"", "line 1, column 10"),
    refuses("dmsetup create m1", "column 18: --table TABLE is missing"),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1000 nosync 2 vbd0 0 vbd1 0\"",
        "line 1, column 24",
    ),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror disk 2 1024 nosync 2 vbd0 0 vbd1 0\"",
        "line 1, column 17",
    ),
    refuses(
        "dmsetup create m1 --table \"0 131072 mirror core 2 1024 nosync 3 vbd0 0 vbd1 0\"",
        "line 1, column",
    ),
    // Legs of unequal size make a mirror of the smaller size; legs with unequal blocks make one
    // with the larger blocks.
    does(
        "dmsetup create m1 --table \"0 2048 mirror core 2 1024 nosync 2 vbd0 0 vbd4 0\"",
        "m1: 1 MiB",
    ),
    does("fill m1 0 1M seq", "filled 1 MiB"),
    does("verify m1 0 1M seq", "verified 1 MiB"),
    does("dmsetup remove m1", ""),
    does(
        "dmsetup create m2 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd2 0\"",
        "m2: 64 MiB",
    ),
    does("fill m2 0 1M seq", "filled 1 MiB"),
    does("compare vbd0 vbd2 0 1M", "are the same"),
    refuses("read m2 1s 1s", "blocks of 4096 bytes"),
    does("dmsetup remove m2", ""),
    // A mirror with superblocks: a refused command changes nothing, ...
    refuses("mirror label l0 vbd0", "`vbd0` is not blank"),
    refuses("mirror label l0 vbd0 vbd0", "`vbd0` is named twice"),
    refuses("mirror label l0 vbd0 vbd3 --force", "`vbd3` is read-only"),
    refuses("mirror label l0 vbd0 vbd4 --force", "device 1 is `vbd4`"),
    refuses("mirror label l0 vbd0 vbd1 --region 3K --force", "use a power of two"),
    refuses("mirror label vbd0 vbd0 vbd1 --force", "there is a device `vbd0` already"),
    refuses("mirror label a/b vbd0 vbd1 --force", "`a/b` is no device name"),
    refuses("mirror forget vbd0", "`vbd0` is a member of no mirror"),
    does("mirror assemble", "no disk is a member of a mirror"),
    // ... a mirror that is started again goes on where it was, ...
    does("mirror label l0 vbd0 vbd1 --force", "l0: vbd0, vbd1 labelled: 63 MiB of data"),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("fill l0 0 4M random=5", "filled 4 MiB"),
    refuses("mirror forget vbd0 --force", "`vbd0` is part of `l0`"),
    refuses("mirror label l1 vbd0 vbd1 --force", "`vbd0` is part of `l0`"),
    refuses(
        "dmsetup create l1 --table \"0 8 mirror core 2 1024 nosync 2 vbd0 131064 vbd4 0\"",
        "`l0` uses the same place of `vbd0`",
    ),
    refuses("mirror add l0 1", "leg 1 is not out"),
    refuses("mirror add l0 7", "no leg `7`"),
    refuses("mirror start-degraded l0", "the mirror runs already"),
    refuses("mirror keep l0 0", "runs already"),
    does("mirror fail l0 1", "to take it back: `mirror add l0 1`"),
    does("fill l0 4M 1M random=6", "filled 1 MiB"),
    does("mirror add l0 1", "leg 1 is given what it missed"),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("compare vbd0 vbd1 1M 63M", "are the same"),
    does("dmsetup remove l0", ""),
    refuses("mirror assemble vbd1", "l0: -, vbd1: not started: held"),
    refuses("read l0 0", "cannot read l0"),
    does("mirror status l0", "to start without: `mirror start-degraded l0`"),
    does("events l0", "error   l0: not started: held"),
    does("mirror assemble", "l0: vbd0, vbd1: healthy: 2 of 2"),
    does("verify l0 0 4M random=5", "verified 4 MiB"),
    does("verify l0 4M 1M random=6", "verified 1 MiB"),
    // ... other disks take the places of those that leave, ...
    refuses("mirror replace l0 0 vbd2", "blocks of 4096 bytes"),
    refuses("mirror add l0 0 vbd6", "`mirror replace l0 0 vbd6`"),
    refuses("mirror add l0 3 vbd6", "the next one is 2"),
    refuses("mirror add l0 2 vbd1", "`vbd1` is part of `l0`"),
    refuses("mirror replace l0 0 vbd4 --force", "`vbd4` is too small"),
    does("write vbd6 64K \"something\"", ""),
    refuses("mirror replace l0 0 vbd6", "`vbd6` is not blank"),
    does("mirror replace l0 0 vbd6 --force", "then leg 0 (`vbd0`) leaves"),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("mirror forget l0 0", "`vbd0` is free"),
    refuses("mirror forget l0 1", "leg 1 is not out"),
    does("compare vbd1 vbd6 1M 63M", "are the same"),
    refuses("mirror add l0 0", "to give it one: `mirror add l0 0 DISK`"),
    does("mirror assemble", "vbd0: left alone, as `l0` has forgotten it"),
    does("mirror add l0 0 vbd0 --force", "leg 0 is given what it missed"),
    does("mirror rate l0 1024,none", "1024,none KiB/s"),
    refuses("mirror rate l0 2,1", "in KiB/s"),
    does("mirror wait l0", "l0: healthy: 3 of 3"),
    does("verify l0 0 4M random=5", "verified 4 MiB"),
    does("mirror fail l0 2", "leg 2 is out"),
    does("mirror forget l0 2", "l0: vbd0, vbd1, -: healthy: 2 of 2"),
    does("mirror forget vbd6 --force", "it is a member of no mirror now"),
    does("mirror assemble", "is in use"),
    does("dmsetup remove l0", ""),
    // ... a mirror goes through its life by name, and its events can be read later, ...
    refuses("mirror start nope", "no disk is a member of a mirror `nope`"),
    does("mirror start l0", "l0: vbd0, vbd1: healthy: 2 of 2"),
    refuses("mirror start l0", "`l0` is there: healthy"),
    does("mirror policy l0 prefer=1", "reads go by prefer=1"),
    refuses("mirror policy l0 fastest", "no read policy `fastest`"),
    does("mirror write-mostly l0 1 on", "only if no other leg can answer"),
    does("mirror status l0", "in sync, write-mostly"),
    does("dmsetup table l0", "read_policy prefer=1 write_mostly=1"),
    does("mirror status --json", "\"health\": \"healthy\""),
    does("mirror rebuild l0 1", "all is copied to leg 1"),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("compare vbd0 vbd1 1M 63M", "are the same"),
    refuses("mirror remove l0 1", "without leg 1 the data of `l0` are on one disk"),
    does("mirror remove l0 1 --force", "l0: vbd0, -: healthy: 1 of 1"),
    refuses("mirror rebuild l0 1", "leg 1 of `l0` has no disk"),
    refuses("mirror rebuild l0 0", "last one in sync"),
    does("mirror add l0 1 vbd1 --force", "leg 1 is given what it missed"),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("events l0", "warning l0: leg 1 (vbd1) is out: failed by hand"),
    does("events l0", "info    l0: the exclusion of leg 1 is durable"),
    does("events l0", "info    l0: leg 1 (vbd1) is in sync"),
    refuses("events nope", "no device `nope`"),
    does("dmsetup rename l0 n0", "l0 is called n0 now"),
    does("mirror stop n0", "n0: stopped; `mirror start l0` starts it again"),
    refuses("mirror stop l0", "no mapped device `l0`"),
    does("mirror examine vbd0", "of 2 members; session"),
    does("mirror examine vbd1", "stopped cleanly"),
    does("mirror examine vbd6", "a member of no mirror"),
    // ... and if halves ran apart, a person keeps one: the other gets the regions of 512 KiB
    // that either half wrote, six of them, in pieces of 128 KiB.
    refuses("mirror assemble vbd0", "l0: vbd0, -: not started: held"),
    does("mirror start-degraded l0", "l0: vbd0, -: degraded: 1 of 2"),
    does("fill l0 8M 1M random=10", "filled 1 MiB"),
    does("dmsetup remove l0", ""),
    refuses("mirror assemble vbd1", "l0: -, vbd1: not started: held"),
    does("mirror start-degraded l0", "l0: -, vbd1: degraded: 1 of 2"),
    does("fill l0 16M 2M random=11", "filled 2 MiB"),
    does("dmsetup remove l0", ""),
    refuses("mirror assemble", "each may have what the others lack, in regions 16-17, 32-35"),
    refuses("verify l0 0 1M random=5", "cannot read l0"),
    refuses("mirror start-degraded l0", "not held for a member"),
    refuses("mirror start-degraded l0", "to keep what `vbd1` holds: `mirror keep l0 1`"),
    does("mirror assemble", "to keep what `vbd0` holds: `mirror keep l0 0`"),
    refuses("mirror keep l0 7", "no leg `7`"),
    does("mirror keep l0 0", "l0: vbd0, vbd1: "),
    does("mirror wait l0", "l0: healthy: 2 of 2"),
    does("mirror status l0 --json", "\"writes\": 24"),
    does("verify l0 8M 1M random=10", "verified 1 MiB"),
    does("verify l0 16M 2M 0", "verified 2 MiB"),
    does("compare vbd0 vbd1 1M 63M", "are the same"),
    does("dmsetup remove l0", ""),
    refuses("mirror label l0 vbd0 vbd1", "`vbd1` is not blank: it is member 1 of the mirror `l0`"),
    refuses("mirror forget vbd0", "`mirror forget vbd0 --force`"),
    does("mirror forget vbd0 --force", "it is a member of no mirror now"),
    does("mirror forget vbd1 --force", "it is a member of no mirror now"),
    // Amounts count sectors, whatever the size of a region.
    does(
        "dmsetup create m1 --table \"0 32768 mirror core 1 9223372036854775808 2 vbd0 0 \
         vbd1 0 1 sync_rate=none,1\"",
        "m1: 16 MiB",
    ),
    does("mirror status m1", "0 B of 16 MiB"),
    does("dmsetup remove m1", ""),
    // I/O that cannot be.
    does("dmsetup create z0 --table \"0 8 zero\"", "z0: 4 KiB"),
    refuses("read z0 0 8K", "`z0` ends at 4 KiB"),
    refuses("read z0 4K 1s", "`z0` ends at 4 KiB"),
    refuses("read z0 0 0", "LENGTH is zero"),
    refuses("read z0 3", "no whole number of sectors"),
    refuses("read vbd0 16777216G", "`vbd0` ends at 64 MiB"),
    refuses("fill vbd4 0 2M 0x1", "`vbd4` ends at 1 MiB"),
    refuses("write vbd3 0 x", "`vbd3` is read-only"),
    refuses("copy nope z0", "no device `nope`"),
    refuses("copy vbd0 vbd0", "onto itself"),
    refuses("bogus", "`bogus` is no command"),
    does("dmsetup create e0 --table \"0 8 error\"", "e0: 4 KiB"),
    refuses("read e0 0", "I/O error"),
    refuses("write e0 0 x", "I/O error"),
    // A load is refused where a write is refused, and where it does not fit.
    does("bench vbd6 mix --random --requests 100", "100 reads and writes of 4 KiB, random"),
    does("bench vbd6 write --requests 9 --json", "\"requests\": 9"),
    refuses("bench vbd3 write --requests 1", "`vbd3` is read-only"),
    refuses("bench z0 read --size 8K", "`z0` ends at 4 KiB"),
    refuses("bench vbd6 read --size 8K --length 4K", "8 KiB does not fit into 4 KiB"),
    refuses("bench vbd2 read --size 512", "blocks of 4096 bytes"),
    refuses("bench vbd6 read --depth 1025", "the most are 1024"),
    refuses("bench e0 read", "I/O error"),
    // A leg that fails everything from the first request.
    refuses("read vbd5 0", "I/O error"),
    does(
        "dmsetup create m3 --table \"0 131072 mirror core 2 1024 nosync 2 vbd5 0 vbd1 0\"",
        "m3: 64 MiB",
    ),
    does("read m3 0 4K", "00001000"),
    does("fill m3 0 4M random=3", "filled 4 MiB"),
    does("verify m3 0 4M random=3", "verified 4 MiB"),
    does("flush m3", "flushed"),
    does("mirror status m3", "degraded: 1 of 2"),
    // Tables of several lines, loaded, swapped, dropped, wiped.
    does(
        "dmsetup create s0 <<END\n# a comment\n0 4096 striped 2 64 vbd6 0 vbd6 4096\n\
         4096 1024 zero\nEND",
        "s0: 2.5 MiB",
    ),
    does("dmsetup table s0", "0 4096 striped 2 64 vbd6 0 vbd6 4096"),
    does("dmsetup status s0", "0 4096 striped 2 vbd6 vbd6 1 AA"),
    does("fill s0 0 2M random=5", "filled 2 MiB"),
    does("verify s0 0 2M random=5", "verified 2 MiB"),
    refuses("dmsetup clear s0", "no loaded table"),
    refuses("dmsetup load s0 <<END\n0 8 zero\n9 8 zero\nEND", "line 2, column 1"),
    does("dmsetup load s0 --table \"0 4096 linear vbd6 0\"", "s0: loaded"),
    does("dmsetup info s0", "active, inactive"),
    does("dmsetup table --inactive s0", "0 4096 linear vbd6 0"),
    refuses("dmsetup load s0 --table \"0 4096 linear vbd6 0 1\"", "line 1, column 22"),
    does("dmsetup table --inactive s0", "0 4096 linear vbd6 0"),
    refuses(
        "dmsetup load s0 --table \"0 131072 mirror core 2 1024 nosync 2 vbd6 0 vbd1 0\"",
        "`m3` uses the same place of `vbd1`",
    ),
    does("dmsetup table --inactive s0", "0 4096 linear vbd6 0"),
    does("dmsetup clear s0", "dropped"),
    does("dmsetup reload s0 --table \"0 4096 flakey vbd6 0 0 9 1 error_writes\"", "s0: loaded"),
    does("dmsetup suspend --noflush s0", "suspended"),
    does("dmsetup resume s0", "running"),
    refuses("write s0 0 no", "I/O error"),
    does("dmsetup rename s0 s1", "s0 is called s1 now"),
    refuses("dmsetup rename s1 vbd0", "exists already"),
    does("dmsetup create t0 --notable", "t0: no table yet"),
    refuses("dmsetup resume t0", "no such table"),
    does("dmsetup load t0 --table \"0 8 delay s1 0 1\"", "t0: loaded"),
    does("dmsetup ls --tree", "`-vbd6"),
    does("dmsetup resume t0", "t0: running"),
    does("read t0 0 1s", "00000000"),
    does("dmsetup deps t0", "t0: s1"),
    does("dmsetup info --json t0", "\"over\": ["),
    does("dmsetup table --json", "\"arguments\": \"s1 0 1\""),
    does("dmsetup status --json t0", "\"status\": \"0 0 0\""),
    does("dmsetup ls --json", "\"t0\""),
    refuses("dmsetup ls --tree --json", "column 19"),
    does("dmsetup wipe_table t0", "every request fails"),
    refuses("read t0 0 1s", "I/O error"),
    does("dmsetup remove s1", ""),
    does("dmsetup wait t0 7", "event number 0"),
    does("dmsetup remove t0", ""),
    does("dmsetup targets", "flakey"),
    // A line of a document is no command, whatever happens to the command of the document.
    refuses("dmsetup craete d <<END\ndmsetup remove m3\nEND", "did you mean `dmsetup create`"),
    // Each stripe has its own part of a disk; a mirror may have the next.
    does("dmsetup create s2 --table \"0 4096 striped 2 64 vbd6 0 vbd2 0\"", "s2: 2 MiB"),
    refuses(
        "dmsetup create m4 --table \"0 2048 mirror core 2 1024 nosync 2 vbd6 2047 vbd4 0\"",
        "`s2` uses the same place",
    ),
    does(
        "dmsetup create m4 --table \"0 2048 mirror core 2 1024 nosync 2 vbd6 2048 vbd4 0\"",
        "m4: 1 MiB",
    ),
    does("dmsetup create l4 --table \"0 8 linear m4 0\"", "l4: 4 KiB"),
    refuses("dmsetup remove m4", "`m4` is part of `l4`"),
    does("dmsetup remove_all", "m4: removed"),
    does("dmsetup ls", "there is no mapped device"),
    does(
        "dmsetup create m3 --table \"0 131072 mirror core 2 1024 nosync 2 vbd5 0 vbd1 0\"",
        "m3: 64 MiB",
    ),
    // A slot does not let go of a disk in use, and a slot that does not exist is refused.
    does("dmsetup create s0 --table \"0 8 linear vbd6 0\"", "s0: 4 KiB"),
    refuses("slot eject 7", "`vbd6` in slot 7 is part of `s0`"),
    does("dmsetup remove s0", ""),
    does("slot eject 7", "slot 7 is off"),
    refuses("read vbd6 0", "gone"),
    refuses("slot start 7", "it is empty"),
    does("slot eject 7", "slot 7 is off"),
    refuses("slot eject 99", "there is no slot 99"),
    does("slot start 1", "slot 1 is on"),
    // Refused commands left nothing behind.
    does("dmsetup ls", "m3"),
    refuses("dmsetup info m1", "`m1`"),
];

/// Runs the script; each command is a test.
pub(super) fn script(options: &Options, report: &mut Report) -> Result<Tally> {
    let lab = report.aside(|| Lab::open(options))?;
    let folder = Scratch::below(report.folder())?;
    let mut disks = scratch_disks(folder.path())?;
    disks.push(failing_disk(folder.path(), "broken", &json!({}))?);
    disks.push(blank_disk(folder.path(), "spare")?);
    let machine = lab.machine("mode=console session=script".into(), disks, report);
    let mut guest = Guest::boot(&machine, STEP_LIMIT)?;
    guest.until_prompt()?;
    let mut tally = Tally::default();
    for step in SCRIPT {
        tally += Tally::of(holds(step, &mut guest, report)?);
    }
    guest.send("poweroff");
    match guest.run(|_| ()) {
        // The script contains refusals, and a script with refusals has failed.
        Verdict::Failed => Ok(tally),
        verdict => bail!("at the end: {verdict}\n{}", guest.last_words()),
    }
}

/// Whether the guest's answer to a command is the one expected.
fn holds(step: &Step, guest: &mut Guest, report: &mut Report) -> Result<bool> {
    guest.set_limit(Some(STEP_LIMIT));
    guest.send(step.line);
    let mut answer = Vec::new();
    while let Some(line) = guest.next_line()? {
        answer.push(line);
    }
    let title = step.line.lines().next().unwrap_or_default();
    // A line of the log may come between the prompt and the echo, which then follows both.
    let echo = answer.iter().position(|line| line.ends_with(title));
    let carried_out = !guest.has_failed();
    let said = echo.map_or(&[][..], |echo| &answer[echo + 1..]);
    let has_words = said.iter().any(|line| line.contains(step.words));
    let as_wanted = carried_out == step.carried_out;
    let held = echo.is_some() && as_wanted && (has_words || step.words.is_empty());
    report.line(&format!("test console: {title} ... {}", if held { "ok" } else { "FAILED" }));
    if !held {
        let wanted = if step.carried_out { "be carried out" } else { "be refused" };
        report.line(&format!("it was to {wanted} and to say `{}`; it said:", step.words));
        answer.iter().for_each(|line| report.line(&format!("    {line}")));
    }
    Ok(held)
}
