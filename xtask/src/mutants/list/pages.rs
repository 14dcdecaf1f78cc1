//! Maps of several pages, legs that lie behind an offset, tables of other shapes, discards
//! that fail: the world beyond one page and whole disks.

use super::Mutant;

const STEPS_STOP: &str = "dm-mirror/src/core/steps/stop.rs";
const STEPS_NEWCOMER: &str = "dm-mirror/src/core/steps/newcomer.rs";
const STEPS_WRITE: &str = "dm-mirror/src/core/steps/write.rs";
const STEPS_PROMOTE: &str = "dm-mirror/src/core/steps/promote.rs";
const STEPS_START: &str = "dm-mirror/src/core/steps/start.rs";
const IO_SEARCH: &str = "dm-mirror/src/io/search.rs";
const PARTS_REGION: &str = "dm-mirror/src/core/parts/region.rs";
const FACE_TABLE: &str = "dm-mirror/src/face/table.rs";
const FACE_TARGET: &str = "dm-mirror/src/face/target.rs";
const PARTS_JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "of a write across two pages only the first page is recorded",
        rule: "the places and bytes of its pages",
        file: PARTS_JOURNAL,
        edits: &[(
            "touched(waiting.extent).map(page_of));",
            "touched(waiting.extent).take(1).map(page_of));",
        )],
    },
    Mutant {
        name: "of several pages in flight the first one is looked at",
        rule: "What the record on its way says of a region",
        file: PARTS_JOURNAL,
        edits: &[("pages.iter().find(|(page, _)| *page == page_of(region))?;", "pages.first()?;")],
    },
    Mutant {
        name: "each page of a map is recorded with the marks of the first",
        rule: "as a page has it",
        file: PARTS_JOURNAL,
        edits: &[(
            "let first = number * REGIONS_PER_PAGE as u32;",
            "let first = number.min(0) * REGIONS_PER_PAGE as u32;",
        )],
    },
    Mutant {
        name: "what is durable of any page is noted for the first",
        rule: "that is on a page",
        file: PARTS_JOURNAL,
        edits: &[(
            "durable.iter_mut().skip(number as usize * REGIONS_PER_PAGE)",
            "durable.iter_mut().skip(number.min(0) as usize)",
        )],
    },
    Mutant {
        name: "every page of a map is written in the place of the first",
        rule: "the places and bytes of its pages",
        file: PARTS_JOURNAL,
        edits: &[("page_place(number, (slot + 1)", "page_place(0, (slot + 1)")],
    },
    Mutant {
        name: "of several pages that become clean only the first is recorded",
        rule: "and returns the pages of the map",
        file: PARTS_REGION,
        edits: &[("if pages.last() != Some(&page) {", "if pages.is_empty() {")],
    },
    Mutant {
        name: "all regions are on the first page",
        rule: "The page of the map that a region is on",
        file: PARTS_REGION,
        edits: &[(
            "region.0 / REGIONS_PER_PAGE as u32",
            "region.0.min(0) / REGIONS_PER_PAGE as u32",
        )],
    },
    Mutant {
        name: "a slot that cannot be read is noted for the page before",
        rule: "Such a page of the map is bad",
        file: IO_SEARCH,
        edits: &[(
            "progress.unreadable.push(((unit / SLOTS) as u32, unit % SLOTS));",
            "progress.unreadable.push(((unit / SLOTS).saturating_sub(1) as u32, unit % SLOTS));",
        )],
    },
    Mutant {
        name: "a promotion that could not be recorded stays wanted",
        rule: "a promotion is off, for now",
        file: STEPS_PROMOTE,
        edits: &[(
            "                membership.set_state(regions.member(leg), MemberState::Rebuilding);\n                // It is",
            "                let _ = (&*regions, leg);\n                // It is",
        )],
    },
    Mutant {
        name: "a leg that failed a discard stays",
        rule: "A leg that failed is out at once",
        file: STEPS_WRITE,
        edits: &[(
            "            Ok(()) => {\n                group.reached.insert(leg);\n",
            "            Err(_) if step == BufCmd::FreeBlks => {
                group.reached.insert(leg);
                Follow::Nothing
            }
            Ok(()) => {\n                group.reached.insert(leg);\n",
        )],
    },
    Mutant {
        name: "the offset of a leg does not count for whether a new member's data fits",
        rule: "Whether",
        file: STEPS_NEWCOMER,
        edits: &[(
            "and_then(|end| end.checked_add(*offset - Sector(0)));",
            "and_then(|end| end.checked_add(*offset - *offset));",
        )],
    },
    Mutant {
        name: "a clean stop does not wait for the maps",
        rule: "Leaves everything clean that can be.",
        file: STEPS_STOP,
        edits: &[(
            "                if !self.maps_are_quiet() {",
            "                if false && !self.maps_are_quiet() {",
        )],
    },
    Mutant {
        name: "a table shorter than the mirror starts it",
        rule: "The table must describe the mirror that was found",
        file: STEPS_START,
        edits: &[("        if length != has {\n", "        if length > has {\n")],
    },
    Mutant {
        name: "a table that names fewer legs than the mirror has members starts it",
        rule: "The table must describe the mirror that was found",
        file: STEPS_START,
        edits: &[("if members > self.setup.legs {", "if false && members > self.setup.legs {")],
    },
    Mutant {
        name: "a leg that gets another disk begins where the one before did",
        rule: "So a leg that gets another disk begins there",
        file: FACE_TABLE,
        edits: &[("Some(leg) => *leg = with,", "Some(leg) => leg.device = with.device,")],
    },
    Mutant {
        name: "of several legs that are write-mostly a table names the first",
        rule: "reads as the same value",
        file: FACE_TABLE,
        edits: &[(
            "words.extend(self.write_mostly.iter().map(",
            "words.extend(self.write_mostly.iter().take(1).map(",
        )],
    },
    Mutant {
        name: "of a member's disk only the place of the data counts as used",
        rule: "So all of a member's disk counts",
        file: FACE_TARGET,
        edits: &[(
            "if self.mirror.look(|core| core.setup.log == Log::Internal) {",
            "if self.mirror.look(|core| core.setup.log == Log::Internal && core.setup.legs == 0) {",
        )],
    },
];
