//! What the suites that boot a kernel share: the means, and the disks.

use std::fs::{self, File};
use std::path::Path;

use anyhow::Result;
use serde_json::json;

use super::Options;
use super::report::Report;
use crate::build::{self, Kernel};
use crate::provision::{self, Tools};
use crate::qemu::accel::Accel;
use crate::qemu::{Disk, Machine, SERIAL_LOG};
use crate::symbolize;

/// All that a boot needs beside its command line.
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
        let file = folder.join(&name);
        File::create(&file)?.set_len(mebibytes << 20)?;
        let disk = if number == 3 { Disk::raw_read_only(&file) } else { Disk::raw(&file) };
        let blocks = if number == 2 { 4096 } else { 512 };
        disks.push(disk.with_serial(&name).with_blocks(blocks));
    }
    Ok(disks)
}

/// A disk that fails every request.
pub(super) fn broken_disk(folder: &Path) -> Result<Disk> {
    let file = folder.join("broken");
    File::create(&file)?.set_len(64 << 20)?;
    Ok(Disk::blockdev(json!({
        "driver": "blkdebug",
        "inject-error": [{"event": "none", "errno": EIO, "once": false}],
        "image": {"driver": "file", "filename": file},
    })))
}

/// Linux's number for an I/O error, which QEMU takes on every host.
const EIO: u32 = 5;
