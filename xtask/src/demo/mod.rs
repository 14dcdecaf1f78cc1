//! `cargo xtask demo`: a directory tree survives the death of a disk, and a mirror survives a
//! power cut.
//!
//! The tree becomes an ext4 image, the guest copies it onto a mirror, one leg dies for real in
//! the middle, and the host finds every byte on the other leg. `tree` is the host's side of it
//! (image, check), `power` the second half, with the power cut, `inside` the end, with a
//! picture; the disk that can die is the fault rig's. Rules: each run has a fresh folder, so a
//! killed run is in nobody's way. The verdict rests on what the host finds, whatever the guest
//! claims.

mod inside;
mod power;
mod tree;

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::patience;
use crate::provision::{self, Tools};
use crate::qemu::accel::Choice;
use crate::qemu::{Disk, Guest, Machine, PROMPT, SERIAL_LOG};
use crate::rig::Server;
use crate::scratch::Scratch;
use crate::verdict::Verdict;
use crate::{build, workspace};
use tree::Tree;

/// How long the guest may say nothing before it is ready.
const BOOT_LIMIT: Duration = patience::OF_A_GUEST;

/// How long a command in the guest may say nothing.
const COMMAND_LIMIT: Duration = patience::OF_A_GUEST;

/// How fast disks are, in bytes a second: so slow that a disk can die in the middle of a copy,
/// however busy the host.
const RATE: u64 = 16 << 20;

/// How much of the copy is done when the disk dies, in percent.
const DEATH_AT_PERCENT: u32 = 40;

/// The old contents of the legs: a block that was never copied shows, even where the source has
/// zeroes.
const OLD_DATA: u8 = 0xe5;

/// What is demonstrated, and on what.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// The directory tree to copy [default: this project, as git lists it]
    #[arg(long, value_name = "PATH")]
    dir: Option<PathBuf>,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,
}

impl Options {
    /// The demo as a part of the tests.
    pub(crate) fn for_tests(build: build::Options, accel: Choice) -> Self {
        Self { build, dir: None, accel }
    }
}

/// Runs the demo and prints its story; the last line is its verdict.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    let told = tell(options, &mut |line| println!("{line}"));
    Ok(match told {
        Ok(summary) => {
            println!("demo: ok: {summary}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("demo: FAILED: {why:#}");
            ExitCode::FAILURE
        }
    })
}

/// Runs the demo; `line` gets its story line by line. Returns what was shown.
pub(crate) fn tell(options: &Options, line: &mut dyn FnMut(&str)) -> Result<String> {
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let logs = workspace::make(workspace::runs().join("demo"))?;
    let folder = Scratch::below(&logs)?;
    let mut story = Story { line, chapter: 0 };

    let tree = Tree::gather(options.dir.as_deref(), &folder.path().join("tree"))?;
    let disks = Disks::make(&tree, folder.path(), &tools, &mut story)?;
    let machine = Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: "mode=console session=script".into(),
        disks: vec![
            Disk::raw(&disks.survivor),
            disks.mortal.disk().with_rate(RATE),
            Disk::raw_read_only(&disks.source),
        ],
        logs: logs.clone(),
    };
    in_the_guest(&machine, disks.mortal, disks.sectors, &mut story)?;

    story.chapter("Back on the host: what is on the disks?");
    let lag = tree::first_difference(&disks.source, &disks.dead)?;
    let lag =
        lag.context("the disk that died has all the data: it died too late to show anything")?;
    story.say(&format!("vbd1, which died, has its old data from {} MiB on", lag >> 20));
    tree::check_filesystem(&disks.survivor, &tools)?;
    story.say("e2fsck finds the file system on the other one clean");
    let found = tree.compare_with(&disks.survivor, &folder.path().join("back"), &tools)?;
    story.say(&format!("and it has all {found} files, every byte as in the source"));

    let machine = |disks| Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: "mode=console session=script".into(),
        disks,
        logs: logs.clone(),
    };
    let cut = power::tell(folder.path(), machine, &mut story)?;
    let seen = inside::tell(folder.path(), &logs, &tools, machine, &mut story)?;
    Ok(format!("{found} files outlived a disk; {cut}; {seen}"))
}

/// The images behind the guest's disks.
struct Disks {
    /// `vbd0`, the leg that lives.
    survivor: PathBuf,
    /// `vbd1`, the leg that dies, ...
    mortal: Server,
    /// ... and its image.
    dead: PathBuf,
    /// `vbd2`, the file system to be copied.
    source: PathBuf,
    /// Size of each.
    sectors: u64,
}

impl Disks {
    fn make(tree: &Tree, folder: &Path, tools: &Tools, story: &mut Story<'_>) -> Result<Self> {
        let file = |name: &str| folder.join(name);
        story.chapter("Three disks");
        let source = file("source.img");
        let bytes = tree.make_image(&source, tools)?;
        story.say(&format!(
            "vbd2: an ext4 file system of {} MiB with the {} files of {}",
            bytes >> 20,
            tree.file_count(),
            tree.origin()
        ));
        let (survivor, dead) = (file("leg0.img"), file("leg1.img"));
        for leg in [&survivor, &dead] {
            let old = io::repeat(OLD_DATA).take(bytes);
            File::create(leg)
                .and_then(|mut leg| io::copy(&mut { old }, &mut leg))
                .context("making a leg")?;
        }
        story.say("vbd0: full of old data, to be leg 0 of the mirror");
        let mortal = Server::start(&dead, &folder.join("nbd.log"), tools)?;
        story.say("vbd1: full of old data, to be leg 1; a process of its own serves it (qemu-nbd), and will be killed");
        Ok(Self { survivor, mortal, dead, source, sectors: bytes / 512 })
    }
}

/// Everything that happens in the guest, from boot to power-off.
fn in_the_guest(
    machine: &Machine<'_>,
    mortal: Server,
    sectors: u64,
    story: &mut Story<'_>,
) -> Result<()> {
    story.chapter(&format!("The kernel boots in QEMU ({})", machine.accel.name()));
    let mut guest = Guest::boot(machine, BOOT_LIMIT)?;
    guest.until_prompt()?;
    story.say(&format!("its console is kept in {}", machine.logs.join(SERIAL_LOG).display()));

    story.chapter("A mirror of two disks");
    let table = format!("0 {sectors} mirror core 2 1024 nosync 2 vbd0 0 vbd1 0");
    ask(&mut guest, &format!("dmsetup create m0 --table \"{table}\""), story)?;
    ask(&mut guest, "mirror status m0", story)?;

    story.chapter("The file system is copied onto the mirror, and a disk dies meanwhile");
    copy_while_dying(&mut guest, mortal, story)?;
    ask(&mut guest, "flush m0", story)?;
    ask(&mut guest, "mirror status m0", story)?;

    story.chapter("Everything is read back from the mirror and compared");
    ask(&mut guest, "compare vbd2 m0", story)?;

    guest.send("poweroff");
    match guest.run(|_| ()) {
        Verdict::Passed => Ok(()),
        verdict => bail!("{verdict}\n{}", guest.last_words()),
    }
}

/// Copies, and kills the disk at [`DEATH_AT_PERCENT`].
fn copy_while_dying(guest: &mut Guest, mortal: Server, story: &mut Story<'_>) -> Result<()> {
    let mut mortal = Some(mortal);
    story.command(guest, "copy vbd2 m0")?;
    while let Some(line) = guest.next_line()? {
        story.quote(&line);
        if percent(&line).is_some_and(|done| done >= DEATH_AT_PERCENT)
            && let Some(mut disk) = mortal.take()
        {
            disk.kill()?;
            story.say("vbd1's server is killed (SIGKILL)");
        }
    }
    ensure!(mortal.is_none(), "the copy ended before it had shown {DEATH_AT_PERCENT} %");
    Ok(())
}

/// The number before the first `%` of `line`.
fn percent(line: &str) -> Option<u32> {
    let before = line[..line.find('%')?].trim_end();
    let number = before.rsplit(|c: char| !c.is_ascii_digit() && c != '.').next()?;
    number.split('.').next()?.parse().ok()
}

/// Sends the guest one command, and quotes its answer.
fn ask(guest: &mut Guest, command: &str, story: &mut Story<'_>) -> Result<Vec<String>> {
    story.command(guest, command)?;
    let mut answer = Vec::new();
    while let Some(line) = guest.next_line()? {
        story.quote(&line);
        answer.push(line);
    }
    ensure!(!guest.has_failed(), "`{command}` failed: {}", answer.join("\n"));
    Ok(answer)
}

/// Tells what happens so that a newcomer can follow.
struct Story<'a> {
    line: &'a mut dyn FnMut(&str),
    chapter: u32,
}

impl Story<'_> {
    /// A step begins.
    fn chapter(&mut self, title: &str) {
        self.chapter += 1;
        (self.line)(&format!("{}. {title}", self.chapter));
    }

    /// Something that the host did or found.
    fn say(&mut self, what: &str) {
        (self.line)(&format!("   {what}"));
    }

    /// Sends a command to the guest's prompt, and shows it there.
    fn command(&mut self, guest: &mut Guest, command: &str) -> Result<()> {
        guest.set_limit(Some(COMMAND_LIMIT));
        guest.send(command);
        guest.next_line()?;
        self.quote(&format!("{PROMPT}{command}"));
        Ok(())
    }

    /// Something that the guest's console shows.
    fn quote(&mut self, line: &str) {
        (self.line)(&format!("     | {line}"));
    }
}

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    fn percents_are_read_from_progress_lines() {
        assert_eq!(percent("copied 25.6 of 64.0 MiB (40%), 31.0 MiB/s"), Some(40));
        assert_eq!(percent(" 7.5 % of 64 MiB"), Some(7));
        assert_eq!(percent("copied 64 MiB"), None);
        assert_eq!(percent("%"), None);
    }
}
