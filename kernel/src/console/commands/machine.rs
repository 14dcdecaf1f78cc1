//! `threads`, `memory`, `interrupts`, `uptime`: the kernel itself.

use alloc::format;
use alloc::string::ToString;
use core::time::Duration;

use shell::format::{Align, Amount, Elapsed, Table};

use super::{or_dash, print_lines};
use crate::arch::clock;
use crate::arch::interrupts::{self, Usage};
use crate::console::Outcome;
use crate::mm::{self, frames, heap};
use crate::{kprintln, task};

/// Lists the threads.
pub fn threads() -> Outcome {
    use Align::{Left, Right};
    let mut table = Table::new([
        ("TID", Right),
        ("NAME", Left),
        ("PRIORITY", Left),
        ("STATE", Left),
        ("WAITS FOR", Left),
        ("CPU TIME", Right),
        ("SWITCHES", Right),
    ]);
    for thread in task::threads() {
        table.row([
            thread.tid.slot().to_string(),
            thread.name.to_string(),
            thread.priority.to_string(),
            thread.state.to_string(),
            or_dash(thread.wait.unwrap_or_default().into()),
            Elapsed(thread.cpu_time).to_string(),
            thread.switches.to_string(),
        ]);
    }
    print_lines(&table.to_string());
    Ok(())
}

/// Shows how memory is used.
pub fn memory() -> Outcome {
    use Align::Right;
    let (frames, heap) = (frames::stats(), heap::stats());
    let bytes = |frames: usize| Amount((frames * mm::PAGE_SIZE) as u64);
    let amount = |bytes: usize| Amount(bytes as u64);
    kprintln!("memory  {}, of which {} free", bytes(frames.total), bytes(frames.free));
    kprintln!(
        "heap    {}, of which {} in use, {} cached and {} in reserve; {} allocations since boot",
        amount(heap.capacity),
        amount(heap.in_use),
        amount(heap.cached),
        amount(heap.reserve),
        heap.allocations
    );
    kprintln!();
    let headings = [("BLOCKS OF", Right), ("IN USE", Right), ("CACHED", Right), ("MISSES", Right)];
    let mut table = Table::new(headings);
    for class in heap.classes.iter().filter(|class| class.in_use + class.cached > 0) {
        table.row([
            amount(class.size).to_string(),
            class.in_use.to_string(),
            class.cached.to_string(),
            class.misses.to_string(),
        ]);
    }
    print_lines(&table.to_string());
    Ok(())
}

/// Counts the interrupts.
pub fn interrupts() -> Outcome {
    use Align::{Left, Right};
    let mut table = Table::new([("VECTOR", Right), ("COUNT", Right), ("OWNER", Left)]);
    for Usage { vector, owner: (kind, number), count } in interrupts::usage() {
        table.row([format!("{vector:#x}"), count.to_string(), format!("{kind} {number}")]);
    }
    print_lines(&table.to_string());
    kprintln!("strays, which nobody had asked for: {}", interrupts::strays());
    Ok(())
}

/// Says how long the kernel has run.
pub fn uptime() -> Outcome {
    kprintln!("up {}", Elapsed(Duration::from_nanos(clock::now())));
    Ok(())
}
