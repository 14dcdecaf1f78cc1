//! Names, openings, and what may be stacked on what.

use std::collections::BTreeSet;
use std::sync::Arc;

use bio::{BlockDevice, Limits, Sectors};
use dm::{DEPTH_MAX, Devices, Dm, DmError, NAME_MAX, NameFault, Slot};

use sim::SimDisk;

use crate::bench::{Originator, complete_all, disk, dm, extent, pattern, remove, running, waiting};

#[test]
fn a_name_belongs_to_one_device() {
    let dm = dm();
    disk(&dm, "a", 8);
    dm.create("d").unwrap();
    for name in ["a", "d"] {
        assert_eq!(dm.create(name).err(), Some(DmError::Exists(name.into())));
        assert_eq!(dm.rename("d", name), Err(DmError::Exists(name.into())));
    }
    assert_eq!(dm.rename("a", "b"), Err(DmError::NotFound("a".into())), "disks keep their names");
    assert_eq!(dm.rename("x", "y"), Err(DmError::NotFound("x".into())));
    assert_eq!(dm.load("x", "0 8 zero"), Err(DmError::NotFound("x".into())));
    assert!(dm.open("x").is_none());
}

#[test]
fn a_name_is_one_word() {
    let dm = dm();
    let longest = "x".repeat(NAME_MAX);
    dm.create(&longest).unwrap();
    let too_long = "x".repeat(NAME_MAX + 1);
    for (name, why) in [
        ("", NameFault::Length),
        (&too_long, NameFault::Length),
        ("a b", NameFault::Character(' ')),
        ("a/b", NameFault::Character('/')),
        ("a\n", NameFault::Character('\n')),
        ("\u{7f}", NameFault::Character('\u{7f}')),
        ("ä", NameFault::Character('ä')),
        ("it's", NameFault::Quote('\'')),
        ("\"", NameFault::Quote('"')),
        ("a\\", NameFault::Quote('\\')),
        ("-", NameFault::Dash),
        ("-f", NameFault::Dash),
        ("--force", NameFault::Dash),
        ("#", NameFault::Comment),
        ("#1", NameFault::Comment),
        ("<<END", NameFault::Document),
        ("0", NameFault::Number),
        ("4096", NameFault::Number),
    ] {
        let refused = || DmError::BadName(name.to_string(), why);
        assert_eq!(dm.create(name).err(), Some(refused()));
        assert_eq!(dm.rename(&longest, name), Err(refused()));
        let disk = SimDisk::new(Sectors(8), Limits::default());
        assert_eq!(dm.add_disk(name, disk), Err(refused()));
    }
    for name in ["error", "mirror", "core", "a-b", "a#", "8:0", "vbd0", "all"] {
        dm.create(name).unwrap();
    }
}

#[test]
fn an_open_device_can_be_renamed_and_tables_follow() {
    let dm = dm();
    disk(&dm, "a", 8);
    let lower = running(&dm, "lower", "0 8 linear a 0");
    let upper = running(&dm, "upper", "0 4 linear lower 0\n4 4 linear lower 0");
    dm.rename("lower", "base").unwrap();
    assert_eq!(upper.table(Slot::Active).unwrap(), "0 4 linear base 0\n4 4 linear base 0\n");
    let deps = upper.deps(Slot::Active).unwrap();
    assert_eq!(deps, ["base".into()], "each once");
    assert!(Arc::ptr_eq(&dm.get("base").unwrap(), &lower));
    assert!(dm.get("lower").is_err() && dm.open("lower").is_none());
}

#[test]
fn the_list_shows_devices_in_order_with_their_openings() {
    let dm = dm();
    disk(&dm, "a", 8);
    running(&dm, "d", "0 4 linear a 0\n4 4 linear a 4");
    let handle = dm.open("d").unwrap();
    let shown = |dm: &Dm| -> Vec<_> {
        let list = dm.list();
        list.iter().map(|it| (it.device.name().to_string(), it.open, it.mapped)).collect()
    };
    assert_eq!(shown(&dm), [("a".to_string(), 2, false), ("d".to_string(), 1, true)]);
    drop(handle);
    assert_eq!(shown(&dm), [("a".to_string(), 2, false), ("d".to_string(), 0, true)]);
}

#[test]
fn a_target_has_a_name_of_its_own() {
    let dm = dm();
    let names: Vec<&str> = dm.types().iter().map(|kind| kind.name()).collect();
    assert_eq!(names[..3], ["linear", "striped", "zero"], "in the order of the list");
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len());
    let again = dm.add_type(dm.types()[2].clone());
    assert_eq!(again, Err(DmError::Exists("zero".into())));
}

/// `d1` on the disk `a`, `d2` on `d1`, and so on.
fn tower(dm: &Dm, height: usize) {
    running(dm, "d1", "0 8 linear a 8");
    for upper in 2..=height {
        running(dm, &format!("d{upper}"), &format!("0 8 linear d{} 0", upper - 1));
    }
}

/// The reason why `table` is refused for `name`.
fn refusal(dm: &Dm, name: &str, table: &str) -> String {
    match dm.load(name, table) {
        Err(DmError::Table(error)) => error.to_string(),
        other => panic!("{table:?} for {name}: {other:?}"),
    }
}

#[test]
fn the_highest_stack_works() {
    let dm = dm();
    let a = disk(&dm, "a", 16);
    tower(&dm, DEPTH_MAX);
    let originator = Originator::new(&dm, &format!("d{DEPTH_MAX}"));
    originator.write(2, 4);
    assert_eq!(waiting(&a)[0].1, extent(10, 4));
    complete_all(&[&a]);
    originator.ends();
    originator.read(2, 4);
    complete_all(&[&a]);
    assert_eq!(originator.end().0.into_read().unwrap(), pattern(2, 4));
}

#[test]
fn a_higher_stack_is_refused_from_above_and_from_below() {
    let dm = dm();
    disk(&dm, "a", 16);
    tower(&dm, DEPTH_MAX);
    dm.create("top").unwrap();
    let why = |below: &str| {
        format!(
            "over `{below}` {} mapped devices would be stacked, and the limit is {DEPTH_MAX}; \
             use a device lower in the stack",
            DEPTH_MAX + 1
        )
    };
    let highest = format!("d{DEPTH_MAX}");
    let table = format!("# a comment\n0 8 zero\n8 8 linear {highest} 0");
    assert_eq!(refusal(&dm, "top", &table), format!("line 3, column 1: {}", why(&highest)));
    running(&dm, "base", "0 8 zero");
    let below = refusal(&dm, "d1", "0 8 linear base 0");
    assert_eq!(below, format!("line 1, column 1: {}", why("base")));
    dm.load("d1", "0 8 linear a 0").unwrap();
    dm.load("top", "0 8 linear d1 0").unwrap();
}

#[test]
fn no_device_contains_itself() {
    let dm = dm();
    disk(&dm, "a", 16);
    running(&dm, "d1", "0 8 linear a 0");
    running(&dm, "d2", "0 8 zero");
    let why = |name: &str| {
        format!(
            "line 1, column 1: `{name}` is, or contains, the device that this table is for; \
             use another device"
        )
    };
    assert_eq!(refusal(&dm, "d1", "0 8 linear d1 0"), why("d1"));
    // Also through a table that is only loaded.
    dm.load("d2", "0 8 linear d1 0").unwrap();
    assert_eq!(refusal(&dm, "d1", "0 8 linear d2 0"), why("d2"));
    dm.get("d2").unwrap().clear().unwrap();
    dm.load("d1", "0 8 linear d2 0").unwrap();
    assert_eq!(refusal(&dm, "d2", "0 8 linear d1 0"), why("d1"));
}

#[test]
fn a_removed_name_can_be_used_again() {
    let dm = dm();
    let first = running(&dm, "d", "0 8 zero");
    assert_eq!(remove(&dm, "d").now(), Ok(()));
    let second = running(&dm, "d", "0 16 zero");
    assert_eq!((first.capacity().0, second.capacity().0), (0, 16));
    dm.load("d", "0 8 zero").unwrap();
    assert_eq!(first.table(Slot::Inactive), Err(DmError::NoTable));
}
