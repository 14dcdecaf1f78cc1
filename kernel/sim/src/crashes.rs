//! Every crash of a story: at each event, with all that each disk may keep.
//!
//! Place: what tests call, beside [`explore`](crate::explore). A story is played
//! once, its requests one after the other. After every event all images that a
//! crash could leave now are looked at, the product over the legs, since each
//! keeps what it likes; the device starts from each, comes to rest, is read
//! once for each leg, and judged. While it starts it may crash again.
//!
//! Equal cases are looked at once: same media, same answers allowed, same legs
//! believed, and no more crashes to come than before (how often the machine was
//! started, and hence what chance will say, makes no difference). So what one
//! story has seen another need not; take many with one [`Crashes`].
//!
//! The method is that of log-writes and of bounded enumeration (B3), with two
//! things more: the legs are cut independently, and the recovery is cut too.

mod life;
mod pick;

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use crate::actions::{Action, Story};
use crate::chooser::{Chooser, NoReplay, Replay, Seeded};
use crate::digest::digest_of;
use crate::explore::{Factory, Report, start};
use crate::history::{History, Op};
use crate::image::Image;
use crate::lives::{Books, Stop};
use crate::scenario::{Load, Scenario};
use crate::subject::Life;
use crate::violation::Violation;
use crate::world::{Left, World};
use life::Run;
use pick::{Pick, Picks, parse};

/// How far an enumeration goes.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Crashes in a row: 1, or 2 to crash each recovery too.
    pub crashes: u32,
    /// How many of the starts in a row may leave one leg out. It is there again
    /// when the device has been read, at one start more.
    pub absences: u32,
    /// Orders of events in which each story is played: the first in first out,
    /// the others by chance.
    pub schedules: u64,
    /// Recoveries also happen under a client that reads everything as soon as
    /// the device runs, not only when it is at rest.
    pub eager: bool,
    /// Images that are looked at after one event.
    pub images_max: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { crashes: 1, absences: 0, schedules: 1, eager: false, images_max: 100_000 }
    }
}

/// What an enumeration did, and what it found.
#[derive(Clone, Debug, Default)]
pub struct Enumerated {
    /// Stories played, once for each schedule.
    pub stories: u64,
    /// Moments at which a crash could leave something new.
    pub points: u64,
    /// Images at these, all together.
    pub images: u64,
    /// Starts after a first crash.
    pub recoveries: u64,
    /// Starts after a crash of such a recovery.
    pub second_recoveries: u64,
    /// Images that were not looked at, for a limit was reached.
    pub capped: u64,
    /// The first broken promise; the enumeration ends with it.
    pub found: Option<Report>,
}

/// An enumeration: it takes stories, and remembers what it has seen.
#[derive(Debug, Default)]
pub struct Crashes {
    options: Options,
    done: Enumerated,
    seen: BTreeSet<u128>,
    /// The client reads as soon as the device runs.
    eager: bool,
    /// The crashes that the present recovery comes after.
    path: Vec<Pick>,
    /// Only this case is looked at, and told.
    only: Option<Vec<Pick>>,
    /// What happened in the case that went wrong, if somebody wants to read it.
    account: Vec<String>,
}

/// Takes one story with all its crashes.
pub fn enumerate(
    scenario: &Scenario,
    factory: &mut Factory<'_>,
    actions: &[Action],
    options: Options,
) -> Enumerated {
    let mut crashes = Crashes::new(options);
    crashes.take(scenario, factory, actions);
    crashes.done
}

/// Makes one case again, from the line that a [`Report`] gave; the line has
/// the story too.
pub fn replay(
    scenario: &Scenario,
    factory: &mut Factory<'_>,
    line: &str,
) -> Result<Enumerated, NoReplay> {
    let (actions, schedule, eager, picks) = parse(line)?;
    let mut crashes = Crashes::only(picks, eager);
    let result = crashes.play(scenario, factory, &actions, schedule);
    if let Err(violation) = result {
        crashes.done.found = Some(crashes.report(violation, line.into()));
    }
    Ok(crashes.done)
}

impl Crashes {
    /// Nothing is seen yet.
    pub fn new(options: Options) -> Crashes {
        Crashes { options, ..Crashes::default() }
    }

    /// Looks at the case with these crashes, and nothing else.
    fn only(picks: Vec<Pick>, eager: bool) -> Crashes {
        let absences = picks.iter().filter(|pick| pick.absent.is_some()).count() as u32;
        let options = Options {
            crashes: picks.len() as u32,
            absences,
            images_max: u64::MAX,
            ..Options::default()
        };
        Crashes { only: Some(picks), eager, ..Crashes::new(options) }
    }

    /// What was done so far.
    pub fn done(&self) -> &Enumerated {
        &self.done
    }

    /// Takes one more story, of a scenario like the earlier ones, with all its
    /// crashes. False if something was found: then there is no point in more.
    ///
    /// Of the scenario the load, and all that is left to choice, are ignored.
    pub fn take(
        &mut self,
        scenario: &Scenario,
        factory: &mut Factory<'_>,
        actions: &[Action],
    ) -> bool {
        let variants = if self.options.eager { 2 } else { 1 };
        for variant in 0..self.options.schedules * variants {
            let schedule = variant / variants;
            self.eager = variant % variants == 1;
            if let Err(violation) = self.play(scenario, factory, actions, schedule) {
                let eager = if self.eager { "+" } else { "" };
                let (story, picks) = (Story(actions), Picks(&self.path));
                let line = format!("crash={story}/{schedule}{eager}{picks}");
                let mut again = Crashes::only(self.path.clone(), self.eager);
                let violation =
                    again.play(scenario, factory, actions, schedule).err().unwrap_or(violation);
                self.done.found = Some(again.report(violation, line));
                return false;
            }
        }
        true
    }

    fn report(&mut self, violation: Violation, line: String) -> Report {
        let account = core::mem::take(&mut self.account);
        Report { violation, replay: line.clone(), shortest: line, account }
    }

    /// Plays a story in one order of events.
    fn play(
        &mut self,
        scenario: &Scenario,
        factory: &mut Factory<'_>,
        actions: &[Action],
        schedule: u64,
    ) -> Result<(), Violation> {
        self.done.stories += 1;
        // Legs may be lost and come back, and the oracle must know of crashes.
        let load = Load::Script(Vec::new());
        let scenario = Scenario { load, crashes: 1, returns: 1, ..scenario.clone() };
        let mut world = World::new(&scenario);
        world.left = Left::default();
        if self.only.is_some() {
            world.history.keep_journal();
        }
        let subject = start(&mut world, factory);
        let chooser: Box<dyn Chooser> = match schedule {
            0 => Box::new(Replay::new(Vec::new())),
            seed => Box::new(Seeded::new(seed)),
        };
        let Options { crashes, absences, .. } = self.options;
        let mut run = Run::new(world, subject, factory, chooser, crashes, absences);
        let result = self.tell(&mut run, actions);
        run.world.end();
        result
    }

    fn tell(&mut self, run: &mut Run<'_, '_, '_>, actions: &[Action]) -> Result<(), Violation> {
        self.point(run)?;
        self.go_on(run, |run| run.subject.life() == Life::Running)?;
        for action in actions {
            self.act(run, *action)?;
        }
        self.go_on(run, |_| false)?;
        let violation = run.world.close(&*run.subject);
        self.judge(run, violation)
    }

    fn act(&mut self, run: &mut Run<'_, '_, '_>, action: Action) -> Result<(), Violation> {
        let Run { world, subject, .. } = run;
        match action {
            Action::Op(Op::Discard(_)) if !subject.device().limits().discard => return Ok(()),
            Action::Op(op) => return self.ask(run, op),
            Action::Fail(leg) => world.fail(leg, true, &**subject),
            Action::Unplug(leg) => world.fail(leg, false, &**subject),
            Action::Return(leg) => world.give_back(leg, &**subject),
            Action::Blip(leg) => world.blip(leg, &**subject),
            Action::Tick => return self.tick(run),
            Action::Restart => {
                world.stage.stop = Stop::Draining;
                return self.go_on(run, |_| false);
            }
        }
        world.look(&**subject);
        let verdict = world.verdict();
        self.judge(run, verdict)?;
        self.point(run)
    }

    /// A request, to its end.
    fn ask(&mut self, run: &mut Run<'_, '_, '_>, op: Op) -> Result<(), Violation> {
        run.world.ask(op, &*run.subject);
        self.point(run)?;
        self.go_on(run, |run| run.world.history.open() == 0)?;
        let hang = run.world.hang();
        self.judge(run, hang)
    }

    /// Does what was to be done later, once.
    fn tick(&mut self, run: &mut Run<'_, '_, '_>) -> Result<(), Violation> {
        self.go_on(run, |_| false)?;
        for _ in 0..run.world.clock.work().later {
            if run.world.clock.work().later > 0 {
                run.world.history.note(|| "time passes".into());
                run.world.clock.run(0);
                run.world.look(&*run.subject);
                self.point(run)?;
                self.go_on(run, |_| false)?;
            }
        }
        Ok(())
    }

    /// A crash could come now: looks at all that it could leave.
    fn point(&mut self, run: &mut Run<'_, '_, '_>) -> Result<(), Violation> {
        let point = run.point;
        run.point += 1;
        let here = match &self.only {
            Some(only) => only.get(self.path.len()).filter(|pick| pick.point == point).copied(),
            None => None,
        };
        if run.crashes == 0 || self.only.is_some() && here.is_none() {
            return Ok(());
        }
        let Some(after) = run.after(here.is_some()) else { return Ok(()) };
        self.done.points += 1;
        let lengths = run.images.iter().map(|(_, images)| images.all.len() as u64);
        let total = lengths.fold(1, u64::saturating_mul);
        let tried = total.min(self.options.images_max);
        let capped: u64 = run.images.iter().map(|(_, images)| images.capped).sum();
        self.done.images += tried;
        self.done.capped = self.done.capped.saturating_add(capped).saturating_add(total - tried);
        let images = core::mem::take(&mut run.images);
        let mut chosen = Vec::new();
        for image in here.map_or(0..tried, |pick| pick.image..pick.image + 1) {
            let mut left = image;
            chosen.clear();
            chosen.extend(images.iter().map(|(_, images)| {
                let count = images.all.len() as u64;
                let nth = (left % count) as usize;
                left /= count;
                &images.all[nth]
            }));
            let absences = if run.absences > 0 && images.len() > 1 { images.len() } else { 0 };
            let all = [None].into_iter().chain((0..absences).map(Some));
            for absent in all.filter(|absent| here.is_none_or(|pick| pick.absent == *absent)) {
                let pick = Pick { point, image, absent };
                if here.is_some() || self.is_new(run, &after, &chosen, absent) {
                    self.recover(run, &after, &chosen, pick)?;
                }
            }
        }
        run.images = images;
        Ok(())
    }

    /// Whether this case was not looked at before, with as many crashes to come.
    fn is_new(
        &mut self,
        run: &Run<'_, '_, '_>,
        after: &After,
        chosen: &[&Image],
        absent: Option<usize>,
    ) -> bool {
        let mut case = after.digest;
        for image in chosen {
            case = digest_of((case, image.digest));
        }
        let absences = run.absences - u32::from(absent.is_some());
        let key =
            |crashes: u32, absences: u32| digest_of((case, absent, crashes, absences, self.eager));
        let (more, most) = (run.crashes..=self.options.crashes, self.options.absences);
        let seen = more.flat_map(|crashes| (absences..=most).map(move |rest| (crashes, rest)));
        if seen.into_iter().any(|(crashes, rest)| self.seen.contains(&key(crashes, rest))) {
            return false;
        }
        self.seen.insert(key(run.crashes, absences))
    }

    /// Starts the device from what a crash has left, reads it, and judges.
    fn recover(
        &mut self,
        run: &mut Run<'_, '_, '_>,
        after: &After,
        chosen: &[&Image],
        pick: Pick,
    ) -> Result<(), Violation> {
        match self.path.len() {
            0 => self.done.recoveries += 1,
            _ => self.done.second_recoveries += 1,
        }
        self.path.push(pick);
        let mut world = run.world.fork(chosen, after);
        if let Some(leg) = pick.absent {
            world.unplug(leg);
        }
        let subject = start(&mut world, run.factory);
        let chooser = Box::new(Replay::new(vec![]));
        let (crashes, absent) = (run.crashes - 1, u32::from(pick.absent.is_some()));
        let absences = run.absences - absent;
        let mut next = Run::new(world, subject, run.factory, chooser, crashes, absences);
        let result = self.read_all(&mut next, pick.absent.is_some());
        next.world.end();
        if result.is_ok() {
            self.path.pop();
        }
        result
    }

    /// Lets it come to rest and reads it; with the leg that was left out, again.
    fn read_all(&mut self, run: &mut Run<'_, '_, '_>, twice: bool) -> Result<(), Violation> {
        self.point(run)?;
        let eager = self.eager;
        self.go_on(run, |run| eager && run.subject.life() == Life::Running)?;
        for _ in 0..run.world.legs.len() {
            let all = run.world.everything();
            self.ask(run, Op::Read(all))?;
            self.go_on(run, |_| false)?;
        }
        let differ = run.world.compare(&*run.subject);
        self.judge(run, differ)?;
        if twice {
            run.power_cycle();
            return self.read_all(run, false);
        }
        Ok(())
    }

    fn judge(
        &mut self,
        run: &Run<'_, '_, '_>,
        violation: Option<Violation>,
    ) -> Result<(), Violation> {
        let Some(violation) = violation else { return Ok(()) };
        self.account = run.world.history.take_journal();
        Err(violation)
    }
}

/// What is known after a crash, whatever the disks keep.
pub(crate) struct After {
    pub(crate) history: alloc::sync::Arc<History>,
    pub(crate) books: Books,
    digest: u128,
}
