//! The common means and disks of the suites that boot a kernel.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::Options;
use super::report::Report;
use crate::build::{self, Kernel};
use crate::provision::{self, Tools};
use crate::qemu::accel::Accel;
use crate::qemu::{Disk, Machine, SERIAL_LOG};
use crate::rig::Server;
use crate::symbolize;

/// All that a boot needs besides its command line.
pub(super) struct Lab {
    tools: Tools,
    kernel: Kernel,
    accel: Accel,
}

impl Lab {
    pub(super) fn open(options: &Options) -> Result<Self> {
        let tools = provision::tools()?;
        let kernel = build::image(&options.build)?;
        let accel = options.accel.resolve(&tools, &kernel)?;
        Ok(Self { tools, kernel, accel })
    }

    pub(super) fn machine(
        &self,
        cmdline: String,
        disks: Vec<Disk>,
        report: &Report,
    ) -> Machine<'_> {
        let (tools, image, accel) = (&self.tools, &*self.kernel.image, self.accel);
        Machine { tools, accel, image, cmdline, disks, logs: report.folder().to_owned() }
    }

    /// A separate process that serves an image; its output goes to `log`.
    pub(super) fn serve(&self, image: &Path, log: &Path) -> Result<Server> {
        Server::start(image, log, &self.tools)
    }

    /// The panic that the last boot printed, symbolized.
    pub(super) fn panic(&self, report: &Report) -> Option<String> {
        let log = fs::read(report.folder().join(SERIAL_LOG)).unwrap_or_default();
        symbolize::panic_report(&String::from_utf8_lossy(&log), &self.kernel.elf)
    }
}

/// The disks that the self-tests overwrite: two alike, one with large blocks, one
/// that is read-only, a tiny one.
pub(super) fn scratch_disks(folder: &Path) -> Result<Vec<Disk>> {
    let mut disks = Vec::new();
    for (number, mebibytes) in [64, 64, 64, 64, 1].into_iter().enumerate() {
        let name = format!("scratch{number}");
        let file = image(folder, &name, mebibytes)?;
        let disk = if number == 3 { Disk::raw_read_only(&file) } else { Disk::raw(&file) };
        let blocks = if number == 2 { 4096 } else { 512 };
        disks.push(disk.with_serial(&name).with_blocks(blocks));
    }
    Ok(disks)
}

/// A disk that fails requests: those that `which` describes in blkdebug's words
/// (an object with, for example, `sector` and `iotype`), or all.
pub(super) fn failing_disk(folder: &Path, name: &str, which: &Value) -> Result<Disk> {
    let mut rule = json!({"event": "none", "errno": EIO, "once": false});
    if let (Some(rule), Some(which)) = (rule.as_object_mut(), which.as_object()) {
        rule.extend(which.clone());
    }
    let file = json!({"driver": "file", "filename": image(folder, name, 64)?});
    let disk = json!({"driver": "blkdebug", "inject-error": [rule], "image": file});
    Ok(Disk::blockdev(disk).with_serial(name))
}

/// A disk of 64 MiB of zeroes.
pub(super) fn blank_disk(folder: &Path, name: &str) -> Result<Disk> {
    Ok(Disk::raw(&image(folder, name, 64)?).with_serial(name))
}

/// A disk of zeroes that answers each request after `latency`.
pub(super) fn slow_disk(name: &str, latency: Duration) -> Disk {
    let nanoseconds = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
    let size: u64 = 64 << 20;
    Disk::blockdev(json!({
        "driver": "null-co", "size": size, "read-zeroes": true, "latency-ns": nanoseconds,
    }))
    .with_serial(name)
}

/// An image file of `mebibytes` MiB, all zeroes.
fn image(folder: &Path, name: &str, mebibytes: u64) -> Result<PathBuf> {
    let file = folder.join(name);
    File::create(&file)?.set_len(mebibytes << 20)?;
    Ok(file)
}

/// Linux's number for an I/O error, which QEMU takes on every host.
const EIO: u32 = 5;
