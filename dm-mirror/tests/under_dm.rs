//! The mirror as the device mapper uses it: tables that go while requests return.

mod rig;

use std::sync::{Arc, Mutex};

use bio::{Bio, BlockDevice, Buf, BufCmd, BufDone, IoResult, Limits, Sectors};
use bytes::BytesMut;
use dm::{Dm, DmError, Suspend};
use dm_mirror::MirrorType;
use rig::{Later, extent};
use sim::{Outcome, SimDisk};

struct Nobody;

impl BufDone for Nobody {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, _: IoResult) {}
}

/// Two disks `d0` and `d1`, `low` over the first, the mirror `m` over `low` and
/// the other.
struct Stack {
    dm: Arc<Dm>,
    later: Arc<Later>,
    disks: Vec<Arc<SimDisk>>,
}

fn fine(result: Result<(), DmError>) {
    assert_eq!(result, Ok(()));
}

impl Stack {
    fn new(sync: &str) -> Stack {
        rig::watch_locks();
        let later = Arc::new(Later::default());
        let dm = Arc::new(Dm::new(later.clone()));
        dm.add_type(Arc::new(MirrorType)).unwrap();
        let disks: Vec<_> = (0..2).map(|_| SimDisk::new(Sectors(64), Limits::default())).collect();
        for (index, disk) in disks.iter().enumerate() {
            dm.add_disk(&format!("d{index}"), disk.clone()).unwrap();
        }
        let stack = Stack { dm, later, disks };
        stack.make("low", "0 64 linear d0 0");
        stack.make("m", &format!("0 64 mirror core 1 {sync} 2 low 0 d1 0"));
        stack
    }

    fn make(&self, name: &str, table: &str) {
        let device = self.dm.create(name).unwrap();
        self.dm.load(name, table).unwrap();
        device.resume(Box::new(fine));
    }

    fn issue(&self, buf: Buf) {
        self.dm.get("m").unwrap().strategy(Bio::new(buf, Arc::new(Nobody), 0));
    }

    /// Lets the resync go on until the first chunk is being read, and no further.
    fn begin_to_copy(&self) {
        assert!(self.later.one());
        let read = self.disks[0].pending(0).expect("a chunk is being read");
        assert_eq!(
            (read.cmd, self.disks[0].queued(), self.disks[1].queued()),
            (BufCmd::Read, 1, 0)
        );
        assert!(self.dm.get("m").unwrap().status().unwrap().contains(" AS "));
    }

    /// Completes everything and runs all work until nothing is left.
    fn drain(&self) {
        loop {
            let worked = self.later.one();
            let waits = self.disks.iter().find_map(|disk| Some((disk, disk.pending(0)?)));
            match waits {
                Some((disk, request)) => disk.complete(request.id, Outcome::Ok),
                None if !worked => return,
                None => {}
            }
        }
    }

    /// Removes the mirror and, when that calls back, what is under it.
    fn take_apart(&self) -> Result<(), DmError> {
        let (dm, said) = (self.dm.clone(), Arc::new(Mutex::new(None)));
        let answer = said.clone();
        let below = move |result| {
            fine(result);
            dm.remove("low", Box::new(move |result| *answer.lock().unwrap() = Some(result)));
        };
        self.dm.remove("m", Box::new(below));
        self.drain();
        let said = said.lock().unwrap().take();
        said.expect("both were answered")
    }
}

#[test]
fn when_a_mirror_is_removed_its_legs_are_closed() {
    let stack = Stack::new("nosync");
    stack.issue(Buf::read(extent(0, 1), BytesMut::zeroed(512)));
    stack.issue(Buf::write(extent(4, 1), vec![1; 512].into()));
    assert_eq!(stack.take_apart(), Ok(()));
}

#[test]
fn when_a_mirror_is_removed_in_a_resync_its_legs_are_closed() {
    let stack = Stack::new("sync");
    stack.begin_to_copy();
    assert_eq!(stack.take_apart(), Ok(()));
}

#[test]
fn a_suspended_mirror_copies_nothing_and_goes_on_when_resumed() {
    let stack = Stack::new("sync");
    let mirror = stack.dm.get("m").unwrap();
    stack.begin_to_copy();
    let suspended = Arc::new(Mutex::new(false));
    let tell = suspended.clone();
    mirror.suspend(
        Suspend::Flush,
        Box::new(move |result| {
            fine(result);
            *tell.lock().unwrap() = true;
        }),
    );
    assert!(!*suspended.lock().unwrap(), "the chunk in flight is waited for");
    stack.drain();
    assert!(*suspended.lock().unwrap() && mirror.status().unwrap().contains(" AS "));
    assert!(stack.disks.iter().all(|disk| disk.queued() == 0));
    mirror.resume(Box::new(fine));
    stack.drain();
    assert!(mirror.status().unwrap().contains(" AA "));
}

#[test]
fn a_table_is_swapped_under_a_mirror_that_copies() {
    let stack = Stack::new("sync");
    stack.begin_to_copy();
    stack.dm.load("m", "0 64 mirror core 1 nosync 1 d1 0").unwrap();
    let mirror = stack.dm.get("m").unwrap();
    mirror.resume(Box::new(fine));
    assert!(mirror.status().unwrap().contains(" AS "), "the old table's chunk is waited for");
    stack.drain();
    assert_eq!(mirror.status().unwrap().trim(), "0 64 mirror 1 d1 1/1 1 A 1 core");
    let below = stack.dm.clone();
    below.remove("low", Box::new(fine));
    stack.drain();
}
