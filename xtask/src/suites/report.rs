//! What a person sees of a suite: a moving line while it runs, one line afterwards, and all its
//! output if it failed.
//!
//! Suites run side by side, so their moving lines share a board.

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tally::{Tally, is_failure, is_pass};
use crate::workspace;

/// How often the moving line moves.
const TICK: Duration = Duration::from_millis(200);

/// How many of a failed suite's last lines are shown, without passes.
const LINES_SHOWN: usize = 200;

/// The file in a suite's folder that keeps all its output.
const OUTPUT_LOG: &str = "output.log";

/// The moving lines of all suites that run.
#[derive(Clone, Default)]
pub(super) struct Board {
    bars: MultiProgress,
    /// How many suites write to the terminal themselves.
    writers: Arc<Mutex<usize>>,
}

impl Board {
    /// Does something that writes to the terminal itself. No line moves until its end; the
    /// other suites go on.
    fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        let mut writers = self.writers();
        if *writers == 0 {
            // If a line cannot be cleared, it is only ugly.
            let _ = self.bars.clear();
            self.bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        *writers += 1;
        drop(writers);
        let done = what();
        let mut writers = self.writers();
        *writers -= 1;
        if *writers == 0 {
            self.bars.set_draw_target(ProgressDrawTarget::stderr());
        }
        done
    }

    fn writers(&self) -> MutexGuard<'_, usize> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The report of one suite.
pub(crate) struct Report {
    name: String,
    board: Board,
    folder: PathBuf,
    log: BufWriter<File>,
    lines: Vec<String>,
    bar: ProgressBar,
}

impl Report {
    /// Starts the suite `name`, whose moving line is on `board` and whose logs go to `folder`.
    pub(super) fn start(name: &str, board: &Board, folder: &Path) -> Result<Self> {
        let log = workspace::fresh_log(&folder.join(OUTPUT_LOG))?;
        let bar = board.bars.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {prefix:<8} {elapsed:>4} {wide_msg}");
        bar.set_style(style.context("the template of the moving line")?);
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(TICK);
        Ok(Self {
            name: name.to_owned(),
            board: board.clone(),
            folder: folder.to_owned(),
            log: BufWriter::new(log),
            lines: Vec::new(),
            bar,
        })
    }

    /// Where the suite may keep further logs.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Does something that writes to the terminal itself.
    pub(crate) fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        self.board.aside(what)
    }

    /// A line of the suite's output.
    pub(crate) fn line(&mut self, line: &str) {
        self.bar.set_message(line.trim().to_owned());
        // If the log cannot be written, only a person who looks for it will miss it.
        let _ = writeln!(self.log, "{line}");
        self.lines.push(line.to_owned());
    }

    /// Several lines at once.
    pub(crate) fn text(&mut self, text: &str) {
        text.lines().for_each(|line| self.line(line));
    }

    /// The suite is over: its one line, and after a failure its output. Returns the lines
    /// that say which tests failed, each once.
    pub(crate) fn end(mut self, tally: Tally, took: Duration) -> Vec<String> {
        self.bar.finish_and_clear();
        let _ = self.log.flush();
        self.board.bars.suspend(|| self.tell(tally, took));
        let mut failures: Vec<String> = Vec::new();
        for line in self.lines.iter().map(|line| line.trim()).filter(|line| is_failure(line)) {
            if !failures.iter().any(|known| known == line) {
                failures.push(line.to_owned());
            }
        }
        if failures.is_empty() && tally.failed > 0 {
            failures.push(format!("{} failed", tally.failed));
        }
        failures
    }

    fn tell(&self, tally: Tally, took: Duration) {
        let mut out = stdout().lock();
        if tally.failed > 0 {
            let log = self.folder.join(OUTPUT_LOG);
            let _ = writeln!(out, "suite {}: all its output is in {}", self.name, log.display());
            let lines: Vec<_> = self.lines.iter().filter(|line| !is_pass(line)).collect();
            for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
                let _ = writeln!(out, "{line}");
            }
        }
        let word = if tally.failed == 0 { "ok" } else { "FAILED" };
        let seconds = took.as_secs_f32();
        let _ = writeln!(out, "suite {:<8} {word:<6} {tally} in {seconds:.1} s", self.name);
    }
}
