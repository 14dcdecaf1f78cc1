//! The console's commands, run as a script would. What they refuse is tried from outside,
//! by `cargo xtask test --suite console`.

use alloc::string::{String, ToString};

use shell::Mode;

use super::Test;
use super::rig::Rig;
use crate::check;
use crate::console::session::Session;
use crate::task::MaySleep;

pub const TESTS: &[Test] = &[
    Test { name: "console::what_is_filled_and_copied_is_verified", run: filled_and_copied },
    Test { name: "console::a_difference_is_found_and_counted", run: a_difference },
    Test { name: "console::nothing_is_asked_of_a_suspended_device", run: suspended },
];

/// A mirror `m` of 8 MiB on `vbd0` and `vbd1`, and a device `tail` elsewhere on `vbd0`.
const DEVICES: &[&str] = &[
    "dmsetup create m --table \"0 16384 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"",
    "dmsetup create tail --table \"0 16384 linear vbd0 65536\"",
];

/// Runs lines that must not fail.
fn all_run(session: &mut Session<'_>, lines: &[&str]) -> Result<(), String> {
    for line in lines {
        let outcome = session.execute(line);
        check!(outcome.is_ok(), "{line}: {outcome:?}");
    }
    Ok(())
}

/// Runs a line that must fail, and tell `why`.
fn fails(session: &mut Session<'_>, line: &str, why: &str) -> Result<(), String> {
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

/// The console would wait for ever for a resume that only it can give.
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
