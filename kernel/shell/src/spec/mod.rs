//! The table of commands: name, usage, help and meaning of each, in one place.
//!
//! Place: [`crate::parse()`] finds a command here and reads its words by the usage line;
//! [`crate::help`] and [`crate::complete`] show the same lines, so that neither can differ from
//! the parser. To add a command, add its variant to [`Command`] and an entry here; a test
//! parses every example.

use self::entry::{one_of, spec};
use crate::error::{ParseError, shown};
use crate::nearest::nearest;
use crate::usage::Args;
use crate::{Command, Pattern, Size, Slot, Span};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(crate) mod bench;
mod dmsetup;
mod entry;
pub(crate) mod mirror;
mod trace;

pub use self::entry::CommandSpec;

/// All commands, in the order in which help lists them.
pub static COMMANDS: &[CommandSpec] = &[
    spec(
        "help",
        "[COMMAND...]",
        "List the commands, or explain one with an example",
        "help dmsetup create",
        |args| Ok(Command::Help { topic: topic(args)? }),
    ),
    spec(
        "events",
        "[DEV] [-f]",
        "Show what happened to devices; -f follows until Ctrl-C",
        "events m0 -f",
        |args| {
            let dev = args.optional("DEV", Args::name)?;
            Ok(Command::Events { dev, follow: args.find("-f").is_some() })
        },
    ),
    spec("disks", "", "List the disks and the mapped devices", "disks", |_| Ok(Command::Disks)),
    dmsetup::CREATE,
    dmsetup::LOAD,
    dmsetup::RELOAD,
    dmsetup::CLEAR,
    dmsetup::REMOVE,
    dmsetup::REMOVE_ALL,
    dmsetup::RENAME,
    dmsetup::WIPE_TABLE,
    dmsetup::LIST,
    dmsetup::INFO,
    dmsetup::DEPS,
    dmsetup::TABLE,
    dmsetup::STATUS,
    dmsetup::TARGETS,
    dmsetup::SUSPEND,
    dmsetup::RESUME,
    dmsetup::MESSAGE,
    dmsetup::WAIT,
    mirror::LABEL,
    mirror::ASSEMBLE,
    mirror::START,
    mirror::START_DEGRADED,
    mirror::KEEP,
    mirror::STOP,
    mirror::STATUS,
    mirror::WAIT,
    mirror::FAIL,
    mirror::ADD,
    mirror::REPLACE,
    mirror::REBUILD,
    mirror::REMOVE,
    mirror::FORGET,
    mirror::EXAMINE,
    mirror::POLICY,
    mirror::WRITE_MOSTLY,
    mirror::RATE,
    mirror::CHECK,
    mirror::REPAIR,
    mirror::IDLE,
    spec(
        "read",
        "DEV OFFSET [LENGTH]",
        "Show what a device holds, as a hex dump",
        "read vbd0 1M 2s",
        |args| {
            let (dev, offset) = (args.name("DEV")?, args.offset("OFFSET")?);
            let length = args.optional("LENGTH", Args::length)?;
            length.map(|length| args.span_at(offset, length, "LENGTH")).transpose()?;
            Ok(Command::Read { dev, offset, length })
        },
    ),
    spec(
        "write",
        "DEV OFFSET [--hex] DATA...",
        "Write text, or bytes in hex; zeroes fill up the last sector",
        "write m0 0 \"hello, mirror\"",
        write,
    ),
    spec(
        "fill",
        "DEV OFFSET LENGTH PATTERN",
        "Write a pattern: a byte, seq, or random=SEED",
        "fill m0 0 16M random=7",
        |args| {
            let (dev, span) = (args.name("DEV")?, args.span()?);
            Ok(Command::Fill { dev, span, pattern: pattern(args)? })
        },
    ),
    spec(
        "verify",
        "DEV OFFSET LENGTH PATTERN",
        "Check that a device holds what fill wrote there",
        "verify m0 0 16M random=7",
        |args| {
            let (dev, span) = (args.name("DEV")?, args.span()?);
            Ok(Command::Verify { dev, span, pattern: pattern(args)? })
        },
    ),
    spec(
        "compare",
        "DEV1 DEV2 [OFFSET LENGTH]",
        "Tell where two devices differ",
        "compare vbd0 vbd1 0 64M",
        |args| {
            let (left, right) = (args.name("DEV1")?, args.name("DEV2")?);
            let span = args.optional("OFFSET", |args, _| args.span())?;
            Ok(Command::Compare { left, right, span })
        },
    ),
    spec(
        "copy",
        "SRC DST [LENGTH] [--from OFFSET] [--to OFFSET]",
        "Copy one device to another, with progress; Ctrl-C stops it",
        "copy vbd2 m0 64M --to 1M",
        copy,
    ),
    spec("flush", "DEV", "Make all acknowledged writes durable", "flush m0", |args| {
        Ok(Command::Flush { dev: args.name("DEV")? })
    }),
    spec(
        "discard",
        "DEV OFFSET LENGTH",
        "Tell a device that it need not keep a part",
        "discard m0 1M 1M",
        |args| Ok(Command::Discard { dev: args.name("DEV")?, span: args.span()? }),
    ),
    spec(
        "torture",
        "DEV OFFSET LENGTH COUNT SEED [--first NUMBER]",
        "Write numbered sectors at random; report each request",
        "torture m0 0 4M 1000 7",
        |args| {
            let (dev, span) = (args.name("DEV")?, args.span()?);
            let (count, seed) = (args.number("COUNT")?, args.number("SEED")?);
            let first = args.optional("--first", Args::number)?.unwrap_or(1);
            Ok(Command::Torture { dev, span, count, seed, first })
        },
    ),
    bench::BENCH,
    spec("slot ls", "", "List the hot-plug slots of disks", "slot ls", |_| {
        Ok(Command::Slot(Slot::List))
    }),
    spec(
        "slot eject",
        "SLOT [--force]",
        "Let the disk in a slot leave, and switch its power off",
        "slot eject 2",
        |args| {
            let force = args.find("--force").is_some();
            Ok(Command::Slot(Slot::Eject { slot: args.number("SLOT")?, force }))
        },
    ),
    spec("slot start", "SLOT", "Start the disk in a slot that is off", "slot start 2", |args| {
        Ok(Command::Slot(Slot::Start { slot: args.number("SLOT")? }))
    }),
    spec(
        "slot reset",
        "SLOT",
        "Reset a disk that hung, once it holds no request",
        "slot reset 2",
        |args| Ok(Command::Slot(Slot::Reset { slot: args.number("SLOT")? })),
    ),
    spec(
        "slot pull",
        "SLOT [--after SECONDS]",
        "Tear the disk out: its power goes, and nobody is told",
        "slot pull 2 --after 3",
        |args| {
            let after = args.optional("--after", Args::number)?.unwrap_or(0);
            Ok(Command::Slot(Slot::Pull { slot: args.number("SLOT")?, after }))
        },
    ),
    trace::ON,
    trace::OFF,
    trace::SHOW,
    trace::DUMP,
    trace::CLEAR,
    spec("threads", "", "List the kernel's threads", "threads", |_| Ok(Command::Threads)),
    spec("memory", "", "Show how memory is used", "memory", |_| Ok(Command::Memory)),
    spec("interrupts", "", "Count the interrupts by vector", "interrupts", |_| {
        Ok(Command::Interrupts)
    }),
    spec("uptime", "", "Say how long the kernel has run", "uptime", |_| Ok(Command::Uptime)),
    spec(
        "log",
        "LEVEL",
        "Show messages up to off, error, warn, info, debug or trace",
        "log debug",
        |args| {
            let token = args.word("LEVEL");
            let level = token.text.parse().map_err(|_| {
                let what = format!("{} is no level: one of {LEVELS}", shown(&token.text));
                args.refuse(token.column, what)
            })?;
            Ok(Command::Log { level })
        },
    ),
    spec("color", "SWITCH", "Show states in colours: on, or off", "color on", |args| {
        Ok(Command::Color { on: one_of(args, "SWITCH", "on off")? == "on" })
    }),
    CommandSpec {
        name: "fuzz",
        usage: "DISK COUNT SEED",
        summary: "Run lines made by chance; they write to DISK at most",
        example: "fuzz vbd2 1000 7",
        hidden: true,
        build: |args| {
            let (disk, count) = (args.name("DISK")?, args.number("COUNT")?);
            Ok(Command::Fuzz { disk, count, seed: args.number("SEED")? })
        },
    },
    CommandSpec {
        name: "panic",
        usage: "",
        summary: "Panic, to see the message, the backtrace and the exit code",
        example: "panic",
        hidden: true,
        build: |_| Ok(Command::Panic),
    },
    spec("poweroff", "", "End the machine", "poweroff", |_| Ok(Command::Poweroff)),
];

/// The commands that a topic names: one by its full name, or all that share its first word.
pub(crate) fn matching(topic: &str) -> impl Iterator<Item = &'static CommandSpec> + '_ {
    COMMANDS.iter().filter(move |spec| {
        spec.name.strip_prefix(topic).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })
}

/// The first word of a command's name.
pub(crate) fn head(spec: &CommandSpec) -> &'static str {
    spec.name.split(' ').next().unwrap_or(spec.name)
}

/// Refuses a help topic that no command's name starts with.
fn check_topic(topic: &str, column: usize) -> Result<(), ParseError> {
    match matching(topic).next() {
        Some(_) => Ok(()),
        None => Err(unknown(topic, column)),
    }
}

/// What shells call other things that are here, too.
const ELSEWHERE: [(&str, &str); 6] = [
    ("exit", "poweroff"),
    ("quit", "poweroff"),
    ("logout", "poweroff"),
    ("shutdown", "poweroff"),
    ("halt", "poweroff"),
    ("lsblk", "disks"),
];

/// The refusal of a word that is no command's name.
pub(crate) fn unknown(word: &str, column: usize) -> ParseError {
    let what = format!("{} is no command", shown(word));
    // `create` probably means `dmsetup create`, just as `dmsteup` means `dmsetup`.
    let whole = COMMANDS.iter().find(|spec| spec.name.split(' ').nth(1) == Some(word));
    let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == word).map(|(_, here)| *here);
    let near = whole
        .map(|spec| spec.name)
        .or(elsewhere)
        .or_else(|| nearest(word, COMMANDS.iter().flat_map(|spec| [head(spec), spec.name])));
    let next = match near {
        Some(near) => format!("did you mean `{near}`? help lists the commands"),
        None => "help lists the commands".into(),
    };
    ParseError { column, what, next }
}

/// The words that `log` takes.
pub(crate) const LEVELS: &str = "off error warn info debug trace";

fn topic(args: &Args<'_>) -> Result<Option<String>, ParseError> {
    let words: Vec<&str> = args.all("COMMAND").map(|token| token.text.as_str()).collect();
    let Some(first) = args.find("COMMAND") else { return Ok(None) };
    let topic = words.join(" ");
    check_topic(&topic, first.column)?;
    Ok(Some(topic))
}

fn pattern(args: &Args<'_>) -> Result<Pattern, ParseError> {
    let token = args.word("PATTERN");
    Pattern::parse(&token.text).ok_or_else(|| {
        let what = format!(
            "{} is no pattern: a byte (0 to 255, or 0x00 to 0xff), seq, or random=SEED",
            shown(&token.text)
        );
        args.refuse(token.column, what)
    })
}

fn write(args: &Args<'_>) -> Result<Command, ParseError> {
    let (dev, offset) = (args.name("DEV")?, args.offset("OFFSET")?);
    let column = args.word("DATA").column;
    let data = if args.find("--hex").is_some() {
        let mut data = Vec::new();
        for token in args.all("DATA") {
            let bytes = hex_bytes(&token.text).ok_or_else(|| {
                let what = format!("{} is no hex: pairs of 0-9 and a-f", shown(&token.text));
                args.refuse(token.column, what)
            })?;
            data.extend(bytes);
        }
        data
    } else {
        let words: Vec<&str> = args.all("DATA").map(|token| token.text.as_str()).collect();
        words.join(" ").into_bytes()
    };
    if data.is_empty() {
        return Err(args.refuse(column, "DATA is empty, so there is nothing to do".to_string()));
    }
    let sectors = (data.len() as u64).div_ceil(crate::size::SECTOR_BYTES);
    let span = Size::from_sectors(sectors).and_then(|length| Span::new(offset, length));
    span.ok_or_else(|| args.endless("DATA"))?;
    Ok(Command::Write { dev, offset, data })
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn copy(args: &Args<'_>) -> Result<Command, ParseError> {
    let (source, target) = (args.name("SRC")?, args.name("DST")?);
    let from = args.optional("--from", Args::offset)?.unwrap_or_default();
    let to = args.optional("--to", Args::offset)?.unwrap_or_default();
    let length = args.optional("LENGTH", Args::length)?;
    if let Some(length) = length {
        args.span_at(from, length, "LENGTH")?;
        args.span_at(to, length, "LENGTH")?;
    }
    Ok(Command::Copy { source, target, from, to, length })
}
