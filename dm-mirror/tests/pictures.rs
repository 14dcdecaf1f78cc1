//! A promise that is broken is shown in pictures, too.

use sim::{Faults, Load, Scenario, explore};
use subject::{mirror, pictures};

/// Legs that differ, and a table that says that they are the same: what a read returns depends on
/// its leg.
#[test]
fn a_broken_promise_names_the_files_of_its_pictures() {
    let load = Load::Random { clients: 2, ops: 40, extent_max: bio::Sectors(4) };
    let faults = Faults::none();
    let scenario = Scenario { differing: true, faults, ..Scenario::new(2, 24, load) };
    assert_eq!(pictures::told(), "", "no run was traced yet");
    let explored = explore::seeded(&scenario, &mut mirror("nosync"), 0..200);
    explored.found.expect("a broken promise");
    let told = pictures::told();
    let files = told.strip_prefix("\ntrace: ").expect("a line of its own");
    let (json, svg) = files.split_once(" (ui.perfetto.dev), ").expect("two files");
    let json = std::fs::read_to_string(json).unwrap();
    assert!(json.starts_with('{') && json.contains("\"leg 0\""), "{json}");
    assert!(std::fs::read_to_string(svg).unwrap().ends_with("</svg>\n"));
}
