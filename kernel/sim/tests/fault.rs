//! A scripted device fails what its script says, and nothing else.

use std::sync::Arc;

use bio::sync::{Lock, Rank};
use bio::{Bio, BlockDevice, Buf, BufDone, ErrorKind, Extent, IoResult, Limits, Sector, Sectors};
use sim::{FaultDisk, Hit, Outcome, SimDisk};

/// Keeps how requests ended.
struct Ends(Lock<Vec<Result<(), ErrorKind>>>);

impl BufDone for Ends {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
        self.0.lock().push(result.map_err(|error| error.kind));
    }
}

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

/// A read of one sector, a write of two, a flush: how each ends.
fn try_all(disk: &FaultDisk, below: &SimDisk) -> Vec<Result<(), ErrorKind>> {
    let ends = Arc::new(Ends(Lock::new(Rank::ORIGINATOR, Vec::new())));
    for buf in [
        Buf::read(extent(2, 1), vec![0; 512].as_slice().into()),
        Buf::write(extent(2, 2), vec![1; 1024].into()),
        Buf::flush(),
    ] {
        disk.strategy(Bio::new(buf, ends.clone(), 0));
        if let Some(passed) = below.pending(0) {
            below.complete(passed.id, Outcome::Ok);
        }
    }
    ends.0.lock().clone()
}

#[test]
fn a_rule_fails_what_it_hits_and_nothing_else() {
    let bad = Err(ErrorKind::Media);
    for (hit, expected) in [
        (Hit::All, [bad, bad, bad]),
        (Hit::Reads(extent(0, 3)), [bad, Ok(()), Ok(())]),
        (Hit::Reads(extent(3, 5)), [Ok(()), Ok(()), Ok(())]),
        (Hit::Writes(extent(3, 5)), [Ok(()), bad, Ok(())]),
        (Hit::Flushes, [Ok(()), Ok(()), bad]),
        (Hit::Nth(1), [Ok(()), bad, Ok(())]),
        (Hit::From(1), [Ok(()), bad, bad]),
    ] {
        let below = SimDisk::new(Sectors(8), Limits::default());
        let disk = FaultDisk::new(below.clone());
        disk.fail(hit, ErrorKind::Media);
        assert_eq!(try_all(&disk, &below), expected, "{hit:?}");
        let counts = disk.counts();
        assert_eq!((counts.reads, counts.writes, counts.flushes), (1, 1, 1));
        assert_eq!(counts.failed, expected.iter().filter(|end| end.is_err()).count() as u64);
        disk.forgive();
        assert_eq!(try_all(&disk, &below), [Ok(()); 3]);
    }
}

#[test]
fn the_first_rule_that_hits_decides() {
    let below = SimDisk::new(Sectors(8), Limits::default());
    let disk = FaultDisk::new(below.clone());
    disk.fail(Hit::Flushes, ErrorKind::Unsupported);
    disk.fail(Hit::All, ErrorKind::Gone);
    let (gone, no) = (Err(ErrorKind::Gone), Err(ErrorKind::Unsupported));
    assert_eq!(try_all(&disk, &below), [gone, gone, no]);
}
