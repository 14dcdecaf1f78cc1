//! Every crash of short stories: right devices pass, and what is wrong is found.

use std::sync::Arc;
use std::time::Instant;

use bio::sync::{Lock, Rank};
use bio::{Bio, BlockDevice, Buf, BufCmd, BufDone, Extent, IoResult, Limits, Sector, Sectors};
use sim::crashes::{Crashes, Enumerated, Options, replay};
use sim::{Action, Factory, Load, Op, Scenario, SimDisk, Subject, World, sequences};

use crate::labelled::{Flaw, labelled};

const SECTORS: u64 = 3;

fn extent(start: u64, count: u64) -> Extent {
    Extent::new(Sector(start), Sectors(count))
}

fn scenario(legs: usize) -> Scenario {
    let leg_sectors = Sectors(SECTORS + 1);
    let limits = Limits { discard: true, ..Limits::default() };
    Scenario { leg_sectors, limits, ..Scenario::new(legs, SECTORS, Load::Script(Vec::new())) }
}

/// What a client can do.
fn requests() -> Vec<Action> {
    let ops = [
        Op::Write(extent(0, 2)),
        Op::Write(extent(1, 2)),
        Op::Flush,
        Op::WriteFua(extent(0, 1)),
        Op::Discard(extent(0, 3)),
        Op::Read(extent(0, 3)),
    ];
    ops.map(Action::Op).to_vec()
}

/// And what can happen to two legs.
fn everything() -> Vec<Action> {
    let fate = [Action::Fail(1), Action::Unplug(0), Action::Return(1), Action::Blip(1)];
    requests().into_iter().chain(fate).chain([Action::Restart]).collect()
}

fn enumerate(
    legs: usize,
    factory: &mut Factory<'_>,
    alphabet: &[Action],
    length: u32,
    options: Options,
) -> Enumerated {
    let (begun, mut crashes) = (Instant::now(), Crashes::new(options));
    for story in sequences(alphabet, length) {
        if !crashes.take(&scenario(legs), factory, &story) {
            break;
        }
    }
    let done = crashes.done().clone();
    println!(
        "{} ms: {:?}",
        begun.elapsed().as_millis(),
        Enumerated { found: None, ..done.clone() }
    );
    done
}

#[track_caller]
fn clean(done: &Enumerated) {
    if let Some(report) = &done.found {
        panic!("{report}");
    }
    assert!(done.recoveries > 0 && done.capped == 0, "{done:?}");
}

/// Asserts that something is found, and that its line makes it again.
#[track_caller]
fn caught(done: Enumerated, legs: usize, factory: &mut Factory<'_>) {
    let report = done.found.expect("nothing is found");
    println!("{report}");
    let again = replay(&scenario(legs), factory, &[], &report.replay).unwrap();
    assert_eq!(again.found.expect("the line does not replay it").violation, report.violation);
}

/// One disk, behind something that may be wrong.
struct Single {
    disk: Arc<SimDisk>,
    wrong: Option<Wrong>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    /// A flush ends before the disk was flushed.
    EarlyFlush,
    /// So it does while the disk is busy.
    EarlyFlushWhenBusy,
    /// A write that forces unit access is written like any other.
    ForcedIgnored,
}

fn single(
    wrong: Option<Wrong>,
) -> impl FnMut(&World<'_>, Vec<Arc<dyn BlockDevice>>) -> Box<dyn Subject> {
    move |world, _| Box::new(Single { disk: world.legs()[0].clone(), wrong })
}

impl Subject for Single {
    fn device(&self) -> &dyn BlockDevice {
        self
    }
    fn in_sync(&self, leg: usize) -> bool {
        leg == 0
    }
}

impl BlockDevice for Single {
    fn capacity(&self) -> Sectors {
        Sectors(SECTORS)
    }
    fn limits(&self) -> Limits {
        self.disk.limits()
    }
    fn strategy(&self, bio: Bio) {
        match (bio.cmd(), self.wrong) {
            (BufCmd::Flush, Some(Wrong::EarlyFlush)) => bio.biodone(Ok(())),
            (BufCmd::Flush, Some(Wrong::EarlyFlushWhenBusy)) if self.disk.queued() > 0 => {
                bio.biodone(Ok(()));
            }
            (BufCmd::Write { fua: true }, Some(Wrong::ForcedIgnored)) => {
                let write = Buf::write(bio.extent(), bio.write_data().unwrap().clone());
                let asked = Arc::new(Asked(Lock::new(Rank::TARGET, Some(bio))));
                self.disk.strategy(Bio::new(write, asked, 0));
            }
            _ => self.disk.strategy(bio),
        }
    }
}

/// Whoever asked hears when the other write ends.
struct Asked(Lock<Option<Bio>>);

impl BufDone for Asked {
    fn buf_done(self: Arc<Self>, _: Buf, _: u64, result: IoResult) {
        let bio = self.0.lock().take().expect("a write ends once");
        bio.biodone(result);
    }
}

fn twice() -> Options {
    Options { crashes: 2, eager: true, ..Options::default() }
}

#[test]
fn one_disk_passes() {
    clean(&enumerate(1, &mut single(None), &requests(), 3, twice()));
}

#[test]
fn a_flush_that_ends_early_is_found() {
    let factory = &mut single(Some(Wrong::EarlyFlush));
    caught(enumerate(1, factory, &requests(), 2, Options::default()), 1, factory);
}

#[test]
fn a_forced_write_that_is_not_forced_is_found() {
    let factory = &mut single(Some(Wrong::ForcedIgnored));
    caught(enumerate(1, factory, &requests(), 1, Options::default()), 1, factory);
}

#[test]
fn what_is_wrong_between_two_requests_is_found_by_one_that_comes_early() {
    let factory = &mut single(Some(Wrong::EarlyFlushWhenBusy));
    clean(&enumerate(1, factory, &requests(), 3, Options::default()));
    let early = Options { early: true, ..Options::default() };
    caught(enumerate(1, factory, &requests(), 3, early), 1, factory);
}

/// The leg that stays has gone on when the other one is back.
#[test]
fn what_is_wrong_with_a_leg_that_is_back_is_found_by_a_client_that_goes_on() {
    let then = vec![Action::Op(Op::WriteFua(extent(0, 1)))];
    flawed(Flaw::NeverHeld, Options { absences: 1, then, ..Options::default() });
}

#[test]
fn a_labelled_mirror_passes() {
    let factory = &mut labelled(SECTORS, None);
    clean(&enumerate(2, factory, &everything(), 2, Options { absences: 1, ..twice() }));
}

#[test]
fn a_labelled_mirror_passes_in_other_orders() {
    let options = Options { absences: 1, schedules: 3, early: true, ..Options::default() };
    clean(&enumerate(2, &mut labelled(SECTORS, None), &requests(), 2, options));
}

/// What two crashes, and a start without a leg, find in a mirror with this flaw.
#[track_caller]
fn flawed(flaw: Flaw, options: Options) {
    let factory = &mut labelled(SECTORS, Some(flaw));
    caught(enumerate(2, factory, &everything(), 3, options.clone()), 2, factory);
}

#[test]
fn flaws_of_a_mirror_are_found_by_one_crash() {
    flawed(Flaw::NoCopy, Options::default());
    flawed(Flaw::AlwaysHeld, Options::default());
    flawed(Flaw::EarlyFlush, Options::default());
    flawed(Flaw::LabelLate, Options::default());
    flawed(Flaw::LabelCached, Options::default());
}

#[test]
fn a_start_without_the_leg_that_knows_is_found() {
    flawed(Flaw::NeverHeld, Options { absences: 1, ..Options::default() });
}

#[test]
fn a_cache_lost_without_a_word_is_found_when_the_other_leg_is_absent() {
    flawed(Flaw::BlipUnseen, Options { absences: 1, ..Options::default() });
}

#[test]
fn a_copy_left_in_the_cache_is_found_by_a_second_crash() {
    let factory = &mut labelled(SECTORS, Some(Flaw::CopyCached));
    let once = Options { absences: 1, ..Options::default() };
    clean(&enumerate(2, factory, &requests(), 2, once));
    flawed(Flaw::CopyCached, Options { absences: 1, ..twice() });
}
