//! Judges the contents of the disks when the power is off, before any recovery.
//!
//! `cargo xtask inspect` says what a start would decide about the images. This file compares
//! that decision with what the guest had said. Rules:
//!
//! - Each member that would be taken for in sync has, by itself, a legal value in every
//!   sector.
//! - If two of them differ in a region, a map says so (dirty). If a member that is to be
//!   rebuilt differs from them in a region, it will get that region.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::disk::SECTOR;
use super::ledger::Ledger;
use crate::inspect::Program;

/// Where the mirror's data begin, in sectors: what a new mirror has.
pub(super) const DATA_START: usize = 2048;

/// Bytes of a stamp, which fills a sector: address and number.
const STAMP: usize = 16;

/// What a start would decide about the leg in each slot.
pub(super) struct Plan {
    roles: Vec<Role>,
    /// Regions that a member in sync calls dirty.
    dirty: BTreeSet<usize>,
    /// All members have the newest record.
    pub(super) agreed: bool,
    region_sectors: usize,
}

enum Role {
    InSync,
    /// It gets these regions; all regions if they are not known.
    Return(Option<BTreeSet<usize>>),
    /// It failed for its medium, and gets nothing until a person adds it.
    KeptOut,
}

/// The findings, for the report.
pub(super) struct Found {
    /// Regions that a start would make equal.
    pub(super) dirty: usize,
    /// Regions that a leg to be rebuilt would get.
    pub(super) missed: usize,
    /// Regions in which the legs differ.
    pub(super) differing: usize,
}

impl Plan {
    /// Asks `inspect` about the images of all slots.
    pub(super) fn of(images: &[PathBuf], inspect: &Program) -> Result<Self> {
        let report = inspect.json(images)?;
        let verdict = &report["verdict"];
        if verdict["decision"] != "start" {
            bail!("the members would not start: {verdict}");
        }
        let slots = verdict["plan"]["slots"].as_array().context("a plan without slots")?;
        let slots = &slots[..images.len()];
        let roles = slots.iter().map(Role::of).collect::<Result<Vec<_>>>()?;
        let mut dirty = BTreeSet::new();
        let disks = report["disks"].as_array().context("a report without disks")?;
        for (disk, role) in disks.iter().zip(&roles) {
            if matches!(role, Role::InSync) {
                dirty.extend(regions(&disk["map"]["dirty"])?);
            }
        }
        let superblock = |disk: &Value| disk["superblock"]["generation"].clone();
        let agreed = disks.iter().all(|disk| superblock(disk) == superblock(&disks[0]));
        let region = disks[0]["superblock"]["region"].as_u64().context("no size of regions")?;
        Ok(Self { roles, dirty, agreed, region_sectors: usize::try_from(region)? })
    }

    /// The legs that would be taken for in sync.
    pub(super) fn in_sync(&self) -> Vec<usize> {
        self.legs_that(|role| matches!(role, Role::InSync))
    }

    /// The legs that a person has to add.
    pub(super) fn kept_out(&self) -> Vec<usize> {
        self.legs_that(|role| matches!(role, Role::KeptOut))
    }

    fn legs_that(&self, is: impl Fn(&Role) -> bool) -> Vec<usize> {
        let legs = self.roles.iter().enumerate();
        legs.filter(|(_, role)| is(role)).map(|(leg, _)| leg).collect()
    }

    /// How many copies of regions a start with all legs makes. Dirty regions are copied to each
    /// other leg in sync, and a leg to be rebuilt may get some of them twice. A leg that was
    /// kept out shows what it missed only when it is added.
    pub(super) fn copies(&self, regions: usize) -> RangeInclusive<usize> {
        let to = self.in_sync().len() - 1;
        let missed = |role: &Role| match role {
            Role::InSync => 0,
            Role::Return(missed) => missed.as_ref().map_or(regions, BTreeSet::len),
            Role::KeptOut => regions,
        };
        let least = self.dirty.len() * to;
        least..=least + self.roles.iter().map(missed).sum::<usize>()
    }

    /// Judges the images of all legs.
    pub(super) fn judge(&self, images: &[&[u8]], ledger: &Ledger) -> Result<Found> {
        let in_sync = self.in_sync();
        let mut differing = BTreeSet::new();
        for sector in 0..ledger.sectors() {
            let region = sector / self.region_sectors;
            let value =
                |leg: usize| value_of(images[leg], sector).with_context(|| format!("leg {leg}"));
            for &leg in &in_sync {
                ledger.may_hold(sector, value(leg)?).with_context(|| format!("leg {leg}"))?;
            }
            let first = value(in_sync[0])?;
            for (leg, role) in self.roles.iter().enumerate() {
                if value(leg)? == first {
                    continue;
                }
                differing.insert(region);
                let known = match role {
                    Role::InSync => self.dirty.contains(&region),
                    Role::Return(missed) => {
                        self.dirty.contains(&region)
                            || missed.as_ref().is_none_or(|missed| missed.contains(&region))
                    }
                    Role::KeptOut => true,
                };
                ensure!(
                    known,
                    "leg {leg} differs in sector {sector}: no map shows region {region}"
                );
            }
        }
        let missed = self.roles.iter().filter_map(|role| match role {
            Role::InSync | Role::KeptOut => None,
            Role::Return(missed) => Some(missed.as_ref().map_or(ledger.sectors(), BTreeSet::len)),
        });
        Ok(Found { dirty: self.dirty.len(), missed: missed.sum(), differing: differing.len() })
    }
}

impl Role {
    fn of(slot: &Value) -> Result<Self> {
        match slot["role"].as_str() {
            Some("in sync") => Ok(Self::InSync),
            Some("to be rebuilt") if slot["missed"] == "everything" => Ok(Self::Return(None)),
            Some("to be rebuilt") => Ok(Self::Return(Some(regions(&slot["missed"])?))),
            // It was failed for its medium, or by hand: it waits for a person.
            Some("kept out") if slot["why"].as_str().is_some_and(|why| why.contains("adds it")) => {
                Ok(Self::KeptOut)
            }
            _ => bail!("a leg is neither in sync, nor to be rebuilt, nor to be added: {slot}"),
        }
    }
}

/// The regions that a report lists as ranges, both ends included.
fn regions(value: &Value) -> Result<BTreeSet<usize>> {
    let ranges = value["ranges"].as_array().context("no list of regions")?;
    let mut all = BTreeSet::new();
    for range in ranges {
        let end = |index: usize| range[index].as_u64().and_then(|it| usize::try_from(it).ok());
        let (first, last) = end(0).zip(end(1)).context("a range without ends")?;
        all.extend(first..=last);
    }
    Ok(all)
}

/// The number of the request that wrote a sector of the mirror.
pub(super) fn value_of(image: &[u8], sector: usize) -> Result<u64> {
    let at = (DATA_START + sector) * SECTOR;
    let bytes = &image[at..at + SECTOR];
    let stamp: [u8; STAMP] = bytes[..STAMP].try_into()?;
    let (address, number) = (u128::from_le_bytes(stamp) as u64, u128::from_le_bytes(stamp) >> 64);
    let whole = bytes.chunks(STAMP).all(|piece| piece == stamp);
    ensure!(whole && address == sector as u64, "sector {sector} is torn, or another's");
    Ok(u64::try_from(number)?)
}

/// An image of `sectors` with blank records, whose data are all of request `number`.
pub(super) fn stamped(sectors: usize, number: u64) -> Vec<u8> {
    let mut image = vec![0; (DATA_START + sectors) * SECTOR];
    for (sector, bytes) in image[DATA_START * SECTOR..].chunks_mut(SECTOR).enumerate() {
        let stamp = (sector as u128 | u128::from(number) << 64).to_le_bytes();
        bytes.chunks_mut(STAMP).for_each(|piece| piece.copy_from_slice(&stamp));
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(roles: Vec<Role>, dirty: &[usize]) -> Plan {
        let dirty = dirty.iter().copied().collect();
        Plan { roles, dirty, agreed: true, region_sectors: 4 }
    }

    /// Eight sectors, two regions: the first leg has the value 1, the other one 2.
    fn images() -> [Vec<u8>; 2] {
        [stamped(8, 1), stamped(8, 2)]
    }

    #[test]
    fn a_difference_that_no_map_shows_is_found() {
        let ledger = Ledger::new(8, &[1, 2]);
        let [a, b] = images();
        let in_sync = || vec![Role::InSync, Role::InSync];
        assert_eq!(plan(in_sync(), &[0, 1]).judge(&[&a, &b], &ledger).unwrap().differing, 2);
        assert!(plan(in_sync(), &[0]).judge(&[&a, &b], &ledger).is_err());
        let missed = |regions: &[usize]| Role::Return(Some(regions.iter().copied().collect()));
        let with = |missed| plan(vec![Role::InSync, missed], &[]).judge(&[&a, &b], &ledger);
        assert!(with(missed(&[0, 1])).is_ok() && with(Role::Return(None)).is_ok());
        assert!(with(missed(&[1])).is_err());
    }

    #[test]
    fn a_value_that_may_not_be_is_found_on_a_leg_in_sync_only() {
        let mut ledger = Ledger::new(8, &[1, 2]);
        ledger.note("write 3 0 8").unwrap();
        ledger.note("durable 3").unwrap();
        let (a, b) = (stamped(8, 3), stamped(8, 2));
        let images: [&[u8]; 2] = [&a, &b];
        let in_sync = plan(vec![Role::InSync, Role::InSync], &[0, 1]);
        assert!(in_sync.judge(&images, &ledger).is_err());
        let returning = plan(vec![Role::InSync, Role::Return(None)], &[]);
        assert!(returning.judge(&images, &ledger).is_ok());
        assert_eq!(returning.in_sync(), [0]);
    }

    #[test]
    fn a_torn_sector_and_one_of_another_place_are_found() {
        let mut image = stamped(2, 7);
        assert_eq!(value_of(&image, 1).unwrap(), 7);
        let (a, b) = (DATA_START * SECTOR, (DATA_START + 1) * SECTOR);
        image.copy_within(a..b, b);
        assert!(value_of(&image, 1).is_err());
        image[b - 1] ^= 1;
        assert!(value_of(&image, 0).is_err());
    }
}
