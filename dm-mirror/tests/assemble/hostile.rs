//! Members that no mirror wrote: anything that can be decoded gets an answer, the
//! same in every order.
//!
//! `SIM_SEED=<number>` sets the seed of the first of the sets of devices.

use dm_mirror::assemble::{Refusal, Verdict, assemble};
use dm_mirror::format::{MEMBERS_MAX, Marks, Member, MemberEntry, MemberState};
use sim::Random;
use uuid::Uuid;

use super::members::{Written, disk, generation, mirror, moved, orders, renamed};

/// So many sets of devices are made.
const SETS: u64 = 3000;

/// One of a few, so that what is compared is often equal.
fn few(random: &mut Random, n: u64) -> u8 {
    random.below(n) as u8
}

fn entry(random: &mut Random, slot: usize) -> MemberEntry {
    let states = [
        MemberState::InSync,
        MemberState::InSync,
        MemberState::Out,
        MemberState::Rebuilding,
        MemberState::FailedMedia,
        MemberState::FailedByHand,
    ];
    MemberEntry {
        uuid: disk(slot + 10 * usize::from(few(random, 8) / 7)),
        state: states[usize::from(few(random, 5))],
        base: if random.below(2) == 0 { Uuid::nil() } else { generation(few(random, 5)) },
        seen: random.below(3),
    }
}

fn member(random: &mut Random) -> Member {
    let [member, ..] = mirror::<MEMBERS_MAX>();
    let slot = usize::from(few(random, MEMBERS_MAX as u64));
    let mut member = member.with(|it| {
        it.slot = slot as u8;
        it.generation = generation(few(random, 5));
        it.history = (0..few(random, 9)).map(|_| generation(few(random, 5))).collect();
        it.version = random.below(3);
        it.members = std::array::from_fn(|other| {
            (other == slot || random.below(4) > 0).then(|| entry(random, other))
        });
        if random.below(20) == 0 {
            it.geometry.length.0 = 8 * (1 + random.below(10));
        }
    });
    member.superblock.seq = random.below(4);
    for _ in 0..random.below(3) {
        let marks = Marks::from_bits_truncate(random.bits() as u8);
        member = member.marks(random.below(4036) as u32, marks);
    }
    if random.below(10) == 0 {
        member = member.bad_page(usize::from(few(random, 2)));
    }
    if random.below(20) == 0 {
        member.pages.truncate(usize::from(few(random, 2)));
    }
    member
}

/// Of several twins any pair may be named.
fn comparable(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Refuse(Refusal::Twins(..)) => Verdict::Refuse(Refusal::Twins(0, 0)),
        other => other,
    }
}

#[test]
fn whatever_is_decoded_is_decided_and_the_same_way_in_every_order() {
    let first = std::env::var("SIM_SEED").map_or(0, |seed| seed.parse().expect("a number"));
    let mut starts = 0;
    for seed in first..first + SETS {
        let mut random = Random::new(seed);
        let members: Vec<Member> = (0..1 + random.below(4)).map(|_| member(&mut random)).collect();
        let keep = (random.below(2) == 0).then(|| random.below(5) as usize);
        let found: Vec<Option<&Member>> = members.iter().map(Some).collect();
        let verdict = assemble(&found, keep);
        assert!(!verdict.to_string().is_empty());
        starts += u32::from(!matches!(verdict, Verdict::Refuse(_)));
        for order in orders(found.len()) {
            let reordered: Vec<_> = order.iter().map(|device| found[*device]).collect();
            let same = renamed(assemble(&reordered, moved(keep, &order)), &order);
            let what = format!("replay: SIM_SEED={seed}; in order {order:?}");
            assert_eq!(comparable(same), comparable(verdict.clone()), "{what}");
        }
    }
    assert!(starts > 100, "{starts}");
}
