//! cargo xtask: builds, boots, tests and shows the mirror kernel.
//!
//! This file is the manual (`cargo xtask --help` prints it); each verb is a module. Of the
//! project's own crates xtask uses only `picture`, which uses none: xtask must start on a
//! machine where nothing else builds yet. It also includes one file of the shell, which knows
//! how the console recognises a line that begins a here-document.

#![forbid(unsafe_code)]

extern crate alloc;

mod bench;
mod book;
mod build;
mod clean;
mod console;
mod control;
mod demo;
mod faults;
mod figures;
mod guard;
mod guests;
mod inspect;
mod lab;
mod lines;
mod mutants;
mod outside;
mod patience;
mod play;
mod provision;
mod qemu;
mod rig;
mod run;
mod scratch;
mod script;
mod signals;
mod sim;
mod soak;
mod suites;
mod symbolize;
mod table;
mod terminal;
mod tidy;
#[path = "../../kernel/shell/src/token.rs"]
#[expect(unreachable_pub, reason = "public to others in the crate that it belongs to")]
mod token;
mod trace;
mod verdict;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;
use std::{panic, process};

use anyhow::Result;
use clap::Parser;

/// Builds, boots, tests and shows the mirror kernel.
///
/// What a machine lacks (QEMU, UEFI firmware, the standard library's sources)
/// is installed on first use; `doctor` only looks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
enum Xtask {
    /// Boot in QEMU: two disks, one mirror, a prompt
    ///
    /// At a terminal, keys go to the guest as they are; Ctrl-] quits. Otherwise
    /// standard input is a script, or a file is (--script): its lines are sent one
    /// by one as the console asks for them. The first command that fails ends it, and
    /// its line is named; at the end the guest is powered off.
    ///
    /// Meanwhile `cargo xtask disk`, `qmp` and `console` act on the guest from
    /// another terminal; of several guests, on that of `--guest N`.
    ///
    /// Exit code: 0 all went well, 1 a command failed (or xtask could not do its
    /// work), 101 the kernel panicked, 124 the guest hung, 125 it reset itself
    /// or QEMU gave up, 128+N xtask received signal N.
    Run(run::Options),

    /// Run a script in a guest and make pictures of what it recorded: for Perfetto, and an SVG
    ///
    /// Without --script a story is run in which a disk dies during a write. All options of
    /// `run` hold. A script that powers the guest off itself leaves no trace.
    Trace(trace::Options),

    /// Make a disk of the running guest fail, hang or slow down, or well again
    Disk(outside::Disk),

    /// Attach to the console of the running guest; Ctrl-] leaves
    Console(outside::Which),

    /// Have the QEMU of the running guest execute a command of QMP
    Qmp(outside::Qmp),

    /// Show that a directory tree survives the death of a disk, and a mirror a power cut
    Demo(demo::Options),

    /// Run all tests; the last line is `N passed, N failed`
    Test(suites::Options),

    /// Show what the members of a mirror hold, and whether they would start
    ///
    /// Images are only read; those of a guest that crashed will do.
    ///
    /// Exit code: 0 they would start, 1 they would be held or refused, 2 an
    /// argument cannot be used.
    Inspect(inspect::Options),

    /// Have the disks of a mirror fail in each way, and judge what the guest makes of it
    ///
    /// Each case boots the kernel with two disks and does something to them from
    /// outside; --list lists them.
    Faults(faults::Options),

    /// Cut the power of a mirror again and again, and judge what its disks hold
    Soak(soak::Options),

    /// Record what a mirror writes, and judge power cuts at every point of it
    Replay(soak::replay::Options),

    /// Run the mirror's simulation: one run, new ones for minutes, or every crash
    ///
    /// Without options, each test of it makes a million requests with new seeds, as
    /// many tests at once as the machine has cores. The first failure ends it; the
    /// last line then makes the same run again. Ctrl-C ends it too.
    Sim(sim::Options),

    /// Measure what a mirror costs beside its disks
    ///
    /// One boot has a plain disk, a linear device and mirrors in several states; each load is
    /// given to all of them, round after round. Tables go to standard output, the figures
    /// as JSON and a plot to the target folder. With --instructions it is counted what a
    /// request costs the guest's CPU; with --peer, Linux's mirrors are measured beside ours.
    /// docs/performance.md explains all of them.
    Bench(bench::Options),

    /// Break the mirror's rules one at a time; each must fail a test
    Mutants(mutants::Options),

    /// Serve the page in which the mirror is watched, stopped, wound back and broken
    ///
    /// The mirror and its simulator are compiled for the browser; the page is bundled
    /// and served to this machine alone. Ctrl-C ends it. With --build the page is
    /// written to a folder instead, for any host that serves files.
    Play(play::Options),
    /// Write a piece of the mirror yourself, in a copy: eight labs
    ///
    /// `lab list` names them; `lab N start` makes a copy in the target folder without the
    /// piece, `lab N check` says what is missing in it, `lab N show` prints the original.
    Lab(lab::Options),

    /// Build the kernel and the image that boots it
    Build(build::Options),

    /// Make a book of docs/, to be read in order, in the target folder (by mdBook)
    Book(book::Options),

    /// Check the rules that no compiler checks (the suite `tidy` does the same)
    Tidy,

    /// Show what is present, what is missing and how it would be got
    Doctor(build::Sources),

    /// Remove the disks, boot images and logs that xtask made
    Clean,

    /// Keep a program from outliving xtask (used by xtask itself)
    #[command(name = guard::VERB, hide = true)]
    Guard {
        #[arg(long)]
        gently: bool,
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

/// What a shell reports for a program that SIGPIPE ended.
const BROKEN_PIPE: i32 = 128 + 13;

fn main() -> ExitCode {
    end_with_the_reader();
    let verb = Xtask::parse();
    // A guard ends in its own way.
    let guards = matches!(verb, Xtask::Guard { .. });
    let ready = if guards { Ok(()) } else { signals::install() };
    match ready.and_then(|()| dispatch(verb)) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("xtask: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that has seen enough, such as `head`, ends us silently. Without this, std would
/// panic when a line cannot be printed.
fn end_with_the_reader() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |why| {
        let what = why.payload_as_str().unwrap_or_default();
        if what.starts_with("failed printing to ") && what.contains("Broken pipe") {
            scratch::remove_all();
            process::exit(BROKEN_PIPE);
        }
        report(why);
    }));
}

fn dispatch(verb: Xtask) -> Result<ExitCode> {
    match verb {
        Xtask::Run(options) => run::main(&options),
        Xtask::Trace(options) => trace::main(options),
        Xtask::Disk(verb) => outside::disk(&verb),
        Xtask::Console(which) => outside::console(&which),
        Xtask::Qmp(options) => outside::qmp(&options),
        Xtask::Demo(options) => demo::main(&options),
        Xtask::Test(options) => suites::main(&options),
        Xtask::Inspect(options) => inspect::main(&options),
        Xtask::Faults(options) => faults::main(&options),
        Xtask::Soak(options) => soak::main(&options),
        Xtask::Replay(options) => soak::replay::main(&options),
        Xtask::Sim(options) => sim::main(&options).map(|()| ExitCode::SUCCESS),
        Xtask::Bench(options) => bench::main(&options),
        Xtask::Mutants(options) => mutants::main(&options).map(code),
        Xtask::Play(options) => play::main(&options).map(|()| ExitCode::SUCCESS),
        Xtask::Lab(options) => lab::main(&options).map(code),
        Xtask::Build(options) => build::image(&options).map(|kernel| {
            println!("{}\n{}", kernel.elf.display(), kernel.image.display());
            ExitCode::SUCCESS
        }),
        Xtask::Book(options) => book::main(&options).map(|()| ExitCode::SUCCESS),
        Xtask::Tidy => tidy::main().map(code),
        Xtask::Doctor(sources) => provision::doctor(&sources.provision()).map(code),
        Xtask::Clean => clean::main().map(|()| ExitCode::SUCCESS),
        Xtask::Guard { gently, command } => {
            let ending = if gently { guard::Ending::Gently } else { guard::Ending::AtOnce };
            guard::main(&command, ending)
        }
    }
}

/// Success or failure, for verbs that distinguish no more.
fn code(well: bool) -> ExitCode {
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_manual_is_consistent() {
        super::Xtask::command().debug_assert();
    }
}
