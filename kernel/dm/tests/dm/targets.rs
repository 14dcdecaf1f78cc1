//! zero, error and linear's errors, and what a target of one's own is called with.

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, IoError, IoResult, Limits, Sector};
use dm::{
    ArgError, Args, Context, DeviceRef, Devices, DmError, Events, MessageError, Slot, Suspend,
    Target, TargetType, UNLIMITED,
};

use crate::bench::{
    Originator, disk, dm, extent, memory, pattern, remove, resume, running, suspend,
};
use crate::watch;

#[test]
fn zero_reads_as_zeroes_and_forgets() {
    let dm = dm();
    let device = running(&dm, "d", "0 64 zero");
    assert_eq!(device.limits(), UNLIMITED);
    let originator = Originator::new(&dm, "d");
    originator.write(3, 4);
    originator.issue(Buf::flush(), 0);
    originator.issue(Buf::freeblks(extent(0, 64)), 1);
    assert_eq!(originator.ends(), [(3, Ok(())), (0, Ok(())), (1, Ok(()))]);
    let mut dirty = memory(8);
    dirty.fill(0xff);
    originator.issue(Buf::read(extent(0, 8), dirty), 0);
    assert_eq!(originator.end().0.into_read().unwrap(), memory(8));
}

#[test]
fn error_fails_all_that_moves_data() {
    let dm = dm();
    running(&dm, "d", "0 64 error");
    let originator = Originator::new(&dm, "d");
    originator.read(0, 2);
    originator.write(1, 2);
    originator.issue(Buf::freeblks(extent(2, 2)), 2);
    let failed = |resid| Err(IoError { kind: ErrorKind::Media, resid });
    assert_eq!(originator.ends(), [(0, failed(1024)), (1, failed(1024)), (2, failed(0))]);
    originator.issue(Buf::flush(), 0);
    assert_eq!(originator.end().1, Ok(()));
}

#[test]
fn linear_passes_errors_up() {
    let dm = dm();
    let a = disk(&dm, "a", 64);
    running(&dm, "d", "0 8 linear a 8");
    let originator = Originator::new(&dm, "d");
    originator.issue(Buf::write(extent(0, 1), pattern(0, 1)), 0);
    a.set_presence(sim::Presence::Gone);
    a.abandon();
    assert_eq!(originator.end().1.unwrap_err().kind, ErrorKind::Gone);
}

#[test]
fn tables_and_status_are_printed_by_line() {
    let dm = dm();
    disk(&dm, "a", 64);
    let device = running(&dm, "d", "0 8 linear a 8\n8 8 error\n16 4 zero");
    assert_eq!(device.table(Slot::Active).unwrap(), "0 8 linear a 8\n8 8 error\n16 4 zero\n");
    assert_eq!(device.status().unwrap(), "0 8 linear\n8 8 error\n16 4 zero\n");
    assert_eq!(device.table(Slot::Inactive), Err(DmError::NoTable));
}

/// A target type that notes every call.
#[derive(Clone, Default)]
struct Probe(Arc<ProbeLog>);

#[derive(Default)]
struct ProbeLog {
    calls: Mutex<Vec<String>>,
    /// What the targets were given to call when their background I/O ended.
    quiet: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
    events: Mutex<Option<Arc<Events>>>,
}

struct ProbeTarget {
    name: String,
    log: Probe,
}

impl Probe {
    fn note(&self, call: String) {
        watch::assert_unlocked();
        self.0.calls.lock().unwrap().push(call);
    }

    fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.0.calls.lock().unwrap())
    }

    /// Lets one target's background I/O end.
    fn end_background(&self) {
        let done = self.0.quiet.lock().unwrap().pop().expect("a target was suspended");
        done();
    }
}

impl TargetType for Probe {
    fn name(&self) -> &'static str {
        "probe"
    }

    fn version(&self) -> (u16, u16, u16) {
        (2, 1, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let name = args.next("probe name")?.text.to_string();
        self.note(format!("{name}: create, {} sectors", context.length));
        *self.0.events.lock().unwrap() = Some(context.events.clone());
        Ok(Arc::new(ProbeTarget { name, log: self.clone() }))
    }
}

impl Target for ProbeTarget {
    fn strategy(&self, bio: Bio) {
        self.log.note(format!("{}: {bio:?}", self.name));
        bio.biodone(Ok(()));
    }

    fn status(&self) -> String {
        format!("{} well", self.name)
    }

    fn table(&self) -> String {
        self.name.clone()
    }

    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        match words {
            ["who"] => Ok(self.name.clone()),
            ["die"] => Err(MessageError::Refused("a probe does not die".into())),
            _ => Err(MessageError::NotUnderstood),
        }
    }

    fn devices(&self) -> Vec<DeviceRef> {
        Vec::new()
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }

    fn suspend(&self, done: Box<dyn FnOnce() + Send>) {
        self.log.note(format!("{}: suspend", self.name));
        self.log.0.quiet.lock().unwrap().push(done);
    }

    fn resume(&self) {
        self.log.note(format!("{}: resume", self.name));
    }
}

impl Drop for ProbeTarget {
    fn drop(&mut self) {
        self.log.note(format!("{}: drop", self.name));
    }
}

fn probed() -> (dm::Dm, Probe) {
    let (dm, probe) = (dm(), Probe::default());
    dm.add_type(Arc::new(probe.clone())).unwrap();
    (dm, probe)
}

#[test]
fn a_target_is_resumed_before_and_suspended_after_its_requests() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe x\n8 8 probe y");
    let created = ["x: create, 8 sectors", "y: create, 8 sectors", "x: resume", "y: resume"];
    assert_eq!(probe.calls(), created);
    let originator = Originator::new(&dm, "d");
    originator.read(6, 4);
    assert_eq!(probe.calls(), ["x: Bio(Read 6+2)", "y: Bio(Read 0+2)"]);

    let suspended = suspend(&device, Suspend::Flush);
    let flushed = ["x: Bio(Flush 0+0)", "y: Bio(Flush 0+0)", "x: suspend", "y: suspend"];
    assert_eq!(probe.calls(), flushed);
    probe.end_background();
    assert!(!suspended.is_there(), "the other target is still at work");
    probe.end_background();
    assert_eq!(suspended.now(), Ok(()));

    originator.read(0, 1);
    assert_eq!(resume(&device).now(), Ok(()));
    assert_eq!(probe.calls(), ["x: resume", "y: resume", "x: Bio(Read 0+1)"]);
}

#[test]
fn a_suspended_target_is_flushed_and_suspended_again() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe x");
    let suspended = suspend(&device, Suspend::NoFlush);
    probe.end_background();
    assert_eq!(suspended.now(), Ok(()));
    probe.calls();
    assert_eq!(suspend(&device, Suspend::NoFlush).now(), Ok(()));
    assert!(probe.calls().is_empty(), "it is suspended already");
    let flushed = suspend(&device, Suspend::Flush);
    assert_eq!(probe.calls(), ["x: Bio(Flush 0+0)", "x: suspend"]);
    assert!(!flushed.is_there());
    probe.end_background();
    assert_eq!(flushed.now(), Ok(()));
}

#[test]
fn nothing_happens_to_a_target_until_its_background_has_ended() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe x");
    probe.calls();
    let suspended = suspend(&device, Suspend::NoFlush);
    assert_eq!(probe.calls(), ["x: suspend"]);
    let changing = Err(DmError::Changing);
    for how in [Suspend::Flush, Suspend::NoFlush] {
        assert_eq!(suspend(&device, how).now(), changing);
    }
    assert_eq!(resume(&device).now(), changing);
    assert_eq!(remove(&dm, "d").now(), changing);
    let originator = Originator::new(&dm, "d");
    originator.read(0, 1);
    drop((originator, device, dm));
    assert!(probe.calls().is_empty(), "it lives on, and in peace");
    probe.end_background();
    assert_eq!(suspended.now(), Ok(()));
    assert_eq!(probe.calls(), ["x: drop"]);
}

/// Issues another request from the completion of its first.
struct Again(DeviceRef);

impl BufDone for Again {
    fn buf_done(self: Arc<Self>, _buf: Buf, first: u64, _result: IoResult) {
        if first == 1 {
            let buf = Buf::read(extent(7, 1), memory(1));
            self.0.strategy(Bio::new(buf, self.clone(), 0));
        }
    }
}

#[test]
fn new_requests_queue_behind_the_held_ones() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe x");
    let suspended = suspend(&device, Suspend::NoFlush);
    probe.end_background();
    assert_eq!(suspended.now(), Ok(()));
    probe.calls();
    let again = Arc::new(Again(dm.open("d").unwrap()));
    device.strategy(Bio::new(Buf::read(extent(1, 1), memory(1)), again.clone(), 1));
    device.strategy(Bio::new(Buf::read(extent(2, 1), memory(1)), again, 0));
    assert_eq!(resume(&device).now(), Ok(()));
    let order = ["x: resume", "x: Bio(Read 1+1)", "x: Bio(Read 2+1)", "x: Bio(Read 7+1)"];
    assert_eq!(probe.calls(), order);
}

#[test]
fn a_swap_ends_the_old_targets_before_it_starts_the_new() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe old");
    dm.load("d", "0 8 probe new").unwrap();
    probe.calls();
    let resumed = resume(&device);
    assert_eq!(probe.calls(), ["old: Bio(Flush 0+0)", "old: suspend"]);
    assert!(!resumed.is_there());
    probe.end_background();
    assert_eq!(resumed.now(), Ok(()));
    assert_eq!(probe.calls(), ["old: drop", "new: resume"]);
}

#[test]
fn a_removed_device_ends_its_targets_without_a_flush() {
    let (dm, probe) = probed();
    running(&dm, "d", "0 8 probe x");
    dm.load("d", "0 8 probe never").unwrap();
    probe.calls();
    let removed = remove(&dm, "d");
    assert_eq!(probe.calls(), ["never: drop", "x: suspend"]);
    assert!(!removed.is_there());
    probe.end_background();
    assert_eq!(removed.now(), Ok(()));
    assert_eq!(probe.calls(), ["x: drop"]);
}

#[test]
fn a_replaced_or_cleared_table_never_started() {
    let (dm, probe) = probed();
    let device = dm.create("d").unwrap();
    dm.load("d", "0 8 probe a").unwrap();
    dm.load("d", "0 9 probe b").unwrap();
    assert_eq!(device.clear(), Ok(()));
    assert_eq!(device.clear(), Err(DmError::NoTable));
    let calls = ["a: create, 8 sectors", "b: create, 9 sectors", "a: drop", "b: drop"];
    assert_eq!(probe.calls(), calls);
}

#[test]
fn a_message_goes_to_the_target_at_its_sector() {
    let (dm, _probe) = probed();
    let device = running(&dm, "d", "0 8 probe x\n8 8 probe y\n16 8 zero");
    assert_eq!(device.message(Sector(0), &["who"]), Ok("x".to_string()));
    assert_eq!(device.message(Sector(8), &["who"]), Ok("y".to_string()));
    let refused = |why: &str| Err(MessageError::Refused(why.to_string()));
    assert_eq!(device.message(Sector(8), &["die"]), refused("a probe does not die"));
    assert_eq!(device.message(Sector(16), &["who"]), Err(MessageError::NotUnderstood));
    for sector in [Sector(24), Sector(u64::MAX)] {
        let why = "the device ends at 24; name a sector before that";
        assert_eq!(device.message(sector, &["who"]), refused(why));
    }
    assert_eq!(device.status().unwrap(), "0 8 probe x well\n8 8 probe y well\n16 8 zero\n");
}

#[test]
fn an_event_wakes_those_who_wait_for_it() {
    let (dm, probe) = probed();
    let device = running(&dm, "d", "0 8 probe x");
    let raise = || {
        let events = probe.0.events.lock().unwrap().clone();
        events.unwrap().raise();
    };
    let woken = Arc::new(Mutex::new(0));
    let wait = |seen| {
        let woken = woken.clone();
        device.events().wait(seen, Box::new(move || *woken.lock().unwrap() += 1));
    };
    wait(0);
    wait(0);
    assert_eq!(*woken.lock().unwrap(), 0);
    raise();
    assert_eq!((*woken.lock().unwrap(), device.info().events), (2, 1));
    wait(0);
    assert_eq!(*woken.lock().unwrap(), 3, "the event is past already");
    wait(1);
    raise();
    assert_eq!((*woken.lock().unwrap(), device.info().events), (4, 2));
}
