//! `cargo xtask run`: the main job. Two disks, one mirror, a prompt.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::console::{self, End};
use crate::control::Door;
use crate::outside::Helper;
use crate::qemu::accel::Choice;
use crate::qemu::{Disk, Guest, Machine, SERIAL_LOG};
use crate::rig::Rig;
use crate::verdict::Verdict;
use crate::{build, provision, symbolize, table, terminal, workspace};

/// How many disks are made on first use.
const DISK_COUNT: usize = 2;

/// Size of a disk made on first use, in bytes: 64 MiB, sparse.
const DISK_BYTES: u64 = 64 << 20;

/// How a guest is run.
#[derive(Args)]
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

    /// A table of dmsetup's, from which a device is made first; repeatable
    ///
    /// The device has the name that is given, or the file's without its ending. No mirror
    /// is put together or made by itself then.
    #[arg(long = "table", value_name = "[NAME=]FILE")]
    tables: Vec<String>,

    /// Words for the kernel's command line, beside those that xtask gives
    #[arg(long, value_name = "WORDS", default_value = "")]
    append: String,

    /// How long the guest may take to get ready
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    boot_limit: u64,

    /// How long a script may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    script_limit: u64,
}

/// Boots the kernel and hands its console to the person, or feeds it a script.
pub(crate) fn main(options: &Options) -> Result<ExitCode> {
    let disks: Vec<_> = disks(&options.disks)?.into_iter().map(Disk::switched).collect();
    let first = options.tables.iter().map(|text| table::command(text));
    let first = first.collect::<Result<Vec<_>>>()?;
    let tools = provision::tools()?;
    let kernel = build::image(&options.build)?;
    let accel = options.accel.resolve(&tools, &kernel)?;
    let interactive = options.script.is_none() && terminal::is_interactive();
    let session = if interactive { "interactive" } else { "script" };
    let color = if interactive && terminal::shows_colors() { "on" } else { "off" };
    let mirror = if first.is_empty() { "auto" } else { "none" };
    let logs = workspace::make(workspace::runs())?;
    let rig = Rig::new(&disks, &logs, &tools);
    let machine = Machine {
        tools: &tools,
        accel,
        image: &kernel.image,
        cmdline: format!(
            "mode=console session={session} color={color} mirror={mirror} {}",
            options.append
        ),
        disks,
        logs,
    };
    let log = machine.logs.join(SERIAL_LOG);
    eprintln!("xtask: booting ({}); all the guest says is kept in {}", accel.name(), log.display());
    let mut guest = Guest::boot(&machine, Duration::from_secs(options.boot_limit))?;
    let _door = Door::open(guest.sender())?;
    let mut helper = Helper::new(rig, interactive);
    let end = if interactive {
        console::interactive(&mut guest, first, &mut helper)?
    } else {
        let limit = Duration::from_secs(options.script_limit);
        console::script(&mut guest, first, options.script.as_ref(), limit, &mut helper)?
    };
    report(&end, &guest, &log, &kernel.elf);
    Ok(end.exit_code())
}

/// Says how it ended, where the guest did not say it itself.
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
        // Under its name only when it has its size: this may be killed in between.
        let part = file.with_extension("part");
        let made = File::create(&part)
            .and_then(|disk| disk.set_len(DISK_BYTES))
            .and_then(|()| fs::rename(&part, file));
        made.with_context(|| format!("cannot make {}", file.display()))?;
    }
    Ok(Disk::raw(file))
}
