//! Tables, the devices that they name, and what stacks on what.

use super::Mutant;

const STACK: &str = "kernel/dm/src/stack.rs";
const ARGS: &str = "kernel/dm/src/args.rs";
const CONTEXT: &str = "kernel/dm/src/context.rs";
const ENTRY: &str = "kernel/dm/src/entry.rs";
const LIMITS: &str = "kernel/dm/src/limits.rs";
const NAME: &str = "kernel/dm/src/name.rs";
const PARSE: &str = "kernel/dm/src/parse.rs";
const REGISTRY: &str = "kernel/dm/src/registry.rs";
const TABLE_RS: &str = "kernel/dm/src/table.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a renamed device keeps its name in the log",
        rule: "it may be open",
        file: REGISTRY,
        edits: &[("        device.events().rename(new);\n", "        let _ = device;\n")],
    },
    Mutant {
        name: "a device gets a name that is taken",
        rule: "A name belongs to one device",
        file: REGISTRY,
        edits: &[("        registry.check_free(new)?;\n", "")],
    },
    Mutant {
        name: "a device that is open is removed",
        rule: "unless it is open",
        file: REGISTRY,
        edits: &[(
            "let open = self.devices[index].device.count() - 1;",
            "let open = self.devices[index].device.count().saturating_sub(2);",
        )],
    },
    Mutant {
        name: "a device that was removed stays in the list",
        rule: "its targets end; then",
        file: REGISTRY,
        edits: &[("        self.devices.remove(index);\n", "")],
    },
    Mutant {
        name: "a device contains itself",
        rule: "No mapped device contains itself",
        file: STACK,
        edits: &[("if height.above.is_some() {", "if height.above == Some(0) {")],
    },
    Mutant {
        name: "what is stacked above does not count",
        rule: "at most [`DEPTH_MAX`] are stacked",
        file: STACK,
        edits: &[(
            "let depth = above + 1 + height.depth;",
            "let depth = above.min(0) + 1 + height.depth;",
        )],
    },
    Mutant {
        name: "one device more may be stacked",
        rule: "at most [`DEPTH_MAX`] are stacked",
        file: STACK,
        edits: &[("if depth > DEPTH_MAX {", "if depth > DEPTH_MAX + 1 {")],
    },
    Mutant {
        name: "a request that crosses two entries goes to the first",
        rule: "The entries that have a part in",
        file: TABLE_RS,
        edits: &[(
            "partition_point(|entry| entry.extent.start() < extent.end());",
            "partition_point(|entry| entry.extent.start() <= extent.start());",
        )],
    },
    Mutant {
        name: "the last sector of an entry belongs to the next",
        rule: "The entries that have a part in",
        file: TABLE_RS,
        edits: &[(
            "partition_point(|entry| entry.extent.end() <= extent.start());",
            "partition_point(|entry| entry.extent.end().0 <= extent.start().0 + 1);",
        )],
    },
    Mutant {
        name: "a request reaches an entry with the device's sector",
        rule: "counted from the start of the entry",
        file: ENTRY,
        edits: &[(
            "Sector(0) + (sector - self.extent.start())",
            "Sector(0) + (sector - Sector(0))",
        )],
    },
    Mutant {
        name: "a request that ends beyond its device is passed on",
        rule: "Whether the request is one that this table can serve",
        file: TABLE_RS,
        edits: &[(
            "|| !extent.fits(self.capacity()) {",
            "|| extent.start().0 >= self.capacity().0 {",
        )],
    },
    Mutant {
        name: "a request that cuts a block is passed on",
        rule: "Whether the request is one that this table can serve",
        file: TABLE_RS,
        edits: &[(
            "extent.start().0.is_multiple_of(block) && extent.count().0.is_multiple_of(block);",
            "extent.start().0.is_multiple_of(block);",
        )],
    },
    Mutant {
        name: "a device forgets a request before its completion returned",
        rule: "and only then may",
        file: TABLE_RS,
        edits: &[(
            "        bio.biodone(result);
        let device = self.device.clone();
        drop(self);
        if let Some(device) = device.upgrade() {
            device.completed();
        }",
            "        let device = self.device.clone();
        drop(self);
        if let Some(device) = device.upgrade() {
            device.completed();
        }
        bio.biodone(result);",
        )],
    },
    Mutant {
        name: "an entry may leave a gap",
        rule: "without gap or overlap",
        file: PARSE,
        edits: &[("    if start != expected {\n", "    if start < expected {\n")],
    },
    Mutant {
        name: "words that are left over are ignored",
        rule: "Refuses whatever is left",
        file: ARGS,
        edits: &[(
            "            None => Ok(()),\n            Some(word) => {",
            "            None => Ok(()),\n            Some(word) if word.text.is_empty() || word.column > 0 => Ok(()),\n            Some(word) => {",
        )],
    },
    Mutant {
        name: "an entry ends within a block",
        rule: "so every entry ends at one",
        file: PARSE,
        edits: &[("if !end.0.is_multiple_of(block) {", "if !end.0.is_multiple_of(block.min(1)) {")],
    },
    Mutant {
        name: "a number that is too large is cut",
        rule: "The word as a decimal number of at most",
        file: ARGS,
        edits: &[(".filter(|number| *number <= max);", ".map(|number: u64| number.min(max));")],
    },
    Mutant {
        name: "an entry may end beyond the device below",
        rule: "refused unless that fits the device and its blocks",
        file: CONTEXT,
        edits: &[(
            ".filter(|extent| extent.fits(capacity));",
            ".filter(|extent| extent.start().0 < capacity.0);",
        )],
    },
    Mutant {
        name: "an offset may cut the blocks of the device below",
        rule: "refused unless that fits the device and its blocks",
        file: CONTEXT,
        edits: &[(
            "[(start.0, word, \"offset\"), (length.0, name, what)]",
            "[(length.0, word, \"offset\"), (length.0, name, what)]",
        )],
    },
    Mutant {
        name: "over several devices the smallest block counts",
        rule: "the largest block",
        file: LIMITS,
        edits: &[(
            "sum.block_size.max(part.block_size)",
            "part.block_size.min(sum.block_size.max(4096))",
        )],
    },
    Mutant {
        name: "over several devices the strongest promise of durability counts",
        rule: "the weakest promise of durability",
        file: LIMITS,
        edits: &[(
            "(WriteCache::Volatile, _) | (_, WriteCache::Volatile) => WriteCache::Volatile,",
            "(WriteCache::Volatile, WriteCache::Volatile) => WriteCache::Volatile,
        (WriteCache::Volatile, _) | (_, WriteCache::Volatile) => WriteCache::WriteThrough,",
        )],
    },
    Mutant {
        name: "a discard is offered if one device knows it",
        rule: "discard if all know it",
        file: LIMITS,
        edits: &[(
            "discard: sum.discard && part.discard,",
            "discard: sum.discard || part.discard,",
        )],
    },
    Mutant {
        name: "a device can be called like an option",
        rule: "a table's word for \"no device\", or an option",
        file: NAME,
        edits: &[(
            "_ if name.starts_with('-') => Err(NameFault::Dash),",
            "_ if name == \"-\" => Err(NameFault::Dash),",
        )],
    },
    Mutant {
        name: "a name may be one character too long",
        rule: "or longer than [`NAME_MAX`]",
        file: NAME,
        edits: &[("name.len() > NAME_MAX {", "name.len() > NAME_MAX + 1 {")],
    },
];
