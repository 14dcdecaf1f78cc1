//! Counting what the guest executes: a plugin of QEMU's TCG.
//!
//! Place: a machine whose accelerator is [`Accel::TcgCounted`](super::accel::Accel) loads the
//! plugin. `bench` compiles it before the boot ([`prepare`]) and reads the counts after the
//! guest's end ([`counts`]). The guest marks where a count begins and ends
//! (`kernel/src/arch/mark.rs`).
//!
//! Rules, so that the same load is nearly the same number of instructions:
//!
//! - The guest's time is the number of its instructions (`-icount`), so its timer does not
//!   depend on the host's speed.
//! - A disk takes requests while the CPU waits in the kick (`ioeventfd=off`), not in a thread
//!   of the host's.
//! - What stays with the host is when QEMU's main loop answers: before the guest's CPU has gone
//!   to sleep, or behind that, which is a switch of threads more. With one request in flight
//!   two boots may differ by a sixth for that alone.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::escaped;
use crate::provision::Tools;
use crate::workspace;

/// What the machine lacks when it cannot count, in front of the reason.
const CANNOT: &str = "instructions cannot be counted on this machine";

/// The plugin's source.
const SOURCE: &str = "xtask/src/qemu/counting/plugin.c";

/// Name of the file in a machine's folder of logs that the plugin writes.
const LOG: &str = "instructions.log";

/// What was executed between two marks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Instructions of the kernel.
    pub(crate) instructions: u64,
    /// How often the instruction at each address was executed, addresses as the ELF has them.
    pub(crate) times: Vec<(u64, u64)>,
}

/// Compiles the plugin, and sees whether QEMU takes it.
///
/// # Errors
/// There is no C compiler, or QEMU has no plugins of this kind.
pub(crate) fn prepare(tools: &Tools) -> Result<()> {
    let plugin = workspace::plugin();
    workspace::make(plugin.parent().expect("it lies in a folder").to_owned())?;
    let mut compiler = Command::new("cc");
    compiler.args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-shared", "-fPIC"]);
    if cfg!(target_os = "macos") {
        // QEMU has the functions that it calls.
        compiler.args(["-undefined", "dynamic_lookup"]);
    }
    compiler.arg("-o").arg(&plugin).arg(workspace::root().join(SOURCE));
    let compiled = compiler.output();
    let compiled = compiled.with_context(|| format!("{CANNOT}: no C compiler `cc` was found"))?;
    let complaint = String::from_utf8_lossy(&compiled.stderr);
    ensure!(compiled.status.success(), "{CANNOT}: {SOURCE} was not compiled: {}", complaint.trim());
    try_it(tools)
}

/// Starts a QEMU without a machine, which loads the plugin and ends.
fn try_it(tools: &Tools) -> Result<()> {
    let mut qemu = Command::new(&tools.qemu);
    qemu.args(["-machine", "none", "-nodefaults", "-display", "none", "-monitor", "stdio"]);
    qemu.args(["-plugin", &argument(Path::new("/dev/null"))]);
    qemu.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut qemu = qemu.spawn().with_context(|| format!("start {}", tools.qemu.display()))?;
    // One that has ended does not hear it; its status says all.
    let _ = qemu.stdin.take().expect("it is piped").write_all(b"quit\n");
    let ended = qemu.wait_with_output()?;
    match ended.status.success() {
        true => Ok(()),
        false => bail!("{}", refusal(&String::from_utf8_lossy(&ended.stderr))),
    }
}

/// Why QEMU does not take the plugin, by what it said.
fn refusal(said: &str) -> String {
    let why = match said {
        _ if said.contains("-plugin: invalid option") => "this QEMU was built without plugins",
        _ if said.contains("API version") || said.contains("undefined symbol") => {
            "this QEMU's plugins have another interface than those of QEMU 7 and 8, for \
             which the project's is written"
        }
        _ => "QEMU does not load the project's plugin",
    };
    format!("{CANNOT}: {why}: {}", said.trim())
}

/// QEMU's options for a machine that counts; the file with the counts goes to `logs`.
pub(super) fn options(logs: &Path) -> Vec<String> {
    let plugin = argument(&logs.join(LOG));
    let words = [
        "-plugin",
        &plugin,
        "-icount",
        // 16 ns an instruction: the firmware waits by its clock, busily.
        "shift=4,align=off,sleep=off",
        "-global",
        "virtio-blk-pci.ioeventfd=off",
    ];
    words.map(str::to_owned).into()
}

/// The plugin as QEMU's `-plugin` takes it, with the file that it writes.
fn argument(out: &Path) -> String {
    let path = |path: &Path| escaped(&path.to_string_lossy());
    format!("{},out={}", path(&workspace::plugin()), path(out))
}

/// All that was counted in a boot, in its order. The guest has ended.
pub(crate) fn counts(logs: &Path) -> Result<Vec<Count>> {
    let file = logs.join(LOG);
    let text = fs::read_to_string(&file)
        .with_context(|| format!("the plugin wrote no {}", file.display()))?;
    parse(&text).with_context(|| format!("{}", file.display()))
}

fn parse(text: &str) -> Result<Vec<Count>> {
    let mut counts: Vec<Count> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = Line::of(line).with_context(|| format!("line {}: `{line}`", number + 1))?;
        match (line, counts.last_mut()) {
            (Line::Counted(count), _) => counts.push(count),
            (Line::At(address, times), Some(count)) => count.times.push((address, times)),
            (Line::At(..), None) => bail!("line {}: an address before any count", number + 1),
        }
    }
    Ok(counts)
}

/// A line that the plugin wrote.
enum Line {
    Counted(Count),
    At(u64, u64),
}

impl Line {
    fn of(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["counted", instructions] => Some(Self::Counted(Count {
                instructions: instructions.parse().ok()?,
                times: Vec::new(),
            })),
            ["at", address, times] => {
                Some(Self::At(u64::from_str_radix(address, 16).ok()?, times.parse().ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_its_addresses_behind_it() {
        let counts = parse("counted 30\nat 1a0 20\nat ff 10\ncounted 7\n").unwrap();
        let [first, second] = &counts[..] else { panic!("{counts:?}") };
        let times = vec![(0x1a0, 20), (0xff, 10)];
        assert_eq!(*first, Count { instructions: 30, times });
        assert_eq!(*second, Count { instructions: 7, times: Vec::new() });
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_makes_no_sense_is_named() {
        for text in ["at 10 5", "counted", "counted x", "counted 1 2", "counted 1\nat 10", "\n"] {
            let why = parse(text).unwrap_err().to_string();
            assert!(why.starts_with(&format!("line {}: ", text.trim().lines().count().max(1))));
        }
    }

    #[test]
    fn a_qemu_that_cannot_count_says_why() {
        let cases = [
            ("qemu: -plugin: invalid option", "built without plugins"),
            ("p.so requires API version 1, but this QEMU supports 2", "another interface"),
            ("p.so: undefined symbol: qemu_plugin_register", "another interface"),
            ("Could not load plugin p.so", "does not load"),
        ];
        for (said, why) in cases {
            let refusal = refusal(said);
            assert!(refusal.starts_with(CANNOT) && refusal.contains(why), "{refusal}");
            assert!(refusal.ends_with(said), "{refusal}");
        }
    }

    #[test]
    fn what_is_counted_goes_to_the_logs() {
        let options = options(Path::new("/a,b"));
        assert!(options[1].ends_with(",out=/a,,b/instructions.log"), "{options:?}");
    }
}
