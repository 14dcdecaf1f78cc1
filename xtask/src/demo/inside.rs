//! The end of the demo: one more disk dies during a write, and the kernel's trace shows the way
//! of that write.
//!
//! The mirror keeps records this time. So the write is acknowledged only once a superblock
//! durably says that the disk is out. The code of `cargo xtask trace` makes the picture.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::{BOOT_LIMIT, RATE, Story, ask};
use crate::provision::Tools;
use crate::qemu::{Disk, Guest, Machine};
use crate::rig::Server;
use crate::trace::Files;
use crate::verdict::Verdict;

/// Size of each disk.
const BYTES: u64 = 8 << 20;

/// Writes, one at a time, for long enough that the disk dies during one.
const WRITES: &str = "bench m0 write --size 128K --depth 1 --seconds 3";
const DIES_AFTER: Duration = Duration::from_secs(1);

/// Runs this part; `machine` makes the machine with these disks. The pictures go to the folder
/// `out`. Returns what was shown.
pub(super) fn tell<'m>(
    folder: &Path,
    out: &Path,
    tools: &Tools,
    machine: impl Fn(Vec<Disk>) -> Machine<'m>,
    story: &mut Story<'_>,
) -> Result<String> {
    story.chapter("The death of a disk, seen from inside");
    let images = ["lives.img", "dies.img"].map(|name| folder.join(name));
    for image in &images {
        let made = File::create(image).and_then(|file| file.set_len(BYTES));
        made.context("making a leg")?;
    }
    let mortal = Server::start(&images[1], &folder.join("nbd-inside.log"), tools)?;
    let disks = vec![Disk::raw(&images[0]).with_rate(RATE), mortal.disk().with_rate(RATE)];
    let text = in_the_guest(&machine(disks), mortal, story)?;
    let files = Files::write(out, "death-of-a-disk", &text, None)?;
    let (Some(parked), Some(svg)) = (files.parked, &files.svg) else {
        bail!("no write was parked: the disk died between two writes, and nobody wrote then");
    };
    let ms = parked.as_secs_f64() * 1e3;
    story.say(&format!("the write during which vbd1 died was parked for {ms:.2} ms:"));
    story.say("until the superblock of vbd0 durably said that vbd1 is out, nobody was told");
    story.say(&format!("its picture: {}", svg.display()));
    story.say(&format!("all of it, for https://ui.perfetto.dev: {}", files.json.display()));
    Ok("the write that lost its disk has a picture".into())
}

/// From boot to power-off. Returns the lines of the trace.
fn in_the_guest(machine: &Machine<'_>, mortal: Server, story: &mut Story<'_>) -> Result<String> {
    let mut guest = Guest::boot(machine, BOOT_LIMIT)?;
    guest.until_prompt()?;
    ask(&mut guest, "mirror label m0 vbd0 vbd1", story)?;
    ask(&mut guest, "mirror wait m0", story)?;
    ask(&mut guest, "trace on --filter mirror,disk", story)?;
    let mut mortal = mortal;
    story.command(&mut guest, WRITES)?;
    thread::sleep(DIES_AFTER);
    mortal.kill()?;
    story.say("vbd1's server is killed (SIGKILL)");
    while let Some(line) = guest.next_line()? {
        story.quote(&line);
    }
    ensure!(!guest.has_failed(), "`{WRITES}` failed");
    ask(&mut guest, "trace off", story)?;
    ask(&mut guest, "mirror status m0", story)?;
    let mut lines = String::new();
    story.command(&mut guest, "trace dump")?;
    while let Some(line) = guest.next_line()? {
        lines += &line;
        lines.push('\n');
    }
    let last = lines.lines().last().unwrap_or_default();
    story.quote(&format!("... {last}"));
    guest.send("poweroff");
    match guest.run(|_| ()) {
        Verdict::Passed => Ok(lines),
        verdict => bail!("{verdict}\n{}", guest.last_words()),
    }
}
