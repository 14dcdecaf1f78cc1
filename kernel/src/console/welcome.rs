//! The beginning of a session: assembles the mirrors whose members are there, or makes the one
//! that the command line asks for; says what there is, and what to try.
//!
//! Rules:
//!
//! - No data of a person are overwritten: disks are labelled without a person's word only if
//!   they were read to their ends and hold only zeroes.
//! - Data behind a blank beginning may be the data of a mirror whose superblocks were wiped.
//!   Such data do not begin where the disk begins, so no mirror is made of such disks.
//! - A mirror that keeps its state only in memory does not know after a boot which leg is
//!   newer. If two disks that are no members are equal, it takes them as they are. If one holds
//!   only zeroes, it copies the other one's contents there. If they differ, a person has to
//!   choose.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bio::{Extent, Sector, Sectors};
use dm::{DeviceRef, Dm, Listed};
use dm_mirror::table::Table;
use shell::Mode;
use shell::format::Amount;

use super::commands::{self, Assembled, Shows};
use super::session::Session;
use super::stream::Reader;
use super::{Failure, Outcome, members, plural};
use crate::kprintln;

/// The name of the mirror that is made without a person's word.
const MIRROR: &str = "m0";

/// The largest disks that are compared in a script's session, where nobody can press
/// Ctrl-C: 4 GiB, some tens of seconds of QEMU's interpreter.
pub const COMPARED_MAX: Sectors = Sectors(8 << 20);

/// A script's log shows the progress of a comparison from this size on: about a second's work.
const LOGGED: Sectors = Sectors(1 << 19);

/// What is known of the legs of a mirror that is made without a person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Legs {
    /// Nothing: they are compared first.
    Unknown,
    /// They are equal.
    Same,
}

/// Which mirrors to make before the first command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// None.
    Nothing,
    /// The mirrors whose members are there.
    Assemble,
    /// The same; if there are none, a mirror of the first two disks.
    Mirror(Legs),
}

/// What two disks have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Contents {
    /// Nothing but zeroes.
    Blank,
    /// The same.
    Same,
    /// The second has nothing but zeroes.
    SecondBlank,
}

/// Says what there is, and makes the mirrors.
pub fn welcome(session: &mut Session<'_>, begin: Begin) {
    let disks = session.dm.list().iter().filter(|listed| !listed.mapped).count();
    kprintln!("{}; `disks` lists them", plural(disks as u64, "disk"));
    if let Err(failure) = begin_with(session, begin) {
        // This is no failed command: a script's verdict does not depend on it.
        kprintln!("no mirror was made: {failure}");
    }
    kprintln!("`help` lists the commands; Tab completes");
}

fn begin_with(session: &mut Session<'_>, begin: Begin) -> Outcome {
    if begin == Begin::Nothing {
        return Ok(());
    }
    let Assembled { mirrors, labelled, failures, .. } = commands::assemble(session, None)?;
    failures.iter().for_each(|failure| kprintln!("{failure}"));
    match (begin, mirrors.first()) {
        (Begin::Mirror(_), Some(_)) => commands::show_status(session, None, Shows::State),
        (Begin::Mirror(legs), None) if !labelled => make_mirror(session, legs),
        _ => Ok(()),
    }
}

/// Makes a mirror of the first two disks that can be one, shows it, and suggests commands.
pub fn make_mirror(session: &mut Session<'_>, legs: Legs) -> Outcome {
    let [a, b] = pair(session.dm)?;
    let contents = match legs {
        Legs::Unknown => compared(session, &a, &b)?,
        Legs::Same => Contents::Same,
    };
    let nosync = match contents {
        Contents::Blank => {
            commands::label_blank(session, MIRROR, [a, b])?;
            suggest(MIRROR);
            return Ok(());
        }
        Contents::Same => true,
        Contents::SecondBlank => false,
    };
    let table = table(a.capacity(), nosync, &a.name(), &b.name());
    drop([a, b]);
    commands::create(session, MIRROR, &table)?;
    commands::show_status(session, None, Shows::State)
}

/// Commands to try on a mirror that holds nothing: they overwrite it.
fn suggest(name: &str) {
    kprintln!("try:  fill {name} 0 16M random=7");
    kprintln!("      mirror fail {name} 1");
    kprintln!("      verify {name} 0 16M random=7");
    kprintln!("      mirror add {name} 1");
}

/// What two disks have in common. Refused if they hold data behind a blank beginning.
fn compared(session: &mut Session<'_>, a: &DeviceRef, b: &DeviceRef) -> Result<Contents, Failure> {
    let blank_begin = begins_blank(session, a)?;
    let why = "data behind a blank begin may be those of a mirror whose superblocks were wiped: \
               they begin elsewhere then";
    let contents = compare(session, a, b);
    match contents {
        Ok(Contents::Blank) => contents,
        _ if !blank_begin => contents,
        Err(failure) => Err(failure.and(why)),
        Ok(Contents::Same | Contents::SecondBlank) => {
            let (first, second) = (a.name(), b.name());
            let table = table(a.capacity(), false, &first, &second);
            let failure = Failure::new(format!("`{first}` holds data behind a blank begin"));
            Err(failure.and(why).and(&format!(
                "to mirror `{first}` as it is, over `{second}`: \
                 dmsetup create {MIRROR} --table \"{table}\""
            )))
        }
    }
}

/// Whether a disk begins with nothing where superblocks would be.
fn begins_blank(session: &mut Session<'_>, disk: &DeviceRef) -> Result<bool, Failure> {
    let slots = members::read_slots(session, core::slice::from_ref(disk))?.remove(0);
    Ok(slots.is_ok_and(|slots| slots.iter().flatten().all(|&byte| byte == 0)))
}

/// The table of a mirror over two disks that keeps its state in memory.
fn table(length: Sectors, nosync: bool, first: &str, second: &str) -> String {
    Table::core([first, second], nosync).line(length).to_string()
}

/// The first two disks that are writable and of equal size.
fn pair(dm: &Dm) -> Result<[DeviceRef; 2], Failure> {
    let usable = |listed: &Listed| !listed.mapped && !listed.device.limits().read_only;
    let disks = dm.list().into_iter().filter(usable).map(|listed| listed.device);
    let disks: Vec<DeviceRef> = disks.collect();
    let pairs = disks
        .iter()
        .enumerate()
        .flat_map(|(index, a)| disks[index + 1..].iter().map(move |b| [a, b]));
    let mut equal = pairs.filter(|[a, b]| a.capacity() == b.capacity());
    equal.next().map(|pair| pair.map(DeviceRef::clone)).ok_or_else(|| {
        Failure::new("it takes two writable disks of equal size".into())
            .and("`help dmsetup create` shows how to make one of parts")
    })
}

/// How a mirror of `a` and `b` begins. Refused if `b` holds data that differ from those of `a`.
fn compare(session: &mut Session<'_>, a: &DeviceRef, b: &DeviceRef) -> Result<Contents, Failure> {
    let whole = Extent::new(Sector(0), a.capacity());
    let (first, second) = (a.name(), b.name());
    if session.mode == Mode::Plain && whole.count() > COMPARED_MAX {
        return Err(too_large(&first, &second, whole.count()));
    }
    kprintln!("comparing `{first}` and `{second}`; Ctrl-C ends it, and no mirror is made");
    let (mut same, mut blank) = (true, true);
    let brief = session.mode == Mode::Plain && whole.count() < LOGGED;
    let shown = if brief { Sectors::ZERO } else { whole.count() };
    let compared = session.job(shown, |job| {
        let [mut on_a, mut on_b] = [a, b].map(|disk| Reader::new(disk, whole));
        while let (Some((chunk, from_a)), Some((_, from_b))) = (on_a.next(job)?, on_b.next(job)?) {
            same &= from_a == from_b;
            blank &= from_b.iter().all(|&byte| byte == 0);
            if !same && !blank {
                break;
            }
            job.recycle(from_a);
            job.recycle(from_b);
            job.advance(chunk.count());
        }
        Ok(())
    })?;
    if same && blank {
        kprintln!("both are blank: {compared}");
        return Ok(Contents::Blank);
    }
    if same {
        kprintln!("they are the same: {compared}");
        return Ok(Contents::Same);
    }
    if blank {
        kprintln!("`{second}` holds only zeroes: `{first}` is copied to it");
        return Ok(Contents::SecondBlank);
    }
    let keep = |first: &str, second: &str| {
        let table = table(whole.count(), false, first, second);
        format!("to keep what `{first}` holds: dmsetup create {MIRROR} --table \"{table}\"")
    };
    Err(Failure::new(format!("`{second}` holds data, and other data than `{first}`"))
        .and(&keep(&first, &second))
        .and(&keep(&second, &first)))
}

/// The refusal to compare large disks: a script must not wait for hours at its beginning.
fn too_large(first: &str, second: &str, size: Sectors) -> Failure {
    let amount = |size: Sectors| Amount(size.0.saturating_mul(bio::SECTOR_SIZE as u64));
    let [size, most] = [size, COMPARED_MAX].map(amount);
    Failure::new(format!(
        "`{first}` and `{second}` have {size}; in a script, disks of more than {most} are not \
         compared"
    ))
    .and(&format!("`mirror label {MIRROR} {first} {second}` copies all of `{first}` instead"))
}
