//! `mode=soak`: all disks under load for a while, to see whether one comes to a standstill.
//!
//! `seconds=N` on the command line says for how long. It cannot be a test in the list, since a
//! kick is lost once in some hundred thousand requests. `cargo xtask faults` boots it on a
//! machine that keeps no order between the CPU and its devices, and reads the last line.
//!
//! Overwrites the disks.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{BlockDevice, Buf, Extent, Sector, Sectors};
use bytes::{Bytes, BytesMut};
use drivers::virtio::blk::{Counts, State};
use shell::pattern::splitmix64;

use super::drivers::Flight;
use crate::arch::clock;
use crate::arch::exit::Verdict;
use crate::check;
use crate::disks::{self, Disk};
use crate::kprintln;
use crate::task::MaySleep;

/// Requests in flight on each disk: few, so that the device often goes to sleep, and more than
/// one, so that it does so while it is given the next request.
const DEPTH: usize = 8;
/// Length of a request.
const LENGTH: Sectors = Sectors(8);
/// One of this many requests is a flush.
const FLUSHES: u64 = 1000;

/// Loads all disks for `seconds`, and says what was done.
pub fn soak(may_sleep: &MaySleep, seconds: u64) -> Verdict {
    match load(may_sleep, Duration::from_secs(seconds)) {
        Ok(summary) => {
            kprintln!("soak: {summary}");
            Verdict::Success
        }
        Err(why) => {
            kprintln!("soak: FAILED: {why}");
            Verdict::Failed
        }
    }
}

fn load(may_sleep: &MaySleep, time: Duration) -> Result<String, String> {
    let disks: Vec<Load> = disks::all().into_iter().map(Load::new).collect();
    check!(!disks.is_empty(), "there is no disk");
    let before: Vec<Counts> = disks.iter().map(|load| load.disk.status().counts).collect();
    let (flight, data) = (Flight::new(), Bytes::from(alloc::vec![0x5a; LENGTH.bytes()]));
    let mut chance = 1;
    let mut issue = |number: usize, memory: BytesMut| {
        chance = splitmix64(chance);
        disks[number].issue(&flight, number as u64, chance, memory, &data);
    };
    for number in 0..disks.len() * DEPTH {
        issue(number % disks.len(), BytesMut::zeroed(LENGTH.bytes()));
    }
    let start = clock::now();
    let end = start + time.as_nanos() as u64;
    let mut in_flight = disks.len() * DEPTH;
    while in_flight > 0 {
        for (number, buf, result) in flight.land(may_sleep, 1) {
            let name = disks[number as usize].disk.name();
            check!(result == Ok(()), "{name}: {:?} {}: {result:?}", buf.cmd(), buf.extent());
            if clock::now() < end {
                let spare = || BytesMut::zeroed(LENGTH.bytes());
                issue(number as usize, buf.into_read().unwrap_or_else(spare));
            } else {
                in_flight -= 1;
            }
        }
    }
    let elapsed = Duration::from_nanos(clock::now() - start);
    summary(&disks, &before, elapsed)
}

/// A line for each disk, and the sum of them.
fn summary(disks: &[Load], before: &[Counts], elapsed: Duration) -> Result<String, String> {
    let mut sum = Counts::default();
    for (Load { disk, .. }, before) in disks.iter().zip(before) {
        let (name, status) = (disk.name(), disk.status());
        check!(status.state == State::Ready, "{name} is {:?}", status.state);
        let requests = status.counts.requests - before.requests;
        kprintln!("{name}: {requests} requests");
        sum.requests += requests;
        sum.kicks += status.counts.kicks - before.kicks;
        sum.late_kicks += status.counts.late_kicks - before.late_kicks;
        sum.repeated_kicks += status.counts.repeated_kicks - before.repeated_kicks;
        sum.unheard_interrupts += status.counts.unheard_interrupts - before.unheard_interrupts;
    }
    let Counts { requests, kicks, late_kicks, repeated_kicks, unheard_interrupts, .. } = sum;
    let seconds = elapsed.as_secs();
    Ok(format!(
        "{requests} requests answered in {seconds} s; {kicks} kicks, {late_kicks} of them late, \
         and {repeated_kicks} repeated; {unheard_interrupts} interrupts unheard"
    ))
}

/// A disk under load.
struct Load {
    disk: &'static Disk,
    device: Arc<dyn BlockDevice>,
}

impl Load {
    fn new(disk: &'static Disk) -> Load {
        Load { disk, device: disk.device() }
    }

    /// Issues a request that `chance` chooses; it lands under `number`.
    fn issue(
        &self,
        flight: &Arc<Flight>,
        number: u64,
        chance: u64,
        memory: BytesMut,
        data: &Bytes,
    ) {
        let places = self.device.capacity().0 / LENGTH.0;
        let at = Extent::new(Sector((chance >> 16) % places * LENGTH.0), LENGTH);
        let buf = match chance % FLUSHES {
            0 => Buf::flush(),
            draw if draw % 2 == 0 => Buf::write(at, data.clone()),
            _ => Buf::read(at, memory),
        };
        flight.issue(&*self.device, number, buf);
    }
}
