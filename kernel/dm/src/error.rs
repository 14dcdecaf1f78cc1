//! What can go wrong in control: values that say what happened and what to do.
//!
//! Requests have errors of their own, [`bio::IoError`].

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use bio::IoError;

use crate::args::ArgError;
use crate::bounds::{DEVICES_MAX, NO_ROOM};
use crate::name::NameFault;

/// Why a table was refused. Nothing has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableError {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters from 1.
    pub column: usize,
    /// Why, and what to do.
    pub reason: String,
}

impl TableError {
    pub(crate) fn new(line: usize, error: ArgError) -> TableError {
        TableError { line, column: error.column, reason: error.reason }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.reason)
    }
}

impl core::error::Error for TableError {}

/// Why the device mapper did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DmError {
    /// The text is no name for a device.
    BadName(String, NameFault),
    /// The name is taken, by a device or a target type.
    Exists(Arc<str>),
    /// There is no mapped device of that name.
    NotFound(Arc<str>),
    /// How often the device is open, by users or as part of other devices.
    Open(Arc<str>, usize),
    /// There are [`DEVICES_MAX`] devices.
    TooMany,
    /// There is not enough memory.
    NoRoom,
    /// The device is being suspended or resumed.
    Changing,
    /// The device has been removed.
    Removed,
    /// The device has no such table.
    NoTable,
    /// The table was refused.
    Table(TableError),
    /// The flush of a suspend failed. The device is suspended all the same.
    Flush(IoError),
}

impl fmt::Display for DmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DmError::BadName(name, why) => write!(f, "`{name}` is no device name: {why}"),
            DmError::Exists(name) => write!(f, "`{name}` exists already; choose another name"),
            DmError::NotFound(name) => {
                write!(f, "there is no mapped device `{name}`; create it first")
            }
            DmError::Open(name, count) => write!(
                f,
                "`{name}` is in use ({count} times open); first end or remove what uses it"
            ),
            DmError::TooMany => {
                write!(f, "there are {DEVICES_MAX} devices, which is the most; remove one first")
            }
            DmError::NoRoom => f.write_str(NO_ROOM),
            DmError::Changing => {
                f.write_str("the device is being suspended or resumed; try again when that ended")
            }
            DmError::Removed => f.write_str("the device has been removed"),
            DmError::NoTable => f.write_str("the device has no such table; load one first"),
            DmError::Table(error) => error.fmt(f),
            DmError::Flush(error) => {
                write!(f, "flush failed: {error}; the device is suspended all the same")
            }
        }
    }
}

impl core::error::Error for DmError {}

impl From<TableError> for DmError {
    fn from(error: TableError) -> DmError {
        DmError::Table(error)
    }
}
