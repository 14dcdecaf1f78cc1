//! The `bench` command's part of the table of commands.

use super::entry::{CommandSpec, one_of, spec};
use crate::error::ParseError;
use crate::load::{Load, Operation, Until};
use crate::usage::Args;
use crate::{Command, Size};
use alloc::format;
use alloc::string::String;

/// The words for the operation of requests.
pub(crate) const OPERATIONS: &str = "read write mix";

/// The defaults.
const SIZE: &str = "4K";
const DEPTH: u64 = 8;
const SECONDS: u64 = 5;

pub(super) const BENCH: CommandSpec = spec(
    "bench",
    "DEV OP [--random] [--size SIZE] [--depth COUNT] [--requests COUNT] [--seconds SECONDS] \
     [--flush-every COUNT] [--at OFFSET] [--length LENGTH] [--json]",
    "Measure DEV: read, write or mix; the last two overwrite it",
    "bench m0 write --random --size 64K --depth 8 --requests 1000",
    |args| {
        let json = args.find("--json").is_some();
        Ok(Command::Bench { dev: args.name("DEV")?, load: load(args)?, json })
    },
);

fn load(args: &Args<'_>) -> Result<Load, ParseError> {
    let operation = match &*one_of(args, "OP", OPERATIONS)? {
        "read" => Operation::Read,
        "write" => Operation::Write,
        _ => Operation::Mix,
    };
    let size = args.optional("--size", Args::length)?;
    let offset = args.optional("--at", Args::offset)?.unwrap_or_default();
    let length = args.optional("--length", Args::length)?;
    length.map(|length| args.span_at(offset, length, "--length")).transpose()?;
    let requests = args.optional("--requests", some)?;
    let seconds = args.optional("--seconds", some)?;
    let until = match (requests, seconds) {
        (Some(count), None) => Until::Requests(count),
        (None, seconds) => Until::Seconds(seconds.unwrap_or(SECONDS)),
        (Some(_), Some(_)) => {
            let column = args.word("--seconds").column;
            return Err(args.refuse(column, String::from("--requests says already when it ends")));
        }
    };
    Ok(Load {
        operation,
        random: args.find("--random").is_some(),
        size: size.unwrap_or_else(|| Size::parse(SIZE).expect("a whole number of sectors")),
        depth: args.optional("--depth", some)?.unwrap_or(DEPTH),
        until,
        flush_every: args.optional("--flush-every", some)?,
        offset,
        length,
    })
}

/// A number that is not zero.
fn some(args: &Args<'_>, name: &str) -> Result<u64, ParseError> {
    match args.number(name)? {
        0 => {
            let what = format!("{name} is zero, so there is nothing to do");
            Err(args.refuse(args.word(name).column, what))
        }
        number => Ok(number),
    }
}
