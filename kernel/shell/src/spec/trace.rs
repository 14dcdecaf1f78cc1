//! The `trace` commands' part of the table of commands.

use super::entry::{CommandSpec, spec};
use crate::Command;
use crate::command::Trace;
use crate::error::{ParseError, shown};
use crate::usage::Args;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The layers of the kernel that are traced.
const LAYERS: &str = "dm mirror disk interrupt thread";

/// The most lines of `trace show`, by default.
const LAST: u64 = 64;

pub(super) const ON: CommandSpec = spec(
    "trace on",
    "[--filter LAYERS]",
    "Record what devices, interrupts and threads do",
    "trace on --filter mirror,disk",
    |args| Ok(Command::Trace(Trace::On { layers: args.optional("--filter", layers)? })),
);

pub(super) const OFF: CommandSpec =
    spec("trace off", "", "Record no more; what there is stays", "trace off", |_| {
        Ok(Command::Trace(Trace::Off))
    });

pub(super) const CLEAR: CommandSpec =
    spec("trace clear", "", "Forget what was recorded", "trace clear", |_| {
        Ok(Command::Trace(Trace::Clear))
    });

pub(super) const SHOW: CommandSpec = spec(
    "trace show",
    "[--filter WORDS] [--last COUNT]",
    "Show the last records; those with one of WORDS, as m0,leg=1",
    "trace show --filter mirror --last 20",
    |args| {
        let words = args.optional("--filter", words)?.unwrap_or_default();
        let last = args.optional("--last", Args::number)?.unwrap_or(LAST);
        Ok(Command::Trace(Trace::Show { words, last }))
    },
);

pub(super) const DUMP: CommandSpec = spec(
    "trace dump",
    "[--filter WORDS]",
    "Show all records for a program: nanoseconds, then the words",
    "trace dump",
    |args| {
        let words = args.optional("--filter", words)?.unwrap_or_default();
        Ok(Command::Trace(Trace::Dump { words }))
    },
);

/// Words with commas between them.
fn words(args: &Args<'_>, name: &str) -> Result<Vec<String>, ParseError> {
    let token = args.word(name);
    let words: Vec<String> = token.text.split(',').map(String::from).collect();
    if words.iter().any(String::is_empty) {
        let what = format!("{} has an empty word; commas stand between words", shown(&token.text));
        return Err(args.refuse(token.column, what));
    }
    Ok(words)
}

/// The same, and each is a layer.
fn layers(args: &Args<'_>, name: &str) -> Result<Vec<String>, ParseError> {
    let words = words(args, name)?;
    match words.iter().find(|word| !LAYERS.split(' ').any(|layer| layer == *word)) {
        None => Ok(words),
        Some(word) => {
            let what = format!("{} is none of: {LAYERS}", shown(word));
            Err(args.refuse(args.word(name).column, what))
        }
    }
}
