//! The standard library's sources, of exactly rustc's release.
//!
//! Place: below `provision::rust_src`. The sources in order: the toolchain has
//! them; an earlier run has unpacked them; the person names them; rustup; the
//! Debian package (`apt`).
//!
//! Rules: what a person names is used or refused, never replaced by something
//! else. Sources of another release are refused here, where the reason can be
//! told: the compiler would only report errors inside `core`. The cache gets a
//! folder by rename when it is complete (`unpack`), so what is there is good.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fmt};

use anyhow::{Context, Result, bail, ensure};

use super::{Options, apt, capture, programs, say, unpack};

/// How the names of scratch folders begin.
const SCRATCH: &str = "rust-src.partial-";

/// What the sources must fit.
struct Rustc {
    /// As rustc prints it, `1.95.0`.
    release: String,
    /// The toolchain's folder.
    sysroot: PathBuf,
}

impl Rustc {
    fn query() -> Result<Rustc> {
        let verbose = capture(Command::new("rustc").arg("-vV"))?;
        let release = verbose.lines().find_map(|line| line.strip_prefix("release: "));
        let sysroot = capture(Command::new("rustc").args(["--print", "sysroot"]))?;
        Ok(Rustc {
            release: release.context("rustc -vV names no release")?.into(),
            sysroot: sysroot.trim_end().into(),
        })
    }

    /// Where `rustup component add` puts the sources.
    fn own_library(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }

    /// The name of the sources in our cache.
    fn cached(&self) -> String {
        format!("rust-src-{}", self.release)
    }

    /// What a person can do when no source has them.
    fn advice(&self) -> String {
        format!(
            "Set RUST_SRC to a folder with the standard library's sources, or to an archive \
             such as rust-src-{}.tar.xz of the Rust project.",
            self.release
        )
    }

    /// The sources, if nothing has to be got.
    fn present(&self, cache: &Path) -> Option<PathBuf> {
        let folders = [self.own_library(), cache.join(self.cached())];
        folders.iter().find_map(|folder| library_of(folder).ok())
    }
}

/// A way to get the sources.
#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// A folder or an archive that the person named.
    Named(PathBuf),
    /// `rustup component add`.
    Rustup,
    /// The Debian package, from the machine's mirrors.
    Debian,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Named(path) => write!(f, "{}", path.display()),
            Source::Rustup => f.write_str("rustup component add rust-src"),
            Source::Debian => f.write_str("Debian's package rust-src"),
        }
    }
}

impl Source {
    /// Those to be tried, in order. A named one stands alone.
    fn candidates(named: Option<PathBuf>, rustup: bool, debian: bool) -> Vec<Source> {
        let machine = [(rustup, Source::Rustup), (debian, Source::Debian)];
        match named.filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => vec![Source::Named(path)],
            None => machine.into_iter().filter(|(is, _)| *is).map(|(_, source)| source).collect(),
        }
    }

    /// Those of this machine, for this person.
    fn here(options: &Options) -> Vec<Source> {
        let forbidden = env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0");
        let rustup = !forbidden && programs::find_program("rustup").is_some();
        let debian = programs::find_program("apt-get").is_some();
        Source::candidates(options.rust_src.clone(), rustup, debian)
    }

    /// Gets the sources; the folder `library`.
    fn fetch(&self, rustc: &Rustc, cache: &Path) -> Result<PathBuf> {
        match self {
            Source::Named(path) if path.is_dir() => {
                let library = library_of(path)?;
                check_release(&library, &rustc.release)?;
                Ok(library)
            }
            Source::Named(path) => {
                ensure!(path.exists(), "no such file or folder");
                into_cache(rustc, cache, |_| Ok(path.clone()))
            }
            Source::Rustup => {
                let status = Command::new("rustup")
                    .args(["component", "add", "rust-src"])
                    .stdin(Stdio::null())
                    .status()
                    .context("start rustup")?;
                ensure!(status.success(), "{status}");
                library_of(&rustc.own_library())
            }
            Source::Debian => {
                into_cache(rustc, cache, |scratch| apt::download_rust_src(&rustc.release, scratch))
            }
        }
    }
}

/// The sources, from the first source that has them.
pub(super) fn provide(options: &Options) -> Result<PathBuf> {
    let rustc = Rustc::query()?;
    if let Some(library) = rustc.present(&options.cache) {
        return Ok(library);
    }
    let mut refusals = String::new();
    for source in Source::here(options) {
        say(&format!("rust-src {}: trying {source}", rustc.release));
        match source.fetch(&rustc, &options.cache) {
            Ok(library) => {
                say(&format!("rust-src {}: {}", rustc.release, library.display()));
                return Ok(library);
            }
            Err(error) => refusals += &format!("\n  {source}: {error:#}"),
        }
    }
    bail!("no rust-src {}:{refusals}\n{}", rustc.release, rustc.advice())
}

/// Prints where the sources are, or how they would be got; true if they are there.
pub(super) fn report(options: &Options) -> Result<bool> {
    let rustc = Rustc::query()?;
    let name = format!("rust-src {}", rustc.release);
    if let Some(library) = rustc.present(&options.cache) {
        println!("present  {name}: {}", library.display());
        return Ok(true);
    }
    println!("missing  {name}");
    let sources = Source::here(options);
    for source in &sources {
        println!("  would try: {source}");
    }
    if sources.is_empty() {
        println!("  {}", rustc.advice());
    }
    Ok(false)
}

/// Unpacks what `get` brings, an archive, into the cache, and checks it.
/// `get` receives a scratch folder that vanishes afterwards. The lock makes two
/// runs take turns; it ends with its process, however that ends.
fn into_cache(
    rustc: &Rustc,
    cache: &Path,
    get: impl FnOnce(&Path) -> Result<PathBuf>,
) -> Result<PathBuf> {
    fs::create_dir_all(cache).with_context(|| format!("make {}", cache.display()))?;
    let cache = cache.canonicalize()?;
    let lock = File::create(cache.join("rust-src.lock"))?;
    if lock.try_lock().is_err() {
        say("waiting for another run that fetches rust-src");
        lock.lock()?;
    }
    if let Some(library) = rustc.present(&cache) {
        return Ok(library);
    }
    remove_debris(&cache)?;
    let scratch = tempfile::Builder::new().prefix(SCRATCH).tempdir_in(&cache)?;
    let archive = get(scratch.path())?;
    let fresh = scratch.path().join("unpacked");
    unpack::library(&archive, &fresh)?;
    check_release(&library_of(&fresh)?, &rustc.release)?;
    let complete = cache.join(rustc.cached());
    fs::rename(&fresh, &complete)?;
    library_of(&complete)
}

/// Removes the scratch folders of killed runs, as far as that is possible now:
/// apt may have outlived its run and still write there.
fn remove_debris(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    Ok(())
}

/// Whether cargo can build `core` and `alloc` from this folder.
fn is_library(folder: &Path) -> bool {
    folder.join("Cargo.lock").is_file() && folder.join("core/src/lib.rs").is_file()
}

/// The folder that is, or directly contains, `library`; absolute.
fn library_of(folder: &Path) -> Result<PathBuf> {
    let found = [folder.to_path_buf(), folder.join("library")].into_iter().find(|f| is_library(f));
    let found = found.context("no library/ in it that has Cargo.lock and core/src/lib.rs")?;
    Ok(found.canonicalize()?)
}

/// Refuses sources of another release than rustc's. They carry no version
/// number, but every release stabilises something: the newest `since` of a
/// stability attribute in `core` names the release, up to the patch level.
fn check_release(library: &Path, release: &str) -> Result<()> {
    let mut newest = None;
    newest_since_in(&library.join("core/src"), &mut newest)?;
    let (major, minor) = newest.context("no stability attribute in core")?;
    ensure!(
        release.starts_with(&format!("{major}.{minor}.")),
        "sources of Rust {major}.{minor}, but rustc is {release}"
    );
    Ok(())
}

fn newest_since_in(folder: &Path, newest: &mut Option<(u32, u32)>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            newest_since_in(&path, newest)?;
        } else if path.extension() == Some(OsStr::new("rs")) {
            *newest = newest_since(&fs::read_to_string(&path)?).max(*newest);
        }
    }
    Ok(())
}

/// The newest (major, minor) in `stable(.., since = "..")` and
/// `rustc_const_stable(..)`. A deprecation may name a release to come: not those.
fn newest_since(source: &str) -> Option<(u32, u32)> {
    let attributes = source.split("stable(").skip(1);
    let since = attributes.filter_map(|rest| {
        let (arguments, _) = rest.split_once(')')?;
        let (_, version) = arguments.split_once("since = \"")?;
        let mut numbers = version.split(['.', '"']);
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    });
    since.max()
}

#[cfg(test)]
#[path = "rust_src_tests.rs"]
mod tests;
