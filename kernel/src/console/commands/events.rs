//! `events`: what happened to devices, and when.

use dm::{Devices, Severity};
use shell::color::Tone;

use bio::Sectors;

use crate::console::session::Session;
use crate::console::{Failure, Outcome};
use crate::events::{self, Entry};
use crate::kprintln;

/// Shows the events of a device, or of all devices. With `follow` it goes on until Ctrl-C.
pub fn show(session: &mut Session<'_>, device: Option<&str>, follow: bool) -> Outcome {
    let wanted = |entry: &Entry| device.is_none_or(|device| entry.device == device);
    let mut next = 0;
    let mut shown = 0;
    let mut show_new = |session: &Session<'_>| {
        for entry in events::since(next) {
            next = entry.number + 1;
            if wanted(&entry) {
                print(session, &entry);
                shown += 1;
            }
        }
        shown
    };
    if show_new(session) == 0 && !follow {
        let known = device.is_none_or(|device| session.dm.open(device).is_some());
        if let (false, Some(device)) = (known, device) {
            return Err(Failure::new(alloc::format!("there is no device `{device}`"))
                .and("`events` shows those of all devices"));
        }
        kprintln!("nothing has happened");
    }
    if !follow {
        return Ok(());
    }
    loop {
        // Each look is a job, which ends with Ctrl-C.
        if session.job(Sectors::ZERO, |job| job.pause()).is_err() {
            return Ok(());
        }
        show_new(session);
    }
}

fn print(session: &Session<'_>, Entry { at, device, severity, what, .. }: &Entry) {
    let word = match severity {
        Severity::Info => "info   ".into(),
        Severity::Warning => session.paint.paint(Tone::Doubtful, "warning"),
        Severity::Error => session.paint.paint(Tone::Bad, "error  "),
    };
    kprintln!("[{:5}.{:06}] {word} {device}: {what}", at.as_secs(), at.subsec_micros());
}
