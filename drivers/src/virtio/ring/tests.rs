//! The ring against a device of plain memory, obedient and hostile.

use std::vec;
use std::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::*;
use crate::virtio::allocation_tests::allocations;
use crate::virtio::blk::Features;
use crate::virtio::fake::{FakeDevice, FakeHal, FakeTransport, Model, load, store};

type Tested = Ring<FakeHal<true>, u64>;

const SECTOR: usize = 512;

/// A ring and its device, which agreed on `features`.
fn pair(features: Features, queue_size: u32) -> (Tested, FakeTransport) {
    pair_with(features, queue_size, 8, 4096)
}

fn pair_with<H: Hal>(
    features: Features,
    queue_size: u32,
    segments: usize,
    segment_bytes: u32,
) -> (Ring<H, u64>, FakeTransport) {
    let mut transport = FakeTransport::new(Model { queue_size, ..Model::disk(8) });
    transport.write_driver_features(features.bits());
    let agreed = Agreement {
        event_idx: features.contains(Features::EVENT_IDX),
        indirect: features.contains(Features::INDIRECT_DESC),
        segments,
        segment_bytes,
    };
    (Ring::new(&mut transport, 0, agreed).unwrap(), transport)
}

/// Every way a ring can be driven.
fn variants() -> [Features; 4] {
    let both = Features::EVENT_IDX | Features::INDIRECT_DESC;
    [both, Features::EVENT_IDX, Features::INDIRECT_DESC, Features::empty()]
}

fn read(ring: &mut Tested, value: u64) {
    let memory = Memory::Unique(BytesMut::zeroed(SECTOR));
    ring.push(&[0, value], memory, 0..SECTOR, value);
}

/// The device runs only when kicked, the driver only when interrupted; a lost
/// kick or interrupt shows as a standstill.
fn run_past_the_wrap(features: Features, batch: usize) {
    let (mut ring, transport) = pair(features, 128);
    let mut reaped = 0u64;
    for round in 0..70_000 / batch as u64 {
        for i in 0..batch as u64 {
            ring.push(&[4, 0], Memory::None, 0..0, round * batch as u64 + i);
        }
        let mut device = transport.device();
        if ring.wants_kick().is_some() {
            device.kicked = true;
        }
        assert!(device.kicked, "the device was not told of round {round}");
        device.want_kicks(false);
        assert_eq!(device.serve(usize::MAX), batch, "requests of round {round}");
        device.want_kicks(true);
        device.sleep();
        assert!(device.interrupting, "the driver was not told of round {round}");
        device.interrupting = false;
        ring.mute();
        while let Some(used) = ring.reap().unwrap() {
            assert_eq!((used.value, used.status), (Some(reaped), 0));
            reaped += 1;
        }
        assert!(!ring.unmute(), "nothing came in meanwhile");
    }
    assert!(reaped > 65_536 && ring.in_flight() == 0);
}

#[test]
fn no_kick_or_interrupt_is_lost_past_the_wrap() {
    for features in variants() {
        for batch in [1, 3, 8, 32] {
            run_past_the_wrap(features, batch);
        }
    }
}

#[test]
fn a_wish_that_is_seen_too_late_is_granted_at_the_next_look() {
    for at in [0, 65_535] {
        let (mut ring, transport) = pair(Features::EVENT_IDX, 128);
        ring.skip_to(at);
        transport.device().skip_to(at);
        (0..2).for_each(|value| read(&mut ring, value));
        assert_eq!(ring.wants_kick(), Some(Kick::Prompt), "it sleeps");
        // It goes to sleep while the next is pushed, and neither sees the other's word.
        assert_eq!(transport.device().serve(1), 1);
        read(&mut ring, 2);
        assert_eq!(ring.wants_kick(), None, "its wish is not seen yet");
        assert_eq!(transport.device().serve(1), 1);
        transport.device().sleep();
        assert!(ring.reap().unwrap().is_some());
        assert_eq!(ring.wants_kick(), Some(Kick::Late), "it asks for what it was not told of");
        assert_eq!(ring.wants_kick(), None, "it was told");
        assert_eq!(transport.device().serve(1), 1);
        (0..2).for_each(|_| assert!(ring.reap().unwrap().is_some()));
        assert_eq!(ring.wants_kick(), None, "nothing is left to tell");
    }
}

#[test]
fn a_device_that_was_awake_for_as_long_as_an_index_lasts_is_kicked_when_it_sleeps() {
    let (mut ring, transport) = pair(Features::EVENT_IDX, 128);
    let mut push = |awake: bool| {
        ring.push(&[4, 0], Memory::None, 0..0, 0);
        let wanted = ring.wants_kick();
        assert_eq!(transport.device().serve(1), 1);
        assert!(ring.reap().unwrap().is_some());
        if !awake {
            transport.device().sleep();
        }
        wanted
    };
    assert_eq!(push(true), Some(Kick::Prompt), "it sleeps at first");
    (0..65_534).for_each(|_| assert_eq!(push(true), None));
    assert_eq!(push(false), None, "it still polls");
    (0..8).for_each(|_| assert_eq!(push(false), Some(Kick::Prompt), "it sleeps"));
}

#[test]
fn event_comparison_agrees_with_counting() {
    for old in [0u16, 1, 100, 32_767, 32_768, 65_000, 65_535] {
        for step in [0u16, 1, 2, 8, 128, 40_000] {
            let new = old.wrapping_add(step);
            for event in (0..=u16::MAX).step_by(7).chain([old, new, new.wrapping_sub(1)]) {
                let crossed = (0..step).any(|i| old.wrapping_add(i) == event);
                assert_eq!(passes(event, old, new), crossed, "{event} in {old}..{new}");
            }
        }
    }
}

#[test]
fn a_batch_costs_one_kick_and_an_awake_device_none() {
    for features in variants() {
        let (mut ring, transport) = pair(features, 128);
        transport.device().sleep();
        (0..5).for_each(|value| read(&mut ring, value));
        assert_eq!(ring.wants_kick(), Some(Kick::Prompt), "it sleeps");
        assert_eq!(ring.wants_kick(), None, "it was told");
        transport.device().want_kicks(false);
        read(&mut ring, 5);
        assert_eq!(ring.wants_kick(), None, "it is awake: {features:?}");
    }
}

#[test]
fn a_muted_ring_gets_no_interrupt_and_misses_no_answer() {
    for features in variants() {
        let (mut ring, transport) = pair(features, 128);
        (0..4).for_each(|value| read(&mut ring, value));
        assert_eq!(transport.device().serve(1), 1);
        assert!(transport.device().interrupting);
        transport.device().interrupting = false;
        ring.mute();
        assert!(ring.reap().unwrap().is_some());
        assert_eq!(transport.device().serve(2), 2);
        assert!(!transport.device().interrupting, "muted: {features:?}");
        assert!(ring.unmute(), "two answers came in meanwhile");
        assert!(ring.reap().unwrap().is_some() && ring.reap().unwrap().is_some());
        assert!(!ring.unmute());
        transport.device().serve(1);
        assert!(transport.device().interrupting, "not muted: {features:?}");
    }
}

#[test]
fn the_device_sees_header_segments_and_status() {
    for features in variants() {
        let (mut ring, transport) = pair_with::<FakeHal<true>>(features, 64, 2, 1024);
        let data: Vec<u8> = (0..2048u32).map(|i| (i % 251) as u8).collect();
        ring.push(&[1, 3], Memory::Shared(data.clone().into()), 512..2048, 7);
        let chain = transport.device().take().unwrap();
        let shape: Vec<_> = chain.parts.iter().map(|part| (part.1, part.2)).collect();
        assert_eq!(shape, [(16, false), (1024, false), (512, false), (1, true)]);
        assert_eq!(load::<u64>(chain.parts[0].0 + 8), 3, "the header's sector");
        let sent: Vec<u8> = chain.parts[1..3]
            .iter()
            .flat_map(|part| (0..u64::from(part.1)).map(|i| load(part.0 + i)))
            .collect();
        assert_eq!(sent, data[512..2048]);
        store(chain.parts[3].0, 2u8);
        transport.device().give(chain.head.into(), 1);
        let used = ring.reap().unwrap().unwrap();
        assert_eq!((used.value, used.status, used.written), (Some(7), 2, 1));
        assert_eq!(used.memory, Memory::Shared(data.into()));
    }
}

#[test]
fn a_read_fills_its_range_and_nothing_else() {
    let (mut ring, transport) = pair(Features::INDIRECT_DESC, 64);
    transport.device().disk.fill(0xab);
    ring.push(&[0, 0], Memory::Unique(BytesMut::zeroed(1536)), 512..1024, 0);
    assert_eq!(transport.device().serve(1), 1);
    let Memory::Unique(memory) = ring.reap().unwrap().unwrap().memory else { panic!("unique") };
    assert!(memory[512..1024].iter().all(|&byte| byte == 0xab));
    assert!(memory[..512].iter().chain(&memory[1024..]).all(|&byte| byte == 0));
}

#[test]
fn answers_may_come_in_any_order() {
    for features in variants() {
        let (mut ring, transport) = pair(features, 32);
        let depth = ring.slots.len() as u64;
        (0..depth).for_each(|value| read(&mut ring, value));
        assert!(!ring.has_room());
        let mut device = transport.device();
        let chains: Vec<_> = std::iter::from_fn(|| device.take()).collect();
        for chain in chains.iter().rev() {
            device.give(chain.head.into(), 513);
        }
        for value in (0..depth).rev() {
            assert_eq!(ring.reap().unwrap().unwrap().value, Some(value));
        }
        assert_eq!(ring.in_flight(), 0);
    }
}

#[test]
fn nonsense_is_a_fault_and_takes_nothing_back() {
    type Lie = fn(&mut FakeDevice);
    let lies: [(Lie, DeviceFault); 6] = [
        (|d| d.set_used(3), DeviceFault::RanAhead { used: 3, in_flight: 2 }),
        (|d| d.set_used(u16::MAX), DeviceFault::RanAhead { used: u16::MAX, in_flight: 2 }),
        (|d| d.give(2, 1), DeviceFault::UnknownRequest { id: 2 }),
        (|d| d.give(77, 1), DeviceFault::UnknownRequest { id: 77 }),
        (|d| d.give(0x1_0000, 1), DeviceFault::UnknownRequest { id: 0x1_0000 }),
        (|d| d.give(0, 514), DeviceFault::Overlong { written: 514, lent: 513 }),
    ];
    for (lie, fault) in lies {
        let (mut ring, transport) = pair(Features::INDIRECT_DESC, 64);
        read(&mut ring, 0);
        read(&mut ring, 1);
        lie(&mut transport.device());
        for _ in 0..2 {
            assert_eq!(ring.reap().unwrap_err(), fault);
            assert_eq!((ring.in_flight(), ring.values().count()), (2, 2));
        }
    }
}

#[test]
fn a_request_cannot_be_given_back_twice() {
    let (mut ring, transport) = pair(Features::INDIRECT_DESC, 64);
    read(&mut ring, 0);
    read(&mut ring, 1);
    transport.device().give(0, 513);
    transport.device().give(0, 513);
    assert_eq!(ring.reap().unwrap().unwrap().value, Some(0));
    assert_eq!(ring.reap().unwrap_err(), DeviceFault::UnknownRequest { id: 0 });
}

#[test]
fn without_indirect_descriptors_only_heads_are_requests() {
    let (mut ring, transport) = pair(Features::empty(), 64);
    read(&mut ring, 0);
    transport.device().give(1, 1);
    assert_eq!(ring.reap().unwrap_err(), DeviceFault::UnknownRequest { id: 1 });
}

#[test]
fn random_answers_never_panic() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut faults = 0;
    for round in 0..5_000 {
        let (mut ring, transport) = pair(variants()[round % 4], 16);
        while ring.has_room() && next() % 8 != 0 {
            read(&mut ring, 0);
        }
        for _ in 0..next() % 6 {
            transport.device().give((next() % 18) as u32, (next() % 600) as u32);
        }
        if next() % 4 == 0 {
            transport.device().set_used((next() % 20) as u16);
        }
        let held = ring.in_flight();
        let mut reaped = 0;
        faults += loop {
            match ring.reap() {
                Ok(Some(_)) => reaped += 1,
                Ok(None) => break 0,
                Err(_) => break 1,
            }
        };
        assert_eq!(ring.in_flight() + reaped, held);
    }
    assert!(faults > 1_000, "the answers were meant to be bad: {faults}");
}

#[test]
fn an_abandoned_request_keeps_its_slot_and_memory() {
    let (mut ring, transport) = pair(Features::INDIRECT_DESC, 64);
    let data = Bytes::from(vec![1; SECTOR]);
    ring.push(&[1, 0], Memory::Shared(data.clone()), 0..SECTOR, 5);
    assert_eq!(ring.abandon().collect::<Vec<_>>(), [5]);
    assert_eq!((ring.in_flight(), ring.values().count()), (1, 0));
    assert!(!data.is_unique(), "the slot holds on to the bytes");
    assert_eq!(transport.device().serve(1), 1);
    let used = ring.reap().unwrap().unwrap();
    assert_eq!((used.value, used.memory), (None, Memory::Shared(data.clone())));
    assert_eq!(ring.in_flight(), 0);
}

#[test]
fn a_dropped_ring_leaves_the_device_its_memory() {
    let (mut ring, transport) = pair(Features::INDIRECT_DESC, 64);
    let data = Bytes::from(vec![1; SECTOR]);
    ring.push(&[1, 0], Memory::Shared(data.clone()), 0..SECTOR, 5);
    drop(ring);
    assert!(!data.is_unique(), "the device may still read it");
    assert_eq!(transport.device().serve(1), 1);
    assert_eq!(transport.device().disk[..SECTOR], data);
}

#[test]
fn requests_allocate_nothing() {
    for features in variants() {
        let (mut ring, transport) = pair_with::<FakeHal<false>>(features, 64, 8, 4096);
        // Static bytes have no count of sharers. The first clone of a vector's bytes allocates
        // one.
        let data = Bytes::from_static(&[1; SECTOR]);
        for round in 0..100 {
            let used = allocations(|| {
                for value in 0..8 {
                    ring.push(&[1, 0], Memory::Shared(data.clone()), 0..SECTOR, value);
                }
                let _ = ring.wants_kick();
            });
            assert_eq!(used, 0, "pushing, round {round}");
            transport.device().serve(8);
            let used = allocations(|| {
                ring.mute();
                while ring.reap().unwrap().is_some() {}
                let _ = ring.unmute();
            });
            assert_eq!(used, 0, "reaping, round {round}");
        }
    }
}

#[test]
fn depth_and_segments_follow_the_queue() {
    let depth = |features, size| {
        let (ring, transport) = pair_with::<FakeHal<true>>(features, size, 254, 4096);
        drop(transport);
        (ring.slots.len(), ring.payload_max() / 4096)
    };
    assert_eq!(depth(Features::INDIRECT_DESC, 1024), (128, 14));
    assert_eq!(depth(Features::INDIRECT_DESC, 8), (8, 6));
    assert_eq!(depth(Features::empty(), 1024), (128, 2));
    assert_eq!(depth(Features::empty(), 256), (64, 2));
    assert_eq!(depth(Features::empty(), 4), (1, 2));
    let mut short = FakeTransport::new(Model { queue_size: 2, ..Model::disk(8) });
    let agreed = Agreement { event_idx: false, indirect: true, segments: 1, segment_bytes: 512 };
    let error = Ring::<FakeHal<true>, ()>::new(&mut short, 0, agreed).err();
    assert_eq!(error, Some(SetupError::QueueTooShort(2)));
}
