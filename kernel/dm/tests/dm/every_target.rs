//! What holds for every target of the registry, found there by its name. Its tables are made of
//! the words that its usage shows.

use std::time::Duration;

use bio::{Buf, BufCmd, Extent};
use dm::{Dm, DmError, Slot, TableError, TargetType};

use crate::bench::{
    Originator, complete_all, disk, dm, dm_with_clock, elapse, remove, running, waiting,
};

/// The fewest words that a target takes: `a` for each device, 1 for whatever else there is to
/// fill in, 0 for the number of what may be left out.
fn fewest_words(kind: &dyn TargetType) -> String {
    let explained = |line: &&str| !line.contains(':');
    let mut usage = kind.usage().lines().take_while(explained).collect::<Vec<_>>().join(" ");
    while let Some(open) = usage.rfind('[') {
        let close = open + usage[open..].find(']').expect("what may be left out has an end");
        usage.replace_range(open..=close, "");
    }
    let repeats = usage.contains("...");
    let mut words = String::new();
    for word in usage.split('<').skip(1) {
        let word = word.split('>').next().expect("a word to fill in has an end");
        words.push_str(match word {
            _ if word.ends_with("device") => " a",
            _ if word.starts_with('#') && !repeats => " 0",
            _ => " 1",
        });
    }
    format!("{}{words}", kind.name())
}

/// Does this with every target, and with its fewest words.
fn with_each(dm: &Dm, mut act: impl FnMut(&str)) {
    for kind in dm.types() {
        act(&fewest_words(&*kind));
    }
}

fn refusal(dm: &Dm, table: &str) -> TableError {
    match dm.load("tried", table) {
        Err(DmError::Table(error)) => error,
        other => panic!("{table:?}: {other:?}"),
    }
}

#[test]
fn its_fewest_words_make_a_table_that_is_printed_as_it_was_read() {
    let dm = dm();
    disk(&dm, "a", 16);
    let device = dm.create("tried").unwrap();
    with_each(&dm, |words| {
        let table = format!("0 8 {words}\n");
        dm.load("tried", &table).unwrap();
        let printed = device.table(Slot::Inactive).unwrap();
        assert!(printed.trim_end().starts_with(table.trim_end()), "{table:?}: {printed:?}");
        dm.load("tried", &printed).unwrap();
        assert_eq!(device.table(Slot::Inactive).unwrap(), printed);
    });
}

#[test]
fn a_word_less_or_one_that_has_no_meaning_is_refused_at_its_place() {
    let dm = dm();
    disk(&dm, "a", 16);
    dm.create("tried").unwrap();
    with_each(&dm, |words| {
        let table = format!("0 8 {words}");
        let behind = table.chars().count() + 2;
        assert_eq!(refusal(&dm, &format!("{table} x")).column, behind, "{table} x");
        if let Some((shorter, _)) = table.rsplit_once(' ').filter(|(it, _)| *it != "0 8") {
            assert_eq!(refusal(&dm, shorter).column, shorter.chars().count() + 1, "{shorter}");
        }
    });
}

#[test]
fn an_entry_that_does_not_fit_on_its_device_is_refused() {
    let dm = dm();
    disk(&dm, "a", 16);
    dm.create("tried").unwrap();
    with_each(&dm, |words| {
        if words.contains(" a ") {
            refusal(&dm, &format!("0 16 {words}"));
        }
    });
}

#[test]
fn its_devices_are_open_as_long_as_its_table_lives() {
    let dm = dm();
    disk(&dm, "a", 16);
    let opened = |dm: &Dm| dm.list().iter().find(|it| &*it.device.name() == "a").unwrap().open;
    with_each(&dm, |words| {
        let device = running(&dm, "d", &format!("0 8 {words}"));
        let below = device.deps(Slot::Active).unwrap();
        assert_eq!(opened(&dm), below.len(), "{words} says that it uses {below:?}");
        drop(device);
        assert_eq!(remove(&dm, "d").now(), Ok(()));
        assert_eq!(opened(&dm), 0, "{words}");
    });
}

#[test]
fn each_request_ends_once_and_a_flush_reaches_its_device_once() {
    let (dm, clock) = dm_with_clock();
    let a = disk(&dm, "a", 16);
    with_each(&dm, |words| {
        let device = running(&dm, "d", &format!("0 8 {words}"));
        let originator = Originator::new(&dm, "d");
        originator.write(0, 8);
        originator.read(1, 2);
        originator.issue(Buf::flush(), 8);
        elapse(&clock, Duration::from_millis(1));
        let flushed = waiting(&a).iter().filter(|(cmd, _)| *cmd == BufCmd::Flush).count();
        assert_eq!(flushed, device.deps(Slot::Active).unwrap().len(), "{words}");
        complete_all(&[&a]);
        let mut ended: Vec<u64> = originator.ends().iter().map(|(info, _)| *info).collect();
        ended.sort();
        assert_eq!(ended, [0, 1, 8], "{words}");
        drop((device, originator));
        assert_eq!(remove(&dm, "d").now(), Ok(()));
    });
}

#[test]
fn its_requests_lie_in_the_parts_of_its_device_that_it_names() {
    let (dm, clock) = dm_with_clock();
    let a = disk(&dm, "a", 16);
    with_each(&dm, |words| {
        let device = running(&dm, "d", &format!("0 8 {words}"));
        let originator = Originator::new(&dm, "d");
        originator.write(0, 8);
        originator.read(0, 8);
        elapse(&clock, Duration::from_millis(1));
        let parts = device.parts(Slot::Active).unwrap();
        let lies_in =
            |part: &Extent, it: &Extent| part.start() <= it.start() && it.end() <= part.end();
        for (_, asked) in waiting(&a) {
            assert!(parts.iter().any(|part| lies_in(&part.extent, &asked)), "{words}: {asked}");
        }
        complete_all(&[&a]);
        drop((device, originator));
        assert_eq!(remove(&dm, "d").now(), Ok(()));
    });
}
