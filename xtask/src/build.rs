//! From sources to a bootable image: the kernel, then the disk image around it.
//!
//! Every verb that boots calls [`image`] first. If everything is up to date, that costs only a
//! look. Rule: this is the only module that sets `RUSTC_BOOTSTRAP`, and only in the environment
//! of the cargo it spawns: `-Zbuild-std` and the boot loader's build need it, our own code
//! stays on the stable language.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::{mutants, provision, workspace};

/// The kernel's target: soft-float, no red zone, position independent.
pub(crate) const TARGET: &str = "x86_64-unknown-none";

/// The page's target, and its own profile (in `Cargo.toml`).
const PAGE_TARGET: &str = "wasm32-unknown-unknown";
const PAGE_PROFILE: &str = "play";

/// How the kernel is built.
#[derive(Args, Clone)]
#[group(skip)]
pub(crate) struct Options {
    /// Cargo profile of the kernel
    #[arg(long, default_value = "release", value_name = "NAME")]
    pub(crate) profile: String,

    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// Where the standard library's sources come from, if not from the toolchain.
#[derive(Args, Clone)]
#[group(skip)]
pub(crate) struct Sources {
    /// rust-src of rustc's release: a folder `library`, a .tar.xz or a .deb
    #[arg(long, env = "RUST_SRC", value_name = "PATH")]
    rust_src: Option<PathBuf>,
}

impl Options {
    /// The same options as words for xtask's command line.
    pub(crate) fn args(&self) -> Vec<OsString> {
        let mut args: Vec<OsString> = vec!["--profile".into(), self.profile.clone().into()];
        if let Some(path) = &self.sources.rust_src {
            args.extend(["--rust-src".into(), path.into()]);
        }
        args
    }
}

impl Sources {
    /// The same options for provisioning.
    pub(crate) fn provision(&self) -> provision::Options {
        provision::Options { rust_src: self.rust_src.clone(), cache: workspace::cache() }
    }
}

/// What a build leaves behind.
pub(crate) struct Kernel {
    /// The kernel with its debug information: panics are symbolized with it.
    pub(crate) elf: PathBuf,
    /// The disk image that UEFI firmware boots.
    pub(crate) image: PathBuf,
}

/// Builds the kernel and its image, if they are out of date.
pub(crate) fn image(options: &Options) -> Result<Kernel> {
    let library = provision::rust_src(&options.sources.provision())?;
    let elf = kernel(&options.profile, &library)?;
    let image = workspace::kernel_target().join(format!("kernel-{}.img", options.profile));
    if !is_fresh(&image, &[&elf, &mkimage().join("src/main.rs"), &mkimage().join("Cargo.lock")]) {
        wrap(&elf, &image, &library)?;
    }
    Ok(Kernel { elf, image })
}

/// Compiles the mirror and the simulator for a browser: the module that the page drives. It is
/// built from a copy of the sources in which a switch turns on mutations.
pub(crate) fn module(sources: &Sources) -> Result<PathBuf> {
    let library = provision::rust_src(&sources.provision())?;
    let planted = mutants::plant()?;
    let mut cargo = unlocked(&library);
    cargo.current_dir(&planted.root).env("PLAY_BUGS", &planted.list);
    cargo.args(["build", "--package", "play", "--features", "bugs"]);
    cargo.args(["--target", PAGE_TARGET, "--profile", PAGE_PROFILE]);
    cargo.arg("-Zbuild-std=std,panic_abort").arg("--target-dir").arg(&planted.built);
    workspace::run(&mut cargo)?;
    let module = planted.built.join(PAGE_TARGET).join(PAGE_PROFILE).join("play.wasm");
    ensure!(module.is_file(), "cargo built no {}", module.display());
    Ok(module)
}

/// Lints the kernel for its own target, warnings being errors.
pub(crate) fn clippy(options: &Options) -> Result<Command> {
    let library = provision::rust_src(&options.sources.provision())?;
    let mut cargo = kernel_cargo("clippy", &options.profile, &library);
    cargo.args(["--", "-D", "warnings"]);
    Ok(cargo)
}

/// Compiles the kernel and the part of the standard library that it uses.
fn kernel(profile: &str, library: &Path) -> Result<PathBuf> {
    workspace::run(&mut kernel_cargo("build", profile, library))?;
    // Cargo's one irregular name: the profile `dev` builds into `debug`.
    let folder = if profile == "dev" { "debug" } else { profile };
    let elf = workspace::kernel_target().join(TARGET).join(folder).join("kernel");
    ensure!(elf.is_file(), "cargo built no {}", elf.display());
    Ok(elf)
}

/// `cargo VERB` on the kernel for its target. `core` and `alloc` are always built from source,
/// whether or not the target is installed: there is one way only.
fn kernel_cargo(verb: &str, profile: &str, library: &Path) -> Command {
    let mut cargo = unlocked(library);
    cargo.args([verb, "--package", "kernel", "--target", TARGET, "--profile", profile]);
    cargo.arg("-Zbuild-std=core,alloc").arg("--target-dir").arg(workspace::kernel_target());
    cargo
}

/// Wraps the kernel into an image; `mkimage` puts it in place when it is whole.
fn wrap(elf: &Path, image: &Path, library: &Path) -> Result<()> {
    eprintln!("xtask: making the boot image (the first time, the boot loader is compiled too)");
    let mut cargo = unlocked(library);
    cargo.args(["run", "--quiet", "--release", "--locked", "--manifest-path"]);
    cargo.arg(mkimage().join("Cargo.toml")).arg("--target-dir").arg(workspace::mkimage_target());
    workspace::run(cargo.arg("--").arg(elf).arg(image)).context("the boot image could not be made")
}

/// A cargo that may build the standard library from the sources in `library`.
fn unlocked(library: &Path) -> Command {
    let mut cargo = workspace::cargo();
    cargo.env("RUSTC_BOOTSTRAP", "1").env(provision::RUST_SRC_VARIABLE, library);
    cargo
}

/// The image builder's package, outside the workspace.
pub(crate) fn mkimage() -> PathBuf {
    workspace::root().join("xtask/mkimage")
}

/// Whether `made` is there and no older than any of its `sources`.
fn is_fresh(made: &Path, sources: &[&Path]) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|file| file.modified()).ok();
    let Some(made) = changed(made) else { return false };
    sources.iter().all(|source| changed(source).is_none_or(|source: SystemTime| source <= made))
}
