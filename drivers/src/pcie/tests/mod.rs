//! Slots and ports on registers that behave as the specification has them.

mod ports;

use std::collections::HashMap;
use std::string::ToString;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::*;
use crate::pci::{HalfWords, Pci};

const PORT: DeviceFunction = DeviceFunction { bus: 0, device: 3, function: 0 };
const BUS: u8 = 2;
const CAPABILITY: u8 = 0x40;
const SLOT: u8 = CAPABILITY + 0x18;
const WINDOW: u8 = 0x20;
const PREFETCHABLE: u8 = 0x24;

// Bits of Slot Control and Slot Status.
const POWER_OFF: u32 = 1 << 10;
const LAMP: u32 = 3 << 8;
const LAMP_ON: u32 = 1 << 8;
const LAMP_BLINKS: u32 = 2 << 8;
const LAMP_OFF: u32 = 3 << 8;
const PRESSED: u32 = 1 << 16;
const CHANGED: u32 = 1 << 19;
const COMPLETED: u32 = 1 << 20;
const PRESENT: u32 = 1 << 22;
const EVENTS: u32 = PRESSED | CHANGED | COMPLETED | 1 << 17 | 1 << 24;

/// A port, its slot, and a device with a 32-bit BAR 1 and a prefetchable 64-bit BAR 4.
struct Model {
    port: HashMap<u8, u32>,
    slot: u32,
    device: HashMap<u8, u32>,
    link: bool,
    /// The device's functions answer if they have power.
    alive: bool,
    /// Commands are carried out at once.
    prompt: bool,
    /// The power can be switched off.
    obeys: bool,
    commands: usize,
}

#[derive(Clone)]
struct Machine(Arc<Mutex<Model>>);

impl Machine {
    /// A slot with a device in use.
    fn new() -> Machine {
        let words = [
            (0x00, 0x000c_1b36),
            (0x04, 1 << 20),
            (0x0c, 1 << 16),
            (0x18, u32::from(BUS) << 8),
            (WINDOW, 0x8110_8100),
            (PREFETCHABLE, 0x0011_0001),
            (0x28, 0x8),
            (0x2c, 0x8),
            (0x34, CAPABILITY.into()),
            // A root port with a slot.
            (CAPABILITY, 0x0142 << 16 | 0x10),
            (CAPABILITY + 0x0c, 1 << 20),
            // Button, power, hot plug; the seventh slot.
            (CAPABILITY + 0x14, 7 << 19 | 1 << 6 | 1 << 1 | 1),
        ];
        let device = [(0x00, 0x1042_1af4), (0x04, 0x0010_0003), (0x14, 0), (0x20, 0xc), (0x24, 0)];
        let model = Model {
            port: words.into(),
            slot: PRESENT | LAMP_ON,
            device: device.into(),
            link: true,
            alive: true,
            prompt: true,
            obeys: true,
            commands: 0,
        };
        Machine(Arc::new(Mutex::new(model)))
    }

    /// The same with an empty slot.
    fn empty() -> Machine {
        let machine = Machine::new();
        machine.model().slot = LAMP_OFF | POWER_OFF;
        machine
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.0.lock().unwrap()
    }

    /// Puts a device in, or takes it out.
    fn put(&self, present: bool) {
        let mut model = self.model();
        model.slot = model.slot & !PRESENT | CHANGED | if present { PRESENT } else { 0 };
    }

    fn press(&self) {
        self.model().slot |= PRESSED;
    }

    /// Power and lamp.
    fn state(&self) -> (bool, u32) {
        let slot = self.model().slot;
        (slot & POWER_OFF == 0, slot & LAMP)
    }
}

impl ConfigurationAccess for Machine {
    fn read_word(&self, at: DeviceFunction, offset: u8) -> u32 {
        let model = self.model();
        let on = model.slot & (PRESENT | POWER_OFF) == PRESENT;
        let word = |words: &HashMap<u8, u32>| words.get(&offset).copied().unwrap_or(0);
        match at {
            PORT if offset == SLOT => model.slot,
            PORT if offset == CAPABILITY + 0x10 => u32::from(on && model.link) << 29,
            PORT => word(&model.port),
            DeviceFunction { bus: BUS, device: 0, function: 0 }
                if on && model.link && model.alive =>
            {
                word(&model.device)
            }
            _ => u32::MAX,
        }
    }

    fn write_word(&mut self, at: DeviceFunction, offset: u8, value: u32) {
        let mut model = self.model();
        assert!(at != PORT || offset != SLOT, "control and status are written apart");
        if at.bus == BUS {
            let value = match offset {
                0x14 => value & !0xfff,
                0x20 => value & !0x3fff | 0xc,
                0x24 => value,
                0x04 => value & 0xffff | 0x0010_0000,
                _ => 0,
            };
            model.device.insert(offset, value);
        }
    }

    unsafe fn unsafe_clone(&self) -> Machine {
        self.clone()
    }
}

impl HalfWords for Machine {
    fn write_half(&mut self, at: DeviceFunction, offset: u8, value: u16) {
        assert_eq!(at, PORT);
        let mut model = self.model();
        if offset == SLOT {
            let done = if model.prompt { COMPLETED } else { 0 };
            let kept = if model.obeys { 0 } else { POWER_OFF };
            model.slot = model.slot & 0xffff_0000 | u32::from(value) & !kept | done;
            model.commands += 1;
        } else {
            assert_eq!(offset, SLOT + 2);
            let clear = u32::from(value) << 16;
            assert_eq!(clear & !(model.slot & EVENTS), 0, "only what was seen is cleared");
            model.slot &= !clear;
        }
    }
}

/// What the tenant was told; how many requests its device holds.
#[derive(Default)]
struct Told(Vec<&'static str>, usize);

impl Tenant<Machine> for Told {
    fn arrived(&mut self, _: &mut Pci<Machine>, _: &Port) {
        self.0.push("arrived");
    }

    fn leave(&mut self) -> usize {
        self.0.push("leave");
        self.1
    }

    fn lost(&mut self) {
        self.0.push("lost");
    }

    fn severed(&mut self, proof: &Severed) {
        assert!(proof.covers(DeviceFunction { bus: BUS, device: 0, function: 0 }));
        assert!(!proof.covers(PORT));
        self.0.push("severed");
    }
}

/// A slot and its time.
struct Bench {
    machine: Machine,
    pci: Pci<Machine>,
    slot: Slot,
    told: Told,
    now: Duration,
    news: Vec<News>,
}

impl Bench {
    fn new(machine: Machine) -> Bench {
        let mut pci = Pci::new(machine.clone(), Vec::new());
        let port = port(&pci).unwrap();
        let slot = Slot::new(&mut pci, port);
        let (told, now) = (Told::default(), Duration::ZERO);
        Bench { machine, pci, slot, told, now, news: Vec::new() }
    }

    fn turn(&mut self) -> Option<Duration> {
        let next = self.slot.turn(&mut self.pci, &mut self.told, self.now);
        self.news.extend(next.news);
        assert!(next.at.is_none_or(|at| at >= self.now), "no turn is due in the past");
        next.at
    }

    /// Gives the slot each turn that falls due within `seconds`, the first one now.
    fn run(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        while let Some(at) = self.turn().filter(|&at| at <= end) {
            self.now = at.max(self.now + Duration::from_millis(1));
        }
        self.now = end;
    }

    fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }
}

fn port(pci: &Pci<Machine>) -> Option<Port> {
    ports(pci, &pci.functions(0)).pop().map(|port| port.unwrap())
}

#[test]
fn a_button_is_obeyed_after_five_seconds() {
    let mut bench = Bench::new(Machine::new());
    bench.run(1.0);
    assert_eq!((bench.slot.stage(), bench.machine.state()), (Stage::On, (true, LAMP_ON)));
    bench.machine.press();
    bench.run(4.9);
    assert_eq!(bench.take_news(), [News::Pressed]);
    assert_eq!(bench.machine.state(), (true, LAMP_BLINKS));
    assert_eq!(bench.told.0, [""; 0], "there is time to press it again");
    bench.run(0.5);
    assert_eq!(bench.told.0, ["leave"]);
    assert_eq!(bench.take_news(), [News::Left]);
    assert_eq!(bench.machine.state(), (false, LAMP_OFF));
    // It is still in the slot, and stays off.
    bench.run(10.0);
    assert_eq!((bench.slot.stage(), bench.machine.state()), (Stage::Off, (false, LAMP_OFF)));
    // The button brings it back.
    bench.machine.press();
    bench.run(2.0);
    assert_eq!(bench.told.0, ["leave", "severed", "arrived"]);
    assert_eq!((bench.slot.stage(), bench.machine.state()), (Stage::On, (true, LAMP_ON)));
}

#[test]
fn a_button_that_is_pressed_twice_changes_nothing() {
    let mut bench = Bench::new(Machine::new());
    bench.machine.press();
    bench.run(2.0);
    bench.machine.press();
    bench.run(10.0);
    assert_eq!(bench.take_news(), [News::Pressed, News::Stays]);
    assert_eq!(bench.told.0, [""; 0]);
    assert_eq!(bench.machine.state(), (true, LAMP_ON));
}

#[test]
fn a_device_that_holds_requests_keeps_its_power() {
    let mut bench = Bench::new(Machine::new());
    bench.told.1 = 3;
    assert!(bench.slot.eject());
    bench.run(20.0);
    assert_eq!(bench.take_news(), [News::Busy(3)], "said once");
    assert_eq!(bench.machine.state(), (true, LAMP_BLINKS));
    bench.told.1 = 0;
    bench.run(0.1);
    assert_eq!(bench.take_news(), [News::Left]);
    assert_eq!(bench.machine.state(), (false, LAMP_OFF));
    assert!(!bench.slot.eject(), "nothing is left to leave");
}

#[test]
fn a_device_that_comes_is_left_alone_until_it_is_awake() {
    let mut bench = Bench::new(Machine::empty());
    bench.run(1.0);
    assert_eq!(bench.machine.state(), (false, LAMP_OFF));
    bench.machine.model().link = false;
    bench.machine.put(true);
    // QEMU presses the button, too.
    bench.machine.press();
    bench.run(0.5);
    assert_eq!(bench.machine.state(), (true, LAMP_BLINKS));
    bench.machine.model().link = true;
    bench.run(0.09);
    assert_eq!(bench.told.0, [""; 0], "100 ms from link to first access");
    bench.run(0.1);
    assert_eq!(bench.told.0, ["arrived"]);
    assert_eq!(bench.take_news(), [News::Arrived]);
    assert_eq!(bench.machine.state(), (true, LAMP_ON));
}

#[test]
fn what_does_not_answer_is_switched_off() {
    for (link, alive) in [(false, true), (true, false)] {
        let mut bench = Bench::new(Machine::empty());
        bench.run(1.0);
        (bench.machine.model().link, bench.machine.model().alive) = (link, alive);
        bench.machine.put(true);
        bench.run(10.0);
        assert_eq!(bench.take_news(), [News::Silent], "said once, not tried again");
        assert_eq!(bench.told.0, ["severed"]);
        assert_eq!(bench.machine.state(), (false, LAMP_OFF));
        // Ordered to, it is tried again.
        (bench.machine.model().link, bench.machine.model().alive) = (true, true);
        assert!(bench.slot.start());
        bench.run(1.0);
        assert_eq!(bench.told.0, ["severed", "arrived"]);
    }
}

#[test]
fn a_device_that_is_torn_out_is_lost_at_any_stage() {
    for (press, order) in [(false, false), (true, false), (false, true)] {
        let mut bench = Bench::new(Machine::new());
        bench.told.1 = 1;
        if press {
            bench.machine.press();
        }
        assert!(!order || bench.slot.eject());
        bench.run(1.0);
        bench.take_news();
        bench.machine.put(false);
        bench.turn();
        assert_eq!(bench.told.0.last(), Some(&"lost"));
        assert_eq!(bench.take_news(), [News::TornOut]);
        bench.run(0.9);
        assert_eq!(bench.told.0.last(), Some(&"lost"), "power may still be in the slot");
        bench.run(10.0);
        assert_eq!(bench.told.0.last(), Some(&"severed"));
        assert_eq!((bench.slot.stage(), bench.machine.state()), (Stage::Off, (false, LAMP_OFF)));
        assert_eq!(bench.told.0.iter().filter(|&&told| told == "lost").count(), 1);
    }
}

#[test]
fn power_that_went_behind_the_slot_s_back_is_a_device_torn_out() {
    let mut bench = Bench::new(Machine::new());
    bench.run(1.0);
    bench.slot.port().pull(&mut bench.pci);
    assert!(!bench.slot.port().answers(&bench.pci));
    bench.run(0.1);
    assert_eq!(bench.told.0, ["lost"]);
    assert_eq!(bench.take_news(), [News::TornOut]);
    assert_eq!(bench.machine.state(), (false, LAMP_OFF));
}

#[test]
fn a_device_that_was_swapped_starts_after_a_second() {
    let mut bench = Bench::new(Machine::new());
    bench.run(1.0);
    bench.machine.put(true);
    bench.run(0.9);
    assert_eq!((bench.told.0.as_slice(), bench.machine.state().0), (&["lost"][..], false));
    bench.run(0.5);
    assert_eq!(bench.told.0, ["lost", "severed", "arrived"]);
    assert_eq!(bench.take_news(), [News::TornOut, News::Arrived]);
}

#[test]
fn what_was_put_in_while_the_power_rested_starts_then() {
    let mut bench = Bench::new(Machine::new());
    bench.run(1.0);
    bench.machine.put(false);
    bench.run(0.2);
    bench.machine.put(true);
    bench.run(0.7);
    assert!(!bench.machine.state().0, "off for a second");
    bench.run(0.5);
    assert_eq!(bench.told.0, ["lost", "severed", "arrived"]);
}

#[test]
fn no_command_overtakes_another() {
    let mut bench = Bench::new(Machine::new());
    bench.run(1.0);
    bench.machine.model().prompt = false;
    bench.machine.press();
    bench.run(0.1);
    let commands = bench.machine.model().commands;
    // The lamp blinks, which is not carried out yet: nothing is commanded meanwhile.
    bench.machine.press();
    bench.run(0.5);
    assert_eq!(bench.machine.model().commands, commands);
    assert_eq!(bench.take_news(), [News::Pressed]);
    // If a slot never says that it has, the wait ends after a second.
    bench.run(1.0);
    assert_eq!(bench.machine.model().commands, commands + 1);
    assert_eq!(bench.take_news(), [News::Stays]);
}

#[test]
fn what_was_in_the_slot_before_is_as_firmware_left_it() {
    // A change that firmware has handled is no news.
    let machine = Machine::new();
    machine.put(true);
    let mut bench = Bench::new(machine);
    bench.run(1.0);
    assert_eq!((bench.slot.stage(), bench.told.0.len()), (Stage::On, 0));
    // A device without power gets power.
    let machine = Machine::empty();
    machine.model().slot |= PRESENT;
    let mut bench = Bench::new(machine);
    bench.run(1.0);
    assert_eq!(bench.told.0, ["arrived"]);
}

#[test]
fn only_the_port_can_say_that_a_device_reaches_no_memory() {
    let told = |switch: bool, obeys: bool, present: bool| {
        let machine = Machine::new();
        machine.model().obeys = obeys;
        let slot = 7 << 19 | 1 << 6 | if switch { 1 << 1 } else { 0 };
        machine.model().port.insert(CAPABILITY + 0x14, slot);
        let mut bench = Bench::new(machine);
        bench.run(1.0);
        // It no longer answers, which proves nothing.
        bench.machine.model().alive = false;
        bench.machine.put(present);
        bench.run(10.0);
        bench.told.0.contains(&"severed")
    };
    assert!(told(true, true, true), "no power");
    assert!(told(true, true, false));
    assert!(!told(true, false, true), "the power is still on");
    assert!(!told(false, true, true), "there is no switch");
    assert!(told(false, true, false), "but nothing is there");
}

#[test]
fn every_stage_and_every_news_has_words() {
    let mut words = vec![News::Pressed.to_string(), News::Busy(7).to_string()];
    words.push(Stage::Off.to_string());
    assert_eq!(words[0].matches("5 s").count(), 1);
    assert!(words[1].contains("holds 7 requests"), "{}", words[1]);
    assert_eq!(words[2], "off");
}
