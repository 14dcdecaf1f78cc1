//! Which legs of one mirror are legs of another, when a table is exchanged.

use alloc::sync::Arc;
use core::{array, mem};

use bio::Sector;

use super::Mirror;
use super::times::Times;
use crate::core::parts::leg::LEGS_MAX;

/// Where a leg lies.
type Place = (Arc<str>, Sector);

impl Mirror {
    fn place_of(&self, leg: usize) -> Option<Place> {
        let leg = self.legs.get(leg)?;
        leg.device.as_ref().map(|device| (device.name(), leg.offset))
    }

    /// Goes on where `before` stopped, if some leg of one is a leg of the other.
    pub(crate) fn take_over(self: &Arc<Self>, before: &Mirror) {
        let here = |place: Place| {
            (0..self.legs.len()).find(|&leg| self.place_of(leg).as_ref() == Some(&place))
        };
        let renumbered = array::from_fn(|leg| before.place_of(leg).and_then(here));
        if renumbered.iter().any(Option::is_some) {
            let estate = before.inner.lock().core.leave();
            self.meet(|inner, _, _| inner.core.take_over(&estate, renumbered));
            self.take_over_times(before, renumbered);
        }
    }

    /// How long legs took goes over with their counts. No leg is asked for anything
    /// meanwhile, by either mirror, but somebody may look: each has the times of all its legs
    /// at any moment. Without memory for that they begin anew: nothing depends on them.
    fn take_over_times(&self, before: &Mirror, renumbered: [Option<usize>; LEGS_MAX]) {
        let Ok(mut times) = Times::try_new(before.legs.len()) else { return };
        mem::swap(&mut times, &mut before.inner.lock().times);
        let mut inner = self.inner.lock();
        let pairs = renumbered.into_iter().enumerate();
        for (old, leg) in pairs.filter_map(|(old, leg)| Some((old, leg?))) {
            inner.times.take_over(leg, &mut times, old);
        }
        drop(inner);
        mem::swap(&mut times, &mut before.inner.lock().times);
    }
}
