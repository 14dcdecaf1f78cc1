//! What to do with a slot, and when: devices come, are asked to leave, or are torn out.
//!
//! Place: above [`Port`], which knows the registers. The kernel gives a slot its
//! [`turn`](Slot::turn)s and lends it the [`Tenant`], which drives the device.
//!
//! ```text
//!           in the slot           answers               button, order
//!     Off ────────────▶ Starting ─────────▶ On ◀──────▶ Pressed ───▶ Leaving
//!      ▲                   │                 │  button     │ 5 s        │ tenant has
//!      │ 1 s               │ silent          │ torn out    │            │ let go
//!      └───── Resting ◀────┴─────────────────┴─────────────┴────────────┘
//! ```
//!
//! Rules:
//!
//! - A turn commands the slot at most once, and only after the last command was carried out,
//!   or a second has passed (6.7.3.2).
//! - A pressed button is obeyed after five seconds, unless it is pressed again (6.7.1.5).
//! - Power that was switched off stays off for a second (6.7.1.8).
//! - A device is spoken to 100 ms after its link came up, and has a second to answer
//!   (6.6.1).
//! - Power is not taken from a device that still holds requests. It may be in the middle of a
//!   write, and QEMU would stop the machine until its backend answers.

use core::fmt;
use core::time::Duration;

use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction};

use super::port::{Control, Port, Status};
use crate::pci::{HalfWords, Pci};

/// How long a command may take.
const COMMAND_MAX: Duration = Duration::from_secs(1);
/// How long a pressed button can be pressed again.
const REGRET: Duration = Duration::from_secs(5);
/// How long power stays off.
const REST: Duration = Duration::from_secs(1);
/// How long a link may take to come up.
const LINK_MAX: Duration = Duration::from_secs(1);
/// How long a device is left alone after that.
const QUIET: Duration = Duration::from_millis(100);
/// How long it may take then to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// How long a device may take to let go before a person is told.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the slot is looked at while it waits for something that raises no interrupt.
const GLANCE: Duration = Duration::from_millis(20);

/// What drives the device in a slot.
pub trait Tenant<C: ConfigurationAccess> {
    /// A device answers behind the port. Nobody has touched it yet.
    fn arrived(&mut self, pci: &mut Pci<C>, port: &Port);

    /// The device shall leave. Returns how many requests it holds. Called again until it holds
    /// none.
    fn leave(&mut self) -> usize;

    /// The device is no longer there.
    fn lost(&mut self);

    /// No device in the slot can reach memory, so memory lent to lost devices is free. Called
    /// after `lost`, or after the last `leave`, once the power has been off for a second.
    fn severed(&mut self, proof: &Severed);
}

/// Proof that nothing in a slot reaches memory, given by the port above: the power is off, or
/// the slot is empty. The device's own silence would prove nothing.
///
/// Holding it is the permission to free the memory that such a device was lent. Only a [`Slot`]
/// gives it, and only for its own bus.
#[derive(Debug)]
pub struct Severed {
    bus: u8,
}

impl Severed {
    /// Whether a device at `at` was in the slot.
    pub fn covers(&self, at: DeviceFunction) -> bool {
        at.bus == self.bus
    }

    #[cfg(any(test, feature = "hostile"))]
    pub(crate) fn of_bus(bus: u8) -> Severed {
        Severed { bus }
    }
}

/// Where a slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Empty, or the device in it has no power.
    Off,
    /// The power is on; the device does not answer yet.
    Starting {
        /// When the power came on.
        since: Duration,
        /// When the link came up.
        linked: Option<Duration>,
    },
    /// The device is in use.
    On,
    /// The button was pressed.
    Pressed {
        /// When the button is obeyed.
        until: Duration,
    },
    /// The tenant is to let go of the device.
    Leaving {
        /// When a person is told that it does not.
        patience: Duration,
    },
    /// The power was switched off.
    Resting {
        /// Nothing is done until then.
        until: Duration,
        /// A device was put in meanwhile.
        again: bool,
    },
}

/// What a person may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The button was pressed: the device will be asked to leave.
    Pressed,
    /// It was pressed again: the device stays.
    Stays,
    /// A device came, and answers.
    Arrived,
    /// A device is in the slot, and does not answer.
    Silent,
    /// The device was released, and has no power.
    Left,
    /// The device is to leave, but holds so many requests.
    Busy(usize),
    /// The device was torn out.
    TornOut,
    /// The power failed.
    PowerFault,
}

/// What is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    /// When the next turn is due, if nothing happens before.
    pub at: Option<Duration>,
    /// What happened.
    pub news: Option<News>,
}

/// A slot.
#[derive(Debug)]
pub struct Slot {
    port: Port,
    stage: Stage,
    /// What was last written to Slot Control.
    control: Control,
    /// When the command was given that the slot has not carried out yet.
    commanded: Option<Duration>,
    /// A person's order.
    order: Option<Order>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Leave,
    Start,
}

impl Slot {
    /// The slot below `port`, as firmware left it: a device that answers is on. Earlier events
    /// are forgotten; events interrupt from the first turn on.
    pub fn new<C: HalfWords>(pci: &mut Pci<C>, port: Port) -> Slot {
        let (control, status) = port.registers(pci);
        port.clear(pci, status);
        let stage = if port.answers(pci) { Stage::On } else { Stage::Off };
        // If a device in the slot has no power, the first turn starts it.
        let order = (stage == Stage::Off).then_some(Order::Start);
        Slot { port, stage, control, commanded: None, order }
    }

    /// The port above.
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// The stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Has the device leave at the next turn, without the five seconds of the button. False if
    /// there is none.
    pub fn eject(&mut self) -> bool {
        let can = matches!(self.stage, Stage::On | Stage::Pressed { .. });
        self.order = can.then_some(Order::Leave).or(self.order);
        can
    }

    /// Starts the device in the slot at the next turn. False if it is in use.
    pub fn start(&mut self) -> bool {
        let can = matches!(self.stage, Stage::Off | Stage::Resting { .. });
        self.order = can.then_some(Order::Start).or(self.order);
        can
    }

    /// Looks at the slot and does what is due at `now`.
    pub fn turn<C: HalfWords>(
        &mut self,
        pci: &mut Pci<C>,
        tenant: &mut impl Tenant<C>,
        now: Duration,
    ) -> Next {
        let (control, status) = self.port.registers(pci);
        if let Some(at) = self.commanded {
            let carried_out = !self.port.completes || status.contains(Status::COMPLETED);
            if !carried_out && now < at + COMMAND_MAX {
                return Next { at: Some(now + GLANCE), news: None };
            }
            self.commanded = None;
        }
        let order = self.order.take();
        let (stage, news) = self.step(pci, tenant, now, status, order);
        if matches!(self.stage, Stage::Resting { until, .. } if now >= until)
            && self.is_cut_off(control, status)
        {
            tenant.severed(&Severed { bus: self.port.bus });
        }
        self.stage = stage;
        let seen = status.intersection(HEARD);
        let control = self.wanted();
        let commands = control != self.control;
        if commands || !seen.is_empty() {
            // This also clears the end of an earlier command: the slot waits for the end of
            // this one.
            self.port.clear(pci, status);
        }
        if commands {
            self.port.command(pci, control);
            (self.control, self.commanded) = (control, Some(now));
        }
        // An event between the look and the write raises no interrupt of its own.
        let at = if seen.is_empty() && self.commanded.is_none() {
            self.due(now)
        } else {
            Some(now + GLANCE)
        };
        Next { at, news }
    }

    /// Whether nothing in the slot can reach memory, by what the port's registers say.
    fn is_cut_off(&self, control: Control, status: Status) -> bool {
        if self.port.switches_power {
            control.contains(Control::POWER_OFF)
        } else {
            !status.intersects(Status::PRESENT.union(Status::CHANGED))
        }
    }

    /// One step: the slot's next stage, and the news.
    fn step<C: ConfigurationAccess>(
        &self,
        pci: &mut Pci<C>,
        tenant: &mut impl Tenant<C>,
        now: Duration,
        status: Status,
        order: Option<Order>,
    ) -> (Stage, Option<News>) {
        let present = status.contains(Status::PRESENT);
        let changed = status.contains(Status::CHANGED);
        let pressed = status.contains(Status::PRESSED);
        let stage = self.stage;
        let power_off = |again| Stage::Resting { until: now + REST, again };
        let start = Stage::Starting { since: now, linked: None };
        match stage {
            Stage::Off if present && (changed || pressed || order == Some(Order::Start)) => {
                (start, None)
            }
            Stage::Off => (stage, None),
            Stage::Resting { until, again } => {
                let again = present && (again || changed || order == Some(Order::Start));
                match () {
                    () if now < until => (Stage::Resting { until, again }, None),
                    () if again => (start, None),
                    () => (Stage::Off, None),
                }
            }
            Stage::Starting { .. } if status.contains(Status::POWER_FAULT) => {
                (power_off(false), Some(News::PowerFault))
            }
            Stage::Starting { .. } if !present => (power_off(false), None),
            Stage::Starting { since, linked } => {
                let linked = linked.or_else(|| self.port.link_up(pci).then_some(now));
                let silent = linked.unwrap_or(since) + linked.map_or(LINK_MAX, |_| ANSWER_MAX);
                match linked {
                    Some(at) if now >= at + QUIET && self.port.answers(pci) => {
                        tenant.arrived(pci, &self.port);
                        (Stage::On, Some(News::Arrived))
                    }
                    _ if now > silent => (power_off(false), Some(News::Silent)),
                    _ => (Stage::Starting { since, linked }, None),
                }
            }
            _ if status.contains(Status::POWER_FAULT) => {
                tenant.lost();
                (power_off(false), Some(News::PowerFault))
            }
            _ if !present || changed || !self.port.answers(pci) => {
                tenant.lost();
                // It was torn out and another one was put in before this look.
                (power_off(present && changed), Some(News::TornOut))
            }
            Stage::On | Stage::Pressed { .. } if order == Some(Order::Leave) => {
                (Stage::Leaving { patience: now + PATIENCE }, None)
            }
            Stage::On if pressed => (Stage::Pressed { until: now + REGRET }, Some(News::Pressed)),
            Stage::On => (stage, None),
            Stage::Pressed { .. } if pressed => (Stage::On, Some(News::Stays)),
            Stage::Pressed { until } if now >= until => {
                (Stage::Leaving { patience: now + PATIENCE }, None)
            }
            Stage::Pressed { .. } => (stage, None),
            Stage::Leaving { patience } => match tenant.leave() {
                0 => (power_off(false), Some(News::Left)),
                held if now >= patience => {
                    (Stage::Leaving { patience: Duration::MAX }, Some(News::Busy(held)))
                }
                _ => (stage, None),
            },
        }
    }

    /// The Slot Control that the current stage wants.
    fn wanted(&self) -> Control {
        let lamp = match self.stage {
            Stage::Off | Stage::Resting { .. } => Control::LAMP_OFF,
            Stage::On => Control::LAMP_ON,
            Stage::Starting { .. } | Stage::Pressed { .. } | Stage::Leaving { .. } => {
                Control::LAMP_BLINKS
            }
        };
        let off = matches!(self.stage, Stage::Off | Stage::Resting { .. });
        let power =
            if off && self.port.switches_power { Control::POWER_OFF } else { Control::empty() };
        let heard = Control::HEAR_PRESSED
            | Control::HEAR_POWER_FAULT
            | Control::HEAR_CHANGED
            | Control::HEAR_LINK
            | Control::INTERRUPT;
        Control::ATTENTION_OFF | lamp | power | heard
    }

    /// When the next turn is due.
    fn due(&self, now: Duration) -> Option<Duration> {
        match self.stage {
            Stage::Off | Stage::On => None,
            Stage::Resting { until, .. } | Stage::Pressed { until } => Some(until),
            Stage::Starting { .. } | Stage::Leaving { .. } => Some(now + GLANCE),
        }
    }
}

/// What interrupts.
const HEARD: Status =
    Status::PRESSED.union(Status::POWER_FAULT).union(Status::CHANGED).union(Status::LINK_CHANGED);

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Off | Stage::Resting { .. } => "off",
            Stage::Starting { .. } => "starting",
            Stage::On => "on",
            Stage::Pressed { .. } => "on, its button was pressed",
            Stage::Leaving { .. } => "leaving",
        })
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            News::Pressed => write!(
                f,
                "its button was pressed: the device leaves in {} s, unless it is pressed again",
                REGRET.as_secs()
            ),
            News::Stays => f.write_str("its button was pressed again: the device stays"),
            News::Arrived => f.write_str("a device is there"),
            News::Silent => f.write_str("the device does not answer: its power is off"),
            News::Left => f.write_str("the device has left: its power is off"),
            News::Busy(held) => {
                write!(f, "the device is to leave, but holds {held} requests: it keeps its power")
            }
            News::TornOut => f.write_str("the device was torn out"),
            News::PowerFault => f.write_str("its power failed"),
        }
    }
}
