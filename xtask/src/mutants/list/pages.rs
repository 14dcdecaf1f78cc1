//! Maps of several pages, legs that lie behind an offset, tables of other shapes, discards
//! that fail: the world beyond one page and whole disks.

use super::Mutant;

const CLEAN: &str = "dm-mirror/src/clean.rs";
const JOURNAL: &str = "dm-mirror/src/journal.rs";
const NEWCOMER: &str = "dm-mirror/src/newcomer.rs";
const PROBE: &str = "dm-mirror/src/probe.rs";
const PROMOTE: &str = "dm-mirror/src/promote.rs";
const REGION: &str = "dm-mirror/src/region.rs";
const START: &str = "dm-mirror/src/start.rs";
const WRITE: &str = "dm-mirror/src/write.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "of a write across two pages only the first page is recorded",
        rule: "the places and bytes of its pages",
        file: JOURNAL,
        edits: &[(
            "touched(waiting.group.extent()).map(page_of));",
            "touched(waiting.group.extent()).take(1).map(page_of));",
        )],
    },
    Mutant {
        name: "of several pages in flight the first one is looked at",
        rule: "What the record on its way says of a region",
        file: JOURNAL,
        edits: &[("pages.iter().find(|(page, _)| *page == page_of(region))?;", "pages.first()?;")],
    },
    Mutant {
        name: "each page of a map is recorded with the marks of the first",
        rule: "as a page has it",
        file: JOURNAL,
        edits: &[(
            "let first = number * REGIONS_PER_PAGE as u32;",
            "let first = number.min(0) * REGIONS_PER_PAGE as u32;",
        )],
    },
    Mutant {
        name: "what is durable of any page is noted for the first",
        rule: "that is on a page",
        file: JOURNAL,
        edits: &[(
            "durable.iter_mut().skip(number as usize * REGIONS_PER_PAGE)",
            "durable.iter_mut().skip(number.min(0) as usize)",
        )],
    },
    Mutant {
        name: "every page of a map is written in the place of the first",
        rule: "the places and bytes of its pages",
        file: JOURNAL,
        edits: &[("page_place(number, (slot + 1)", "page_place(0, (slot + 1)")],
    },
    Mutant {
        name: "of several pages that become clean only the first is recorded",
        rule: "and returns the pages of the map",
        file: REGION,
        edits: &[("if pages.last() != Some(&page) {", "if pages.is_empty() {")],
    },
    Mutant {
        name: "all regions are on the first page",
        rule: "The page of the map that a region is on",
        file: REGION,
        edits: &[(
            "region.0 / REGIONS_PER_PAGE as u32",
            "region.0.min(0) / REGIONS_PER_PAGE as u32",
        )],
    },
    Mutant {
        name: "a slot that cannot be read is noted for the page before",
        rule: "Such a page of the map is bad",
        file: PROBE,
        edits: &[(
            "progress.unreadable.push(((unit / SLOTS) as u32, unit % SLOTS));",
            "progress.unreadable.push(((unit / SLOTS).saturating_sub(1) as u32, unit % SLOTS));",
        )],
    },
    Mutant {
        name: "a promotion that could not be recorded stays wanted",
        rule: "a promotion is off, for now",
        file: PROMOTE,
        edits: &[(
            "membership.set_state(regions.member(leg), MemberState::Rebuilding);
                }
            }
            state.promotion.take()",
            "let _ = (&*regions, &*membership, leg);
                }
            }
            state.promotion.take()",
        )],
    },
    Mutant {
        name: "a leg that failed a discard stays",
        rule: "A leg that failed is out at once",
        file: WRITE,
        edits: &[(
            "let Err(error) = result else {\n            return self.outcome",
            "let Some(error) = result.err().filter(|_| step != BufCmd::FreeBlks) else {\n            return self.outcome",
        )],
    },
    Mutant {
        name: "the offset of a leg does not count for whether a new member's data fits",
        rule: "Whether",
        file: NEWCOMER,
        edits: &[(
            "and_then(|end| end.checked_add(offset - Sector(0)));",
            "and_then(|end| end.checked_add(offset - offset));",
        )],
    },
    Mutant {
        name: "a clean stop does not wait for the maps",
        rule: "Leaves everything clean that can be",
        file: CLEAN,
        edits: &[(
            "                if !maps_quiet {\n",
            "                if !maps_quiet && told.is_empty() {\n",
        )],
    },
    Mutant {
        name: "a table shorter than the mirror starts it",
        rule: "The table must describe the mirror that was found",
        file: START,
        edits: &[("        if length != has {\n", "        if length > has {\n")],
    },
    Mutant {
        name: "a table that names fewer legs than the mirror has members starts it",
        rule: "The table must describe the mirror that was found",
        file: START,
        edits: &[("if members > self.legs.len() {", "if members > self.legs.len() && false {")],
    },
];
