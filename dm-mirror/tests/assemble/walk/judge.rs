//! Compares a decision with what really happened.

use dm_mirror::assemble::{Missed, Plan, Refusal, Role, Verdict, assemble};
use dm_mirror::format::{HISTORY_MAX, Marks, MemberState, Region};

use super::disk::{Disk, REGIONS};
use super::world::{Person, World};
use crate::assemble::members::{moved, orders, renamed};

type Judgement = Result<(), String>;

fn must(holds: bool, what: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(what()) }
}

impl World {
    /// Judges the decision on a part of the members.
    pub(super) fn judge(&self, part: &[usize]) -> Judgement {
        let verdict = self.verdict(part, None)?;
        if !self.can_judge(part) {
            return Ok(());
        }
        match &verdict {
            Verdict::Start(plan) => {
                self.judge_plan(part, plan)?;
                self.judge_merge(part, plan)?;
                self.judge_automatic(part, plan)
            }
            Verdict::Hold { plan, .. } => {
                self.judge_plan(part, plan)?;
                self.judge_merge(part, plan)
            }
            Verdict::Refuse(Refusal::SplitBrain { sides, conflict }) => {
                self.judge_split(part, sides, conflict)
            }
            Verdict::Refuse(Refusal::NoneInSync) => {
                let evidence = part.iter().any(|slot| is_evidence(&self.disks[*slot]));
                must(!evidence, || format!("{part:?}: evidence is not believed"))
            }
            Verdict::Refuse(refusal) => Err(format!("{part:?}: {refusal:?}")),
        }
    }

    /// The verdict, the same in every order.
    fn verdict(&self, part: &[usize], keep: Option<usize>) -> Result<Verdict, String> {
        let members = self.members(part);
        let verdict = assemble(&members, keep);
        for order in orders(part.len()) {
            let reordered: Vec<_> = order.iter().map(|device| members[*device]).collect();
            let same = renamed(assemble(&reordered, moved(keep, &order)), &order) == verdict;
            must(same, || format!("{part:?}: another verdict in order {order:?}"))?;
        }
        Ok(verdict)
    }

    fn judge_plan(&self, part: &[usize], plan: &Plan) -> Judgement {
        let in_sync: Vec<(usize, &Disk)> = (self.disks.iter().enumerate())
            .filter(|(slot, _)| matches!(plan.roles[*slot], Role::InSync { .. }))
            .collect();
        must(!in_sync.is_empty(), || format!("{part:?}: a start with nobody"))?;
        for (slot, disk) in &in_sync {
            must(!disk.restored, || format!("{part:?}: the snapshot {slot} is in sync"))?;
            for region in 0..REGIONS {
                let legal = self.truth.is_legal(plan.newest.generation, region, disk.data[region]);
                must(legal, || format!("{part:?}: {slot} lost region {region}, in sync"))?;
                let differs = in_sync.iter().any(|(_, it)| it.data[region] != disk.data[region]);
                let shown = in_sync.iter().any(|(_, it)| it.marks(region).contains(Marks::DIRTY));
                must(!differs || shown, || format!("{part:?}: region {region} differs unseen"))?;
            }
        }
        for (slot, role) in plan.roles.iter().enumerate() {
            let Role::Return { missed, .. } = role else { continue };
            self.judge_return(part, slot, missed, &in_sync)?;
            self.judge_cost(part, slot, missed, plan)?;
        }
        Ok(())
    }

    /// A returner is given every region in which it differs.
    fn judge_return(
        &self,
        part: &[usize],
        slot: usize,
        missed: &Missed,
        in_sync: &[(usize, &Disk)],
    ) -> Judgement {
        let disk = &self.disks[slot];
        let everything = *missed == Missed::Everything;
        must(everything || !disk.restored, || format!("{part:?}: {slot} is a snapshot"))?;
        for region in 0..REGIONS {
            let differs = in_sync.iter().any(|(_, it)| it.data[region] != disk.data[region]);
            let given = is_in(missed, region);
            must(!differs || given, || {
                format!("{part:?}: {slot} is not given region {region}, where it differs")
            })?;
        }
        Ok(())
    }

    /// Where all is one line, nobody is given everything but a snapshot, and who
    /// was forgotten.
    fn judge_cost(&self, part: &[usize], slot: usize, missed: &Missed, plan: &Plan) -> Judgement {
        let disk = &self.disks[slot];
        let behind = self.truth.after(plan.newest.generation, disk.generation());
        let near = behind.is_some_and(|generations| generations <= HISTORY_MAX);
        let cheap = *missed != Missed::Everything || disk.restored || !near;
        must(cheap || self.person != Person::Careful, || {
            format!("{part:?}: {slot} is given everything")
        })
    }

    /// Whether one of them is older than another one's history goes back.
    fn is_forgotten(&self, part: &[usize]) -> bool {
        let generations = || part.iter().map(|slot| self.disks[*slot].generation());
        let behind = |it, other| self.truth.after(other, it).is_some_and(|it| it > HISTORY_MAX);
        generations().any(|it| generations().any(|other| behind(it, other)))
    }

    /// Nobody has acknowledged writes that the newest lacks, while that has some
    /// that they lack, unless a person decided: then a member that is there and
    /// was chosen stands for them.
    fn judge_merge(&self, part: &[usize], plan: &Plan) -> Judgement {
        let newest = plan.newest.generation;
        let evidence = || part.iter().map(|slot| &self.disks[*slot]).filter(|it| is_evidence(it));
        for it in evidence().map(Disk::generation) {
            if evidence().any(|other| self.truth.led_to(it, other.generation())) {
                continue;
            }
            let apart =
                self.truth.wrote_without(it, newest) && self.truth.wrote_without(newest, it);
            must(!apart, || format!("{part:?}: {it:?} ran apart and is merged"))?;
        }
        Ok(())
    }

    /// Who starts without being told knows of all that came after.
    fn judge_automatic(&self, part: &[usize], plan: &Plan) -> Judgement {
        let absent = (0..self.disks.len()).filter(|slot| !part.contains(slot));
        for slot in absent.filter(|slot| is_evidence(&self.disks[*slot])) {
            let after = self.truth.after(self.disks[slot].generation(), plan.newest.generation);
            must(matches!(after, None | Some(0)), || {
                format!("{part:?} start without {slot}, which is newer")
            })?;
        }
        Ok(())
    }

    fn judge_split(&self, part: &[usize], sides: &[Vec<usize>], conflict: &Missed) -> Judgement {
        let apart = self.person == Person::Reckless || self.is_forgotten(part);
        must(apart, || format!("{part:?}: apart without a cause"))?;
        must(sides.len() > 1, || format!("{part:?}: one side"))?;
        let devices = || sides.iter().flatten().copied();
        for (a, b) in devices().flat_map(|a| devices().map(move |b| (a, b))) {
            for region in 0..REGIONS {
                let (a, b) = (&self.disks[part[a]], &self.disks[part[b]]);
                let differs = a.data[region] != b.data[region];
                must(!differs || is_in(conflict, region), || {
                    format!("{part:?}: region {region} is in conflict and not shown")
                })?;
            }
        }
        // Whoever keeps a snapshot of a disk wants it as it is.
        for keep in devices().filter(|device| !self.disks[part[*device]].restored) {
            match self.verdict(part, Some(keep))? {
                Verdict::Start(plan) | Verdict::Hold { plan, .. } => {
                    self.judge_plan(part, &plan)?;
                    let kept = plan.newest.generation == self.disks[part[keep]].generation();
                    must(kept, || format!("{part:?}: {keep} was chosen and is not kept"))?;
                }
                Verdict::Refuse(refusal) => Err(format!("{part:?}, {keep} chosen: {refusal:?}"))?,
            }
        }
        Ok(())
    }
}

fn is_evidence(disk: &Disk) -> bool {
    disk.superblock().own().state == MemberState::InSync
}

fn is_in(missed: &Missed, region: usize) -> bool {
    match missed {
        Missed::Everything => true,
        Missed::Regions(regions) => regions.contains(&Region(region as u32)),
    }
}
