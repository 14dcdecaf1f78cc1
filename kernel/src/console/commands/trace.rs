//! `trace`: what the kernel recorded of itself.

use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use shell::Trace;

use crate::console::session::Session;
use crate::console::{Failure, Outcome};
use crate::kprintln;
use crate::trace::{self, Entry, KEPT, LAYERS_ALL, Layer, Record};

/// How many records are looked at under one lock.
const CHUNK: usize = 64;

/// Does what a `trace` command says.
pub fn run(session: &mut Session<'_>, command: &Trace) -> Outcome {
    match command {
        Trace::On { layers } => {
            let set = |words: &[String]| {
                let named = |layer: &&Layer| words.iter().any(|word| word == layer.word());
                Layer::ALL.iter().filter(named).fold(0, |set, layer| set | layer.bit())
            };
            let layers = layers.as_deref().map_or(LAYERS_ALL, set);
            trace::on(layers).map_err(|trace::NoRoom| {
                Failure::new(format!("no memory for {KEPT} records")).and("`memory` shows the heap")
            })
        }
        Trace::Off => {
            trace::off();
            Ok(())
        }
        Trace::Clear => {
            trace::clear();
            Ok(())
        }
        Trace::Show { words, last } => show(session, words, *last),
        Trace::Dump { words } => dump(session, words),
    }
}

/// A record's line, if it has one of these words.
fn line(record: &Record, words: &[String]) -> Option<String> {
    let line = match record.named() {
        Some(name) => format!("{record} name={name}"),
        None => record.to_string(),
    };
    let wanted = words.is_empty() || words.iter().any(|word| line.contains(word.as_str()));
    wanted.then_some(line)
}

/// Passes each record before `end` with one of these words to `put`, oldest first. Showing
/// records makes new ones, hence `end`.
fn each(
    session: &mut Session<'_>,
    words: &[String],
    end: u64,
    mut put: impl FnMut(u64, String),
) -> Outcome {
    let mut next = 0;
    while next < end {
        let found = trace::since(next, CHUNK);
        let Some(last) = found.last() else { break };
        next = last.number + 1;
        for Entry { at, record, .. } in found.iter().filter(|entry| entry.number < end) {
            if let Some(line) = line(record, words) {
                put(*at, line);
            }
        }
        session.go_on()?;
    }
    Ok(())
}

fn show(session: &mut Session<'_>, words: &[String], last: u64) -> Outcome {
    let (count, lost) = trace::counts();
    let state = if trace::layers() == 0 { "off" } else { "on" };
    let kept = count - lost;
    let mut fit = 0_u64;
    each(session, words, count, |_, _| fit += 1)?;
    let mut skip = fit.saturating_sub(last);
    each(session, words, count, |at, line| {
        if skip > 0 {
            skip -= 1;
            return;
        }
        let at = Duration::from_nanos(at);
        kprintln!("[{:5}.{:06}] {line}", at.as_secs(), at.subsec_micros());
    })?;
    kprintln!("trace: {state}, {kept} records, {lost} older ones lost");
    Ok(())
}

fn dump(session: &mut Session<'_>, words: &[String]) -> Outcome {
    let (count, lost) = trace::counts();
    let mut put = 0_u64;
    each(session, words, count, |at, line| {
        kprintln!("trace {at} {line}");
        put += 1;
    })?;
    kprintln!("trace: {put} of {count} records, {lost} lost");
    Ok(())
}
