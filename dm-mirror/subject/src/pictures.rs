//! Pictures of a run that broke a promise, or of one that somebody asks for.
//!
//! Place: who builds a mirror for a run asks here for its type. The last replay of a run that
//! broke a promise keeps a journal, and its mirrors are traced; no other run pays for that.
//! [`told`] then writes the files and names them. docs/trace.md explains them.
//!
//! `SIM_TRACE=<folder>` has every run traced, and the files of the last one go there: `cargo
//! xtask sim --replay LINE --trace FOLDER TEST` sets it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, io, thread};

use dm::TargetType;
use dm_mirror::trace::{Record, Sink, Trace};
use dm_mirror::{MirrorType, Traced};
use picture::{Model, parse, perfetto, svg};
use sim::World;

/// The lines of a run, and how many events it had.
type Lines = Arc<Mutex<(String, u64)>>;

/// Simulated time stands still while legs answer, and jumps where nothing else happens. Pictures
/// show what comes before what: an event a microsecond.
const EVENT_NS: u64 = 1000;

thread_local! {
    /// Of the last run of this thread that was traced.
    static LINES: RefCell<Lines> = RefCell::default();
}

struct Kept(Lines);

impl Kept {
    fn put(&self, what: &str, is_event: bool) {
        let mut run = self.0.lock().expect("nobody panics with it");
        let (lines, events) = &mut *run;
        *events += u64::from(is_event);
        *lines += &format!("trace {} mirror m {what}\n", *events * EVENT_NS);
    }
}

impl Sink for Kept {
    fn record(&self, _mirror: u32, _at: Duration, record: Record) {
        let is_event =
            matches!(record, Record::Asked { .. } | Record::Reported { .. } | Record::Event(_));
        self.put(&record.to_string(), is_event);
    }
}

/// The type of the mirror that is about to start in this world.
pub(crate) fn mirror_type(world: &World<'_>) -> Arc<dyn TargetType> {
    if !world.history().keeps_journal() && folder_asked_for().is_none() {
        return Arc::new(MirrorType);
    }
    if world.boots() == 0 {
        LINES.set(Lines::default());
    }
    let kept = Kept(LINES.with_borrow(Arc::clone));
    kept.put("boot", true);
    let trace = Arc::new(Trace::new(kept));
    trace.switch(true);
    Arc::new(Traced(trace))
}

fn folder_asked_for() -> Option<PathBuf> {
    env::var_os("SIM_TRACE").map(PathBuf::from)
}

/// Writes the pictures of the last run of this thread that was traced, and names them in a line.
/// Nothing if there was none.
pub fn told() -> String {
    let (lines, _) = LINES.with_borrow(|run| run.lock().expect("nobody panics with it").clone());
    if lines.is_empty() {
        return String::new();
    }
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/traces");
    let folder = folder_asked_for().unwrap_or_else(default);
    let name = thread::current().name().unwrap_or("run").replace("::", "-");
    match write(&folder, &name, &lines) {
        Ok(files) => format!("\ntrace: {files}"),
        Err(why) => format!("\ntrace: not written to {}: {why}", folder.display()),
    }
}

/// The same on standard output, for a run that kept all promises.
pub fn tell() {
    let told = told();
    if !told.is_empty() {
        println!("{}", told.trim_start());
    }
}

fn write(folder: &Path, name: &str, lines: &str) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let model = Model::of(&parse(lines));
    let json = folder.join(format!("{name}.json"));
    fs::write(folder.join(format!("{name}.txt")), lines)?;
    fs::write(&json, perfetto(&model))?;
    let mut files = json.display().to_string();
    let focus = model.mirrors.iter().find_map(|mirror| Some((mirror, mirror.focus()?)));
    if let Some((mirror, request)) = focus {
        let path = folder.join(format!("{name}.svg"));
        fs::write(&path, svg(mirror, request))?;
        files += &format!(" (ui.perfetto.dev), {}", path.display());
    }
    Ok(files)
}
