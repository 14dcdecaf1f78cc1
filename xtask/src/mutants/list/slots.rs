//! Slots of disks that come and go: the port above, the power, room for BARs.

use super::Mutant;

const PORT: &str = "drivers/src/pcie/port.rs";
const ROOM: &str = "drivers/src/pcie/room.rs";
const SLOT: &str = "drivers/src/pcie/slot.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a button that is pressed again is not heard",
        rule: "It was pressed again: the device stays",
        file: SLOT,
        edits: &[(
            "Stage::Pressed { .. } if pressed => (Stage::On, Some(News::Stays)),",
            "Stage::Pressed { .. } if pressed && !present => (Stage::On, Some(News::Stays)),",
        )],
    },
    Mutant {
        name: "a disk that holds requests loses its power",
        rule: "The device is to leave, but holds so many requests",
        file: SLOT,
        edits: &[(
            "(Stage::Leaving { patience: Duration::MAX }, Some(News::Busy(held)))",
            "(power_off(false), Some(News::Busy(held)))",
        )],
    },
    Mutant {
        name: "a disk that was torn out is not told of",
        rule: "The device was torn out",
        file: SLOT,
        edits: &[(
            "_ if !present || changed || !self.port.answers(pci) => {\n                tenant.lost();",
            "_ if !present || changed || !self.port.answers(pci) => {",
        )],
    },
    Mutant {
        name: "a disk that takes the place of one that was torn out is not started",
        rule: "It was torn out and another one was put in before this look",
        file: SLOT,
        edits: &[(
            "(power_off(present && changed), Some(News::TornOut))",
            "(power_off(false), Some(News::TornOut))",
        )],
    },
    Mutant {
        name: "a command is given before the one before was carried out",
        rule: "the slot has not carried out yet",
        file: SLOT,
        edits: &[("if !carried_out && now < at + COMMAND_MAX {", "if !carried_out && now < at {")],
    },
    Mutant {
        name: "a command that is never carried out is waited for for ever",
        rule: "the slot has not carried out yet",
        file: SLOT,
        edits: &[("if !carried_out && now < at + COMMAND_MAX {", "if !carried_out {")],
    },
    Mutant {
        name: "an event that nobody saw is cleared",
        rule: "only bits that were seen are cleared",
        file: PORT,
        edits: &[(
            "let clear = seen.intersection(EVENTS).bits();",
            "let clear = seen.union(EVENTS).intersection(EVENTS).bits();",
        )],
    },
    Mutant {
        name: "a port without a bus is used",
        rule: "or firmware gave it no bus",
        file: PORT,
        edits: &[("(slot & HOT_PLUG != 0 && bus != 0).then(||", "(slot & HOT_PLUG != 0).then(||")],
    },
    Mutant {
        name: "two BARs have one place",
        rule: "Cuts `size` bytes off the front of a window",
        file: ROOM,
        edits: &[(
            "    window.start = end;\n",
            "    window.start = window.start.max(end.min(window.start));\n",
        )],
    },
    Mutant {
        name: "a BAR ends beyond its window",
        rule: "Cuts `size` bytes off the front of a window",
        file: ROOM,
        edits: &[(
            ".filter(|&end| end <= window.end)?;",
            ".filter(|&end| end <= window.end + GRAIN)?;",
        )],
    },
];
