//! The commands that compare a mirror's legs: `mirror check`, `mirror repair`, `mirror idle`.
//!
//! Place: `mirror` calls them; the mirror target does the work and keeps the result.

use bio::Sectors;
use dm::{Dm, MappedDevice};
use dm_mirror::MirrorTarget;

use super::mirror::{Place, only_mirror};
use crate::console::Outcome;
use crate::console::session::Session;
use crate::kprintln;

/// Starts a check or a repair: `action` says which. Ctrl-C ends one that is waited for.
pub fn start(session: &mut Session<'_>, name: &str, action: &str, wait: bool) -> Outcome {
    let (device, mirror) = only_mirror(session.dm, name, &[action])?;
    device.message(mirror.start, &[action])?;
    if !wait {
        kprintln!("{name}: the {action} runs; `mirror status {name}` shows how far it is");
        kprintln!("`mirror idle {name}` ends it");
        return Ok(());
    }
    let mut told = Sectors::ZERO;
    let outcome = session.job(bio::BlockDevice::capacity(&*device), |job| {
        while let Some(done) = progress(&device, &mirror, action) {
            job.advance(done - told);
            told = done;
            job.pause()?;
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        // It may have ended by itself meanwhile.
        let _ = device.message(mirror.start, &["idle"]);
        return Err(failure);
    }
    tell(name, action, &device, &mirror)
}

/// Ends the check or the repair that runs.
pub fn end(dm: &Dm, name: &str) -> Outcome {
    let (device, mirror) = only_mirror(dm, name, &["idle"])?;
    let answer = device.message(mirror.start, &["idle"])?;
    kprintln!("{name}: {answer}");
    Ok(())
}

/// How far it is; `None` if it is over.
fn progress(device: &MappedDevice, mirror: &Place, action: &str) -> Option<Sectors> {
    let check = device.look_at(mirror.start, MirrorTarget::view)?.check?;
    (check.repairs == (action == "repair")).then_some(check.done)
}

/// What came of it.
fn tell(name: &str, action: &str, device: &MappedDevice, mirror: &Place) -> Outcome {
    let report = device.message(mirror.start, &["show"])?;
    let is_result = |line: &&str| line.split(':').next() == Some(action);
    let mut lines = report.lines().skip_while(|line| !is_result(line));
    if let Some(result) = lines.next() {
        kprintln!("{name}: {result}");
    }
    let mut findings = 0;
    for finding in lines {
        kprintln!("{finding}");
        findings += 1;
    }
    if findings > 0 && action == "check" {
        kprintln!("`mirror repair {name}` makes all legs equal to the one that is read first");
    }
    Ok(())
}
