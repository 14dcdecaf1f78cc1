//! Table text to table.
//!
//! Place: called for every load. The text is dmsetup's: one entry a line,
//! `start length target arguments...`, in sectors and in order. Blank lines and
//! lines whose first word begins with `#` are skipped.
//!
//! Rule: a refusal names line and column, and nothing has changed.

use alloc::format;
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;

use bio::{Extent, SECTOR_SIZE, Sector, Sectors};

use crate::args::{ArgError, Args, Word};
use crate::bounds::{CAPACITY_MAX, ENTRIES_MAX, NO_ROOM, TABLE_BYTES_MAX, TABLE_ROOM};
use crate::context::Context;
use crate::devices::Devices;
use crate::entry::Entry;
use crate::env::Env;
use crate::error::TableError;
use crate::events::Events;
use crate::table::{Counts, Table};
use crate::target::TargetType;

/// What the words of a table may refer to.
pub(crate) struct Scope<'a> {
    pub(crate) types: &'a [Arc<dyn TargetType>],
    pub(crate) devices: &'a dyn Devices,
    pub(crate) env: &'a Arc<dyn Env>,
    pub(crate) events: &'a Arc<Events>,
}

/// Makes a table for `device`.
pub(crate) fn parse(
    text: &str,
    scope: &Scope<'_>,
    device: Weak<dyn Counts>,
) -> Result<Table, TableError> {
    check_size(text, scope)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (text, line) in text.lines().zip(1..) {
        let args = Args::new(text);
        if args.peek().is_none_or(|word| word.text.starts_with('#')) {
            continue;
        }
        if entries.len() == ENTRIES_MAX {
            let reason = format!(
                "a table has at most {ENTRIES_MAX} entries; put the rest into a device of its \
                 own, and both into a third"
            );
            return Err(TableError { line, column: args.column(), reason });
        }
        let start = entries.last().map_or(Sector(0), |previous| previous.extent.end());
        let entry = entry(args, start, line, scope);
        let entry = entry.map_err(|error| TableError::new(line, error))?;
        let room = entries.try_reserve(1).map_err(|_| no_room(entry.place));
        room.map(|()| entries.push(entry))?;
    }
    if entries.is_empty() {
        let reason = "the table has no entry; give `start length target arguments`".into();
        return Err(TableError { line: 1, column: 1, reason });
    }
    let probe = scope.env.probe().map(|probe| (probe, scope.events.clone()));
    let table = Table::new(entries, device, probe).map_err(|_| no_room((1, 1)))?;
    check_alignment(&table)?;
    Ok(table)
}

/// Refuses a text that is too long, and any text while memory is short.
fn check_size(text: &str, scope: &Scope<'_>) -> Result<(), TableError> {
    if text.len() > TABLE_BYTES_MAX {
        let line = text.as_bytes()[..TABLE_BYTES_MAX].iter().filter(|&&byte| byte == b'\n').count();
        let reason = format!(
            "the table is longer than {TABLE_BYTES_MAX} bytes; put a part of it into a device \
             of its own"
        );
        return Err(TableError { line: line + 1, column: 1, reason });
    }
    if scope.env.has_room(TABLE_ROOM) { Ok(()) } else { Err(no_room((1, 1))) }
}

/// The refusal of a table, or of an entry, for want of memory.
fn no_room((line, column): (usize, usize)) -> TableError {
    TableError { line, column, reason: NO_ROOM.into() }
}

/// One line, whose entry has to start at `expected`.
fn entry(
    mut args: Args<'_>,
    expected: Sector,
    line: usize,
    scope: &Scope<'_>,
) -> Result<Entry, ArgError> {
    let word = args.next("start sector")?;
    let start = Sector(word.number("start sector")?);
    if start != expected {
        return Err(word.refuse(misplaced(start, expected)));
    }
    let extent = extent(start, args.next("length")?)?;
    let kind = target_type(args.next("target")?, scope.types)?;
    let context = Context {
        length: extent.count(),
        devices: scope.devices,
        env: scope.env.clone(),
        events: scope.events.clone(),
    };
    let target = kind.create(&mut args, &context)?;
    args.end()?;
    let limits = target.limits();
    Ok(Entry { extent, kind, target, limits, place: (line, word.column) })
}

fn misplaced(start: Sector, expected: Sector) -> String {
    if expected == Sector(0) {
        format!("the first entry starts at {start}; let it start at 0")
    } else {
        let what = if start < expected { "an overlap" } else { "a gap" };
        format!("{what}: the entry before ends at {expected}; let this one start there")
    }
}

fn extent(start: Sector, word: Word<'_>) -> Result<Extent, ArgError> {
    let count = Sectors(word.number("length")?);
    if count == Sectors::ZERO {
        return Err(word.refuse("the entry has no sectors; give a length of at least 1"));
    }
    Extent::try_new(start, count).filter(|extent| extent.fits(CAPACITY_MAX)).ok_or_else(|| {
        word.refuse(format!("the entry ends beyond {CAPACITY_MAX} sectors (8 EiB); shorten it"))
    })
}

fn target_type(
    word: Word<'_>,
    types: &[Arc<dyn TargetType>],
) -> Result<Arc<dyn TargetType>, ArgError> {
    types.iter().find(|kind| kind.name() == word.text).cloned().ok_or_else(|| {
        let known: Vec<&str> = types.iter().map(|kind| kind.name()).collect();
        word.refuse(format!("there is no target `{}`; use one of: {}", word.text, known.join(", ")))
    })
}

/// A request that is aligned to a block of the table is still aligned after a split only if
/// each piece ends at a block's border, so every entry ends at one.
fn check_alignment(table: &Table) -> Result<(), TableError> {
    let block = u64::from(table.limits().block_size) / SECTOR_SIZE as u64;
    for entry in table.entries() {
        let end = entry.extent.end();
        if !end.0.is_multiple_of(block) {
            let (line, column) = entry.place;
            let reason = format!(
                "the entry ends at {end}, no multiple of {block} sectors, the table's largest \
                 block; change its length"
            );
            return Err(TableError { line, column, reason });
        }
    }
    Ok(())
}
