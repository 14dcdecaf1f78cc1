//! The console without its wire: bytes become lines, lines become commands, figures become text.
//!
//! Place: `kernel/src/console` owns the serial line and the devices; it feeds
//! received bytes to a [`LineEditor`], hands each line to [`parse()`], does what
//! the [`Command`] says and prints with [`mod@format`]. Nothing here touches
//! hardware, reads a clock or blocks, so all of it is tested on a host.
//!
//! Rules: what a person or a script sends can never panic this crate; a line
//! that is refused says what is wrong, at which column, and what to do next; a
//! line that is not refused means exactly what it says (no truncation, no
//! silent replacement of damaged bytes). Columns count characters from 1.
//!
//! ```
//! use shell::{Command, Event, LineEditor, Mode, NoCompletion, parse};
//!
//! let mut editor = LineEditor::new("dmirror> ", Mode::Interactive);
//! let mut echo = String::new();
//! let mut line = None;
//! for &byte in b"diskz\x7fs\r" {
//!     if let Some(Event::Line(text)) = editor.feed(byte, &NoCompletion, &mut echo) {
//!         line = Some(text);
//!     }
//! }
//! assert_eq!(parse(&line.unwrap()), Ok(Some(Command::Disks)));
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod color;
pub mod command;
pub mod complete;
pub mod document;
pub mod editor;
mod error;
pub mod format;
pub mod frame;
pub mod fuzz;
pub mod help;
pub mod hexdump;
pub mod history;
pub mod json;
pub mod keys;
pub mod load;
mod nearest;
pub mod parse;
pub mod pattern;
pub mod plot;
pub mod size;
mod spec;
pub mod token;
pub mod tree;
mod usage;

pub use command::{Command, Dmsetup, Mirror, Slot, Trace};
pub use complete::{CommandCompleter, Completer, Names, NoCompletion};
pub use document::{Documents, Entered, Taken};
pub use editor::{Event, LineEditor, Mode};
pub use parse::{ParseError, parse, parse_with};
pub use pattern::Pattern;
pub use size::{Size, Span};
pub use spec::{COMMANDS, CommandSpec};
