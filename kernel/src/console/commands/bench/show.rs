//! The figures of `bench`, in words and as JSON.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use shell::format::{Amount, Each, Elapsed, rate};
use shell::json::{self, json};
use shell::load::{Load, Operation};

use super::Figures;
use crate::console::commands::latency;
use crate::console::plural;

/// For a person, in lines.
pub fn text(name: &str, load: &Load, figures: &Figures) -> String {
    let Figures { measured, below, allocations } = figures;
    let of = measured.requests();
    let each = |count| Each { count, of };
    let mut text = format!(
        "{name}: {} of {}, {}, {} in flight, in {}\n",
        what(load.operation, of),
        Amount(load.size.bytes()),
        order(load),
        load.depth,
        Elapsed(measured.elapsed)
    );
    text += &format!("  {} requests a second (IOPS)", iops(of, measured.elapsed));
    if let Some(rate) = rate(bytes(load, of), measured.elapsed) {
        text += &format!(", {rate}/s");
    }
    text += &format!("\n  a request took {}\n", latency::words(&measured.times));
    if measured.flush_times.count() > 0 {
        let flushes = &measured.flush_times;
        text += &format!("  flushes: {}; one took {}\n", flushes.count(), latency::words(flushes));
    }
    text += &format!(
        "  each cost the disks {} requests, {} kicks, {} interrupts; the kernel {} allocations\n",
        each(below.requests),
        each(below.kicks),
        each(below.interrupts),
        each(*allocations)
    );
    text += &format!("  the disks were asked for {} flushes in all", below.flushes);
    if let Some(metadata) = below.metadata_writes() {
        text += &format!(
            "; mirrors wrote {metadata} records and {} copies of chunks",
            below.of_cause("copy").writes
        );
    }
    text
}

fn what(operation: Operation, count: u64) -> String {
    match operation {
        Operation::Read => plural(count, "read"),
        Operation::Write => plural(count, "write"),
        Operation::Mix => format!("{count} reads and writes"),
    }
}

fn order(load: &Load) -> &'static str {
    if load.random { "random" } else { "sequential" }
}

fn bytes(load: &Load, requests: u64) -> u64 {
    load.size.bytes().saturating_mul(requests)
}

fn iops(requests: u64, elapsed: Duration) -> u64 {
    let a_second = u128::from(requests) * 1_000_000_000 / elapsed.as_nanos().max(1);
    u64::try_from(a_second).unwrap_or(u64::MAX)
}

/// For programs. Times are in nanoseconds; counts are those of the whole load.
pub fn json(name: &str, load: &Load, figures: &Figures) -> String {
    let Figures { measured, below, allocations } = figures;
    let causes = below.mirror.as_ref().map(|causes| {
        let mut object = json!({});
        for (cause, asked) in causes {
            object[*cause] = json!({ "writes": asked.writes, "flushes": asked.flushes });
        }
        object
    });
    let requests = measured.requests();
    json::text(&json!({
        "device": name,
        "operation": match load.operation {
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Mix => "mix",
        },
        "order": order(load),
        "request_bytes": load.size.bytes(),
        "depth": load.depth,
        "requests": requests,
        "reads": measured.reads,
        "writes": measured.writes,
        "flushes": measured.flush_times.count(),
        "elapsed_ns": latency::nanos(measured.elapsed),
        "iops": iops(requests, measured.elapsed),
        "bytes_per_second":
            rate(bytes(load, requests), measured.elapsed).map(|Amount(bytes)| bytes),
        "latency_ns": latency::json(&measured.times),
        "flush_latency_ns": latency::json(&measured.flush_times),
        "allocations": allocations,
        "disks": {
            "requests": below.requests,
            "flushes": below.flushes,
            "kicks": below.kicks,
            "interrupts": below.interrupts,
        },
        "mirror": below.metadata_writes().map(|metadata| json!({
            "metadata_writes": metadata,
            "by_cause": causes,
        })),
    }))
}
