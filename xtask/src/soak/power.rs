//! The power of the whole machine: when it goes, all disks stop at once.
//!
//! Disks ask before each request. A cut by count comes at a point of the protocol, at a record
//! as likely as at data. A cut by time would move on a slow host.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::qemu::Event;

/// Whether disks may work.
pub(super) struct Power(Mutex<State>);

enum State {
    On,
    /// On for this many further requests that change a disk. Then the guest's listener is told.
    Counting(u64, Sender<Event>),
    Off,
}

impl Power {
    /// Power that is on.
    pub(super) fn on() -> Self {
        Self(Mutex::new(State::On))
    }

    /// Cuts it after `changes` more requests that change a disk, flushes included; `tell`
    /// leads to the guest.
    pub(super) fn cut_after(&self, changes: u64, tell: Sender<Event>) {
        let mut state = self.state();
        if !matches!(*state, State::Off) {
            *state = State::Counting(changes, tell);
        }
    }

    /// Whether a disk may carry out a request.
    pub(super) fn permits(&self, changes: bool) -> bool {
        let mut state = self.state();
        match &mut *state {
            State::On => true,
            State::Counting(0, tell) => {
                // A guest that is gone needs no telling.
                let _ = tell.send(Event::PowerCut);
                *state = State::Off;
                false
            }
            State::Counting(left, _) => {
                *left -= u64::from(changes);
                true
            }
            State::Off => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn reads_do_not_count_and_the_cut_is_told_once() {
        let (tell, told) = channel();
        let power = Power::on();
        assert!(power.permits(true));
        power.cut_after(1, tell);
        assert!(power.permits(false) && power.permits(true));
        assert!(!power.permits(false) && !power.permits(true));
        assert!(matches!(told.try_iter().collect::<Vec<_>>()[..], [Event::PowerCut]));
    }
}
