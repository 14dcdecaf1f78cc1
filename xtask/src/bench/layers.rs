//! Which part of the kernel an instruction is of, and how often a lock is taken.
//!
//! Place: `instructions` asks, with the addresses that were executed. Rule: code is of the
//! innermost function of the project's that it was inlined into. So the library's code counts
//! for whoever uses it, unless it is a function of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use crate::{symbolize, workspace};

/// Parts of the tree and what they are called; the first that fits counts.
const LAYERS: &[(&str, &str)] = &[
    ("kernel/src/console/", "the load itself"),
    ("dm-mirror/src/core/", "mirror: core"),
    ("dm-mirror/", "mirror: io"),
    ("kernel/dm/", "device mapper"),
    ("kernel/bio/src/sync.rs", "locks of requests"),
    ("kernel/bio/", "requests (bio)"),
    ("drivers/", "driver and ring"),
    ("kernel/src/disks/", "disks, plugs"),
    ("kernel/src/mm/", "heap"),
    ("kernel/src/arch/", "interrupts and clock"),
    ("kernel/lwkt/", "scheduler"),
    ("kernel/src/task/", "scheduler"),
    ("kernel/", "the rest of the kernel"),
];

/// What has no function of the project's around it: copies and fills of memory above all.
const LIBRARY: &str = "memcpy, memset, the library";

/// What is called before each lock of `bio` is taken (`kernel/src/task/preempt.rs`).
const LOCK: &str = "as bio::sync::LockWatch>::enter";

/// The layer of each address.
pub(super) struct Layers {
    by_address: BTreeMap<u64, &'static str>,
    lock: Option<u64>,
}

impl Layers {
    /// Finds the layers of `addresses` by the debug information of the kernel.
    pub(super) fn new(addresses: impl Iterator<Item = u64>, elf: &Path) -> Result<Self> {
        let addresses: Vec<u64> = addresses.collect::<BTreeSet<_>>().into_iter().collect();
        let files = symbolize::files(&addresses, elf)
            .with_context(|| format!("no debug information in {}", elf.display()))?;
        let root = workspace::root();
        let layers = files.iter().map(|files| layer(files, root));
        let by_address = addresses.iter().copied().zip(layers).collect();
        Ok(Self { by_address, lock: symbolize::function(LOCK, elf)? })
    }

    /// How often a lock was taken; `None` if the kernel tells nobody.
    pub(super) fn locks(&self, times: &[(u64, u64)]) -> Option<u64> {
        let of = |lock| times.iter().find(|(address, _)| *address == lock);
        Some(of(self.lock?).map_or(0, |(_, times)| *times))
    }

    /// All names, in the order of [`LAYERS`].
    pub(super) fn names(&self) -> Vec<&'static str> {
        let mut names: Vec<&str> = Vec::new();
        for (_, name) in LAYERS {
            if !names.contains(name) {
                names.push(name);
            }
        }
        names.push(LIBRARY);
        names
    }

    /// How many of the instructions each layer has.
    pub(super) fn shares(&self, times: &[(u64, u64)]) -> BTreeMap<&'static str, u64> {
        let mut shares = BTreeMap::new();
        for (address, times) in times {
            let layer = self.by_address.get(address).copied().unwrap_or(LIBRARY);
            *shares.entry(layer).or_default() += times;
        }
        shares
    }
}

/// The layer of code from these files, the innermost first.
fn layer(files: &[String], root: &Path) -> &'static str {
    let ours = files.iter().find_map(|file| {
        let file = Path::new(file);
        let inside = file.strip_prefix(root).unwrap_or(file);
        LAYERS.iter().find(|(folder, _)| inside.starts_with(folder))
    });
    ours.map_or(LIBRARY, |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[&str]) -> &'static str {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        layer(&files, Path::new("/a/checkout"))
    }

    #[test]
    fn code_is_of_the_innermost_function_of_ours() {
        let library = "/rust/library/alloc/src/vec/mod.rs";
        let (core, io) = ("dm-mirror/src/core/mod.rs", "/a/checkout/dm-mirror/src/io/mod.rs");
        assert_eq!(of(&[library, core, io]), "mirror: core");
        assert_eq!(of(&[io, "kernel/dm/src/lib.rs"]), "mirror: io");
        assert_eq!(of(&[library, library]), LIBRARY);
        assert_eq!(of(&[]), LIBRARY);
        assert_eq!(of(&["/rust/kernel/src/mm/heap.rs"]), LIBRARY);
    }

    #[test]
    fn shares_add_up_to_all_instructions_and_locks_are_told_by_their_watch() {
        let by_address = [(0x10, "heap"), (0x20, "scheduler"), (0x30, "heap")].into();
        let layers = Layers { by_address, lock: Some(0x20) };
        let times = [(0x10, 3), (0x20, 5), (0x30, 4), (0x99, 1)];
        let shares = layers.shares(&times);
        assert_eq!((layers.locks(&times), layers.locks(&[])), (Some(5), Some(0)));
        assert_eq!(shares, [("heap", 7), ("scheduler", 5), (LIBRARY, 1)].into());
    }

    #[test]
    fn the_sources_of_all_layers_are_there() {
        for (folder, name) in LAYERS {
            assert!(workspace::root().join(folder).exists(), "{name}: {folder}");
        }
    }
}
