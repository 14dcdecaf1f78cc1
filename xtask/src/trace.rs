//! `cargo xtask trace`: what the kernel recorded of a run, as pictures.
//!
//! A script is run as `cargo xtask run` runs it. The guest's trace is switched on before it,
//! and fetched after it. The crate `picture` makes a file for the Perfetto UI of the trace, and
//! a picture for a document. docs/trace.md explains both.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use picture::{Model, parse, perfetto, svg};

use crate::run::{self, Recording};
use crate::script::Script;
use crate::workspace;

/// Runs if no script is named: a disk is torn out while it has writes.
const STORY: &str = "\
slot pull 2 --after 1
bench m0 write --size 128K --depth 1 --seconds 2
mirror status m0
";

/// The size of the story's disks.
const DISK_BYTES: u64 = 8 << 20;

/// How fast they are, in bytes a second: slow, so that a disk dies with requests in flight.
const RATE: u64 = 16 << 20;

/// Where the UI is.
const UI: &str = "https://ui.perfetto.dev";

/// What is traced, and where the pictures go.
#[derive(Args)]
pub(crate) struct Options {
    #[command(flatten)]
    run: run::Options,

    /// What is recorded: of dm, mirror, disk, interrupt and thread, with commas between them
    #[arg(long, value_name = "LAYERS", default_value = "dm,mirror,disk")]
    layers: String,

    /// Where the files go [default: target/xtask/trace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// The request of the picture, by its name, as 0.7 [default: the first that was parked]
    #[arg(long, value_name = "NAME")]
    request: Option<String>,

    /// Instead of running a guest, take the lines of `trace dump` from a file
    #[arg(long, value_name = "FILE", conflicts_with = "script")]
    from: Option<PathBuf>,
}

/// Runs the script and writes the pictures, even if the script has failed.
pub(crate) fn main(mut options: Options) -> Result<ExitCode> {
    let out = options.out.clone().unwrap_or_else(|| workspace::runs().join("trace"));
    let out = workspace::make(out)?;
    let (text, code) = match &options.from {
        Some(file) => {
            let text = fs::read(file).with_context(|| format!("--from {}", file.display()))?;
            (String::from_utf8_lossy(&text).into_owned(), ExitCode::SUCCESS)
        }
        None => record(&mut options, &out)?,
    };
    let files = Files::write(&out, "trace", &text, options.request.as_deref())?;
    println!("\n{files}");
    Ok(code)
}

/// Runs the guest. Returns its output, and how it ended.
fn record(options: &mut Options, out: &Path) -> Result<(String, ExitCode)> {
    let script = if options.run.has_script() {
        None
    } else {
        options.run.on_disks(&blank_disks(out)?, RATE);
        let story = Script::whole("the story", STORY);
        Some(story.map_err(|why| anyhow!("{why}"))?)
    };
    let mut recording = Recording {
        script,
        first: vec![format!("trace on --filter {}", options.layers)],
        last: vec!["trace off".into(), "trace dump".into()],
        heard: Vec::new(),
    };
    let code = run::run(&options.run, Some(&mut recording))?;
    recording.heard.retain(|line| line.starts_with("trace ") || line.starts_with("trace: "));
    let text = recording.heard.join("\n") + "\n";
    let file = out.join("trace.txt");
    fs::write(&file, &text).with_context(|| format!("writing {}", file.display()))?;
    Ok((text, code))
}

/// Two new disks for the story.
fn blank_disks(folder: &Path) -> Result<Vec<PathBuf>> {
    let disk = |number| -> Result<PathBuf> {
        let path = folder.join(format!("disk{number}.img"));
        let made = File::create(&path).and_then(|file| file.set_len(DISK_BYTES));
        made.with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    };
    (0..2).map(disk).collect()
}

/// The files that were written.
pub(crate) struct Files {
    /// For the Perfetto UI.
    pub(crate) json: PathBuf,
    /// For a document; none if no mirror had a request.
    pub(crate) svg: Option<PathBuf>,
    /// What the picture shows.
    pub(crate) title: String,
    /// How long that request was parked, if it was.
    pub(crate) parked: Option<Duration>,
}

impl Files {
    /// Makes both of the lines of a trace among others: `NAME.json`, `NAME.svg`.
    pub(crate) fn write(
        folder: &Path,
        name: &str,
        text: &str,
        request: Option<&str>,
    ) -> Result<Self> {
        let events = parse(text);
        ensure!(!events.is_empty(), "nothing was traced: is the trace on?");
        let model = Model::of(&events);
        let put = |ending: &str, text: String| -> Result<PathBuf> {
            let path = folder.join(format!("{name}.{ending}"));
            fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
            Ok(path)
        };
        let json = put("json", perfetto(&model))?;
        let named = |mirror: &picture::Mirror| match request {
            Some(name) => mirror.requests.iter().position(|it| it.name == name),
            None => mirror.focus(),
        };
        let parked = |mirror: &&picture::Mirror| mirror.requests.iter().any(|it| it.was_parked());
        let first = model.mirrors.iter().find(parked);
        let all = first.into_iter().chain(&model.mirrors);
        let found = all.into_iter().find_map(|mirror| Some((mirror, named(mirror)?)));
        if let (Some(name), None) = (request, found) {
            return Err(anyhow!("--request {name}: the trace has no such request"));
        }
        let Some((mirror, index)) = found else {
            return Ok(Self { json, svg: None, title: String::new(), parked: None });
        };
        let shown = &mirror.requests[index];
        let parked = shown.phases.iter().find(|phase| phase.name == "parked");
        Ok(Self {
            json,
            svg: Some(put("svg", svg(mirror, index))?),
            title: format!("{}: {}", mirror.name, shown.title()),
            parked: parked.map(|phase| Duration::from_nanos(phase.end - phase.start)),
        })
    }
}

impl std::fmt::Display for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.json.display())?;
        write!(f, "  all of it: open {UI}, then \"Open trace file\"")?;
        match &self.svg {
            Some(svg) => write!(f, "\n{}\n  {}: open it in a browser", svg.display(), self.title),
            None => write!(f, "\n  no mirror was asked for anything: there is no picture"),
        }
    }
}
