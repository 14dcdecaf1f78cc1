//! A record as a line: a word, then `key=value` pairs. Programs read these lines; docs/trace.md
//! lists them.

use core::fmt;

use bio::{BufCmd, ErrorKind, Extent};

use super::record::{LegState, Name, Of, Record, Super};
use crate::io::requests::{Phase, Tx};

/// A command as a word.
pub fn cmd_word(cmd: BufCmd) -> &'static str {
    match cmd {
        BufCmd::Read => "read",
        BufCmd::Write { fua: false } => "write",
        BufCmd::Write { fua: true } => "write-fua",
        BufCmd::Flush => "flush",
        BufCmd::FreeBlks => "discard",
    }
}

/// How something ended, as a word: `ok`, or the error.
pub fn error_word(error: Option<ErrorKind>) -> &'static str {
    match error {
        None => "ok",
        Some(ErrorKind::Media) => "media",
        Some(ErrorKind::Timeout) => "timeout",
        Some(ErrorKind::Gone) => "gone",
        Some(ErrorKind::Invalid) => "invalid",
        Some(ErrorKind::NoSpace) => "no-space",
        Some(ErrorKind::ReadOnly) => "read-only",
        Some(ErrorKind::Unsupported) => "unsupported",
        Some(ErrorKind::Aborted) => "aborted",
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.place, self.age)
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Of::Request(name) => write!(f, "{name}"),
            Of::Flush => f.write_str("flush"),
            Of::Page => f.write_str("page"),
            Of::Superblock => f.write_str("superblock"),
            Of::Wipe => f.write_str("wipe"),
            Of::Search => f.write_str("search"),
        }
    }
}

/// The sketch's name of a state.
fn tx_word(tx: Tx) -> &'static str {
    match tx {
        Tx::Start => "START",
        Tx::JournalFlush => "JOURNAL_FLUSH",
        Tx::DataWrite => "DATA_WRITE",
        Tx::DataFlush => "DATA_FLUSH",
        Tx::Done => "DONE",
        Tx::Failed => "FAILED",
    }
}

fn super_word(state: Super) -> &'static str {
    match state {
        Super::Write => "SUPER_WRITE",
        Super::Flush => "SUPER_FLUSH",
        Super::Second => "SECOND_COPY",
        Super::Done => "DONE",
        Super::Failed => "FAILED",
    }
}

fn leg_word(state: LegState) -> &'static str {
    match state {
        LegState::InSync => "in-sync",
        LegState::Rebuilding => "rebuilding",
        LegState::Returning => "returning",
        LegState::Out => "out",
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "waiting",
        Phase::Reading(_) => "reading",
        Phase::ByBlock => "by-block",
        Phase::Writing => "writing",
        Phase::Parked => "parked",
        Phase::Comparing => "comparing",
    }
}

/// A request that begins.
fn begins(
    f: &mut fmt::Formatter<'_>,
    word: &str,
    (req, cmd, extent): (Name, BufCmd, Extent),
) -> fmt::Result {
    let (at, count) = (extent.start(), extent.count());
    write!(f, "{word} req={req} cmd={} at={at} count={count}", cmd_word(cmd))
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Record::Asked { req, cmd, extent } => begins(f, "asked", (req, cmd, extent)),
            Record::Own { req, cmd, extent } => begins(f, "own", (req, cmd, extent)),
            Record::Reported { leg, of, error } => {
                write!(f, "reported leg={leg} of={of} result={}", error_word(error))
            }
            Record::Event(what) => write!(f, "event is={what}"),
            Record::Leg { leg, state } => write!(f, "leg leg={leg} is={}", leg_word(state)),
            Record::Stands { req, phase } => {
                write!(f, "stands req={req} is={}", phase_word(phase))?;
                if let Phase::Reading(leg) = phase { write!(f, " leg={leg}") } else { Ok(()) }
            }
            Record::Released { req } => write!(f, "released req={req}"),
            Record::Tx { req, leg, tx } => write!(f, "tx req={req} leg={leg} is={}", tx_word(tx)),
            Record::Super { leg, state } => write!(f, "super leg={leg} is={}", super_word(state)),
            Record::Issue { req, leg, step } => write!(f, "issue req={req} leg={leg} step={step}"),
            Record::Flush { leg } => write!(f, "flush leg={leg}"),
            Record::Write { leg, unit, place } => {
                let (at, count) = (place.start(), place.count());
                write!(f, "write leg={leg} unit={unit} at={at} count={count}")
            }
            Record::Complete { req, error } => {
                write!(f, "complete req={req} result={}", error_word(error))
            }
            Record::Drop { req } => write!(f, "drop req={req}"),
            Record::Action(what) => write!(f, "action is={what}"),
        }
    }
}
