//! A line of a table, or of its status: which target serves which sectors, and its words.
//!
//! Place: a [mapped device](crate::MappedDevice) gives the lines of its tables and of its
//! status. Printed, they are dmsetup's text; the [parser](crate::parse) reads a table's.
//!
//! Rule: only the target knows what its words mean. Whoever needs more than the line says asks
//! the target ([`MappedDevice::look_at`](crate::MappedDevice::look_at)).

use alloc::format;
use alloc::string::String;
use core::fmt;

use bio::Extent;

/// A line of a table, or of its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The sectors that the target serves.
    pub extent: Extent,
    /// The target's name.
    pub target: &'static str,
    /// Its arguments, or its state; may be empty.
    pub words: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line { extent, target, words } = self;
        let space = if words.is_empty() { "" } else { " " };
        write!(f, "{} {} {target}{space}{words}", extent.start(), extent.count())
    }
}

/// The text of these lines.
pub(crate) fn text(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}
