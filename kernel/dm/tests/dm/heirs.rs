//! What goes over from one table to the next.

use std::sync::{Arc, Mutex};

use bio::{Bio, Buf, ErrorKind, Limits};
use dm::{ArgError, Args, Context, DeviceRef, Suspend, Target, TargetType};

use crate::bench::{Originator, dm, resume, running, suspend};

/// A target type whose targets know from whom they took over, and when they began.
#[derive(Clone, Default)]
struct Heirs(Arc<Mutex<Vec<String>>>);

struct Heir {
    name: String,
    log: Heirs,
}

impl TargetType for Heirs {
    fn name(&self) -> &'static str {
        "heir"
    }
    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }
    fn create(&self, args: &mut Args<'_>, _: &Context<'_>) -> Result<Arc<dyn Target>, ArgError> {
        let name = args.next("name")?.text.to_string();
        Ok(Arc::new(Heir { name, log: self.clone() }))
    }
}

impl Target for Heir {
    fn strategy(&self, bio: Bio) {
        bio.biodone(Ok(()));
    }
    fn status(&self) -> String {
        String::new()
    }
    fn table(&self) -> String {
        self.name.clone()
    }
    fn devices(&self) -> Vec<DeviceRef> {
        Vec::new()
    }
    fn limits(&self) -> Limits {
        Limits::default()
    }
    fn owes_failure(&self) -> bool {
        self.name == "debtor"
    }
    fn take_over(&self, before: &[Arc<dyn Target>]) {
        let names: Vec<_> = before.iter().map(|target| target.table()).collect();
        self.log.0.lock().unwrap().push(format!("{} takes over from {names:?}", self.name));
    }
    fn resume(&self) {
        self.log.0.lock().unwrap().push(format!("{} begins", self.name));
    }
}

#[test]
fn each_target_takes_over_from_all_of_the_table_before_and_begins_then() {
    let (dm, heirs) = (dm(), Heirs::default());
    dm.add_type(Arc::new(heirs.clone())).unwrap();
    let device = running(&dm, "d", "0 8 heir a\n8 8 heir b");
    dm.load("d", "0 8 heir c\n8 8 heir d").unwrap();
    assert_eq!(resume(&device).now(), Ok(()));
    let seen = std::mem::take(&mut *heirs.0.lock().unwrap());
    let both = r#"takes over from ["a", "b"]"#;
    let (c, d) = (format!("c {both}"), format!("d {both}"));
    assert_eq!(seen, ["a begins", "b begins", &c, &d, "c begins", "d begins"]);
}

#[test]
fn a_failure_that_a_table_owes_is_told_by_the_next_flush_of_the_user() {
    let (dm, heirs) = (dm(), Heirs::default());
    dm.add_type(Arc::new(heirs)).unwrap();
    let device = running(&dm, "d", "0 8 heir a\n8 8 heir debtor");
    let originator = Originator::new(&dm, "d");
    dm.load("d", "0 8 heir c").unwrap();
    assert_eq!(resume(&device).now(), Ok(()));
    originator.write(0, 1);
    assert_eq!(originator.ends(), [(0, Ok(()))], "only a flush says so");
    originator.issue(Buf::flush(), 1);
    originator.issue(Buf::flush(), 2);
    let ends = originator.ends();
    assert!(matches!(ends[0], (1, Err(error)) if error.kind == ErrorKind::Media), "{ends:?}");
    assert_eq!(ends[1], (2, Ok(())), "once");
}

/// Requests that were in flight then were acknowledged behind it. The target has to tell, and
/// would take it for a FLUSH that comes after them.
#[test]
fn a_flush_that_was_held_is_not_the_one_by_which_a_target_tells() {
    let (dm, heirs) = (dm(), Heirs::default());
    dm.add_type(Arc::new(heirs)).unwrap();
    for (name, owes) in [("debtor", true), ("a", false)] {
        let device = running(&dm, name, &format!("0 8 heir {name}"));
        let originator = Originator::new(&dm, name);
        suspend(&device, Suspend::NoFlush).now().unwrap();
        originator.issue(Buf::flush(), 1);
        originator.write(0, 1);
        resume(&device).now().unwrap();
        let mut ends = originator.ends();
        ends.sort_by_key(|(info, _)| *info);
        assert_eq!(ends.len(), 2);
        assert_eq!((ends[0].1, ends[1].1.is_err()), (Ok(()), owes), "{name}: {ends:?}");
    }
}
