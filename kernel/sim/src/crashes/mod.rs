//! Every crash of a story: at each event, with everything that each disk may keep.
//!
//! Place: called by tests, like [`explore`](crate::explore). A story is played with its
//! requests one after the other, or with one of its actions coming early, at each event of the
//! action before. After every event all images that a crash could leave are tried: the product
//! over the legs, since the legs keep data independently. The device starts from each image,
//! comes to rest, is read once for each leg, and judged. A client may then go on with it.
//! During all that it may crash again.
//!
//! Equal cases are tried once: same media, same answers allowed, same legs believed, and no
//! more crashes to come than before. (How often the machine was started, and so what chance
//! will say, makes no difference.) So a story does not repeat the cases of another story: take
//! many stories with one [`Crashes`].
//!
//! The method is that of log-writes and of bounded enumeration (B3), with two additions: the
//! legs lose power independently, and the recovery crashes too.

mod life;
mod options;
mod pick;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bio::Extent;

use crate::actions::Action;
use crate::chooser::{NoReplay, Replay};
use crate::digest::digest_of;
use crate::explore::{Factory, Report, start};
use crate::history::Op;
use crate::image::Image;
use crate::lives::Stop;
use crate::rot;
use crate::scenario::{Load, Scenario};
use crate::subject::Life;
use crate::violation::Violation;
use crate::world::{Left, Step, World};
use life::{After, Run};
pub use options::{Enumerated, Options};
use pick::{Case, Early, Pick, Variant};

/// How often time passes in one [`Action::Tick`], at most.
pub const TICKS_MAX: u32 = 16;

/// An enumeration: it takes stories, and remembers what it has seen.
#[derive(Debug, Default)]
pub struct Crashes {
    options: Options,
    done: Enumerated,
    seen: BTreeSet<u128>,
    /// How the present story is played.
    variant: Variant,
    /// The crashes before the present recovery.
    path: Vec<Pick>,
    /// Only this case is tried, and told.
    only: Option<Vec<Pick>>,
    /// What happened in the case that went wrong, for a reader.
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

/// Makes one case again, from the line of a [`Report`]. The line has the story too. `records`
/// are those of the [`Options`] with which it was found.
pub fn replay(
    scenario: &Scenario,
    factory: &mut Factory<'_>,
    records: &[Extent],
    line: &str,
) -> Result<Enumerated, NoReplay> {
    let case = Case::parse(line)?;
    let mut crashes = Crashes::only(&case, records);
    crashes.done.stories = 1;
    if let Err(violation) = crashes.play(scenario, factory, &case.actions) {
        crashes.done.found = Some(crashes.report(violation, line.into()));
    }
    Ok(crashes.done)
}

impl Crashes {
    /// Nothing is seen yet.
    pub fn new(options: Options) -> Crashes {
        Crashes { options, ..Crashes::default() }
    }

    /// Tries one case, and nothing else.
    fn only(case: &Case, records: &[Extent]) -> Crashes {
        let absences = case.picks.iter().filter(|pick| pick.absent.is_some()).count() as u32;
        let options = Options {
            crashes: case.picks.len() as u32,
            absences,
            then: case.then.clone(),
            images_max: u64::MAX,
            records: records.to_vec(),
            ..Options::default()
        };
        Crashes { only: Some(case.picks.clone()), variant: case.variant, ..Crashes::new(options) }
    }

    /// What was done so far.
    pub fn done(&self) -> &Enumerated {
        &self.done
    }

    /// The line of the present case, after a panic has ended it.
    pub fn line(&self, actions: &[Action]) -> String {
        self.case(actions).to_string()
    }

    fn case(&self, actions: &[Action]) -> Case {
        Case {
            actions: actions.to_vec(),
            then: self.options.then.clone(),
            variant: self.variant,
            picks: self.path.clone(),
        }
    }

    /// Takes one more story, of a scenario like the earlier ones, with all its crashes. False
    /// if something was found: then more stories are pointless.
    ///
    /// The scenario's load, and everything in it that is left to choice, are ignored.
    pub fn take(
        &mut self,
        scenario: &Scenario,
        factory: &mut Factory<'_>,
        actions: &[Action],
    ) -> bool {
        self.done.stories += 1;
        let result = self.take_variants(scenario, factory, actions);
        let Err(violation) = result else { return true };
        let case = self.case(actions);
        let mut again = Crashes::only(&case, &self.options.records);
        let violation = again.play(scenario, factory, actions).err().unwrap_or(violation);
        self.done.found = Some(again.report(violation, case.to_string()));
        false
    }

    fn take_variants(
        &mut self,
        scenario: &Scenario,
        factory: &mut Factory<'_>,
        actions: &[Action],
    ) -> Result<(), Violation> {
        let Options { schedules, early, eager, .. } = self.options;
        let ways = if eager { 2 } else { 1 };
        for way in 0..schedules * ways {
            let (schedule, eager) = (way / ways, way % ways == 1);
            self.variant = Variant { schedule, early: None, eager };
            self.play(scenario, factory, actions)?;
            for action in (1..actions.len()).filter(|_| early) {
                for events in 0.. {
                    self.variant.early = Some(Early { action, events });
                    if !self.play(scenario, factory, actions)? {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn report(&mut self, violation: Violation, line: String) -> Report {
        let account = core::mem::take(&mut self.account);
        Report { violation, replay: line.clone(), shortest: line, account }
    }

    /// Plays a story in one way. False if there is no event at which the early action could
    /// come.
    fn play(
        &mut self,
        scenario: &Scenario,
        factory: &mut Factory<'_>,
        actions: &[Action],
    ) -> Result<bool, Violation> {
        // Legs may fail and come back, and the oracle must know of crashes.
        let load = Load::Script(Vec::new());
        let scenario = Scenario { load, crashes: 1, returns: 1, ..scenario.clone() };
        let mut world = World::new(&scenario);
        world.left = Left::default();
        if self.only.is_some() {
            world.history.keep_journal();
        }
        let subject = start(&mut world, factory);
        let Options { crashes, absences, .. } = self.options;
        let chooser = self.variant.chooser();
        let mut run = Run::new(world, subject, factory, chooser, crashes, absences);
        let result = self.tell(&mut run, actions);
        run.world.end();
        self.done.plays += u64::from(!matches!(result, Ok(false)));
        result
    }

    fn tell(&mut self, run: &mut Run<'_, '_, '_>, actions: &[Action]) -> Result<bool, Violation> {
        self.point(run)?;
        self.go_on(run, |run| run.subject.life() == Life::Running)?;
        for (index, action) in actions.iter().enumerate() {
            let next = self.variant.early.filter(|early| early.action == index + 1);
            run.events_left = next.map(|early| early.events);
            self.act(run, *action)?;
            if next.is_some() {
                self.go_on(run, |_| false)?;
                if !run.hurried() {
                    return Ok(false);
                }
                run.events_left = None;
            }
        }
        self.go_on(run, |_| false)?;
        let violation = run.world.close(&*run.subject);
        self.judge(run, violation)?;
        Ok(true)
    }

    fn act(&mut self, run: &mut Run<'_, '_, '_>, action: Action) -> Result<(), Violation> {
        let Run { world, subject, .. } = run;
        match action {
            Action::Op(Op::Discard(_)) if !subject.device().limits().discard => return Ok(()),
            Action::Op(op) => return self.ask(run, op),
            Action::Fail(leg) => world.fail(leg, true, &**subject),
            Action::Unplug(leg) => world.fail(leg, false, &**subject),
            Action::Return(leg) => world.give_back(leg, &**subject),
            Action::Blip(leg) => world.blip(leg, &**subject, &mut Replay::new(Vec::new())),
            Action::Drop(leg) => world.drops[leg] = true,
            Action::Tick => return self.tick(run),
            Action::Restart => return self.restart(run),
        }
        world.look(&**subject);
        let verdict = world.verdict();
        self.judge(run, verdict)?;
        self.point(run)
    }

    /// A request, to its end, or until the next action comes.
    fn ask(&mut self, run: &mut Run<'_, '_, '_>, op: Op) -> Result<(), Violation> {
        run.world.ask(op, &*run.subject);
        self.point(run)?;
        self.go_on(run, |run| run.world.history.open() == 0)?;
        let hang = if run.hurried() { None } else { run.world.hang() };
        self.judge(run, hang)
    }

    /// Does the delayed work, and the work that it delays in turn.
    fn tick(&mut self, run: &mut Run<'_, '_, '_>) -> Result<(), Violation> {
        self.go_on(run, |_| false)?;
        for _ in 0..TICKS_MAX {
            if run.hurried() || run.world.clock.work().later == 0 {
                break;
            }
            run.world.history.note(|| "time passes".into());
            run.world.clock.run(0);
            run.world.look(&*run.subject);
            run.count();
            self.point(run)?;
            self.go_on(run, |_| false)?;
        }
        Ok(())
    }

    /// A clean stop and a start. A device that stops gets no requests, so an early action comes
    /// some events after the device runs again.
    fn restart(&mut self, run: &mut Run<'_, '_, '_>) -> Result<(), Violation> {
        let events_left = run.events_left.take();
        run.world.stage.stop = Stop::Draining;
        self.go_on(run, |run| run.world.stage.stop == Stop::No)?;
        self.go_on(run, |run| run.subject.life() == Life::Running)?;
        run.events_left = events_left;
        self.go_on(run, |_| false)
    }

    /// A crash could come now: tries all images that it could leave.
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
                let pick = Pick { point, image, absent, rot: None };
                let pick = here.unwrap_or(pick);
                if here.is_some() || self.is_new(run, &after, &chosen, absent) {
                    self.recover(run, &after, &chosen, pick)?;
                    let rots = rot::count(images.len(), &self.options.records);
                    for rot in (0..rots).filter(|_| here.is_none()) {
                        let pick = Pick { rot: Some(rot), ..pick };
                        self.recover(run, &after, &chosen, pick)?;
                    }
                }
            }
        }
        run.images = images;
        Ok(())
    }

    /// Whether this case was not tried before with as many crashes to come.
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
        let Variant { schedule, eager, .. } = self.variant;
        let way = digest_of((case, absent, schedule, eager));
        let key = |crashes: u32, absences: u32| digest_of((way, crashes, absences));
        let (more, most) = (run.crashes..=self.options.crashes, self.options.absences);
        let seen = more.flat_map(|crashes| (absences..=most).map(move |rest| (crashes, rest)));
        if seen.into_iter().any(|(crashes, rest)| self.seen.contains(&key(crashes, rest))) {
            self.done.folded += 1;
            return false;
        }
        self.seen.insert(key(run.crashes, absences))
    }

    /// Starts the device from the image that a crash has left, reads it, and judges.
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
        if let Some(nth) = pick.rot {
            self.done.rotten += 1;
            world.rot(nth, &self.options.records);
        }
        let subject = start(&mut world, run.factory);
        let chooser = self.variant.chooser();
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

    /// Lets the device come to rest, reads it and goes on; then again with the leg that was
    /// left out.
    fn read_all(&mut self, run: &mut Run<'_, '_, '_>, twice: bool) -> Result<(), Violation> {
        self.point(run)?;
        let eager = self.variant.eager;
        let refuses = |run: &Run<'_, '_, '_>| run.world.is_excused(&*run.subject);
        self.go_on(run, |run| eager && run.subject.life() == Life::Running || refuses(run))?;
        if refuses(run) {
            self.done.held += 1;
            return Ok(());
        }
        self.read(run)?;
        if !self.options.then.is_empty() {
            for index in 0..self.options.then.len() {
                self.act(run, self.options.then[index])?;
            }
            self.go_on(run, |_| false)?;
            self.read(run)?;
        }
        if twice {
            run.power_cycle();
            return self.read_all(run, false);
        }
        Ok(())
    }

    /// Reads everything, once for each leg, and compares the legs.
    fn read(&mut self, run: &mut Run<'_, '_, '_>) -> Result<(), Violation> {
        for _ in 0..run.world.legs.len() {
            let all = run.world.everything();
            self.ask(run, Op::Read(all))?;
            self.go_on(run, |_| false)?;
        }
        let differ = run.world.compare(&*run.subject);
        self.judge(run, differ)
    }

    /// Goes on until `enough`, or to rest, or until the next action comes.
    fn go_on(
        &mut self,
        run: &mut Run<'_, '_, '_>,
        enough: impl Fn(&Run<'_, '_, '_>) -> bool,
    ) -> Result<(), Violation> {
        while !enough(run) && !run.hurried() {
            match run.step() {
                Step::Event => {}
                Step::Crash => unreachable!("no crash is left to choice"),
                Step::Stopped => run.restart(),
                Step::PowerCycle => run.power_cycle(),
                Step::Rest => {
                    let verdict = run.world.verdict();
                    return self.judge(run, verdict);
                }
            }
            run.count();
            let verdict = run.world.verdict();
            self.judge(run, verdict)?;
            self.point(run)?;
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
