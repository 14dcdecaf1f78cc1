//! What really happened: which generation followed which, and what each may hold.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use super::disk::{REGIONS, Value};

/// What is true of a generation.
#[derive(Clone, Debug)]
struct Era {
    /// The one before, of the same line.
    before: Option<Uuid>,
    /// Generations of other lines that a person decided against.
    adopted: Vec<Uuid>,
    /// A write was acknowledged.
    wrote: bool,
    /// What a member in sync may hold of each region: what was settled last, and
    /// what was written since.
    legal: [Vec<Value>; REGIONS],
}

#[derive(Debug)]
pub(super) struct Truth(BTreeMap<Uuid, Era>);

impl Truth {
    /// A new mirror, whose regions all hold 0.
    pub(super) fn new(generation: Uuid) -> Truth {
        let legal = std::array::from_fn(|_| vec![0]);
        let era = Era { before: None, adopted: vec![], wrote: false, legal };
        Truth([(generation, era)].into())
    }

    pub(super) fn minted(&mut self, generation: Uuid, before: Uuid, adopted: Vec<Uuid>) {
        let legal = self.0[&before].legal.clone();
        self.0.insert(generation, Era { before: Some(before), adopted, wrote: false, legal });
    }

    fn era(&mut self, generation: Uuid) -> &mut Era {
        self.0.get_mut(&generation).expect("it was minted")
    }

    /// A write begins.
    pub(super) fn may_hold(&mut self, generation: Uuid, region: usize, value: Value) {
        self.era(generation).legal[region].push(value);
    }

    pub(super) fn acknowledged(&mut self, generation: Uuid) {
        self.era(generation).wrote = true;
    }

    /// From now on every member in sync holds this, whatever happens.
    pub(super) fn settled(&mut self, generation: Uuid, region: usize, value: Value) {
        self.era(generation).legal[region] = vec![value];
    }

    pub(super) fn is_legal(&self, generation: Uuid, region: usize, value: Value) -> bool {
        self.0[&generation].legal[region].contains(&value)
    }

    /// How many generations this one's history has in front of the other one;
    /// `None` if that is not in its line.
    pub(super) fn after(&self, generation: Uuid, other: Uuid) -> Option<usize> {
        let mut distance = 0;
        let mut it = generation;
        while it != other {
            let era = &self.0[&it];
            distance += 1 + era.adopted.len();
            it = era.before?;
        }
        Some(distance)
    }

    /// The generation, those that led to it, and those decided against.
    fn past(&self, generation: Uuid) -> BTreeSet<Uuid> {
        let mut past = BTreeSet::new();
        let mut next = vec![generation];
        while let Some(it) = next.pop() {
            if past.insert(it) {
                next.extend(self.0[&it].before);
                next.extend(&self.0[&it].adopted);
            }
        }
        past
    }

    /// Whether one led to the other, or was decided against on the way there.
    pub(super) fn led_to(&self, generation: Uuid, other: Uuid) -> bool {
        generation != other && self.past(other).contains(&generation)
    }

    /// Whether writes were acknowledged in the line of one that are not in the
    /// past of the other.
    pub(super) fn wrote_without(&self, generation: Uuid, other: Uuid) -> bool {
        let past = self.past(other);
        let mut line = std::iter::successors(Some(generation), |it| self.0[it].before);
        line.any(|it| self.0[&it].wrote && !past.contains(&it))
    }
}
