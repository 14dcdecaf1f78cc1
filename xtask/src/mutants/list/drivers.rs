//! virtio-blk and its ring.

use super::Mutant;

const BLK: &str = "drivers/src/virtio/blk/mod.rs";
const CONFIG: &str = "drivers/src/virtio/blk/config.rs";
const EXCHANGE: &str = "drivers/src/virtio/blk/exchange.rs";
const GLANCE: &str = "drivers/src/virtio/blk/glance.rs";
const LOOK: &str = "drivers/src/virtio/ring/look.rs";
const QUEUE: &str = "drivers/src/virtio/blk/queue.rs";
const RING: &str = "drivers/src/virtio/ring/mod.rs";
const SHARED: &str = "drivers/src/virtio/ring/shared.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "the test for a kick does not wrap",
        rule: "Correct across the wrap at 65,536",
        file: RING,
        edits: &[(
            "new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)",
            "event >= old && event < new",
        )],
    },
    Mutant {
        name: "the request that the device asks for is not kicked for",
        rule: "A device is kicked only when it asked for it",
        file: RING,
        edits: &[(
            "new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)",
            "new.wrapping_sub(event) < new.wrapping_sub(old)",
        )],
    },
    Mutant {
        name: "a wish that was not to be seen yet is never seen",
        rule: "With EVENT_IDX its wish is a level",
        file: RING,
        edits: &[(
            "self.told = if wanted { new } else { old };",
            "self.told = new;\n        let _ = old;",
        )],
    },
    Mutant {
        name: "every push is kicked",
        rule: "once for any number of",
        file: RING,
        edits: &[(
            "let wanted = passes(wish, old, new);",
            "let wanted = passes(wish, old, new) || old != new;",
        )],
    },
    Mutant {
        name: "a device that says it wants no kick is kicked",
        rule: "It may poll by itself, and",
        file: RING,
        edits: &[("& NO_NOTIFY == 0;", "& NO_NOTIFY != u16::MAX;")],
    },
    Mutant {
        name: "a device that answers more than it was given is believed",
        rule: "Nothing that the device writes is trusted",
        file: RING,
        edits: &[("if ahead > in_flight {", "if ahead > in_flight && ahead > 0x7fff {")],
    },
    Mutant {
        name: "a device that wrote more than it was lent is believed",
        rule: "no more than it was lent",
        file: RING,
        edits: &[("if written > lent => {", "if written > lent.saturating_mul(2) => {")],
    },
    Mutant {
        name: "memory that a device wrote past is taken back",
        rule: "what the device holds stays with it",
        file: RING,
        edits: &[(
            "                slot.loan = loan;\n                return Err(DeviceFault::Overlong",
            "                drop(loan);\n                return Err(DeviceFault::Overlong",
        )],
    },
    Mutant {
        name: "a descriptor in the middle of a slot is taken for the slot",
        rule: "The slot whose chain starts at descriptor",
        file: RING,
        edits: &[("(id.is_multiple_of(self.stride) && usize::from(index)", "(usize::from(index)")],
    },
    Mutant {
        name: "an answer that came before the unmuting is left to an interrupt",
        rule: "it has to be reaped without an interrupt",
        file: RING,
        edits: &[(
            "        full_barrier();\n        self.answers() != 0",
            "        full_barrier();\n        self.answers() == u16::MAX",
        )],
    },
    Mutant {
        name: "the device is told to interrupt one answer late",
        rule: "Asks the device to interrupt at its next answer",
        file: RING,
        edits: &[(
            "used_event().store(self.last_used,",
            "used_event().store(self.last_used.wrapping_add(1),",
        )],
    },
    Mutant {
        name: "the newest request counts as fetched",
        rule: "the device asks to be told of the request under index `w`, so it had not fetched that one",
        file: LOOK,
        edits: &[(
            "(asked_for <= unanswered).then_some(asked_for)",
            "(asked_for <= unanswered).then_some(asked_for.saturating_sub(1))",
        )],
    },
    Mutant {
        name: "what stands still after it was answered is kicked",
        rule: "The device was not heard: there are answers",
        file: LOOK,
        edits: &[(
            "before.used != before.reaped && self.reaped == before.reaped",
            "before.used != before.reaped && self.reaped == before.reaped && self.used == self.reaped",
        )],
    },
    Mutant {
        name: "a wish that moves counts as a standstill",
        rule: "What has not moved since",
        file: LOOK,
        edits: &[(
            "(Some(1..), Some(1..)) => self.wish == before.wish,",
            "(Some(1..), Some(1..)) => true,",
        )],
    },
    Mutant {
        name: "a wish that is out of date is believed",
        rule: "or its wish is out of date",
        file: LOOK,
        edits: &[(
            "(asked_for <= unanswered).then_some(asked_for)",
            "Some(asked_for.min(unanswered))",
        )],
    },
    Mutant {
        name: "the status lies behind the payload as the device reads it",
        rule: "header and status",
        file: SHARED,
        edits: &[(
            "add(area + offset_of!(Area, status) as u64, 1, WRITE);",
            "add(area + offset_of!(Area, status) as u64, 1, 0);",
        )],
    },
    Mutant {
        name: "the second segment begins where the first does",
        rule: "Descriptors of a chain besides its payload's",
        file: SHARED,
        edits: &[(
            "add(self.payload + u64::from(done), len, flags);",
            "add(self.payload, len, flags);",
        )],
    },
    Mutant {
        name: "a slot's table lies in the area of the first",
        rule: "What a slot owns besides its payload",
        file: SHARED,
        edits: &[(
            "let paddr = self.areas_paddr + u64::from(index) * size_of::<Area>() as u64;",
            "let paddr = self.areas_paddr + u64::from(index.min(0)) * size_of::<Area>() as u64;",
        )],
    },
    Mutant {
        name: "a request that waits overtakes nobody and is never issued",
        rule: "Collects what the device has done and gives it what waits",
        file: QUEUE,
        edits: &[(
            "                while self.ring.has_room() {\n",
            "                while self.ring.has_room() && self.ring.in_flight() > 0 {\n",
        )],
    },
    Mutant {
        name: "a long request is done when its first part is",
        rule: "it was too long for one request",
        file: QUEUE,
        edits: &[(
            "if transfer.done < total || (must_flush",
            "if transfer.done == Sectors::ZERO && transfer.done < total || (must_flush",
        )],
    },
    Mutant {
        name: "the second part of a long request goes where the first went",
        rule: "Hands the device the next request of a transfer",
        file: QUEUE,
        edits: &[(
            "let at = transfer.bio.extent().start() + transfer.done;",
            "let at = transfer.bio.extent().start();",
        )],
    },
    Mutant {
        name: "the second part of a long request has the first one's bytes",
        rule: "Hands the device the next request of a transfer",
        file: QUEUE,
        edits: &[(
            "transfer.done.bytes()..(transfer.done + transfer.part).bytes()",
            "0..transfer.part.bytes()",
        )],
    },
    Mutant {
        name: "a forced write is not flushed by the disk",
        rule: "or a FUA write needs",
        file: QUEUE,
        edits: &[(
            "let must_flush = fua && self.config",
            "let must_flush = !fua && fua && self.config",
        )],
    },
    Mutant {
        name: "a forced write is done although its flush failed",
        rule: "What was to be flushed and was not is not done",
        file: QUEUE,
        edits: &[(
            "BufCmd::Write { .. } if flushing => count.bytes(),",
            "BufCmd::Write { .. } if flushing => 0,",
        )],
    },
    Mutant {
        name: "a read that was not wholly written is done",
        rule: "A read that is reported done but was not written completely is not done",
        file: QUEUE,
        edits: &[(
            "OK if reads && (written as usize) < expected => Err(ErrorKind::Media),",
            "OK if reads && (written as usize) + expected == 0 => Err(ErrorKind::Media),",
        )],
    },
    Mutant {
        name: "an answer that means nothing means that all is well",
        rule: "What a device's answer to a transfer's request means",
        file: QUEUE,
        edits: &[(
            "        UNSUPPORTED => Err(ErrorKind::Unsupported),\n        _ => Err(ErrorKind::Media),",
            "        UNSUPPORTED => Err(ErrorKind::Unsupported),\n        1 => Err(ErrorKind::Media),\n        _ => Ok(()),",
        )],
    },
    Mutant {
        name: "a disk that was given up takes requests",
        rule: "No more requests are taken, for",
        file: QUEUE,
        edits: &[(
            "        if let Some(kind) = self.state.refusal() {\n            return Some(self.fail_whole(bio, kind));\n        }\n",
            "",
        )],
    },
    Mutant {
        name: "the last reason for giving a disk up stands",
        rule: "The first reason stands",
        file: QUEUE,
        edits: &[(
            "        if !matches!(self.state, State::Barred(_)) {\n            self.state",
            "        {\n            self.state",
        )],
    },
    Mutant {
        name: "a disk is given up one tick early",
        rule: "held a request for more than `timeout` ticks",
        file: QUEUE,
        edits: &[("self.ticks - job.since > timeout", "self.ticks - job.since >= timeout")],
    },
    Mutant {
        name: "the newest request decides whether a disk hangs",
        rule: "held a request for more than `timeout` ticks",
        file: QUEUE,
        edits: &[(
            "let job = Job { work: Work::Transfer(transfer), since: self.ticks };",
            "let job = Job { work: Work::Transfer(transfer), since: self.ticks + 1000 };",
        )],
    },
    Mutant {
        name: "a disk that is given up keeps those who wait",
        rule: "and all it has will fail",
        file: QUEUE,
        edits: &[(
            "                self.give_up(kind, batch);\n                self.refuse_waiting(refusal.unwrap_or(kind), batch);",
            "                let _ = refusal;\n                self.give_up(kind, batch);",
        )],
    },
    Mutant {
        name: "a block size that is no power of two is believed",
        rule: "The largest block size believed",
        file: CONFIG,
        edits: &[("if !block_size.is_power_of_two()\n            || !(", "if !(")],
    },
    Mutant {
        name: "a segment ends within a block",
        rule: "A segment holds whole blocks, so that each ends where a block does",
        file: CONFIG,
        edits: &[(
            "size_max.min(SEGMENT_BYTES_MAX) / block_size * block_size",
            "size_max.min(SEGMENT_BYTES_MAX)",
        )],
    },
    Mutant {
        name: "a device that need not zero what it discards discards",
        rule: "the permission to unmap, or nothing",
        file: CONFIG,
        edits: &[(
            "if has(Features::WRITE_ZEROES) && byte(device, WRITE_ZEROES_MAY_UNMAP)? == 1 {",
            "if has(Features::WRITE_ZEROES) {",
        )],
    },
    Mutant {
        name: "a disk without FLUSH is durable",
        rule: "The device says whether its cache is volatile",
        file: CONFIG,
        edits: &[("            WriteCache::Unknown\n", "            WriteCache::WriteThrough\n")],
    },
    Mutant {
        name: "a disk that is read-only takes writes",
        rule: "A read-only disk is one whether we like it or not",
        file: BLK,
        edits: &[(
            "(wanted | Features::VERSION_1 | Features::RO)",
            "(wanted | Features::VERSION_1)",
        )],
    },
    Mutant {
        name: "a request that ends beyond the disk reaches it",
        rule: "What is wrong with a request before the device is asked",
        file: BLK,
        edits: &[(
            "|| !extent.fits(self.capacity()) {",
            "|| extent.start().0 >= self.capacity().0 {",
        )],
    },
    Mutant {
        name: "a lost interrupt is made up for once",
        rule: "Completes all that is done",
        file: BLK,
        edits: &[(
            "            batch.into_iter().for_each(|ended| self.complete(ended));\n        }",
            "            batch.into_iter().for_each(|ended| self.complete(ended));\n            break;\n        }",
        )],
    },
    Mutant {
        name: "a disk that can do less is the same",
        rule: "if it has the same serial number and the same abilities",
        file: EXCHANGE,
        edits: &[(
            "self.config == other.config && named",
            "self.config.features == other.config.features && named",
        )],
    },
    Mutant {
        name: "a return is no reset",
        rule: "so a return counts as a reset",
        file: EXCHANGE,
        edits: &[(
            "self.resets.fetch_add(1, Ordering::Release);",
            "self.resets.fetch_add(0, Ordering::Release);",
        )],
    },
    Mutant {
        name: "a disk that serves is taken over",
        rule: "or if this one was not barred before",
        file: EXCHANGE,
        edits: &[(
            "if !matches!(queue.state, State::Barred(_)) || !queue.is_idle() {",
            "if !queue.is_idle() {",
        )],
    },
    Mutant {
        name: "a disk keeps the size that it had when it left",
        rule: "which is the same disk come back",
        file: EXCHANGE,
        edits: &[(
            "        self.capacity.store(capacity.0, Ordering::Relaxed);\n",
            "        let _ = capacity;\n",
        )],
    },
    Mutant {
        name: "a lost kick is never repeated",
        rule: "is told or fetched once more",
        file: GLANCE,
        edits: &[("                    self.notify();\n", "")],
    },
    Mutant {
        name: "a slow device is pestered",
        rule: "so that a slow device is not told too often",
        file: GLANCE,
        edits: &[(
            "if self.still.is_power_of_two() || self.still.is_multiple_of(GLANCES_APART_MAX) {",
            "if self.still > 0 {",
        )],
    },
    Mutant {
        name: "a plugged disk is told of each request",
        rule: "a batch costs one kick",
        file: BLK,
        edits: &[("if self.plugs.load(Ordering::Acquire) == 0 {", "if true {")],
    },
    Mutant {
        name: "a disk is told though somebody else still plugs",
        rule: "unless another caller still plugs",
        file: BLK,
        edits: &[("before.is_ok_and(|before| before <= 1)", "before.is_ok()")],
    },
    Mutant {
        name: "an unplugged disk is not told of what came meanwhile",
        rule: "Tells the device of what came meanwhile",
        file: BLK,
        edits: &[(
            "before.is_ok_and(|before| before <= 1)",
            "before.is_ok_and(|before| before < 1)",
        )],
    },
];
