//! One boot of the machine, from power-on to its end, by chance.
//!
//! Place: `mirror` makes one after the other with the same disks. Rule: the script of a boot is
//! drawn before it, so that the seed replays it as far as timing allows.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use fastrand::Rng;

use super::disk::Disk;
use super::judge::value_of;
use super::ledger::Ledger;
use super::power::Power;
use super::serve::Served;
use crate::figures;
use crate::patience::{self, Watch};
use crate::qemu::{self, Guest, Heard, Machine};
use crate::verdict::Verdict;

/// How long the guest may say nothing in each command, the boot included.
const LIMIT: Duration = patience::OF_A_GUEST;

/// The requests of a torture.
const REQUESTS: u64 = 500;

/// About the most changes that a torture makes to disks.
const CHANGES: u64 = 1200;

/// The same for a recovery: a recovery with little to copy makes about ten.
const CHANGES_OF_RECOVERY: [u64; 3] = [6, 16, 60];

/// How often the guest is asked whether its regions are clean.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// How the boot goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Recovery ends, then there are requests.
    Settled,
    /// Requests begin while recovery lasts.
    Hasty,
    /// The power fails while the mirror starts or recovers.
    Recovery,
}

/// What will happen.
pub(super) struct Script {
    pub(super) course: Course,
    /// This leg is not attached.
    pub(super) left_out: Option<usize>,
    /// Before there are requests, all regions become clean.
    rests: bool,
    /// This leg dies after this many changes, once requests have begun.
    dies: Option<(usize, u64)>,
    /// The power fails after this many changes.
    cut_after: u64,
    /// Whether the guest is asked to power off, if the power did not fail.
    stops: bool,
    /// Where requests go, in sectors: start and length.
    place: (usize, usize),
    seed: u64,
    lag: Vec<Duration>,
}

/// What happened.
pub(super) struct Report {
    /// Where it ended, in words.
    pub(super) ended: &'static str,
    /// It was a clean stop.
    pub(super) stopped: bool,
    /// Copies made by the recovery, if it was waited for.
    pub(super) copied: Option<u64>,
    /// The leg that died.
    pub(super) died: Option<usize>,
    /// Writes that the cut took from caches, in whole or in part.
    pub(super) lost: usize,
}

/// Whether the guest is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Talk {
    Prompt,
    /// The power was cut.
    Dark,
}

impl Script {
    /// Draws a script. `may_leave_out` says that any leg alone could go on.
    pub(super) fn draw(chance: &mut Rng, legs: usize, sectors: usize, may_leave_out: bool) -> Self {
        let course = match chance.u8(..10) {
            0..3 => Course::Recovery,
            3..5 => Course::Hasty,
            _ => Course::Settled,
        };
        let left_out = (chance.u8(..5) == 0 && may_leave_out).then(|| chance.usize(..legs));
        let dies = (chance.u8(..5) == 0 && (left_out.is_none() || legs > 2))
            .then(|| (chance.usize(..legs), chance.u64(..CHANGES / 4)))
            // Before the recovery is over it might be the last leg in sync.
            .filter(|(leg, _)| course == Course::Settled && left_out != Some(*leg));
        let of_recovery = *chance.choice(&CHANGES_OF_RECOVERY).expect("there are some");
        let most = if course == Course::Recovery { of_recovery } else { CHANGES };
        // A small place for requests that overlap, a larger one for many regions.
        let length = sectors / *chance.choice([2, 16, 256].iter()).expect("there are some");
        let place = (chance.usize(..=sectors - length), length);
        let lags = [0, 0, 0, 300, 1000];
        let lag = |_| Duration::from_micros(lags[chance.usize(..lags.len())]);
        let lag = (0..legs).map(lag).collect();
        Self {
            course,
            left_out,
            rests: chance.u8(..4) > 0,
            dies,
            cut_after: chance.u64(..most),
            stops: chance.bool(),
            place,
            seed: chance.u64(..1 << 32),
            lag,
        }
    }

    /// The same for the first boot, which makes the mirror.
    pub(super) fn first(self) -> Self {
        Self { left_out: None, course: Course::Settled, ..self }
    }
}

/// The means of a boot.
pub(super) struct Life<'a, 'm> {
    pub(super) script: &'a Script,
    pub(super) ledger: &'a mut Ledger,
    /// Makes the machine with these disks.
    pub(super) machine: &'a dyn Fn(Vec<qemu::Disk>) -> Machine<'m>,
    /// The command that makes the mirror, in the first boot.
    pub(super) label: Option<&'a str>,
    /// The legs that failed before, and that a person adds.
    pub(super) to_add: Vec<usize>,
}

impl Life<'_, '_> {
    /// Runs the boot; `disks` are the legs, which have lost their power afterwards.
    pub(super) fn run(&mut self, disks: &mut [Disk], chance: &mut Rng) -> Result<Report> {
        let (script, power) = (self.script, Arc::new(Power::on()));
        let mut served = BTreeMap::new();
        for (leg, disk) in disks.iter_mut().enumerate() {
            if script.left_out != Some(leg) {
                served.insert(leg, Served::start(mem::take(disk), &power, script.lag[leg])?);
            }
        }
        let machine = (self.machine)(served.values().map(Served::disk).collect());
        let mut guest = Guest::boot(&machine, LIMIT)?;
        let told = self.talk(&mut guest, &served, &power);
        // The servers end when QEMU is gone.
        guest.cut_power();
        let (mut dead, mut lost) = (None, 0);
        for (leg, server) in served {
            let (mut disk, died) = server.end()?;
            dead = dead.or(died.then_some(leg));
            lost += disk.lose_power(chance);
            disks[leg] = disk;
        }
        Ok(Report { died: dead, lost, ..told? })
    }

    /// The whole conversation with the guest.
    fn talk(
        &mut self,
        guest: &mut Guest,
        served: &BTreeMap<usize, Served>,
        power: &Power,
    ) -> Result<Report> {
        let script = self.script;
        let mut report =
            Report { ended: "in recovery", stopped: false, copied: None, died: None, lost: 0 };
        if script.course == Course::Recovery {
            power.cut_after(script.cut_after, guest.sender());
        }
        let (mut talk, lines) = self.listen(guest)?;
        if talk == Talk::Prompt
            && let Some(label) = self.label
        {
            talk = self.ask(guest, label)?.0;
        } else if talk == Talk::Prompt && lines.iter().any(|line| line.contains(": held")) {
            ensure!(script.left_out.is_some(), "held, with all legs there");
            talk = self.ask(guest, "mirror start-degraded m0")?.0;
        }
        for leg in mem::take(&mut self.to_add) {
            if talk == Talk::Prompt {
                talk = self.ask(guest, &format!("mirror add m0 {leg}"))?.0;
            }
        }
        if talk == Talk::Prompt && script.course != Course::Hasty {
            talk = self.settle(guest, served, &mut report)?;
        }
        if talk == Talk::Dark {
            return Ok(report);
        }
        if let Some((leg, changes)) = script.dies {
            served[&leg].dies_after(changes);
        }
        power.cut_after(script.cut_after, guest.sender());
        report.ended =
            if script.course == Course::Hasty { "in recovery under load" } else { "under load" };
        let ((start, length), first) = (script.place, self.ledger.next());
        let torture =
            format!("torture m0 {start}s {length}s {REQUESTS} {} --first {first}", script.seed);
        if self.ask(guest, &torture)?.0 == Talk::Dark {
            return Ok(report);
        }
        report.ended = "idle";
        if script.stops {
            self.stop(guest, &mut report)?;
        }
        Ok(report)
    }

    /// Waits for the end of the recovery; then all legs are equal.
    fn settle(
        &mut self,
        guest: &mut Guest,
        served: &BTreeMap<usize, Served>,
        report: &mut Report,
    ) -> Result<Talk> {
        if self.ask(guest, "mirror wait m0")?.0 == Talk::Dark {
            return Ok(Talk::Dark);
        }
        let (talk, status) = self.ask(guest, "mirror status m0")?;
        if talk == Talk::Dark {
            return Ok(Talk::Dark);
        }
        let legs = format!("{} of {} legs in sync", served.len(), self.script.lag.len());
        let settled = status.iter().any(|line| line.ends_with(&legs))
            && figures::number_before(&status, " to be resynced") == Some(0);
        ensure!(settled, "not settled:\n{}", status.join("\n"));
        report.copied = figures::copies(&status);
        let mut looks = served.iter().map(|(leg, server)| (leg, server.look()));
        let (_, first) = looks.next().context("a mirror has a leg")?;
        for (leg, other) in looks {
            for sector in 0..self.ledger.sectors() {
                let [a, b] = [&first, &other].map(|disk| value_of(disk.content(), sector));
                let (a, b) = (a?, b?);
                ensure!(a == b, "settled, and in sector {sector} one leg has {a}, leg {leg} {b}");
            }
        }
        for sector in 0..self.ledger.sectors() {
            let value = value_of(first.content(), sector)?;
            self.ledger.answered(sector, value).context("settled")?;
        }
        drop(first);
        if self.script.rests { self.rest(guest) } else { Ok(Talk::Prompt) }
    }

    /// Waits until all regions are clean.
    fn rest(&mut self, guest: &mut Guest) -> Result<Talk> {
        let mut watch = Watch::of(LIMIT);
        loop {
            let (talk, status) = self.ask(guest, "mirror status m0")?;
            let dirty = figures::number_before(&status, " dirty,");
            if talk == Talk::Dark || dirty == Some(0) {
                return Ok(talk);
            }
            ensure!(watch.sees(dirty), "idle, and not clean:\n{}", status.join("\n"));
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Asks the guest to power off.
    fn stop(&mut self, guest: &mut Guest, report: &mut Report) -> Result<()> {
        guest.set_limit(Some(LIMIT));
        guest.send("poweroff");
        match guest.run(|_| ()) {
            Verdict::Passed => {
                (report.ended, report.stopped) = ("stopped", true);
                self.ledger.was_stopped()
            }
            Verdict::PoweredOff => {
                report.ended = "while stopping";
                Ok(())
            }
            verdict => bail!("{verdict}\n{}", guest.last_words()),
        }
    }

    fn ask(&mut self, guest: &mut Guest, line: &str) -> Result<(Talk, Vec<String>)> {
        guest.set_limit(Some(LIMIT));
        guest.send(line);
        self.listen(guest).with_context(|| line.to_owned())
    }

    /// Listens until the prompt is back or the power is gone.
    fn listen(&mut self, guest: &mut Guest) -> Result<(Talk, Vec<String>)> {
        let mut lines = Vec::new();
        loop {
            match guest.hear() {
                Heard::Line(line) => {
                    self.ledger.note(&line)?;
                    lines.push(line);
                }
                Heard::Prompt => {
                    ensure!(!guest.has_failed(), "{}", lines.join("\n"));
                    return Ok((Talk::Prompt, lines));
                }
                Heard::Ended(Verdict::PoweredOff) => return Ok((Talk::Dark, lines)),
                Heard::Ended(verdict) => bail!("{verdict}\n{}", guest.last_words()),
            }
        }
    }
}
