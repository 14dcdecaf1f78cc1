//! A separate process that serves an image to QEMU: qemu-nbd.
//!
//! It can do what disks do: hang, die, and come back. When it is killed, QEMU's connection
//! breaks. QEMU is told not to wait, so every request in flight and every later request ends
//! with an I/O error, as if the disk's cable had been pulled. While the server is stopped,
//! nothing is answered. When it goes on, it does the requests that came meanwhile, and answers
//! them late.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::guard::{self, Ending, Life};
use crate::provision::Tools;
use crate::qemu::{Disk, escaped};
use crate::scratch::Scratch;
use crate::workspace;

/// For how many seconds QEMU tries to reach the server when it opens the disk.
const OPEN_TIMEOUT: u32 = 20;

/// How long the server may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(120);

const SOCKET: &str = "nbd.sock";
const PID: &str = "nbd.pid";

/// The server of an image.
pub(crate) struct Server {
    program: PathBuf,
    image: PathBuf,
    log: PathBuf,
    /// Holds the socket: its path must be short, so it is not below the target.
    folder: Scratch,
    /// None while it is dead.
    process: Option<(Child, Life)>,
}

impl Server {
    /// Serves `image`, even while QEMU has it open itself. The server's output goes to `log`.
    pub(crate) fn start(image: &Path, log: &Path, tools: &Tools) -> Result<Self> {
        let folder = Scratch::in_temp()?;
        workspace::fresh_log(log)?;
        let mut server = Self {
            program: tools.qemu_nbd.clone(),
            image: image.to_owned(),
            log: log.to_owned(),
            folder,
            process: None,
        };
        server.revive()?;
        Ok(server)
    }

    /// Starts it again after its death.
    pub(crate) fn revive(&mut self) -> Result<()> {
        let [socket, pid] = [SOCKET, PID].map(|name| self.folder.path().join(name));
        for left_over in [&socket, &pid] {
            let _ = fs::remove_file(left_over);
        }
        let image = escaped(&self.image.to_string_lossy());
        let mut server = Command::new(&self.program);
        server.args(["--persistent", "--cache=writeback", "--socket"]).arg(&socket);
        server.arg("--pid-file").arg(&pid).arg("--image-opts");
        server.arg(format!("driver=raw,file.driver=file,file.locking=off,file.filename={image}"));
        let log = OpenOptions::new().append(true).open(&self.log)?;
        let (mut child, life) = guard::spawn(&server, Ending::AtOnce, log.try_clone()?, log)?;
        let deadline = Instant::now() + START_TIMEOUT;
        // The pid is written when the socket is there.
        while !fs::read_to_string(&pid).is_ok_and(|text| text.ends_with('\n')) {
            if let Some(status) = child.try_wait()? {
                let said = fs::read_to_string(&self.log).unwrap_or_default();
                bail!("qemu-nbd did not start ({status}): {}", said.trim());
            }
            ensure!(Instant::now() < deadline, "qemu-nbd did not start in time");
            thread::sleep(Duration::from_millis(5));
        }
        self.process = Some((child, life));
        Ok(())
    }

    /// The block device for QEMU, without a node name.
    pub(crate) fn blockdev(&self) -> Value {
        json!({
            "driver": "nbd",
            "server": {"type": "unix", "path": self.folder.path().join(SOCKET)},
            "reconnect-delay": 0,
            "open-timeout": OPEN_TIMEOUT,
        })
    }

    /// The disk for QEMU.
    pub(crate) fn disk(&self) -> Disk {
        Disk::blockdev(self.blockdev())
    }

    /// From now on it answers nothing.
    pub(crate) fn hang(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// It goes on, and answers the requests that came meanwhile.
    pub(crate) fn go_on(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Kills it and waits until it is gone.
    pub(crate) fn kill(&mut self) -> Result<()> {
        let Some((mut child, life)) = self.process.take() else { return Ok(()) };
        drop(life);
        child.wait().context("waiting for the killed disk server")?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let text = fs::read_to_string(self.folder.path().join(PID))?;
        let pid = text.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(pid.context("qemu-nbd's pid file")?, signal).context("signalling qemu-nbd")
    }
}
