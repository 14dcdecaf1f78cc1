//! How a request ended: values, never status flags.

use core::fmt;

/// The end of a request: done wholly, or an error.
pub type IoResult = Result<(), IoError>;

/// Why a request failed, and how much of it was left undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IoError {
    /// Why (DragonFly's `b_error`).
    pub kind: ErrorKind,
    /// Bytes not transferred (DragonFly's `b_resid`): 0 if the command moves none. After a failed
    /// write nothing is known about them: each sector is old or new.
    pub resid: usize,
}

/// Why a request can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The medium or the path to it failed (`EIO`). Another leg may do better.
    Media,
    /// The device did not answer in time. It may still answer: it keeps the memory that it was
    /// lent, and a write may reach the medium at any later moment. Until it has given everything
    /// back it fails all further requests with [`Gone`](ErrorKind::Gone). So nobody reads data, or
    /// relies on data, that such a write may yet change.
    Timeout,
    /// The device is no longer there, or takes no requests (`ENXIO`): nothing was done.
    Gone,
    /// The request itself is wrong: out of range, empty, misaligned (`EINVAL`).
    Invalid,
    /// The device has no room left for the write (`ENOSPC`).
    NoSpace,
    /// A write to a device that takes none (`EROFS`).
    ReadOnly,
    /// The device does not know this command (`EOPNOTSUPP`).
    Unsupported,
    /// Some layer dropped the request instead of completing it: a bug.
    Aborted,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            ErrorKind::Media => "I/O error",
            ErrorKind::Timeout => "device timed out",
            ErrorKind::Gone => "device is gone or barred",
            ErrorKind::Invalid => "invalid request",
            ErrorKind::NoSpace => "no space left on device",
            ErrorKind::ReadOnly => "device is read-only",
            ErrorKind::Unsupported => "not supported by device",
            ErrorKind::Aborted => "request was dropped",
        })
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes not done)", self.kind, self.resid)
    }
}

impl core::error::Error for IoError {}
