//! `kprint!`, `kprintln!` and the log: all text that leaves the kernel, by COM1.
//!
//! Console output and log lines share the port; each call comes out in one piece. A log
//! line is `[ seconds] level target: message`, the time that of `arch::clock`.

use log::{LevelFilter, Log, Metadata, Record};

use crate::arch::{clock, serial};

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
        serial::print(format_args!(
            "[{:5}.{:06}] {:5} {}: {}\n",
            us / 1_000_000,
            us % 1_000_000,
            record.level(),
            record.target(),
            record.args()
        ));
    }

    fn flush(&self) {}
}
