//! How long legs take: when a time begins, when it ends, and whose it is.

use super::Mutant;

const IO: &str = "dm-mirror/src/io/mod.rs";
const INNER: &str = "dm-mirror/src/io/inner.rs";
const TIMES: &str = "dm-mirror/src/io/times.rs";
const SEARCH: &str = "dm-mirror/src/io/search.rs";
const EXCHANGE: &str = "dm-mirror/src/io/exchange.rs";
const HISTOGRAM: &str = "kernel/bio/src/histogram.rs";
const PLOT: &str = "kernel/shell/src/plot.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a slow write shows on another leg",
        rule: "Each leg has its own times",
        file: IO,
        edits: &[(
            "inner.times.ended(leg, Kind::Write, slot.since[leg]);",
            "inner.times.ended(0, Kind::Write, slot.since[leg]);",
        )],
    },
    Mutant {
        name: "a read that failed has no time",
        rule: "Each report counts once, also one of an error",
        file: IO,
        edits: &[(
            "slot.bio = Some(bio);
                inner.times.ended(leg, Kind::Read, slot.since[leg]);",
            "slot.bio = Some(bio);
                if result.is_ok() {
                    inner.times.ended(leg, Kind::Read, slot.since[leg]);
                }",
        )],
    },
    Mutant {
        name: "what a check reads has no time",
        rule: "Each report counts once, also one of an error",
        file: IO,
        edits: &[(
            "(slot.own_bytes().memory[leg], slot.legs[leg]) = (memory, Some(bio));
                    inner.times.ended(leg, Kind::Read, slot.since[leg]);",
            "(slot.own_bytes().memory[leg], slot.legs[leg]) = (memory, Some(bio));",
        )],
    },
    Mutant {
        name: "a flush is timed as a write",
        rule: "flushes, and records",
        file: IO,
        edits: &[(
            "inner.times.ended(leg, Kind::Flush, since);",
            "inner.times.ended(leg, Kind::Write, since);",
        )],
    },
    Mutant {
        name: "a record has no time",
        rule: "flushes, and records",
        file: IO,
        edits: &[("                    inner.times.ended(leg, Kind::Record, since);\n", "")],
    },
    Mutant {
        name: "the time of a request begins with an older one",
        rule: "A time runs from when the leg is asked to its report",
        file: INNER,
        edits: &[(
            "slot.since[leg] = self.times.now();",
            "if slot.since[leg] == 0 {
            slot.since[leg] = self.times.now();
        }",
        )],
    },
    Mutant {
        name: "the time of a flush begins with the machine",
        rule: "A time runs from when the leg is asked to its report",
        file: INNER,
        edits: &[(
            "let since = self.times.now();
                let info",
            "let since = self.times.now() * 0;
                let info",
        )],
    },
    Mutant {
        name: "what a search reads has no time",
        rule: "flushes, and records",
        file: SEARCH,
        edits: &[("            inner.times.ended(leg, Kind::Record, since);\n", "")],
    },
    Mutant {
        name: "a clock that was read too early has centuries pass",
        rule: "If another thread's clock was read first, no time has passed",
        file: TIMES,
        edits: &[("record_nanos(took.max(0) as u64)", "record_nanos(took as u64)")],
    },
    Mutant {
        name: "after two years times are wrong",
        rule: "of which 56 bits are enough",
        file: TIMES,
        edits: &[(
            "(self.now.wrapping_sub(since) << 8) as i64 >> 8;",
            "self.now.wrapping_sub(since) as i64;",
        )],
    },
    Mutant {
        name: "by another table times begin anew",
        rule: "By another table a leg goes on with its times",
        file: EXCHANGE,
        edits: &[("            self.take_over_times(before, renumbered);\n", "")],
    },
    Mutant {
        name: "a leg goes on with the times of another",
        rule: "Goes on with a leg's times where another mirror stopped",
        file: TIMES,
        edits: &[(
            "let (mine, its) = (place(leg, kind), place(old, kind));",
            "let (mine, its) = (place(leg, kind), place(leg + 0 * old, kind));",
        )],
    },
    Mutant {
        name: "a time is shown with those half as long",
        rule: "at `n` those of 2^n ns and more",
        file: HISTOGRAM,
        edits: &[(
            "Self::longest_in(bucket).max(1).ilog2() as usize",
            "(Self::longest_in(bucket) / 2).max(1).ilog2() as usize",
        )],
    },
    Mutant {
        name: "one slow time among many is not drawn",
        rule: "so that one request in a million is seen",
        file: PLOT,
        edits: &[(
            "\"#\".repeat(bits(count).div_ceil(bits_each))",
            "\"#\".repeat(bits(count) / bits_each)",
        )],
    },
];
