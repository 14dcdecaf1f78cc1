//! The screen's last row while it is not finished: prompt or progress.
//!
//! Place: `session` shows the line being edited, a `Job` its progress, both through
//! `kprint`, so that a log line comes between rows and never into one.

use alloc::format;
use core::time::Duration;

use shell::Mode;
use shell::format::Progress;

use crate::kprint::{self, OpenLine};
use crate::kprintln;

/// Carriage return, erase to the end of the row.
const ERASE_ROW: &str = "\r\x1b[K";

/// How to write for the person or the script at the other end.
#[derive(Clone, Copy, Debug)]
pub struct Screen(pub Mode);

/// When a job shows its progress.
#[derive(Debug, Default)]
pub struct Pace {
    /// When it last did so, from the job's start.
    shown: Option<Duration>,
    /// The tenths that a script's log has shown.
    tenths: u64,
}

impl Pace {
    /// A person sees progress twice a second once a job has lasted a second.
    const FIRST: Duration = Duration::from_secs(1);
    const EVERY: Duration = Duration::from_millis(500);

    /// A script's log gets a line for each tenth of a job that moves at least this many bytes,
    /// ...
    const LOGGED_BYTES: u64 = 32 << 20;

    /// ... and a line if the job has moved on in this time: a reader can tell slow from stuck.
    const LOGGED_EVERY: Duration = Duration::from_secs(30);

    /// Shows `progress`, if it is time to.
    pub fn show(&mut self, screen: Screen, progress: &Progress) {
        match screen.0 {
            Mode::Interactive => {
                let due = self.shown.map_or(Self::FIRST, |shown| shown + Self::EVERY);
                if progress.total > 0 && progress.elapsed >= due {
                    self.shown = Some(progress.elapsed);
                    let row = format!("{ERASE_ROW}{progress}");
                    kprint::open_line(&row, OpenLine { leave: ERASE_ROW, redraw: &row });
                }
            }
            Mode::Plain => {
                let tenths = progress.percent() / 10;
                let next = progress.total >= Self::LOGGED_BYTES && tenths > self.tenths;
                let due = self.shown.unwrap_or_default() + Self::LOGGED_EVERY;
                if progress.total > 0 && (next || progress.elapsed >= due) {
                    (self.tenths, self.shown) = (tenths, Some(progress.elapsed));
                    kprintln!("{progress}");
                }
            }
        }
    }

    /// Takes the progress off a person's screen.
    pub fn clear(&mut self, screen: Screen) {
        if let Mode::Interactive = screen.0
            && self.shown.take().is_some()
        {
            kprint::open_line(ERASE_ROW, OpenLine::NONE);
        }
    }
}

impl Screen {
    /// Sends the editor's `echo`. `redraw` draws again the row that the echo leaves behind; it
    /// is empty if the row is finished.
    pub fn echo(self, echo: &str, redraw: &str) {
        let leave = match self.0 {
            Mode::Interactive => ERASE_ROW,
            Mode::Plain => "\n",
        };
        let line = if redraw.is_empty() { OpenLine::NONE } else { OpenLine { leave, redraw } };
        kprint::open_line(echo, line);
    }
}
