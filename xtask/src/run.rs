//! `cargo xtask run`: the main job. Two disks, one mirror, a prompt.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use clap::Args;

use crate::console::{self, End};
use crate::control::Door;
use crate::guests::{self, Place};
use crate::outside::Helper;
use crate::qemu::accel::Choice;
use crate::qemu::{self, Disk, Guest, Machine, SERIAL_LOG};
use crate::rig::Rig;
use crate::script::Script;
use crate::verdict::Verdict;
use crate::{build, provision, symbolize, table, terminal, workspace};

/// How many disks are made on first use.
const DISK_COUNT: usize = 2;

/// Size of a disk made on first use, in bytes: 64 MiB, sparse.
const DISK_BYTES: u64 = 64 << 20;

/// How a guest is run.
#[derive(Args)]
#[group(skip)]
pub(crate) struct Options {
    #[command(flatten)]
    build: build::Options,

    /// A disk: a raw image, a QEMU URI (nbd://...) or json:{...}; repeatable
    #[arg(long = "disk", value_name = "PATH_OR_QEMU_URI")]
    disks: Vec<String>,

    /// What executes the guest's code
    #[arg(long, value_enum, default_value = "auto")]
    accel: Choice,

    /// A script for the console; the first command that fails ends it
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,

    /// Put no mirror together and make none, so that no disk is looked at by itself
    ///
    /// Otherwise the mirrors whose members are there are put together; and if no disk is a
    /// member, the first two are compared, and become one unless they hold two different
    /// things. Large ones take long: Ctrl-C ends the comparison, and in a script disks of
    /// more than 4 GiB are not compared.
    #[arg(long)]
    no_mirror: bool,

    /// A table of dmsetup's, from which a device is made first; repeatable
    ///
    /// The device has the name that is given, or the file's without its ending. No mirror
    /// is put together or made by itself then.
    #[arg(long = "table", value_name = "[NAME=]FILE")]
    tables: Vec<String>,

    /// Words for the kernel's command line, beside those that xtask gives
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,

    /// How long the guest may say nothing before it is ready
    #[arg(long, value_name = "SECONDS", default_value_t = 180)]
    boot_limit: u64,

    /// How long the guest may say nothing while a script's command runs
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    script_limit: u64,

    /// How fast disks are at most, in bytes a second
    #[arg(skip)]
    rate: Option<u64>,
}

/// Boots the kernel and gives its console to the person, or feeds it a script.
///
/// Everything that can be refused is refused before anything is built or booted.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    run(options, None)
}

/// The recording of a run of a script.
pub(crate) struct Recording {
    /// The script, unless the options name one.
    pub(crate) script: Option<Script>,
    /// Commands before it ...
    pub(crate) first: Vec<String>,
    /// ... and after it. The guest's answers to these are not shown.
    pub(crate) last: Vec<String>,
    /// All lines of the guest.
    pub(crate) heard: Vec<String>,
}

impl Options {
    /// Whether the options name a script.
    pub(crate) fn has_script(&self) -> bool {
        self.script.is_some()
    }

    /// Uses these disks, unless some are named, and limits all disks to this rate.
    pub(crate) fn on_disks(&mut self, images: &[PathBuf], rate: u64) {
        self.rate = Some(rate);
        if self.disks.is_empty() {
            self.disks = images.iter().map(|image| image.display().to_string()).collect();
        }
    }
}

/// The same. With a recording, a script is run.
pub(crate) fn run(options: &Options, recording: Option<&mut Recording>) -> Result<ExitCode> {
    let script = options.script.as_deref().map(read_script).transpose()?;
    let first = options.tables.iter().map(|text| table::command(text));
    let mut first = first.collect::<Result<Vec<_>>>()?;
    let slowed = |disk: Disk| match options.rate {
        Some(rate) => disk.with_rate(rate),
        None => disk,
    };
    let disks = disks(&options.disks)?.into_iter().map(Disk::switched);
    let disks: Vec<_> = disks.map(slowed).collect();
    qemu::check_images(&disks).map_err(with_the_guests)?;
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let interactive = script.is_none() && recording.is_none() && terminal::is_interactive();
    let place = Place::claim(&about(&disks))?;
    let rig = Rig::new(&disks, place.folder(), &tools);
    let machine = Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: cmdline(options, interactive),
        disks,
        logs: place.folder().to_owned(),
    };
    let log = machine.logs.join(SERIAL_LOG);
    eprintln!(
        "xtask: booting guest {} ({}); all it says is kept in {}",
        place.number(),
        accel.name(),
        log.display()
    );
    let mut guest = Guest::boot(&machine, Duration::from_secs(options.boot_limit))?;
    let _door = Door::open(guest.sender(), &place)?;
    let mut helper = Helper::new(rig, interactive);
    let end = if interactive {
        console::interactive(&mut guest, first, &mut helper)?
    } else {
        let silence = Duration::from_secs(options.script_limit);
        let mut heard = Vec::new();
        let (mut script, mut recording) = (script, recording);
        if let Some(recording) = &mut recording {
            script = script.or_else(|| recording.script.take());
            first.append(&mut recording.first);
            script.iter_mut().for_each(|it| it.end_with(recording.last.clone()));
        }
        let mut hear = |line: &str| {
            if recording.is_some() {
                heard.push(line.to_owned());
            }
        };
        let end = console::script(&mut guest, first, script, silence, &mut helper, &mut hear)?;
        recording.into_iter().for_each(|it| it.heard = std::mem::take(&mut heard));
        end
    };
    report(&end, &guest, &log, &kernel.elf);
    Ok(end.exit_code())
}

/// The kernel's command line. If a word comes twice, the last one counts. So a person may
/// override colours and mirrors, but not who is at the other end.
fn cmdline(options: &Options, interactive: bool) -> String {
    let color = if interactive && terminal::shows_colors() { "on" } else { "off" };
    let none = options.no_mirror || !options.tables.is_empty();
    let mirror = if none { "none" } else { "auto" };
    let session = if interactive { "interactive" } else { "script" };
    format!("color={color} mirror={mirror} {} mode=console session={session}", options.append)
}

/// The script in this file.
fn read_script(file: &Path) -> Result<Script> {
    let name = file.display();
    let bytes = fs::read(file).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!("--script {name}: no such file"),
        ErrorKind::IsADirectory => anyhow!("--script {name}: that is a folder"),
        _ => anyhow!("--script {name}: {error}"),
    })?;
    let text = match str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) => {
            let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
            bail!("--script {name}, line {line}: that is no text in UTF-8");
        }
    };
    Script::whole(&name.to_string(), text).map_err(|why| anyhow!("--script {why}"))
}

/// What distinguishes a guest from others, for a person.
fn about(disks: &[Disk]) -> String {
    let disks: Vec<String> = disks.iter().map(Disk::told).collect();
    if disks.is_empty() { "no disks".to_owned() } else { disks.join(" ") }
}

/// Why a disk cannot be used, and which guests of this checkout run.
fn with_the_guests(why: anyhow::Error) -> anyhow::Error {
    let running = guests::running();
    let told = running.iter().map(|guest| format!("\n  guest {}: {}", guest.number, guest.about));
    let told: String = told.collect();
    if told.is_empty() {
        return why;
    }
    anyhow!("{why:#}\nof this checkout there run:{told}\n`--disk PATH` gives a guest its own disks")
}

/// Says how it ended, if the guest did not say it itself.
fn report(end: &End, guest: &Guest, log: &Path, elf: &Path) {
    let End::Guest(verdict) = end else { return eprintln!("\nxtask: the guest was ended") };
    eprintln!("\nxtask: {verdict}");
    if *verdict == Verdict::Panicked {
        let log = fs::read(log).unwrap_or_default();
        let report = symbolize::panic_report(&String::from_utf8_lossy(&log), elf);
        eprint!("{}", report.unwrap_or_default());
    } else if !verdict.is_the_guests_own() {
        eprint!("{}", guest.last_words());
    }
}

/// The disks asked for, or two of our own that last from run to run.
fn disks(asked_for: &[String]) -> Result<Vec<Disk>> {
    if !asked_for.is_empty() {
        return asked_for.iter().map(|text| Disk::parse(text)).collect();
    }
    let folder = workspace::make(workspace::disks())?;
    let files = (0..DISK_COUNT).map(|number| folder.join(format!("disk{number}.img")));
    files.map(|file| own_disk(&file)).collect()
}

fn own_disk(file: &Path) -> Result<Disk> {
    if !file.exists() {
        eprintln!("xtask: making the disk {}", file.display());
        // It gets its name only when it has its size, since xtask may be killed in between.
        let part = file.with_extension("part");
        let made = File::create(&part)
            .and_then(|disk| disk.set_len(DISK_BYTES))
            .and_then(|()| fs::rename(&part, file));
        made.with_context(|| format!("cannot make {}", file.display()))?;
    }
    Ok(Disk::raw(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_that_cannot_be_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, bytes: &[u8]| {
            let file = folder.path().join(name);
            fs::write(&file, bytes).unwrap();
            file
        };
        let why = |file: &Path| read_script(file).err().unwrap().to_string();
        assert!(why(&folder.path().join("none")).ends_with("none: no such file"));
        assert!(why(folder.path()).ends_with(": that is a folder"));
        let binary = file("binary", b"disks\nwrite d 0 \xff\n");
        assert!(why(&binary).ends_with("binary, line 2: that is no text in UTF-8"));
        let keys = file("keys", b"disks\n\n\x04\n");
        assert!(why(&keys).contains("keys, line 3: the control character"));
        assert!(read_script(&file("good", "write d 0 \"\u{e9}\"\n".as_bytes())).is_ok());
    }
}
