//! A life in an enumeration, and what a crash would leave of it at each event.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;

use bio::{Extent, Sector};

use crate::acts::Acts;
use crate::chooser::{Chooser, Replay};
use crate::clients::Clients;
use crate::clock::Clock;
use crate::digest::digest_of;
use crate::explore::{Factory, start};
use crate::history::{History, Op};
use crate::image::{Image, Images};
use crate::lives::Books;
use crate::moment::Moment;
use crate::subject::Subject;
use crate::world::{Step, World};

/// What is known after a crash, whatever the disks keep.
pub(super) struct After {
    pub(super) history: Arc<History>,
    pub(super) books: Books,
    pub(super) digest: u128,
}

/// One life, or several with starts by a person in between.
pub(super) struct Run<'w, 'r, 'f> {
    pub(super) world: World<'w>,
    pub(super) subject: Box<dyn Subject>,
    pub(super) factory: &'r mut Factory<'f>,
    chooser: Box<dyn Chooser>,
    /// The moments so far at which a crash could come.
    pub(super) point: u64,
    /// Crashes that may still come.
    pub(super) crashes: u32,
    /// Starts that may still leave a leg out.
    pub(super) absences: u32,
    /// The number of events until the next action comes, if that comes early.
    pub(super) events_left: Option<u64>,
    /// For each leg: its count of changes, and what a crash would leave of it.
    pub(super) images: Vec<(u64, Images)>,
    /// The state when the images were last looked at.
    last: Option<(Moment, Books)>,
}

impl<'w, 'r, 'f> Run<'w, 'r, 'f> {
    pub(super) fn new(
        world: World<'w>,
        subject: Box<dyn Subject>,
        factory: &'r mut Factory<'f>,
        chooser: Box<dyn Chooser>,
        crashes: u32,
        absences: u32,
    ) -> Run<'w, 'r, 'f> {
        let (point, events_left, images, last) = (0, None, Vec::new(), None);
        Run {
            world,
            subject,
            factory,
            chooser,
            point,
            crashes,
            absences,
            events_left,
            images,
            last,
        }
    }

    /// An event has happened.
    pub(super) fn count(&mut self) {
        self.events_left = self.events_left.map(|left| left.saturating_sub(1));
    }

    /// Whether the next action comes now, although the present one has not ended.
    pub(super) fn hurried(&self) -> bool {
        self.events_left == Some(0)
    }

    /// What a crash would leave now, if that may be new, or is `wanted`.
    pub(super) fn after(&mut self, wanted: bool) -> Option<After> {
        let mut fresh = wanted;
        self.images.resize_with(self.world.legs.len(), || (u64::MAX, Images::default()));
        for (leg, (changes, images)) in self.world.legs.iter().zip(&mut self.images) {
            if leg.changes() != *changes {
                (*changes, *images) = (leg.changes(), leg.images());
                fresh = true;
            }
        }
        let now = (self.world.history.moment(), self.world.closed_books(&*self.subject));
        if !fresh && self.last.as_ref() == Some(&now) {
            return None;
        }
        let (history, books) = (self.world.history.after_crash(), now.1.clone());
        self.last = Some(now);
        let digest = digest_of((history.digest(), &books));
        Some(After { history, books, digest })
    }

    /// The next event happens.
    pub(super) fn step(&mut self) -> Step {
        self.world.step(&*self.subject, &mut *self.chooser)
    }

    /// The device has stopped, and the machine starts anew.
    pub(super) fn restart(&mut self) {
        self.world.restart(&*self.subject, &mut Replay::new(Vec::new()));
        self.start();
    }

    /// A person switches off, plugs all legs in, and switches on.
    pub(super) fn power_cycle(&mut self) {
        self.world.power_cycle(&*self.subject, &mut Replay::new(Vec::new()));
        self.start();
    }

    fn start(&mut self) {
        self.images.clear();
        self.subject = start(&mut self.world, self.factory);
    }
}

impl<'a> World<'a> {
    /// All of the device.
    pub(crate) fn everything(&self) -> Extent {
        Extent::new(Sector(0), self.scenario.sectors)
    }

    /// A client asks.
    pub(super) fn ask(&self, op: Op, subject: &dyn Subject) {
        let (_, bio) = self.history.begin(op);
        subject.device().strategy(bio);
    }

    /// The world after a crash that leaves these images.
    pub(super) fn fork(&self, chosen: &[&Image], after: &After) -> World<'a> {
        let legs: Vec<_> =
            self.legs.iter().zip(chosen).map(|(leg, image)| leg.left(image)).collect();
        let history = after.history.after_crash();
        history.note(|| {
            let mut line = String::from("the machine crashes");
            for (leg, image) in chosen.iter().enumerate() {
                for (sector, content) in &image.changes {
                    let _ = write!(line, "; leg {leg} keeps {content} in sector {sector}");
                }
            }
            line
        });
        let count = legs.len();
        World {
            scenario: self.scenario,
            legs,
            clock: Clock::new(u64::from(self.boots) + 1),
            history,
            clients: Clients::new(&self.scenario.load),
            left: Default::default(),
            held: Vec::new(),
            believed: vec![false; count],
            books: after.books.clone(),
            out: vec![false; count],
            absent: vec![false; count],
            lost: vec![false; count],
            drops: vec![false; count],
            behind: vec![false; count],
            stage: Default::default(),
            broken: None,
            acts: Acts::new(count),
            restless: Default::default(),
            boots: self.boots + 1,
            lives: self.lives + 1,
            steps: 0,
            rot: Default::default(),
        }
    }
}
