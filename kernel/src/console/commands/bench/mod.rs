//! `bench`: how a device does under a load, and what that costs the devices below it.
//!
//! Place: `load` makes the requests, `counts` looks at the disks and mirrors below before
//! and after, `show` prints.
//!
//! Rule: `bench` counts the requests between the first request of the load and the end of the
//! last. Later work of a mirror (regions become clean some seconds after the last write) is not
//! counted.

mod counts;
mod show;

use alloc::format;

use bio::{Extent, Sectors};
use dm::{DeviceRef, Dm};
use shell::format::Amount;
use shell::load::Load;

use self::counts::{Below, Counts};
use crate::console::load::{self, LOAD_DEPTH_MAX, Measured, Plan};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, devices};
use crate::mm::heap;

/// What was measured.
#[derive(Debug)]
pub struct Figures {
    /// The result of the load.
    pub measured: Measured,
    /// The requests to the disks and mirrors below meanwhile.
    pub below: Counts,
    /// Allocations of the whole kernel meanwhile.
    pub allocations: u64,
}

/// Measures a device and prints the figures.
pub fn bench(session: &mut Session<'_>, name: &str, load: &Load, json: bool) -> Outcome {
    let figures = measure(session, name, load)?;
    if json {
        super::print_lines(&show::json(name, load, &figures));
    } else {
        super::print_lines(&show::text(name, load, &figures));
    }
    Ok(())
}

/// Measures a device. Fails when a request fails.
pub fn measure(session: &mut Session<'_>, name: &str, load: &Load) -> Result<Figures, Failure> {
    let (device, plan) = plan(session.dm, name, load)?;
    let below = Below::of(session.dm, name);
    let mut figures = None;
    session.job(Sectors::ZERO, |job| {
        let load = load::Load::new(&device, plan, job)?;
        let before = below.counts();
        let allocated = heap::allocations();
        let measured = load.run(job)?;
        let allocations = heap::allocations() - allocated;
        figures = Some(Figures { measured, below: below.counts().since(&before), allocations });
        Ok(())
    })?;
    Ok(figures.expect("a load that ended well has figures"))
}

/// The device, and the plan for it. Refuses a load that does not fit the device.
fn plan(dm: &Dm, name: &str, load: &Load) -> Result<(DeviceRef, Plan), Failure> {
    let device = match load.operation.writes() {
        true => devices::open_for_writing(dm, name)?,
        false => devices::open(dm, name)?,
    };
    let part = match load.length {
        Some(length) => devices::extent(&device, load.offset, length)?,
        None => devices::rest(&device, load.offset)?,
    };
    // This refuses a length that is no whole number of the device's blocks.
    let first = devices::extent(&device, load.offset, load.size)?;
    let length = first.count();
    let places = part.count().0 / length.0;
    if places == 0 {
        let (size, room) = (Amount(load.size.bytes()), Amount(part.count().bytes() as u64));
        return Err(Failure::new(format!("a request of {size} does not fit into {room}"))
            .and("give a smaller --size, or a larger --length"));
    }
    if load.depth > LOAD_DEPTH_MAX {
        return Err(Failure::new(format!("{} requests in flight are too many", load.depth))
            .and(&format!("the most are {LOAD_DEPTH_MAX}")));
    }
    let plan = Plan {
        operation: load.operation,
        random: load.random,
        extent: Extent::new(part.start(), Sectors(places * length.0)),
        length,
        depth: load.depth as usize,
        until: load.until,
        flush_every: load.flush_every,
    };
    Ok((device, plan))
}
