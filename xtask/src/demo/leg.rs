//! A disk that can die: an image served by a process of its own.
//!
//! When qemu-nbd is killed, QEMU's connection breaks and, as it is told not to
//! reconnect, every request in flight and every later one ends with an I/O error:
//! a disk whose cable was pulled.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result};
use serde_json::json;
use tempfile::TempDir;

use crate::guard::{self, Ending, Life};
use crate::provision::Tools;
use crate::qemu::Disk;

/// For how many seconds QEMU tries to reach the server when it starts.
const OPEN_TIMEOUT: u32 = 20;

/// How fast it is, in bytes a second: slow as disks once were, so that a copy has
/// a middle to die in, however busy the host.
pub(super) const RATE: u64 = 16 << 20;

/// A disk image and the process that serves it.
pub(super) struct MortalDisk {
    server: Child,
    life: Life,
    /// Holds the socket: its path must be short, so it is not below the target.
    folder: TempDir,
}

impl MortalDisk {
    /// Serves `image`; what the server says goes to `log`.
    pub(super) fn serve(image: &Path, log: &Path, tools: &Tools) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("dmirror-").tempdir()?;
        let mut server = Command::new(&tools.qemu_nbd);
        server.args(["--persistent", "--format=raw", "--cache=writeback", "--socket"]);
        server.arg(folder.path().join(SOCKET)).arg(image);
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let (server, life) = guard::spawn(&server, Ending::AtOnce, log.try_clone()?, log)?;
        Ok(Self { server, life, folder })
    }

    /// The disk for QEMU.
    pub(super) fn disk(&self) -> Disk {
        Disk::blockdev(json!({
            "driver": "nbd",
            "server": {"type": "unix", "path": self.folder.path().join(SOCKET)},
            "reconnect-delay": 0,
            "open-timeout": OPEN_TIMEOUT,
        }))
        .with_rate(RATE)
    }

    /// Kills the server and waits until it is gone.
    pub(super) fn kill(mut self) -> Result<()> {
        drop(self.life);
        self.server.wait().context("waiting for the killed disk server")?;
        Ok(())
    }
}

const SOCKET: &str = "nbd.sock";
