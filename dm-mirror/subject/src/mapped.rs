//! A mirror that keeps records, in a mapped device: as people use it.
//!
//! Place: `recorded.rs` makes one at each start. What a person does goes through the
//! device mapper: messages, suspensions, tables that are exchanged, names, removal.
//!
//! Rule: the world counts legs by their disks; a table names them in any order, and a
//! message by their places in it.

use std::sync::{Arc, Mutex};

use bio::{Bio, BioDone, BlockDevice, Extent, IoResult, Limits, Sector, Sectors};
use dm::{Dm, DmError, MappedDevice, MessageError, Slot, Suspend};
use dm_mirror::MirrorTarget;
use dm_mirror::report::{Health, Standing};
use dm_mirror::requests::RequestView;
use dm_mirror::view::{CheckView, Coming, LegView, RegionView, View};
use sim::{Life, Subject, Task, Word};

use super::hush;
use super::recorded::{REGION, Window};

/// The device as its users see it, whichever it is now.
struct Through {
    device: Mutex<Arc<MappedDevice>>,
    /// The device's sector that is their first.
    first: Sector,
    up: Arc<Up>,
}

/// Completes upward.
struct Up;

impl BioDone for Up {
    fn bio_done(self: Arc<Self>, bio: Bio, _info: u64, result: IoResult) {
        bio.biodone(result);
    }
}

impl Through {
    fn get(&self) -> Arc<MappedDevice> {
        self.device.lock().expect("nobody panics with it").clone()
    }
}

impl BlockDevice for Through {
    fn capacity(&self) -> Sectors {
        Sectors(self.get().capacity().0.saturating_sub(self.first.0))
    }
    fn limits(&self) -> Limits {
        self.get().limits()
    }
    fn strategy(&self, bio: Bio) {
        let start = self.first + (bio.extent().start() - Sector(0));
        self.get().strategy(bio.push_bio(start, self.up.clone(), 0));
    }
}

/// How a suspension or a removal ended, once it has.
type End = Arc<Mutex<Option<Result<(), DmError>>>>;

/// A mirror in a mapped device.
pub struct Mapped {
    dm: Arc<Dm>,
    device: Through,
    settings: Settings,
    state: Mutex<State>,
    /// Dropped last.
    _off: Loud,
}

/// Prints errors again, once all is dropped.
struct Loud;

impl Drop for Loud {
    fn drop(&mut self) {
        hush(false);
    }
}

/// The machine is off: that requests are dropped is as it should be.
impl Drop for Mapped {
    fn drop(&mut self) {
        hush(true);
    }
}

/// What tables say, but for the order of the legs.
pub(super) struct Settings {
    pub window: Window,
    pub rate: &'static str,
    /// Legs that no table names.
    pub hidden: Vec<bool>,
}

#[derive(Default)]
struct State {
    name: &'static str,
    /// The legs in the order in which the table names them.
    order: Vec<usize>,
    /// The same of a table that was loaded.
    loaded: Option<Vec<usize>>,
    end: End,
}

impl Settings {
    fn table(&self, order: &[usize]) -> String {
        let Settings { window: Window { length, offset, .. }, rate, hidden } = self;
        let name = |leg: &usize| match hidden[*leg] {
            true => " - 0".into(),
            false => format!(" vbd{leg} {offset}"),
        };
        let names: String = order.iter().map(name).collect();
        format!("0 {length} mirror internal 0 {}{names} 1 sync_rate={rate}", order.len())
    }
}

impl Mapped {
    /// A mirror with its legs in this order, about to start.
    pub(super) fn start(dm: Arc<Dm>, settings: Settings, order: Vec<usize>) -> Mapped {
        let device = Through {
            device: Mutex::new(dm.create("m").expect("a free name")),
            first: Sector(settings.window.first),
            up: Arc::new(Up),
        };
        let state = State { name: "m", order, ..State::default() };
        let mapped = Mapped { dm, device, settings, state: Mutex::new(state), _off: Loud };
        mapped.begin();
        mapped
    }

    /// Loads the first table of a device, and lets it go.
    fn begin(&self) {
        let (name, order) = self.with(|state| (state.name, state.order.clone()));
        self.dm.load(name, &self.settings.table(&order)).expect("a right table");
        self.device.get().resume(Box::new(|end| assert_eq!(end, Ok(()))));
    }

    fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        look(&mut self.state.lock().expect("nobody panics with it"))
    }

    /// What there is to see; nothing of a device without a table, which is about to be made
    /// anew.
    pub fn view(&self) -> Option<View> {
        self.device.get().look_at(Sector(0), MirrorTarget::view)
    }

    /// What the mirror has in hand.
    pub fn requests(&self) -> Vec<RequestView> {
        self.device.get().look_at(Sector(0), MirrorTarget::requests).unwrap_or_default()
    }

    /// What it knows of the regions that clients use: so many sectors.
    pub fn regions(&self, in_use: Sectors) -> Vec<RegionView> {
        let extent = Extent::new(Sector(self.settings.window.first), in_use);
        self.device
            .get()
            .look_at(Sector(0), |it: &MirrorTarget| it.regions(extent))
            .unwrap_or_default()
    }

    /// The same of a leg.
    fn leg(&self, leg: usize) -> Option<LegView> {
        self.view().map(|view| view.legs()[self.place(leg)])
    }

    /// Where the table names this leg.
    pub fn place(&self, leg: usize) -> usize {
        let place = |state: &mut State| state.order.iter().position(|it| *it == leg);
        self.with(place).expect("each leg has a place")
    }

    fn message(&self, words: &[&str]) -> Result<String, MessageError> {
        self.device.get().message(Sector(0), words)
    }

    fn report(&self) -> String {
        self.message(&["show"]).unwrap_or_default()
    }

    /// A callback for a request of this device, whose end is asked for later.
    fn ends(&self) -> dm::Done {
        let end = End::default();
        self.with(|state| state.end = end.clone());
        Box::new(move |result| *end.lock().expect("nobody panics with it") = Some(result))
    }

    fn end(&self) -> Option<Result<(), DmError>> {
        let end = self.with(|state| state.end.clone());
        let end = end.lock().expect("nobody panics with it");
        end.clone()
    }

    /// Whether the request was taken: over or on its way.
    fn is_taken(&self) -> bool {
        matches!(self.end(), None | Some(Ok(()) | Err(DmError::Flush(_))))
    }

    /// Another name for the device.
    fn rename(&self) {
        let name = self.with(|state| state.name);
        let other = if name == "m" { "n" } else { "m" };
        if self.dm.rename(name, other).is_ok() {
            self.with(|state| state.name = other);
        }
    }

    fn tune(&self, way: usize) -> Result<String, MessageError> {
        let last = (self.with(|state| state.order.len()) - 1).to_string();
        match way {
            0 => self.message(&["read_policy", "round_robin"]),
            1 => self.message(&["read_policy", &format!("prefer={last}")]),
            2 => self.message(&["write_mostly", &last, "on"]),
            3 => self.message(&["write_mostly", &last, "off"]),
            _ => {
                self.rename();
                self.message(&["sync_rate", self.settings.rate])
            }
        }
    }

    /// Has a look. Legs in sync differ only where the map says that they may.
    fn look(&self) -> Result<String, MessageError> {
        let report = self.message(&["show"])?;
        let mut findings = report.lines().filter(|line| line.ends_with(" differs"));
        assert_eq!(findings.next(), None, "{report}");
        Ok(report)
    }
}

impl Subject for Mapped {
    fn device(&self) -> &dyn BlockDevice {
        &self.device
    }
    fn decides_at_once(&self) -> bool {
        true
    }
    fn in_sync(&self, leg: usize) -> bool {
        self.leg(leg).is_some_and(|leg| leg.standing == Standing::InSync)
    }
    fn is_whole(&self, leg: usize) -> bool {
        self.leg(leg).is_some_and(|leg| leg.coming == Some(Coming::Whole))
    }
    fn only_remembers(&self, leg: usize) -> bool {
        self.leg(leg).is_some_and(|leg| leg.unrecorded)
    }
    fn data_start(&self, _leg: usize) -> Sector {
        let Window { first, offset, data_start, .. } = self.settings.window;
        Sector(offset + data_start + first)
    }
    fn is_record(&self, _leg: usize, sector: Sector) -> bool {
        let start = Sector(self.settings.window.offset);
        (start..start + Sectors(16)).contains(&sector)
    }
    fn life(&self) -> Life {
        match self.view().map(|view| view.health) {
            None | Some(Health::Starting) => Life::Starting,
            Some(Health::Held) => Life::Held,
            Some(Health::Refused) => Life::Refused,
            Some(_) => Life::Running,
        }
    }
    fn why(&self) -> String {
        self.report()
    }
    fn start_degraded(&self) {
        // Refused where no member is missing: it is held for something else.
        let _ = self.message(&["start_degraded"]);
    }
    fn returned(&self, leg: usize) {
        // Refused where the leg is not out, or owes requests.
        let _ = self.message(&["add", &self.place(leg).to_string()]);
    }
    fn stop(&self) -> bool {
        self.suspend(false)
    }
    fn stopped(&self) -> bool {
        self.suspended()
    }

    fn say(&self, word: Word) -> Result<String, String> {
        let place = |leg| self.place(leg).to_string();
        let answer = match word {
            Word::Look => self.look(),
            Word::Tune(way) => self.tune(way),
            Word::Fail(leg) => self.message(&["fail", &place(leg)]),
            Word::Add(leg, false) => self.message(&["add", &place(leg)]),
            Word::Add(leg, true) => self.message(&["add", &place(leg), "force"]),
            Word::Forget(leg) => self.message(&["forget", &place(leg)]),
            Word::Replace(old, new) => self.message(&["replace", &place(old), &place(new)]),
            Word::StartDegraded => self.message(&["start_degraded"]),
            Word::Keep(leg) => self.message(&["keep", &place(leg)]),
            Word::Check => self.message(&["check"]),
            Word::Repair => self.message(&["repair"]),
            Word::Idle => self.message(&["idle"]),
        };
        answer.map_err(|error| error.to_string())
    }
    fn tasks(&self, in_use: Sectors) -> Vec<Task> {
        let Some(view) = self.view() else { return Vec::new() };
        let mut tasks = Vec::new();
        let mut add = |name: String, left: u64| tasks.push(Task { name, left });
        for (place, leg) in view.legs().iter().enumerate() {
            if let Some(how) = leg.coming {
                add(format!("leg {place}, {how:?},"), leg.missed.into());
            }
        }
        if view.unsettled > 0 {
            add("a resync".into(), view.unsettled.into());
        }
        let cleaned = u64::from(view.dirty - view.doubtful);
        if cleaned > in_use.0.div_ceil(REGION) {
            add("the cleaning of a region".into(), cleaned);
        }
        if let Some(CheckView { repairs, done, all }) = view.check {
            add(format!("a {}", if repairs { "repair" } else { "check" }), (all - done).0);
        }
        tasks
    }
    fn load(&self, order: &[usize]) -> bool {
        let name = self.with(|state| state.name);
        self.dm.load(name, &self.settings.table(order)).expect("a right table");
        self.with(|state| state.loaded = Some(order.into()));
        true
    }
    fn suspend(&self, flush: bool) -> bool {
        let how = if flush { Suspend::Flush } else { Suspend::NoFlush };
        self.device.get().suspend(how, self.ends());
        self.is_taken()
    }
    fn suspended(&self) -> bool {
        self.end().is_some()
    }
    fn resume(&self) -> bool {
        let loaded = self.with(|state| state.loaded.take());
        let another = loaded.is_some();
        if let Some(order) = loaded {
            self.with(|state| state.order = order);
        }
        self.device.get().resume(Box::new(|end| assert_eq!(end, Ok(()))));
        another
    }
    fn remove(&self) -> bool {
        let name = self.with(|state| state.name);
        self.dm.remove(name, self.ends());
        self.is_taken()
    }
    fn removed(&self) -> bool {
        let gone = self.end().is_some();
        assert!(!gone || self.device.get().table(Slot::Active).is_err(), "a table is left");
        gone
    }
    fn make(&self) {
        let name = self.with(|state| {
            state.order.reverse();
            state.loaded = None;
            state.name
        });
        *self.device.device.lock().expect("nobody panics with it") =
            self.dm.create(name).expect("a free name");
        self.begin();
    }
}
