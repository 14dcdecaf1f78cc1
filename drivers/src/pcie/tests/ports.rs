//! Ports as they are found, and the room below them.

use super::*;
use crate::pci::PciFault;

#[test]
fn a_port_is_found_by_its_hot_plug_slot() {
    let machine = Machine::new();
    let found = port(&Pci::new(machine.clone(), Vec::new())).unwrap();
    assert_eq!((found.at, found.number, found.bus), (PORT, 7, BUS));
    // No slot, no hot plug, no bus: no such port.
    for (offset, word) in [(CAPABILITY, 0x0042 << 16 | 0x10), (CAPABILITY + 0x14, 3), (0x18, 0)] {
        let machine = Machine::new();
        machine.model().port.insert(offset, word);
        assert!(port(&Pci::new(machine, Vec::new())).is_none(), "with {word:#x} at {offset:#x}");
    }
}

#[test]
fn a_port_whose_slot_registers_are_cut_off_is_a_fault() {
    let machine = Machine::new();
    machine.model().port.insert(0x34, 0xe8);
    machine.model().port.insert(0xe8, 0x0142 << 16 | 0x10);
    let pci = Pci::new(machine.clone(), Vec::new());
    let mut found = ports(&pci, &pci.functions(0));
    assert_eq!(found.pop().unwrap().unwrap_err(), (PORT, PciFault::CutShort(0xe8)));
    // Four bytes earlier all of them are there.
    machine.model().port.extend([
        (0x34, 0xe4),
        (0xe4, 0x0142 << 16 | 0x10),
        (0xf8, 9 << 19 | 0x40),
    ]);
    assert_eq!(port(&pci).unwrap().number, 9);
}

#[test]
fn bars_go_into_the_windows_of_the_port() {
    let machine = Machine::new();
    let mut pci = Pci::new(machine.clone(), Vec::new());
    let port = port(&pci).unwrap();
    assert_eq!(place(&mut pci, &port), Ok(()));
    let bar = |offset| machine.model().device[&offset];
    assert_eq!(bar(0x14), 0x8100_0000);
    assert_eq!((bar(0x20), bar(0x24)), (0xc, 8), "prefetchable, at 32 GiB");
    assert_eq!(bar(0x04) & 0b11, 0, "nothing is decoded before the driver says so");
}

#[test]
fn a_bridge_in_the_slot_keeps_its_buses_and_windows() {
    let machine = Machine::new();
    machine.model().device.extend([(0x0c, 1 << 16), (0x18, 0x00ff_0302)]);
    let mut pci = Pci::new(machine.clone(), Vec::new());
    let port = port(&pci).unwrap();
    assert_eq!(place(&mut pci, &port), Ok(()));
    assert_eq!(machine.model().device[&0x18], 0x00ff_0302);
}

#[test]
fn a_window_up_to_the_last_address_is_not_used() {
    let machine = Machine::new();
    machine.model().port.extend([(PREFETCHABLE, 0xfff1_0001), (0x2c, u32::MAX)]);
    let mut pci = Pci::new(machine.clone(), Vec::new());
    let port = port(&pci).unwrap();
    assert_eq!(place(&mut pci, &port), Ok(()));
    assert_eq!(machine.model().device[&0x24], 0, "below 4 GiB instead");
}

#[test]
fn a_closed_window_is_made_up_for_by_the_other_or_is_a_fault() {
    let closed = 0x0000_fff0;
    let machine = Machine::new();
    machine.model().port.insert(PREFETCHABLE, closed | 1);
    let mut pci = Pci::new(machine.clone(), Vec::new());
    let port = port(&pci).unwrap();
    assert_eq!(place(&mut pci, &port), Ok(()));
    let bar = |offset| machine.model().device[&offset];
    assert_eq!((bar(0x20), bar(0x24), bar(0x14)), (0x8100_000c, 0, 0x8100_4000));
    machine.model().port.insert(WINDOW, closed);
    assert_eq!(place(&mut pci, &port), Err(PciFault::NoRoom(4)));
}
