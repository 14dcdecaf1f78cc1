//! The `dmsetup` commands.
//!
//! Place: part of the table in [`crate::spec`], with dmsetup(8)'s names. A table
//! is one word, with `\\n` between its lines, or a here-document.

use super::entry::{CommandSpec, spec};
use crate::error::ParseError;
use crate::usage::{Args, HERE};
use crate::{Command, Dmsetup};
use alloc::format;
use alloc::string::{String, ToString};

pub(super) const CREATE: CommandSpec = spec(
    "dmsetup create",
    "NAME [--table TABLE] [<<END] [--notable]",
    "Make a mapped device from a table (numbers are sectors)",
    "dmsetup create m0 --table \"0 131072 mirror core 2 1024 nosync 2 vbd0 0 vbd1 0\"",
    |args| {
        let table = table(args)?;
        if table.is_none() && args.find("--notable").is_none() {
            return Err(no_table(args));
        }
        dmsetup(Dmsetup::Create { name: args.name("NAME")?, table })
    },
);

pub(super) const LOAD: CommandSpec = spec(
    "dmsetup load",
    "NAME [--table TABLE] [<<END]",
    "Load a table; the next resume makes it the active one",
    "dmsetup load m0 --table \"0 131072 linear vbd0 0\"",
    load,
);

/// `dmsetup load` under the name in dmsetup(8).
pub(super) const RELOAD: CommandSpec = CommandSpec {
    name: "dmsetup reload",
    usage: LOAD.usage,
    summary: LOAD.summary,
    example: "dmsetup reload m0 --table \"0 131072 linear vbd0 0\"",
    hidden: true,
    build: load,
};

pub(super) const CLEAR: CommandSpec = spec(
    "dmsetup clear",
    "NAME",
    "Drop the table that was loaded; the active one stays",
    "dmsetup clear m0",
    |args| dmsetup(Dmsetup::Clear { name: args.name("NAME")? }),
);

pub(super) const REMOVE: CommandSpec = spec(
    "dmsetup remove",
    "NAME",
    "Remove a mapped device that nobody uses",
    "dmsetup remove m0",
    |args| dmsetup(Dmsetup::Remove { name: args.name("NAME")? }),
);

pub(super) const REMOVE_ALL: CommandSpec = spec(
    "dmsetup remove_all",
    "",
    "Remove all mapped devices, the upper ones first",
    "dmsetup remove_all",
    |_| dmsetup(Dmsetup::RemoveAll),
);

pub(super) const RENAME: CommandSpec = spec(
    "dmsetup rename",
    "NAME NEW",
    "Give a mapped device another name, also while it is used",
    "dmsetup rename m0 home",
    |args| dmsetup(Dmsetup::Rename { name: args.name("NAME")?, new: args.name("NEW")? }),
);

pub(super) const WIPE_TABLE: CommandSpec = spec(
    "dmsetup wipe_table",
    "NAME",
    "Let a device fail every request, and free what it lies on",
    "dmsetup wipe_table m0",
    |args| dmsetup(Dmsetup::WipeTable { name: args.name("NAME")? }),
);

pub(super) const LIST: CommandSpec = spec(
    "dmsetup ls",
    "[--tree] [--json]",
    "List the mapped devices, or as a tree with what they lie on",
    "dmsetup ls --tree",
    |args| {
        let (tree, json) = (args.find("--tree"), args.find("--json"));
        if let (Some(_), Some(json)) = (tree, json) {
            let what = "--json lists no tree; `dmsetup info --json` names what devices lie on";
            return Err(args.refuse(json.column, what.to_string()));
        }
        dmsetup(Dmsetup::List { tree: tree.is_some(), json: json.is_some() })
    },
);

pub(super) const INFO: CommandSpec = spec(
    "dmsetup info",
    "[NAME] [--json]",
    "Show state, tables, openings and events of devices",
    "dmsetup info m0",
    |args| dmsetup(Dmsetup::Info { name: one_or_all(args)?, json: json(args) }),
);

pub(super) const DEPS: CommandSpec =
    spec("dmsetup deps", "[NAME]", "Show what devices lie on", "dmsetup deps m0", |args| {
        dmsetup(Dmsetup::Deps { name: one_or_all(args)? })
    });

pub(super) const TABLE: CommandSpec = spec(
    "dmsetup table",
    "[NAME] [--inactive] [--json]",
    "Show the tables of devices, or those that were loaded",
    "dmsetup table m0",
    |args| {
        let inactive = args.find("--inactive").is_some();
        dmsetup(Dmsetup::Table { name: one_or_all(args)?, inactive, json: json(args) })
    },
);

pub(super) const STATUS: CommandSpec = spec(
    "dmsetup status",
    "[NAME] [--json]",
    "Show the state of each target, in dmsetup's short form",
    "dmsetup status m0",
    |args| dmsetup(Dmsetup::Status { name: one_or_all(args)?, json: json(args) }),
);

pub(super) const TARGETS: CommandSpec = spec(
    "dmsetup targets",
    "",
    "List the kinds of target a table can name, and their words",
    "dmsetup targets",
    |_| dmsetup(Dmsetup::Targets),
);

pub(super) const SUSPEND: CommandSpec = spec(
    "dmsetup suspend",
    "[--noflush] NAME",
    "Hold new requests, wait for those in flight and flush",
    "dmsetup suspend m0",
    |args| {
        let flush = args.find("--noflush").is_none();
        dmsetup(Dmsetup::Suspend { name: args.name("NAME")?, flush })
    },
);

pub(super) const RESUME: CommandSpec = spec(
    "dmsetup resume",
    "NAME",
    "Let a device go on, with the table that was loaded, if any",
    "dmsetup resume m0",
    |args| dmsetup(Dmsetup::Resume { name: args.name("NAME")? }),
);

pub(super) const MESSAGE: CommandSpec = spec(
    "dmsetup message",
    "NAME SECTOR WORD...",
    "Send words to the target that holds SECTOR",
    "dmsetup message m0 0 fail 1",
    |args| {
        let words = args.all("WORD").map(|token| token.text.clone()).collect();
        let (name, sector) = (args.name("NAME")?, args.number("SECTOR")?);
        dmsetup(Dmsetup::Message { name, sector, words })
    },
);

pub(super) const WAIT: CommandSpec = spec(
    "dmsetup wait",
    "NAME [EVENT_NR]",
    "Wait for an event: the next, or another than number EVENT_NR",
    "dmsetup wait m0",
    |args| {
        let seen = args.optional("EVENT_NR", Args::number)?;
        dmsetup(Dmsetup::Wait { name: args.name("NAME")?, seen })
    },
);

fn dmsetup(command: Dmsetup) -> Result<Command, ParseError> {
    Ok(Command::Dmsetup(command))
}

fn load(args: &Args<'_>) -> Result<Command, ParseError> {
    let table = table(args)?.ok_or_else(|| no_table(args))?;
    dmsetup(Dmsetup::Load { name: args.name("NAME")?, table })
}

/// The text of a table, if the line gives one. Two are refused.
fn table(args: &Args<'_>) -> Result<Option<String>, ParseError> {
    let mut given = ["--table", HERE, "--notable"].into_iter().filter(|it| args.find(it).is_some());
    if let (Some(one), Some(other)) = (given.next(), given.next()) {
        let what = format!("{one} and {other} rule each other out");
        return Err(args.refuse(args.word(other).column, what));
    }
    let word = args.find("--table").map(|token| token.text.clone());
    Ok(word.or_else(|| args.document().map(String::from)))
}

fn no_table(args: &Args<'_>) -> ParseError {
    args.missing("--table TABLE")
}

fn one_or_all(args: &Args<'_>) -> Result<Option<String>, ParseError> {
    args.optional("NAME", Args::name)
}

fn json(args: &Args<'_>) -> bool {
    args.find("--json").is_some()
}
