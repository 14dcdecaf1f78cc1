//! `slot`: a person's orders to the slots by which disks come and go.

use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use core::time::Duration;

use dm::{Env, Work};
use drivers::pcie::Stage;
use drivers::virtio::blk::{State, Status};
use shell::Slot;
use shell::format::{Align, Table};

use super::{or_dash, print_lines};
use crate::console::session::Session;
use crate::console::{Failure, Outcome, stack};
use crate::disks::{self, Order};
use crate::kprintln;
use crate::task::KernelEnv;

/// Does what a `slot` command says.
pub fn run(session: &mut Session<'_>, command: &Slot) -> Outcome {
    match *command {
        Slot::List => list(),
        Slot::Eject { slot, force } => {
            if !force {
                check_unused(session, known(slot)?)?;
            }
            act(session, slot, Order::Eject)?;
            told(slot, Stage::Off, "is off; its disk can be taken out", "the disk in it stays")
        }
        Slot::Start { slot } => {
            act(session, slot, Order::Start)?;
            told(slot, Stage::On, "is on", "it is empty, or what is in it does not answer")
        }
        Slot::Reset { slot } => reset(session, slot),
        Slot::Pull { slot, after: 0 } => {
            act(session, slot, Order::Pull)?;
            kprintln!("slot {slot} has no power any more; nobody was told");
            Ok(())
        }
        Slot::Pull { slot, after } => {
            let number = known(slot)?;
            KernelEnv.run_after(Duration::from_secs(after), Arc::new(Hand(number)));
            kprintln!("slot {slot} loses its power in {after} s");
            Ok(())
        }
    }
}

fn list() -> Outcome {
    use Align::{Left, Right};
    let slots = disks::view();
    if slots.is_empty() {
        kprintln!("there is no slot that disks could come and go by");
        return Ok(());
    }
    let mut table = Table::new([
        ("SLOT", Right),
        ("PORT", Left),
        ("EVENTS", Left),
        ("DISK", Left),
        ("STATE", Left),
    ]);
    for slot in slots {
        table.row([
            slot.number.to_string(),
            slot.port.to_string(),
            slot.events.into(),
            or_dash(slot.disks),
            slot.stage.to_string(),
        ]);
    }
    print_lines(&table.to_string());
    Ok(())
}

/// A hand that pulls the device out of a slot.
struct Hand(u16);

impl Work for Hand {
    fn run(self: Arc<Self>) {
        disks::order(self.0, Order::Pull);
    }
}

/// The number of a slot that exists.
fn known(slot: u64) -> Result<u16, Failure> {
    let known = disks::view().into_iter().find(|it| u64::from(it.number) == slot);
    known
        .map(|it| it.number)
        .ok_or_else(|| Failure::new(format!("there is no slot {slot}")).and("`slot ls` lists them"))
}

/// Refuses a slot whose disk is in use: a person has to decide that a leg leaves.
fn check_unused(session: &Session<'_>, slot: u16) -> Outcome {
    let view = disks::view().into_iter().find(|it| it.number == slot);
    let disks = view.map(|view| view.disks).unwrap_or_default();
    for disk in disks.split_whitespace() {
        if let [user, ..] = &stack::users(session.dm, disk)[..] {
            return Err(Failure::new(format!("`{disk}` in slot {slot} is part of `{user}`")).and(
                &format!("`slot eject {slot} --force` takes it all the same, as its button does"),
            ));
        }
    }
    Ok(())
}

/// Sets up anew the disks of a slot that were given up.
fn reset(session: &mut Session<'_>, slot: u64) -> Outcome {
    act(session, slot, Order::Reset)?;
    let number = known(slot)?;
    let names = disks::view().into_iter().find(|it| it.number == number).map(|it| it.disks);
    let names = names.filter(|names| !names.is_empty());
    let Some(names) = names else { return Err(Failure::new(format!("slot {slot} has no disk"))) };
    for disk in names.split_whitespace().filter_map(disks::find) {
        let Status { state, in_flight, .. } = disk.status();
        if state != State::Ready {
            let why = Failure::new(format!(
                "{} is not used: {in_flight} requests in flight",
                disk.name()
            ));
            return Err(why.and("it is reset once it has answered them; `disks` counts them"));
        }
        kprintln!("{} is ready", disk.name());
    }
    Ok(())
}

/// Orders a slot to do something, and waits until it has done so.
fn act(session: &mut Session<'_>, slot: u64, order: Order) -> Outcome {
    let number = known(slot)?;
    disks::order(number, order);
    session.wait_until(|| disks::settled(number).is_some())
}

/// Says whether the slot is now as wanted.
fn told(slot: u64, wanted: Stage, done: &str, not_done: &str) -> Outcome {
    let stage = u16::try_from(slot).ok().and_then(disks::settled);
    if stage == Some(wanted) {
        kprintln!("slot {slot} {done}");
        return Ok(());
    }
    Err(Failure::new(format!("slot {slot}: {not_done}")))
}
