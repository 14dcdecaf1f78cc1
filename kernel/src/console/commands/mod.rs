//! What each command does.
//!
//! Place: `session` parses a line and calls `run`. A command prints its answer, or returns why
//! it has none.

mod assemble;
mod bench;
mod bulk;
mod check;
mod difference;
mod disks;
mod dmsetup;
mod door;
mod events;
mod exchange;
mod fuzz;
mod label;
mod latency;
mod lifecycle;
mod machine;
mod mirror;
mod sectors;
mod slots;
mod status;
mod torture;
mod trace;

use alloc::string::String;

use shell::{Command, help};

use super::Outcome;
use super::session::Session;
use crate::kprintln;

pub use assemble::{Assembled, assemble};
pub use bench::{Figures, measure};
pub use dmsetup::create;
pub use door::Need;
pub use label::label_blank;
pub use mirror::{Life, life, mirrors};
pub use sectors::flush_quietly;
pub use status::{Shows, show as show_status};

/// Does what `command` says.
pub fn run(session: &mut Session<'_>, command: Command) -> Outcome {
    door::check(session.dm, &command)?;
    match command {
        Command::Help { topic } => {
            print_lines(&help::text(topic.as_deref()));
            Ok(())
        }
        Command::Events { dev, follow } => events::show(session, dev.as_deref(), follow),
        Command::Disks => disks::list(session),
        Command::Dmsetup(command) => dmsetup::run(session, command),
        Command::Mirror(command) => mirror::run(session, command),
        Command::Slot(command) => slots::run(session, &command),
        Command::Read { dev, offset, length } => sectors::read(session, &dev, offset, length),
        Command::Write { dev, offset, data } => sectors::write(session, &dev, offset, data),
        Command::Flush { dev } => sectors::flush(session, &dev),
        Command::Discard { dev, span } => sectors::discard(session, &dev, span),
        Command::Fill { dev, span, pattern } => bulk::fill(session, &dev, span, pattern),
        Command::Verify { dev, span, pattern } => bulk::verify(session, &dev, span, pattern),
        Command::Compare { left, right, span } => bulk::compare(session, &left, &right, span),
        Command::Copy { source, target, from, to, length } => {
            bulk::copy(session, (&source, from), (&target, to), length)
        }
        Command::Torture { dev, span, first, count, seed } => {
            torture::torture(session, &dev, span, (first, count), seed)
        }
        Command::Bench { dev, load, json } => bench::bench(session, &dev, &load, json),
        Command::Trace(command) => trace::run(session, &command),
        Command::Threads => machine::threads(),
        Command::Memory => machine::memory(),
        Command::Interrupts => machine::interrupts(),
        Command::Uptime => machine::uptime(),
        Command::Log { level } => {
            log::set_max_level(level);
            Ok(())
        }
        Command::Color { on } => {
            session.paint.on = on;
            Ok(())
        }
        Command::Fuzz { disk, count, seed } => fuzz::run(session, &disk, count, seed),
        Command::Panic => panic!("asked to on the console"),
        Command::Poweroff => session.poweroff(),
    }
}

/// Prints text of several lines, each in a call of its own, because interrupts are off during a
/// call.
fn print_lines(text: &str) {
    for line in text.lines() {
        kprintln!("{line}");
    }
}

/// The text of a table's cell: a dash if it is empty.
fn or_dash(text: String) -> String {
    if text.is_empty() { "-".into() } else { text }
}
