//! What happens to devices is noted under the names that they have then.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bio::ErrorKind;
use dm::{Dm, Env, Event, Severity, Suspend, Work};
use sim::{Landed, Outcome};

use crate::bench::{Ended, Originator, complete, disk, running};
use crate::watch;

/// Keeps what is noted.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Env for Notes {
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn run_after(&self, _: Duration, _: Arc<dyn Work>) {
        panic!("no target here delays work");
    }
    fn random(&self) -> u64 {
        0
    }
    fn note(&self, event: &Event<'_>) {
        watch::assert_unlocked();
        self.0.lock().unwrap().push(format!("{}: {}", event.device, event.what));
    }
}

#[test]
fn notes_carry_the_present_name_and_wake_nobody() {
    watch::install();
    let notes = Arc::new(Notes::default());
    let dm = Dm::new(notes.clone());
    let device = dm.create("old").unwrap();
    dm.load("old", "0 8 zero").unwrap();
    let settle = |begin: &dyn Fn(dm::Done)| {
        let (done, ended) = Ended::new();
        begin(done);
        assert_eq!(ended.now(), Ok(()));
    };
    settle(&|done| device.resume(done));
    dm.rename("old", "new").unwrap();
    device.events().wait(0, Box::new(|| panic!("a note woke somebody")));
    device.events().note(Severity::Warning, format_args!("told"));
    assert_eq!(device.info().events, 0);
    settle(&|done| device.suspend(Suspend::Flush, done));
    assert_eq!(*notes.0.lock().unwrap(), ["old: resumed", "new: told", "new: suspended"]);
}

#[test]
fn the_end_of_a_device_is_noted() {
    watch::install();
    let notes = Arc::new(Notes::default());
    let dm = Dm::new(notes.clone());
    dm.create("d").unwrap();
    let (done, ended) = Ended::new();
    dm.remove("d", done);
    assert_eq!(ended.now(), Ok(()));
    assert_eq!(*notes.0.lock().unwrap(), ["d: removed"]);
}

#[test]
fn the_failure_of_a_stripe_is_noted() {
    watch::install();
    let notes = Arc::new(Notes::default());
    let dm = Dm::new(notes.clone());
    let [_, b] = ["a", "b"].map(|name| disk(&dm, name, 8));
    running(&dm, "d", "0 16 striped 2 4 a 0 b 0");
    Originator::new(&dm, "d").read(5, 2);
    complete(&b, Outcome::Fail(ErrorKind::Media, Landed::None));
    let noted = notes.0.lock().unwrap().clone();
    assert_eq!(noted, ["d: resumed", "d: stripe 1: I/O error (1024 bytes not done)"]);
}
