//! Whether counting works: a few loads, and what must be true of their counts.
//!
//! Place: the suite `counting` asks. Rule: nothing depends on when QEMU answers. So only the
//! mirror's own instructions are compared, and only roughly.

use anyhow::{Context, Result};

use super::layers::Layers;
use super::matrix::Cell;
use super::on_null_disks;
use super::subjects::{self, Kind};
use super::talk::Talk;
use crate::build::Kernel;
use crate::provision::Tools;
use crate::qemu::accel::Accel;
use crate::qemu::counting::{self, Count};

/// The loads: a kind of device, and how many requests.
const LOADS: [(Kind, u64); 3] = [(Kind::Plain, 256), (Kind::Core, 256), (Kind::Core, 512)];

/// A promise, whether it was kept, and what was seen.
pub(crate) type Promise = (&'static str, bool, String);

/// Boots a guest that counts, and says which promises were kept.
pub(crate) fn counting(tools: &Tools, kernel: &Kernel) -> Result<Vec<Promise>> {
    let machine = on_null_disks(tools, kernel, Accel::TcgCounted, "counting")?;
    let mut talk = Talk::boot(&machine)?;
    for (kind, requests) in LOADS {
        let subject = subjects::ALL.iter().find(|it| it.kind == kind).context("no such device")?;
        if requests == LOADS[0].1 {
            for line in subject.made_by() {
                talk.ask(&line)?;
            }
        }
        let bytes = 4 << 10;
        let cell = Cell { writes: false, random: true, bytes, depth: 1, first_touch: false };
        talk.measure(&cell.command(subject, requests))?;
    }
    talk.end()?;
    let counts = counting::counts(&machine.logs)?;
    let all = counts.iter().flat_map(|count| count.times.iter().map(|(address, _)| *address));
    let layers = Layers::new(all, &kernel.elf)?;
    Ok(promises(&counts, &layers))
}

fn promises(counts: &[Count], layers: &Layers) -> Vec<Promise> {
    let of_mirror = |count: &Count| -> u64 {
        let shares = layers.shares(&count.times).into_iter();
        shares.filter(|(layer, _)| layer.starts_with("mirror: ")).map(|(_, times)| times).sum()
    };
    let whole = |count: &Count| count.times.iter().map(|(_, times)| times).sum::<u64>();
    let mirror: Vec<u64> = counts.iter().map(of_mirror).collect();
    let locks: Vec<Option<u64>> = counts.iter().map(|count| layers.locks(&count.times)).collect();
    let instructions: Vec<u64> = counts.iter().map(|count| count.instructions).collect();
    let mut promises = vec![(
        "each_load_is_counted",
        counts.len() == LOADS.len() && instructions.iter().all(|count| *count > 0),
        format!("{instructions:?}"),
    )];
    let [_, once, twice] = mirror[..] else { return promises };
    promises.extend([
        (
            "the_addresses_add_up_to_the_whole",
            counts.iter().all(|count| whole(count) == count.instructions),
            format!("{instructions:?}"),
        ),
        ("a_disk_alone_executes_nothing_of_the_mirror", mirror[0] == 0, format!("{mirror:?}")),
        (
            "twice_as_many_requests_are_twice_as_many_instructions_of_the_mirror",
            once > 0 && twice.abs_diff(2 * once) * 20 <= twice,
            format!("{mirror:?}"),
        ),
        (
            "locks_are_told",
            // The driver takes one for a request at least, a mirror two more.
            matches!(locks[..2], [Some(disk), Some(mirror)]
                if disk >= LOADS[0].1 && mirror >= 3 * LOADS[1].1),
            format!("{locks:?}"),
        ),
    ]);
    promises
}
