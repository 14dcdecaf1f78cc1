//! Serves a `Disk` to QEMU: an NBD server for one client.
//!
//! NBD's fixed newstyle handshake and simple replies, as in the project nbd's `doc/proto.md`,
//! as far as QEMU uses them. Requests are carried out one by one, in the order in which they
//! come. Rules: without power no request is done or answered. A disk that dies closes the
//! connection; QEMU is told not to reconnect, so it fails all requests of the disk.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::disk::Disk;
use super::power::Power;
use super::record::{Change, Record};
use crate::qemu;
use crate::scratch::Scratch;

/// For how many seconds QEMU tries to reach the server.
const OPEN_TIMEOUT: u32 = 20;

/// The longest request that is accepted, as `doc/proto.md` advises.
const REQUEST_MAX: u32 = 32 << 20;

/// A disk and the thread that serves it.
pub(super) struct Served {
    shared: Arc<Shared>,
    /// Returns the connection, which is open until then, and how the service ended.
    thread: JoinHandle<Result<(UnixStream, End)>>,
    folder: Scratch,
}

/// How a service ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The client left, or was killed.
    Left,
    /// There is no power.
    Dark,
    /// The disk died.
    Died,
}

struct Shared {
    disk: Mutex<Disk>,
    power: Arc<Power>,
    /// How many changes it survives, ...
    life: AtomicU64,
    /// ... and flushes.
    flushes: AtomicU64,
    /// How long each change takes it.
    lag: Duration,
    /// Where its changes are recorded, and as which leg.
    record: Option<(Arc<Record>, usize)>,
}

impl Served {
    /// Serves `disk` as long as there is power.
    pub(super) fn start(disk: Disk, power: &Arc<Power>, lag: Duration) -> Result<Self> {
        Self::begin(disk, power, lag, None)
    }

    /// Serves `disk`, and records its changes in `record`, as those of `leg`.
    pub(super) fn start_recorded(
        disk: Disk,
        record: &Arc<Record>,
        leg: usize,
        lag: Duration,
    ) -> Result<Self> {
        let power = Arc::new(Power::on());
        Self::begin(disk, &power, lag, Some((record.clone(), leg)))
    }

    fn begin(
        disk: Disk,
        power: &Arc<Power>,
        lag: Duration,
        record: Option<(Arc<Record>, usize)>,
    ) -> Result<Self> {
        let folder = Scratch::in_temp()?;
        let listener = UnixListener::bind(folder.path().join(SOCKET))?;
        let (disk, power) = (Mutex::new(disk), power.clone());
        let shared =
            Arc::new(Shared { disk, power, life: endless(), flushes: endless(), lag, record });
        let served = shared.clone();
        let thread = thread::spawn(move || {
            let (mut stream, _) = listener.accept()?;
            served.handshake(&mut stream)?;
            let end = served.serve(&mut stream)?;
            Ok((stream, end))
        });
        Ok(Self { shared, thread, folder })
    }

    /// The disk for QEMU.
    pub(super) fn disk(&self) -> qemu::Disk {
        qemu::Disk::blockdev(json!({
            "driver": "nbd",
            "server": {"type": "unix", "path": self.folder.path().join(SOCKET)},
            "reconnect-delay": 0,
            "open-timeout": OPEN_TIMEOUT,
        }))
    }

    /// It dies after `changes` more requests that change it.
    pub(super) fn dies_after(&self, changes: u64) {
        self.shared.life.store(changes, Ordering::Relaxed);
    }

    /// It dies at the flush after this many.
    pub(super) fn dies_after_flushes(&self, flushes: u64) {
        self.shared.flushes.store(flushes, Ordering::Relaxed);
    }

    /// What it holds now.
    pub(super) fn look(&self) -> MutexGuard<'_, Disk> {
        self.shared.disk()
    }

    /// The disk back, when QEMU is gone; true if it had died.
    pub(super) fn end(self) -> Result<(Disk, bool)> {
        let ended = self.thread.join().expect("a server does not panic");
        let (_, end) = ended.context("serving a disk")?;
        let shared = Arc::into_inner(self.shared).context("a server has ended")?;
        Ok((shared.disk.into_inner().unwrap_or_else(PoisonError::into_inner), end == End::Died))
    }
}

const SOCKET: &str = "nbd.sock";

// Numbers of the protocol, by their names there.
const NBDMAGIC: u64 = 0x4e42_444d_4147_4943;
const IHAVEOPT: u64 = 0x4948_4156_454f_5054;
const NBD_FLAG_FIXED_NEWSTYLE: u16 = 1;
const NBD_FLAG_NO_ZEROES: u16 = 2;
const NBD_OPT_ABORT: u32 = 2;
const NBD_OPT_GO: u32 = 7;
const OPTION_REPLY_MAGIC: u64 = 0x3_e889_0455_65a9;
const NBD_REP_ACK: u32 = 1;
const NBD_REP_INFO: u32 = 3;
const NBD_REP_ERR_UNSUP: u32 = 1 << 31 | 1;
const NBD_INFO_EXPORT: u16 = 0;
/// HAS_FLAGS, SEND_FLUSH, SEND_WRITE_ZEROES.
const TRANSMISSION_FLAGS: u16 = 1 | 1 << 2 | 1 << 6;
const REQUEST_MAGIC: u32 = 0x2560_9513;
const REPLY_MAGIC: u32 = 0x6744_6698;
const NBD_CMD_READ: u16 = 0;
const NBD_CMD_WRITE: u16 = 1;
const NBD_CMD_DISC: u16 = 2;
const NBD_CMD_FLUSH: u16 = 3;
const NBD_CMD_WRITE_ZEROES: u16 = 6;
const NBD_EINVAL: u32 = 22;

impl Shared {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handshake, until requests may come.
    fn handshake(&self, stream: &mut UnixStream) -> Result<()> {
        stream.write_all(&NBDMAGIC.to_be_bytes())?;
        stream.write_all(&IHAVEOPT.to_be_bytes())?;
        let flags = NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES;
        stream.write_all(&flags.to_be_bytes())?;
        let _client_flags: [u8; 4] = take(stream)?;
        loop {
            ensure!(u64::from_be_bytes(take(stream)?) == IHAVEOPT, "no option of NBD");
            let option = u32::from_be_bytes(take(stream)?);
            let length = u32::from_be_bytes(take(stream)?);
            take_data(stream, length)?;
            match option {
                NBD_OPT_GO => {
                    let size = self.disk().size() as u64;
                    let mut info = NBD_INFO_EXPORT.to_be_bytes().to_vec();
                    info.extend(size.to_be_bytes());
                    info.extend(TRANSMISSION_FLAGS.to_be_bytes());
                    option_reply(stream, option, NBD_REP_INFO, &info)?;
                    return option_reply(stream, option, NBD_REP_ACK, &[]);
                }
                NBD_OPT_ABORT => bail!("QEMU does not want the disk"),
                _ => option_reply(stream, option, NBD_REP_ERR_UNSUP, &[])?,
            }
        }
    }

    /// Serves until the client leaves, the power fails or the disk dies.
    fn serve(&self, stream: &mut UnixStream) -> Result<End> {
        loop {
            match self.request(stream) {
                Ok(None) => {}
                Ok(Some(end)) => return Ok(end),
                Err(error) if is_end_of_client(&error) => return Ok(End::Left),
                Err(error) => return Err(error),
            }
        }
    }

    /// One request and its reply.
    fn request(&self, stream: &mut UnixStream) -> Result<Option<End>> {
        ensure!(u32::from_be_bytes(take(stream)?) == REQUEST_MAGIC, "no request of NBD");
        let _flags: [u8; 2] = take(stream)?;
        let command = u16::from_be_bytes(take(stream)?);
        let handle: [u8; 8] = take(stream)?;
        let offset = u64::from_be_bytes(take(stream)?);
        let length = u32::from_be_bytes(take(stream)?);
        let data = if command == NBD_CMD_WRITE { take_data(stream, length)? } else { vec![] };
        if command == NBD_CMD_DISC {
            return Ok(Some(End::Left));
        }
        let changes = command != NBD_CMD_READ;
        let is_flush = command == NBD_CMD_FLUSH;
        if changes && (is_spent(&self.life) || is_flush && is_spent(&self.flushes)) {
            stream.shutdown(Shutdown::Both)?;
            return Ok(Some(End::Died));
        }
        if changes && !self.lag.is_zero() {
            thread::sleep(self.lag);
        }
        if !self.power.permits(changes) {
            return Ok(Some(End::Dark));
        }
        let answer = self.carry_out(command, (offset, length), data);
        let error = if answer.is_some() { 0 } else { NBD_EINVAL };
        let mut reply = REPLY_MAGIC.to_be_bytes().to_vec();
        reply.extend(error.to_be_bytes());
        reply.extend(handle);
        reply.extend(answer.unwrap_or_default());
        stream.write_all(&reply)?;
        Ok(None)
    }

    /// The data of the reply; `None` if the request cannot be done.
    fn carry_out(
        &self,
        command: u16,
        (offset, length): (u64, u32),
        data: Vec<u8>,
    ) -> Option<Vec<u8>> {
        let mut disk = self.disk();
        let (at, length) = (usize::try_from(offset).ok()?, length as usize);
        let end = at.checked_add(length).filter(|end| *end <= disk.size())?;
        let change = match command {
            NBD_CMD_READ => return Some(disk.content()[at..end].to_vec()),
            NBD_CMD_WRITE => Change::Write { at, data },
            NBD_CMD_WRITE_ZEROES => Change::Write { at, data: vec![0; length] },
            NBD_CMD_FLUSH => Change::Flush,
            _ => return None,
        };
        // Before the answer, and while the disk is held: the record has the disk's order.
        if let Some((record, leg)) = &self.record {
            record.changes(*leg, &change);
        }
        change.make(&mut disk);
        Some(Vec::new())
    }
}

/// A count that does not run out.
fn endless() -> AtomicU64 {
    AtomicU64::new(u64::MAX)
}

/// Counts down by one; true if none is left.
fn is_spent(count: &AtomicU64) -> bool {
    let one_less = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less).is_err()
}

/// Whether the error only means that QEMU was killed.
fn is_end_of_client(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(kind, Some(UnexpectedEof | ConnectionReset | BrokenPipe))
}

fn take<const N: usize>(stream: &mut UnixStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_data(stream: &mut UnixStream, length: u32) -> Result<Vec<u8>> {
    ensure!(length <= REQUEST_MAX, "{length} bytes are too many for one request");
    let mut data = vec![0; length as usize];
    stream.read_exact(&mut data)?;
    Ok(data)
}

fn option_reply(stream: &mut UnixStream, option: u32, kind: u32, data: &[u8]) -> Result<()> {
    let mut reply = OPTION_REPLY_MAGIC.to_be_bytes().to_vec();
    reply.extend(option.to_be_bytes());
    reply.extend(kind.to_be_bytes());
    reply.extend(u32::try_from(data.len())?.to_be_bytes());
    reply.extend(data);
    Ok(stream.write_all(&reply)?)
}
