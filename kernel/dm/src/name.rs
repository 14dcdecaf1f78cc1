//! What a device can be called.
//!
//! Place: the one door for names. The registry asks here before a disk is added, or a
//! mapped device is created or renamed; a console asks before it takes a name from a
//! disk's label.
//!
//! Rule: a name is a plain word wherever words are read. If a name meant something else in a
//! table or a command line, nobody could name that device: a mirror's leg called `-` would be
//! no leg at all.

use core::fmt;

/// The length of a device's name, in bytes (Linux: `DM_NAME_LEN`, less its end).
pub const NAME_MAX: usize = 127;

/// Why a text is no name for a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameFault {
    /// It is empty, or longer than [`NAME_MAX`].
    Length,
    /// It has a character that is not printable ASCII, or a `/`.
    Character(char),
    /// It has a character that joins or ends words: a quote or a backslash.
    Quote(char),
    /// It begins with `-`: a table's word for "no device", or an option.
    Dash,
    /// It begins with `#`: a comment.
    Comment,
    /// It begins with `<<`: a here-document.
    Document,
    /// It has only digits: a sector, a count, or the number of a leg.
    Number,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NameFault::Length => write!(f, "use 1 to {NAME_MAX} characters"),
            NameFault::Character(_) => f.write_str("use printable ASCII characters without `/`"),
            NameFault::Quote(_) => f.write_str("use no quotes and no backslash, which join words"),
            NameFault::Dash => {
                f.write_str("a word that begins with `-` is no device, or an option")
            }
            NameFault::Comment => f.write_str("what begins with `#` is a comment"),
            NameFault::Document => f.write_str("`<<` begins a here-document"),
            NameFault::Number => f.write_str("digits alone are a number; add a letter"),
        }
    }
}

/// Refuses a text that is no name for a device.
///
/// ```
/// use dm::{NameFault, check_name};
/// assert_eq!(check_name("home"), Ok(()));
/// assert_eq!(check_name("-"), Err(NameFault::Dash));
/// assert_eq!(check_name("8"), Err(NameFault::Number));
/// ```
pub fn check_name(name: &str) -> Result<(), NameFault> {
    if name.is_empty() || name.len() > NAME_MAX {
        return Err(NameFault::Length);
    }
    if let Some(c) = name.chars().find(|&c| !c.is_ascii_graphic() || c == '/') {
        return Err(NameFault::Character(c));
    }
    if let Some(c) = name.chars().find(|c| matches!(c, '\'' | '"' | '\\' | '`')) {
        return Err(NameFault::Quote(c));
    }
    match name {
        _ if name.starts_with('-') => Err(NameFault::Dash),
        _ if name.starts_with('#') => Err(NameFault::Comment),
        _ if name.starts_with("<<") => Err(NameFault::Document),
        _ if name.bytes().all(|byte| byte.is_ascii_digit()) => Err(NameFault::Number),
        _ => Ok(()),
    }
}
