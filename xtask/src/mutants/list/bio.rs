//! Requests: who owns one, how it ends, how it is split; extents; the ranked lock.

use super::Mutant;

const BUF: &str = "kernel/bio/src/buf.rs";
const REQUEST: &str = "kernel/bio/src/request.rs";
const SPLIT: &str = "kernel/bio/src/split.rs";
const SYNC: &str = "kernel/bio/src/sync.rs";
const UNITS: &str = "kernel/bio/src/units.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a request that is dropped leaves its originator waiting",
        rule: "A dropped request must not leave its originator waiting for ever",
        file: REQUEST,
        edits: &[(
            "Bio::complete(request, Err(IoError { kind: ErrorKind::Aborted, resid }));",
            "drop((request, resid));",
        )],
    },
    Mutant {
        name: "a request that is dropped has succeeded",
        rule: "A dropped request must not leave its originator waiting for ever",
        file: REQUEST,
        edits: &[(
            "Bio::complete(request, Err(IoError { kind: ErrorKind::Aborted, resid }));",
            "let _ = resid;
            Bio::complete(request, Ok(()));",
        )],
    },
    Mutant {
        name: "a read without its memory succeeds",
        rule: "A read that claims success without its memory ends",
        file: REQUEST,
        edits: &[(
            "if result.is_ok() && self.lost_memory() {",
            "if result.is_err() && self.lost_memory() && false {",
        )],
    },
    Mutant {
        name: "a failed request left nothing undone",
        rule: "with an error that left everything undone",
        file: REQUEST,
        edits: &[(
            "self.biodone(Err(IoError { kind, resid }));",
            "self.biodone(Err(IoError { kind, resid: resid.min(0) }));",
        )],
    },
    Mutant {
        name: "a layer gets its request back with the extent of the one below",
        rule: "bio has this layer's extent again",
        file: REQUEST,
        edits: &[(
            "Some(Frame { start, done, info }) => {
                request.buf.extent = request.buf.extent.at(start);",
            "Some(Frame { start, done, info }) => {
                let _ = start;",
        )],
    },
    Mutant {
        name: "the layer that pushed first hears first",
        rule: "The frame is popped",
        file: REQUEST,
        edits: &[(
            "match request.frames.pop() {",
            "match (!request.frames.is_empty()).then(|| request.frames.remove(0)) {",
        )],
    },
    Mutant {
        name: "a read keeps the memory that a device has",
        rule: "a read's is gone from the bio",
        file: REQUEST,
        edits: &[(
            "Memory::Unique(_) => mem::replace(memory, Memory::Lost),",
            "Memory::Unique(own) => { let copy = own.clone(); Memory::Unique(copy) }",
        )],
    },
    Mutant {
        name: "memory of another length is taken for what was lent",
        rule: "Panics if that was memory of another kind or length",
        file: REQUEST,
        edits: &[(
            "assert_eq!(back.len(), bytes, \"not the memory that was lent\");",
            "let _ = (back, bytes);",
        )],
    },
    Mutant {
        name: "a request is changed under those that passed it on",
        rule: "only the originator may do this",
        file: REQUEST,
        edits: &[(
            "        assert!(self.request().frames.is_empty(), \"only its originator may change a request\");\n        mem::replace",
            "        mem::replace",
        )],
    },
    Mutant {
        name: "a completion may hold a lock",
        rule: "Both are asserted",
        file: REQUEST,
        edits: &[("        sync::assert_unlocked(\"biodone\");\n", "")],
    },
    Mutant {
        name: "a discard moves its sectors' bytes",
        rule: "a flush and a discard move none",
        file: BUF,
        edits: &[(
            "BufCmd::Read | BufCmd::Write { .. } => self.extent.count().bytes(),
            BufCmd::Flush | BufCmd::FreeBlks => 0,",
            "BufCmd::Read | BufCmd::Write { .. } | BufCmd::FreeBlks => self.extent.count().bytes(),
            BufCmd::Flush => 0,",
        )],
    },
    Mutant {
        name: "a discard changes nothing on the medium",
        rule: "Whether the command may change what is on the medium",
        file: BUF,
        edits: &[(
            "matches!(self, BufCmd::Write { .. } | BufCmd::FreeBlks)",
            "matches!(self, BufCmd::Write { .. })",
        )],
    },
    Mutant {
        name: "a durable write is an ordinary one",
        rule: "A write that is durable when it completes",
        file: BUF,
        edits: &[(
            "Buf { cmd: BufCmd::Write { fua: true }, ..Buf::write(extent, data) }",
            "Buf { cmd: BufCmd::Write { fua: false }, ..Buf::write(extent, data) }",
        )],
    },
    Mutant {
        name: "the last error of the pieces is the request's",
        rule: "with the first error in piece order",
        file: SPLIT,
        edits: &[(
            "parts.iter().filter_map(|part| part.result.err());",
            "parts.iter().rev().filter_map(|part| part.result.err());",
        )],
    },
    Mutant {
        name: "what the other pieces left undone does not count",
        rule: "its resid is the sum of the pieces'",
        file: SPLIT,
        edits: &[(
            "errors.fold(first.resid, |sum, also| sum + also.resid)",
            "errors.fold(first.resid, |sum, _| sum)",
        )],
    },
    Mutant {
        name: "a piece that fails is not told of",
        rule: "with the first error in piece order",
        file: SPLIT,
        edits: &[(
            "Part { memory: buf.memory, result };",
            "Part { memory: buf.memory, result: result.and(Ok(())).or(Ok(())) };",
        )],
    },
    Mutant {
        name: "a split request completes with a piece in flight",
        rule: "which completes when all have completed",
        file: SPLIT,
        edits: &[(
            "(state.waiting == 0).then(||",
            "(state.waiting <= 1 && state.parent.is_some()).then(||",
        )],
    },
    Mutant {
        name: "a split of nothing never ends",
        rule: "which completes when all have completed",
        file: SPLIT,
        edits: &[("        return bio.biodone(Ok(()));", "        return core::mem::forget(bio);")],
    },
    Mutant {
        name: "the pieces may leave a rest",
        rule: "cover the extent exactly",
        file: SPLIT,
        edits: &[(
            "    assert_eq!(total, bio.extent().count(), \"pieces do not cover the request\");\n",
            "    let _ = total;\n",
        )],
    },
    Mutant {
        name: "extents that touch overlap",
        rule: "Whether some sector belongs to both",
        file: UNITS,
        edits: &[("&& other.start < self.end()", "&& other.start <= self.end()")],
    },
    Mutant {
        name: "an empty extent overlaps what it lies in",
        rule: "An empty extent overlaps nothing",
        file: UNITS,
        edits: &[("            && !other.is_empty()\n", "")],
    },
    Mutant {
        name: "an extent that ends with its device does not fit",
        rule: "Whether it lies within a device of",
        file: UNITS,
        edits: &[("self.end().0 <= capacity.0", "self.end().0 < capacity.0")],
    },
    Mutant {
        name: "the hull of two extents ends with the first",
        rule: "The smallest extent that holds both",
        file: UNITS,
        edits: &[(
            "Extent::new(start, self.end().max(other.end()) - start)",
            "Extent::new(start, self.end() - start)",
        )],
    },
    Mutant {
        name: "a part of a sector is rounded away",
        rule: "or `None` if that is no whole number",
        file: UNITS,
        edits: &[("bytes.is_multiple_of(SECTOR_SIZE as u64).then(||", "true.then(||")],
    },
    Mutant {
        name: "the watch hears of a lock that is taken with the rank of another",
        rule: "Before a lock of this rank is taken",
        file: SYNC,
        edits: &[("watch.enter(self.rank));", "watch.enter(Rank(u8::MAX)));")],
    },
    Mutant {
        name: "the watch does not hear of a lock that is released",
        rule: "Whoever saw the lock taken sees it released",
        file: SYNC,
        edits: &[(
            "self.watch.iter().for_each(|watch| watch.leave(self.rank));",
            "let _ = (self.watch, self.rank);",
        )],
    },
];
