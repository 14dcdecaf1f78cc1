//! A session: lines in, commands run, until the machine is powered off.
//!
//! Place: the whole of the console's thread.
//!
//! Rules:
//!
//! - A script's session sends a frame (`shell::frame`) behind each prompt, which says how the
//!   line before it ended. The sender of a script need not guess from text.
//! - The console may use the heap's reserve for memory that is small and soon given back: at
//!   the console a person ends a shortage. Memory that grows with a given size is asked for
//!   first ([`room`], `Job::memory`, `dm::Env::has_room`), and refused in words.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::Sectors;
use dm::{Dm, Done};
use shell::color::Paint;
use shell::frame::Frame;
use shell::{
    CommandCompleter, Completer, Documents, Entered, Event, LineEditor, Mode, Names, Taken,
    parse_with,
};

use super::job::{Job, LOOK_FOR_CTRL_C, Summary};
use super::screen::Screen;
use super::welcome::{self, Begin};
use super::{Failure, Input, Outcome, commands, stack, stop};
use crate::arch::exit::{Verdict, exit};
use crate::arch::serial;
use crate::kprintln;
use crate::mm::heap;
use crate::task::{Completion, MaySleep, with_reserve};

const PROMPT: &str = "dmirror> ";

/// Asks for the next line of a here-document.
const PROMPT_MORE: &str = "> ";

/// What commands work with.
pub struct Session<'t> {
    /// All devices.
    pub dm: &'t Dm,
    may_sleep: &'t MaySleep,
    input: Input,
    /// Who is at the other end.
    pub mode: Mode,
    /// Whether the other end sees colours.
    pub paint: Paint,
    /// A command failed.
    failed: bool,
}

/// Prints a welcome, then runs commands. `begin` says which mirrors to make before.
pub fn run(dm: &Dm, mode: Mode, paint: Paint, begin: Begin, may_sleep: &MaySleep) -> ! {
    let mut session = Session { paint, ..Session::new(dm, mode, may_sleep) };
    // First, because Ctrl-C works from here on, and large disks take a while.
    kprintln!("dmirror: ready");
    with_reserve(|| {
        welcome::welcome(&mut session, begin);
        session.serve()
    })
}

/// Refuses an action that would take `bytes`, unless they can be had without the reserve.
pub fn room(bytes: usize) -> Outcome {
    if heap::has_room(bytes) {
        return Ok(());
    }
    let amount = shell::format::Amount(bytes as u64);
    Err(Failure::new(format!("there is not enough memory: {amount} more are needed"))
        .and("`memory` shows who has it; removing devices gives some back"))
}

impl<'t> Session<'t> {
    /// A session in which nothing has happened.
    pub fn new(dm: &'t Dm, mode: Mode, may_sleep: &'t MaySleep) -> Session<'t> {
        Session {
            dm,
            may_sleep,
            input: Input::open(),
            mode,
            paint: Paint { on: false },
            failed: false,
        }
    }

    fn serve(&mut self) -> ! {
        let screen = Screen(self.mode);
        let names = CommandCompleter(AllNames(self.dm));
        let table_names = names.of_table();
        let (mut editor, mut documents) =
            (LineEditor::new(PROMPT, self.mode), Documents::default());
        prompt(screen, &editor, Frame::Ready);
        loop {
            let byte = self.input.next(self.may_sleep);
            let mut echo = String::new();
            let completer: &dyn Completer = if documents.is_open() { &table_names } else { &names };
            let Some(event) = editor.feed(byte, completer, &mut echo) else {
                screen.echo(&echo, &row(&editor));
                continue;
            };
            screen.echo(&echo, "");
            let outcome = match event {
                Event::Line(line) => self.take(&mut documents, line).map(|()| Frame::Done),
                Event::Overlong if documents.spoil() => Ok(Frame::More),
                Event::Overlong => Err(overlong()),
                Event::Interrupt => {
                    documents.abandon();
                    Ok(Frame::Ready)
                }
                Event::Eof => self.end(&mut documents),
            };
            let ended = outcome.unwrap_or_else(|failure| {
                self.report(&failure);
                if failure.asks() { Frame::Asks } else { Frame::Failed }
            });
            let (text, frame) = match documents.is_open() {
                true => (PROMPT_MORE, Frame::More),
                false => (PROMPT, ended),
            };
            editor.set_prompt(text);
            prompt(screen, &editor, frame);
        }
    }

    /// Runs a line, or keeps it until its here-document is complete.
    fn take(&mut self, documents: &mut Documents, line: String) -> Outcome {
        match documents.take(line) {
            Taken::More => Ok(()),
            Taken::Whole(Entered { line, document }) => self.run(&line, document.as_deref()),
            Taken::Spoilt => Err(Failure::new(
                "a line of the here-document, or all of it, is too long; it was not run".into(),
            )),
        }
    }

    /// The input ends.
    fn end(&mut self, documents: &mut Documents) -> ! {
        if let Some(end) = documents.abandon() {
            let what = format!("the input ends before the line `{end}`; the command was not run");
            self.report(&Failure::new(what));
        }
        self.poweroff()
    }

    /// Runs a line.
    pub fn execute(&mut self, line: &str) -> Outcome {
        self.run(line, None)
    }

    /// Runs a line with its here-document.
    pub fn run(&mut self, line: &str, document: Option<&str>) -> Outcome {
        with_reserve(|| {
            parse_with(line, document)?.map_or(Ok(()), |command| commands::run(self, command))
        })
    }

    /// Says that a command failed, and remembers it.
    pub fn report(&mut self, failure: &Failure) {
        // A question is a failure only if the script does not answer it. The script's host sees
        // that.
        self.failed |= !failure.asks();
        kprintln!("error: {failure}");
    }

    /// Ends the machine once acknowledged writes are durable and mirrors have stopped. The
    /// verdict of a script says whether a command failed.
    pub fn poweroff(&mut self) -> ! {
        self.stop_all();
        exit(match self.mode {
            Mode::Plain if self.failed => Verdict::Failed,
            Mode::Plain | Mode::Interactive => Verdict::Success,
        })
    }

    /// Makes acknowledged writes durable, and stops mirrors; see `stop`.
    pub fn stop_all(&mut self) {
        stop::stop_all(self);
    }

    /// Fails if Ctrl-C came.
    pub fn go_on(&mut self) -> Outcome {
        if self.input.interrupted() {
            return Err(Failure::new("stopped by Ctrl-C".into()));
        }
        Ok(())
    }

    /// Makes Ctrl-C come by itself after `time`; or never.
    pub fn interrupt_after(&mut self, time: Option<Duration>) {
        self.input.interrupt_after(time);
    }

    /// Does `work` as a job that is to move `total` sectors.
    pub fn job(
        &mut self,
        total: Sectors,
        work: impl FnOnce(&mut Job<'_>) -> Outcome,
    ) -> Result<Summary, Failure> {
        let mut job = Job::new(self.may_sleep, &mut self.input, Screen(self.mode), total);
        let outcome = work(&mut job);
        job.finish(outcome)
    }

    /// Waits until `ready` is true, which happens by itself.
    pub fn wait_until(&mut self, ready: impl Fn() -> bool) -> Outcome {
        let waited = self.job(Sectors::ZERO, |job| {
            while !ready() {
                job.pause()?;
            }
            Ok(())
        });
        waited.map(drop).map_err(|failure| failure.and("what was waited for goes on by itself"))
    }

    /// Begins an operation of the device mapper, and waits for its callback.
    pub fn settle(&mut self, begin: impl FnOnce(Done)) -> Outcome {
        let ended = Arc::new(Completion::new("dmwait"));
        let tell = ended.clone();
        with_reserve(|| begin(Box::new(move |result| tell.complete(result))));
        loop {
            if let Ok(result) = ended.wait_timeout(self.may_sleep, LOOK_FOR_CTRL_C) {
                return Ok(result?);
            }
            if self.input.interrupted() {
                return Err(Failure::new("no longer waited for; it goes on by itself".into())
                    .and("`dmsetup info` shows the device's state"));
            }
        }
    }
}

fn overlong() -> Failure {
    let longest = shell::editor::LINE_BYTES_MAX;
    Failure::new(format!("the line is longer than {longest} bytes; it was not run"))
        .and("split it into several commands")
}

/// Asks for a line, and tells a script how the line before it ended.
fn prompt(screen: Screen, editor: &LineEditor, frame: Frame) {
    let row = row(editor);
    screen.echo(&row, &row);
    if let Mode::Plain = screen.0 {
        serial::print_frame(frame);
    }
}

/// The row of the line that is being edited.
fn row(editor: &LineEditor) -> String {
    let mut row = String::new();
    editor.prompt(&mut row);
    row
}

/// The names that Tab completes.
struct AllNames<'d>(&'d Dm);

impl Names for AllNames<'_> {
    fn devices(&self) -> Vec<String> {
        self.0.list().iter().map(|listed| listed.device.name().to_string()).collect()
    }

    fn mapped(&self) -> Vec<String> {
        stack::mapped(self.0).iter().map(|device| device.name().to_string()).collect()
    }

    fn targets(&self) -> Vec<String> {
        self.0.types().iter().map(|kind| kind.name().to_string()).collect()
    }
}
