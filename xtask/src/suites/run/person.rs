//! A user of `cargo xtask`: starts it as a separate program, and looks at what it leaves
//! behind.
//!
//! Rule: each case has its own folder for disks and its own temporary folder. Other guests of
//! this checkout are left alone.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::guard;
use crate::scratch::{self, Scratch};
use crate::suites::Options;

/// How often to look whether a run has begun its work.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A person in a case.
pub(super) struct Person {
    /// For disks and scripts.
    folder: Scratch,
    /// Contains the temporary folder of the runs: sockets need short paths.
    temp: Scratch,
    /// How kernels are built.
    build: Vec<OsString>,
    accel: &'static str,
}

/// What a run that has ended printed, and its exit code.
pub(super) struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// A run whose guest waits at its prompt.
pub(super) struct Waiting {
    child: Child,
    stdin: Option<ChildStdin>,
    readers: Vec<JoinHandle<()>>,
    /// The number of its guest.
    pub(super) number: u32,
}

impl Person {
    /// A person whose files go below `logs`.
    pub(super) fn new(options: &Options, logs: &Path) -> Result<Self> {
        let (folder, temp) = (Scratch::below(logs)?, Scratch::in_temp()?);
        fs::create_dir(temp.path().join(TEMP))?;
        Ok(Self { folder, temp, build: options.build.args(), accel: options.accel.name() })
    }

    /// Where disks and scripts are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn temp(&self) -> PathBuf {
        self.temp.path().join(TEMP)
    }

    /// Our files in the temporary folder: compilers have theirs there too.
    pub(super) fn left_in_temp(&self) -> Result<Vec<String>> {
        let mut left = Vec::new();
        for entry in fs::read_dir(self.temp())? {
            left.extend(entry?.file_name().into_string().ok());
        }
        left.retain(|name| name.starts_with(scratch::IN_TEMP));
        Ok(left)
    }

    /// The path of a new blank disk of `mebibytes` MiB.
    pub(super) fn disk(&self, name: &str, mebibytes: u64) -> Result<String> {
        let file = self.folder().join(format!("{name}.img"));
        File::create(&file)?.set_len(mebibytes << 20)?;
        Ok(file.display().to_string())
    }

    fn xtask(&self, words: &[&str]) -> Result<Command> {
        let mut xtask = Command::new(guard::ourselves()?);
        xtask.args(words).env("TMPDIR", self.temp()).stdin(Stdio::null());
        Ok(xtask)
    }

    /// The same for a verb that boots guests.
    fn booting(&self, verb: &str, words: &[&str]) -> Result<Command> {
        let mut xtask = self.xtask(&[verb])?;
        xtask.args(&self.build).args(["--accel", self.accel]).args(words);
        Ok(xtask)
    }

    /// Asks something of a guest that runs.
    pub(super) fn ask(&self, words: &[&str]) -> Result<Ran> {
        Ran::of(&mut self.xtask(words)?)
    }

    /// A run with these words, to its end.
    pub(super) fn run(&self, words: &[&str]) -> Result<Ran> {
        Ran::of(&mut self.booting("run", words)?)
    }

    /// A run with this script.
    pub(super) fn script(&self, text: &str, words: &[&str]) -> Result<Ran> {
        let file = self.folder().join("script");
        fs::write(&file, text)?;
        let file = file.display().to_string();
        // Without disks of its own a run would use the person's disks.
        let disks: &[&str] = if words.contains(&"--disk") { &[] } else { &["--disk", NO_DISK] };
        self.run(&[words, disks, &["--script", &file]].concat())
    }

    /// A run whose script comes from standard input.
    pub(super) fn types(&self, text: &str) -> Result<Ran> {
        let file = self.folder().join("typed");
        fs::write(&file, text)?;
        let mut xtask = self.booting("run", &["--disk", NO_DISK])?;
        Ran::of(xtask.stdin(File::open(file)?))
    }

    /// A run whose script has not been typed yet.
    pub(super) fn wait_at_prompt(&self, words: &[&str]) -> Result<Waiting> {
        let disks: &[&str] = if words.contains(&"--disk") { &[] } else { &["--disk", NO_DISK] };
        let mut xtask = self.booting("run", &[words, disks].concat())?;
        xtask.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = xtask.spawn().context("starting xtask")?;
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let mut waiting = Waiting { child, stdin, readers: Vec::new(), number: 0 };
        let mut stderr = BufReader::new(stderr.context("its standard error")?);
        let told = until(&mut stderr, "booting guest ")?;
        let number = told.chars().take_while(char::is_ascii_digit).collect::<String>();
        waiting.number = number.parse().context("the number of a guest")?;
        waiting.readers.push(drain(stderr));
        let mut stdout = BufReader::new(stdout.context("its standard output")?);
        until(&mut stdout, "lists the commands; Tab completes")?;
        waiting.readers.push(drain(stdout));
        Ok(waiting)
    }

    /// A run of a verb that has begun to use the temporary folder.
    pub(super) fn wait_until_busy(&self, words: &[&str]) -> Result<Waiting> {
        let (verb, words) = words.split_first().context("a verb")?;
        let mut xtask = self.booting(verb, words)?;
        xtask.stdout(Stdio::null()).stderr(Stdio::null());
        let child = xtask.spawn().context("starting xtask")?;
        let mut waiting = Waiting { child, stdin: None, readers: Vec::new(), number: 0 };
        while self.left_in_temp()?.is_empty() {
            if let Some(status) = waiting.child.try_wait()? {
                bail!("{verb} ended before it did anything: {status}");
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(waiting)
    }
}

/// A disk that belongs to nobody.
const NO_DISK: &str = r#"json:{"driver":"null-co","size":1048576,"read-zeroes":true}"#;

/// The temporary folder of the runs, in the person's temporary folder.
const TEMP: &str = "t";

/// What follows `words` in the line that has them first.
fn until(from: &mut impl BufRead, words: &str) -> Result<String> {
    let mut said = String::new();
    for line in from.lines() {
        let line = line?;
        if let Some((_, rest)) = line.split_once(words) {
            return Ok(rest.to_owned());
        }
        said += &format!("\n    {line}");
    }
    bail!("it was to say `{words}`, and said{said}")
}

/// Reads the rest, so that the writer is not held up.
fn drain(mut from: impl Read + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || drop(std::io::copy(&mut from, &mut std::io::sink())))
}

impl Waiting {
    /// The process of the run.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends the script, and so the run.
    pub(super) fn end(mut self) -> Result<()> {
        drop(self.stdin.take());
        let status = self.child.wait()?;
        ensure!(status.success(), "it was to end well: {status}");
        Ok(())
    }

    /// Sends the run a signal, and waits for its end.
    pub(super) fn signal(mut self, signal: Signal) -> Result<()> {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("a process")?, signal)?;
        let status = self.child.wait()?;
        ensure!(!status.success(), "it ended well, in spite of the signal");
        Ok(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // Its outputs end when all programs that it started are gone too.
        self.readers.drain(..).for_each(|reader| drop(reader.join()));
    }
}

impl Ran {
    fn of(command: &mut Command) -> Result<Self> {
        let output = command.output().context("starting xtask")?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code();
        Ok(Self { code, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    pub(super) fn ends_with_code(&self, code: i32) -> Result<()> {
        ensure!(self.code == Some(code), "it was to end with {code}, {}", self.all());
        Ok(())
    }

    /// Checks that it printed this on standard error.
    pub(super) fn told(&self, words: &str) -> Result<()> {
        ensure!(self.stderr.contains(words), "it was to tell `{words}`, {}", self.all());
        Ok(())
    }

    pub(super) fn told_nothing_of(&self, words: &str) -> Result<()> {
        ensure!(!self.stderr.contains(words), "it was not to tell `{words}`, {}", self.all());
        Ok(())
    }

    /// Checks that it printed this on standard output.
    pub(super) fn printed(&self, words: &str) -> Result<()> {
        ensure!(self.stdout.contains(words), "it was to print `{words}`, {}", self.all());
        Ok(())
    }

    pub(super) fn did_not_print(&self, words: &str) -> Result<()> {
        ensure!(!self.stdout.contains(words), "it was not to print {words:?}, {}", self.all());
        Ok(())
    }

    /// How it ended, for a failure's message.
    fn all(&self) -> String {
        let Self { code, stdout, stderr } = self;
        format!("and ended with {code:?} and said\n{stdout}\n{stderr}")
    }
}
