//! mkimage: wraps the kernel into a disk image that UEFI firmware boots.
//!
//! Called by `cargo xtask`, which builds the kernel first and sets what this
//! package's own build needs (rust-src, RUSTC_BOOTSTRAP=1). Rule: the image
//! appears under its name only when it is whole, so an interrupted run leaves
//! the previous image bootable.

#![forbid(unsafe_code)]

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use bootloader::UefiBoot;
use bootloader_boot_config::{BootConfig, LevelFilter};

fn main() -> ExitCode {
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let [kernel, image] = args.as_slice() else {
        eprintln!("usage: mkimage KERNEL_ELF OUT.img");
        return ExitCode::from(2);
    };
    match make_image(Path::new(kernel), Path::new(image)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("mkimage: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a UEFI disk image that boots `kernel` to `image`.
fn make_image(kernel: &Path, image: &Path) -> Result<(), String> {
    if !kernel.is_file() {
        return Err(format!("{}: no such kernel", kernel.display()));
    }
    let unfinished = with_suffix(image, ".part");
    UefiBoot::new(kernel)
        .set_boot_config(&quiet())
        .create_disk_image(&unfinished)
        .map_err(|e| format!("{}: {e:#}", image.display()))?;
    fs::rename(&unfinished, image).map_err(|e| format!("{}: {e}", image.display()))
}

/// The boot loader's settings: no frame buffer text, warnings on the serial line.
fn quiet() -> BootConfig {
    let mut config = BootConfig::default();
    config.frame_buffer_logging = false;
    config.serial_logging = true;
    config.log_level = LevelFilter::Warn;
    config
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
