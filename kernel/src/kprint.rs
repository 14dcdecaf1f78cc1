//! `kprint!`, `kprintln!` and the log: all text that leaves the kernel, by COM1.
//!
//! Console output and log lines share the port; each call comes out in one piece. A log line is
//! `[ seconds] level target: message`, the time that of `arch::clock`. It stands on a row of
//! its own. Code that leaves a row unfinished (a prompt, a progress line) uses `open_line`,
//! which tells the log how to leave that row and how to draw it again.

use alloc::string::String;

use log::{LevelFilter, Log, Metadata, Record};

use crate::arch::{IrqLock, clock, serial};

/// Prints to the console.
#[macro_export]
macro_rules! kprint {
    ($($arg:tt)*) => { $crate::arch::serial::print(format_args!($($arg)*)) };
}

/// Prints to the console, and ends the line.
#[macro_export]
macro_rules! kprintln {
    () => { $crate::kprint!("\n") };
    ($($arg:tt)*) => {
        $crate::arch::serial::print(format_args!("{}\n", format_args!($($arg)*)))
    };
}

/// What a log line has to do with a row that is not finished.
#[derive(Clone, Copy, Debug)]
pub struct OpenLine<'a> {
    /// Makes room for other output: erases the row, or ends it.
    pub leave: &'a str,
    /// Draws the row again.
    pub redraw: &'a str,
}

impl OpenLine<'_> {
    /// No row is unfinished.
    pub const NONE: OpenLine<'static> = OpenLine { leave: "", redraw: "" };
}

/// The row that is not finished: its `leave` and its `redraw`.
static OPEN: IrqLock<(String, String)> = IrqLock::new((String::new(), String::new()));

/// Prints `text`, after which `line` stands unfinished on the last row.
pub fn open_line(text: &str, line: OpenLine<'_>) {
    let mut open = OPEN.lock();
    let (leave, redraw) = &mut *open;
    for (kept, new) in [(leave, line.leave), (redraw, line.redraw)] {
        kept.clear();
        kept.push_str(new);
    }
    serial::print(format_args!("{text}"));
}

/// Makes the `log` macros work; messages above `level` are dropped.
pub fn init(level: LevelFilter) {
    // Only the first call can set the logger; a later one still sets the level.
    let _ = log::set_logger(&SerialLog);
    log::set_max_level(level);
}

struct SerialLog;

impl Log for SerialLog {
    fn enabled(&self, metadata: &Metadata) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let us = clock::now() / 1000;
        let open = OPEN.lock();
        let (leave, redraw) = &*open;
        serial::print(format_args!(
            "{leave}[{:5}.{:06}] {:5} {}: {}\n{redraw}",
            us / 1_000_000,
            us % 1_000_000,
            record.level(),
            record.target(),
            record.args()
        ));
    }

    fn flush(&self) {}
}
