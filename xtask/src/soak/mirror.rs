//! A mirror of new disks, and its lives: boot, cut, judgement, boot again.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use fastrand::Rng;

use super::disk::Disk;
use super::judge::{Found, Plan, stamped};
use super::ledger::Ledger;
use super::life::{Life, Report, Script};
use crate::inspect::Program;
use crate::qemu::{self, Machine};

/// Size of the mirror, in sectors, and of its regions.
const SECTORS: usize = 16 << 11;
const REGION_SECTORS: usize = 256;

/// How many regions it has.
pub(super) const REGIONS: usize = SECTORS / REGION_SECTORS;

/// The command that makes it.
const LABEL: &str = "mirror label m0 vbd0 vbd1";

/// The disks, and what is known of them.
pub(super) struct Mirror {
    disks: Vec<Disk>,
    /// The images of the disks when the power is off, for the judge.
    images: Vec<PathBuf>,
    inspect: Rc<Program>,
    ledger: Ledger,
    /// What the next start would decide; none before the first one.
    plan: Option<Plan>,
}

/// A life, and the findings after it.
pub(super) struct Round {
    /// It made the mirror.
    pub(super) is_first: bool,
    pub(super) legs: usize,
    pub(super) left_out: Option<usize>,
    pub(super) report: Report,
    pub(super) found: Found,
}

impl Mirror {
    /// Disks that are no members, each full of old data of its own.
    pub(super) fn new(folder: &Path, inspect: &Rc<Program>, chance: &mut Rng) -> Self {
        let legs = if chance.u8(..3) == 0 { 3 } else { 2 };
        let values: Vec<u64> = (1..=legs).collect();
        let disks = values.iter().map(|&value| Disk::new(stamped(SECTORS, value))).collect();
        let images = values.iter().map(|leg| folder.join(format!("leg{}.img", leg - 1))).collect();
        let (ledger, inspect) = (Ledger::new(SECTORS, &values), inspect.clone());
        Self { disks, images, inspect, ledger, plan: None }
    }

    /// One boot to its end, and judgement.
    pub(super) fn round<'m>(
        &mut self,
        chance: &mut Rng,
        machine: &dyn Fn(Vec<qemu::Disk>) -> Machine<'m>,
    ) -> Result<Round> {
        let legs = self.disks.len();
        let any_can_go_on = |plan: &Plan| plan.agreed && plan.in_sync().len() == legs;
        let may_leave_out = self.plan.as_ref().is_some_and(any_can_go_on);
        let mut script = Script::draw(chance, legs, SECTORS, may_leave_out);
        let third = if legs == 3 { " vbd2" } else { "" };
        let label = format!("{LABEL}{third} --region {REGION_SECTORS}s");
        let label = self.plan.is_none().then_some(label.as_str());
        if label.is_some() {
            script = script.first();
        }
        let to_add = self.plan.as_ref().map_or(Vec::new(), Plan::kept_out);
        let mut life = Life { script: &script, ledger: &mut self.ledger, machine, label, to_add };
        let report = life.run(&mut self.disks, chance);
        // The images are also for a person, if something was found.
        for (disk, image) in self.disks.iter().zip(&self.images) {
            fs::write(image, disk.content()).with_context(|| image.display().to_string())?;
        }
        let report = report?;
        if let (Some(plan), Some(copied), None) = (&self.plan, report.copied, script.left_out) {
            let expected = plan.copies(REGIONS);
            let held = usize::try_from(copied).is_ok_and(|copied| expected.contains(&copied));
            ensure!(held, "{copied} regions were copied; {expected:?} were to be");
        }
        if !report.stopped {
            self.ledger.power_was_cut();
        }
        let plan = Plan::of(&self.images, &self.inspect)?;
        let images: Vec<&[u8]> = self.disks.iter().map(Disk::content).collect();
        let found = plan.judge(&images, &self.ledger)?;
        if report.stopped && report.copied.is_some() {
            ensure!(found.dirty == 0, "it was stopped, and {} regions are dirty", found.dirty);
        }
        self.plan = Some(plan);
        Ok(Round { is_first: label.is_some(), legs, left_out: script.left_out, report, found })
    }
}
