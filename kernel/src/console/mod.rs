//! The serial console: a person, or a script, runs commands.
//!
//! `session` reads lines and runs them; `commands` does what they say, and its `door` knows
//! what each command needs; `job`, `stream` and `load` move data; `devices` finds devices and
//! refuses harmful uses; `stack` knows which device lies on which. The grammar, the editor and
//! the formats are the `shell` crate's.
//!
//! Rules:
//!
//! - One thread is the console. It may sleep, and everything it waits for ends with
//!   Ctrl-C.
//! - A command that is refused changes nothing, and says what to do instead.
//! - The console goes on after a failed command, and the exit code says that one failed. The
//!   sender of a script ends it at the failure.

mod commands;
mod devices;
mod failure;
mod input;
mod job;
mod load;
mod members;
mod screen;
pub mod session;
mod stack;
mod stop;
mod stream;
pub mod welcome;

use alloc::format;
use alloc::string::String;

use dm::Dm;
use shell::Mode;
use shell::color::Paint;

use crate::cmdline::Cmdline;
use crate::task::{self, MaySleep, Priority};

pub use commands::{Figures, measure};
use failure::Failure;
use input::Input;
use welcome::{Begin, Legs};

/// What a command returns; it has printed its answer by then.
type Outcome = Result<(), Failure>;

/// Starts the console's thread. Words of the command line:
///
/// - `session=script`: a program is at the other end. Lines are echoed once, and no key edits.
///   A frame behind each prompt says how the line before it ended (`shell::frame`). At the end
///   of the lines (Ctrl-D) the machine is powered off; the verdict says whether a command
///   failed.
/// - `color=on`: states are shown in colours, as after `color on`.
/// - `mirror=none`: do not assemble the mirrors whose members are there.
/// - `mirror=auto`: if no disk is a member, make a mirror of the first two, unless they hold
///   different data, or data behind a blank beginning. `mirror=nosync`: take them to be equal,
///   and do not compare them first. A script has no Ctrl-C, so it does not compare disks of
///   more than `welcome::COMPARED_MAX`, and makes no mirror of them.
pub fn start(dm: &'static Dm, cmdline: &Cmdline) {
    let mode = match cmdline.get("session") {
        Some("script") => Mode::Plain,
        _ => Mode::Interactive,
    };
    let paint = Paint { on: cmdline.get("color") == Some("on") };
    let begin = match cmdline.get("mirror") {
        Some("auto") => Begin::Mirror(Legs::Unknown),
        Some("nosync") => Begin::Mirror(Legs::Same),
        Some("none") => Begin::Nothing,
        _ => Begin::Assemble,
    };
    let console = move |may_sleep: &MaySleep| session::run(dm, mode, paint, begin, may_sleep);
    task::spawn("console", Priority::Kernel, console).expect("a thread for the console");
}

/// A number of things: `1 disk`, `2 disks`.
fn plural(count: u64, thing: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {thing}{ending}")
}
