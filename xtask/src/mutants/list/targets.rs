//! The device mapper's own targets.

use super::Mutant;

const DELAY: &str = "kernel/dm/src/targets/delay.rs";
const ERROR: &str = "kernel/dm/src/targets/error.rs";
const FLAKEY: &str = "kernel/dm/src/targets/flakey.rs";
const LINEAR: &str = "kernel/dm/src/targets/linear.rs";
const STRIPED: &str = "kernel/dm/src/targets/striped.rs";
const ZERO: &str = "kernel/dm/src/targets/zero.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a linear part begins where its device does",
        rule: "a run of sectors of another device",
        file: LINEAR,
        edits: &[("let start = self.start + (bio", "let start = self.start.min(Sector(0)) + (bio")],
    },
    Mutant {
        name: "of a stripe only its first chunk counts as used",
        rule: "Each stripe is a part",
        file: STRIPED,
        edits: &[(
            "Part::new(&stripe.device, stripe.start, stripe.width);",
            "Part::new(&stripe.device, stripe.start, self.chunk);",
        )],
    },
    Mutant {
        name: "zeroes are what was there",
        rule: "reads as zeroes",
        file: ZERO,
        edits: &[("memory.fill(0);", "let _ = memory;")],
    },
    Mutant {
        name: "a broken disk takes writes",
        rule: "every read, write and discard fails",
        file: ERROR,
        edits: &[(
            "BufCmd::Read | BufCmd::Write { .. } | BufCmd::FreeBlks => bio.fail(ErrorKind::Media),
            BufCmd::Flush => bio.biodone(Ok(())),",
            "BufCmd::Read | BufCmd::FreeBlks => bio.fail(ErrorKind::Media),
            BufCmd::Write { .. } | BufCmd::Flush => bio.biodone(Ok(())),",
        )],
    },
    Mutant {
        name: "a discard goes the way of flushes",
        rule: "discards and flushes; with three, the third is for flushes",
        file: DELAY,
        edits: &[(
            "BufCmd::Write { .. } | BufCmd::FreeBlks => 1,
            BufCmd::Flush => 2,",
            "BufCmd::Write { .. } => 1,
            BufCmd::Flush | BufCmd::FreeBlks => 2,",
        )],
    },
    Mutant {
        name: "flushes that go to another device make writes durable",
        rule: "If flushes go to another device than writes, nothing is promised about durability",
        file: DELAY,
        edits: &[(
            "WriteCache::Volatile if !flushed => WriteCache::Unknown,",
            "WriteCache::Volatile if !flushed => WriteCache::Volatile,",
        )],
    },
    Mutant {
        name: "a delayed request is passed on before its time",
        rule: "passes requests on after a while",
        file: DELAY,
        edits: &[(
            "pop_front_if(|(due, _)| *due <= now)",
            "pop_front_if(|(due, _)| *due <= now + Duration::from_secs(1))",
        )],
    },
    Mutant {
        name: "what is due at this very moment waits for the next",
        rule: "passes requests on after a while",
        file: DELAY,
        edits: &[("pop_front_if(|(due, _)| *due <= now)", "pop_front_if(|(due, _)| *due < now)")],
    },
    Mutant {
        name: "delayed requests leave in the other order",
        rule: "Requests of a kind (read, write, flush) are passed on in their order",
        file: DELAY,
        edits: &[("state.waiting.push_back((due, bio));", "state.waiting.push_front((due, bio));")],
    },
    Mutant {
        name: "a suspension waits for a delay",
        rule: "A suspension waits for no delay",
        file: DELAY,
        edits: &[("        self.pass_on(Duration::MAX);\n", "")],
    },
    Mutant {
        name: "a request in a suspension is delayed",
        rule: "A suspension waits for no delay",
        file: DELAY,
        edits: &[("self.state.lock().hurries = true;", "let _ = self.state.lock().hurries;")],
    },
    Mutant {
        name: "a device that was suspended delays nothing any more",
        rule: "passes requests on after a while",
        file: DELAY,
        edits: &[(
            "self.lanes.iter().for_each(|lane| lane.state.lock().hurries = false);",
            "let _ = &self.lanes;",
        )],
    },
    Mutant {
        name: "a device is bad when it should be good",
        rule: "good for `up` seconds, then bad for `down`",
        file: FLAKEY,
        edits: &[(
            "elapsed % (self.up_s + self.down_s) >= self.up_s",
            "elapsed % (self.up_s + self.down_s) >= self.down_s",
        )],
    },
    Mutant {
        name: "the first second of a bad time is good",
        rule: "good for `up` seconds, then bad for `down`",
        file: FLAKEY,
        edits: &[(
            "elapsed % (self.up_s + self.down_s) >= self.up_s",
            "elapsed % (self.up_s + self.down_s) > self.up_s",
        )],
    },
    Mutant {
        name: "a corrupted write changes its originator's memory",
        rule: "A write's memory is its originator's and shared",
        file: FLAKEY,
        edits: &[(
            "        corrupt.apply(&mut data);\n",
            "        let _ = (&corrupt, &mut data);\n",
        )],
    },
    Mutant {
        name: "a corrupted write is durable no longer",
        rule: "a corrupted write is a copy, sent in place of the original",
        file: FLAKEY,
        edits: &[(
            "let write = if fua { Buf::write_fua } else { Buf::write };",
            "let write = if fua { Buf::write } else { Buf::write };",
        )],
    },
    Mutant {
        name: "bytes are counted from 0",
        rule: "byte n (from 1)",
        file: FLAKEY,
        edits: &[("usize::try_from(self.nth - 1)", "usize::try_from(self.nth)")],
    },
    Mutant {
        name: "a dropped write is written",
        rule: "these succeed, and nothing is done",
        file: FLAKEY,
        edits: &[(
            "Faults { writes: Writes::Drop, .. } => bio.biodone(Ok(())),",
            "Faults { writes: Writes::Drop, .. } => self.pass(bio, self.up.clone()),",
        )],
    },
    Mutant {
        name: "the stripes change places in the second row",
        rule: "chunks that lie on several devices in turn",
        file: STRIPED,
        edits: &[(
            "let (row, column) = (chunk / count, chunk % count);",
            "let (row, column) = (chunk / count, (chunk + chunk / count) % count);",
        )],
    },
    Mutant {
        name: "a request may reach one sector into the next chunk",
        rule: "A request within a chunk is passed on as it is",
        file: STRIPED,
        edits: &[(
            "+ extent.count().0 <= self.chunk.0 =>",
            "+ extent.count().0 <= self.chunk.0 + 1 =>",
        )],
    },
    Mutant {
        name: "a discard of several rows leaves out the end of a stripe",
        rule: "a discard into one part for each stripe",
        file: STRIPED,
        edits: &[(
            "Sector(sector.0 / row * self.chunk.0 + in_row)",
            "Sector(sector.0 / row * self.chunk.0 + in_row.min(self.chunk.0 - 1))",
        )],
    },
    Mutant {
        name: "what a device does not know is a failure of its stripe",
        rule: "What a device does not know is no fault of it",
        file: STRIPED,
        edits: &[(
            "Err(error) if error.kind != ErrorKind::Unsupported => {",
            "Err(error) if error.kind != ErrorKind::Aborted => {",
        )],
    },
    Mutant {
        name: "a broken stripe wakes somebody for ever",
        rule: "so that a broken disk wakes nobody for ever",
        file: STRIPED,
        edits: &[("if before < EVENTS_MAX {", "if before < EVENTS_MAX + 1 {")],
    },
    Mutant {
        name: "a chunk may cut blocks",
        rule: "the chunk one of every device's block",
        file: STRIPED,
        edits: &[(
            "if !chunk.0.is_multiple_of(block) {",
            "if chunk.0 == 0 && !chunk.0.is_multiple_of(block) {",
        )],
    },
];
