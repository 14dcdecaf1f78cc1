//! Members made by hand, and the decision on them in every order.

use bio::{Sector, Sectors};
use dm_mirror::assemble::{Missed, Plan, Refusal, Role, Verdict, assemble};
use dm_mirror::format::{
    FoundPage, Geometry, MEMBERS_MAX, Marks, Member, MemberEntry, MemberId, MemberState, Minted,
    REGIONS_PER_PAGE, Region, Superblock,
};
use uuid::Uuid;

/// A mirror whose map has two pages, of which the second is short.
pub(crate) const GEOMETRY: Geometry = Geometry {
    region: Sectors(8),
    data_start: Sector(2048),
    length: Sectors((REGIONS_PER_PAGE as u64 + 4) * 8 - 3),
};

/// The first region of the second page.
pub(crate) const SECOND_PAGE: u32 = REGIONS_PER_PAGE as u32;

/// Where every member's sequence number and all that is seen of it begins.
pub(crate) const SEQ: u64 = 10;

/// The generation of this number; 0 is that in which the mirror was made.
pub(crate) fn generation(number: u8) -> Uuid {
    Uuid::from_u128(0x1000 + u128::from(number))
}

/// The disk made for this slot.
pub(crate) fn disk(slot: usize) -> Uuid {
    Uuid::from_u128(0x2000 + slot as u128)
}

/// The members of a mirror, all in sync, clean, in generation 0.
pub(crate) fn mirror<const N: usize>() -> [Member; N] {
    std::array::from_fn(|slot| {
        let mut members = [None; MEMBERS_MAX];
        for (slot, member) in members.iter_mut().enumerate().take(N) {
            let (uuid, state) = (disk(slot), MemberState::InSync);
            *member = Some(MemberEntry { uuid, state, base: Uuid::nil(), seen: SEQ });
        }
        let superblock = Superblock {
            seq: SEQ,
            set: Uuid::from_u128(1),
            name: "home".into(),
            slot: slot as u8,
            generation: generation(0),
            minted: Minted { by: 0, session: 0 },
            history: Default::default(),
            version: 1,
            session: 1,
            clean: false,
            incarnation: 1,
            geometry: GEOMETRY,
            members,
        };
        let page = || FoundPage::whole(0, 1, [Marks::empty(); REGIONS_PER_PAGE].into());
        let pages = (0..GEOMETRY.pages()).map(|_| Some(page())).collect();
        Member::new(superblock, 0, pages)
    })
}

/// What a mirror writes on a member.
pub(crate) trait Written: Sized {
    /// A new generation.
    fn mints(self, number: u8) -> Self;
    /// A change of what a slot is, in the present generation.
    fn lists(self, slot: usize, state: MemberState) -> Self;
    /// The exclusion of a slot, with the new generation.
    fn excludes(self, slot: usize, number: u8) -> Self;
    /// The promotion of a slot, with the new generation.
    fn promotes(self, slot: usize, number: u8) -> Self;
    /// Marks of a region.
    fn marks(self, region: u32, marks: Marks) -> Self;
    /// A page of the map of which both slots are bad.
    fn bad_page(self, page: usize) -> Self;
    /// Anything else in the superblock.
    fn with(self, change: impl FnOnce(&mut Superblock)) -> Self;
}

impl Written for Member {
    fn mints(self, number: u8) -> Member {
        self.with(|superblock| {
            superblock.history.truncate(superblock.history.capacity() - 1);
            superblock.history.insert(0, superblock.generation);
            superblock.generation = generation(number);
            superblock.version += 1;
        })
    }

    fn lists(self, slot: usize, state: MemberState) -> Member {
        self.with(|superblock| {
            superblock.members[slot].as_mut().expect("a member").state = state;
            superblock.version += 1;
        })
    }

    fn excludes(self, slot: usize, number: u8) -> Member {
        let excluded = self.with(|superblock| {
            let entry = superblock.members[slot].as_mut().expect("a member");
            (entry.state, entry.base) = (MemberState::Out, superblock.generation);
        });
        excluded.mints(number)
    }

    fn promotes(self, slot: usize, number: u8) -> Member {
        let promoted = self.with(|superblock| {
            let entry = superblock.members[slot].as_mut().expect("a member");
            (entry.state, entry.base) = (MemberState::InSync, Uuid::nil());
        });
        promoted.mints(number)
    }

    fn marks(mut self, region: u32, marks: Marks) -> Member {
        let (page, place) =
            (region as usize / REGIONS_PER_PAGE, region as usize % REGIONS_PER_PAGE);
        self.pages[page].as_mut().expect("a good page").marks[place] |= marks;
        self
    }

    fn bad_page(mut self, page: usize) -> Member {
        self.pages[page] = None;
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Superblock)) -> Member {
        change(&mut self.superblock);
        self.superblock.seq += 1;
        self
    }
}

/// The decision on these devices, after making sure that it is the same in
/// every order.
#[track_caller]
pub(crate) fn decide(found: &[&Member], keep: Option<usize>) -> Verdict {
    let devices: Vec<Option<&Member>> = found.iter().map(|member| Some(*member)).collect();
    let verdict = assemble(&devices, keep);
    for order in orders(found.len()) {
        let reordered: Vec<_> = order.iter().map(|device| devices[*device]).collect();
        let told = renamed(assemble(&reordered, moved(keep, &order)), &order);
        assert_eq!(told, renamed(verdict.clone(), &identity(found.len())), "in order {order:?}");
    }
    verdict
}

/// A choice names a device, wherever that stands.
pub(crate) fn moved(keep: Option<usize>, order: &[usize]) -> Option<usize> {
    keep.map(|keep| order.iter().position(|device| *device == keep).unwrap_or(keep))
}

fn identity(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// Every order of so many devices.
pub(crate) fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for next in 0..count {
        let places = |order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, next);
                order
            })
        };
        orders = orders.into_iter().flat_map(places).collect();
    }
    orders
}

/// The verdict with each device's index replaced by what `order` has there.
pub(crate) fn renamed(mut verdict: Verdict, order: &[usize]) -> Verdict {
    match &mut verdict {
        Verdict::Start(plan) | Verdict::Hold { plan, .. } => {
            for role in &mut plan.roles {
                if let Role::InSync { device }
                | Role::Return { device, .. }
                | Role::KeptOut { device, .. } = role
                {
                    *device = order[*device];
                }
            }
        }
        Verdict::Refuse(Refusal::Twins(a, b)) => {
            let (one, other) = (order[*a], order[*b]);
            (*a, *b) = (one.min(other), one.max(other));
        }
        Verdict::Refuse(Refusal::SplitBrain { sides, .. }) => {
            sides.iter_mut().flatten().for_each(|device| *device = order[*device]);
        }
        Verdict::Refuse(Refusal::NoneInSync | Refusal::Sets(_)) => {}
    }
    verdict
}

/// The plan of a start that needs nobody's word.
#[track_caller]
pub(crate) fn started(found: &[&Member]) -> Plan {
    match decide(found, None) {
        Verdict::Start(plan) => plan,
        other => panic!("{other}"),
    }
}

/// The members waited for, by number, and the plan without them.
#[track_caller]
pub(crate) fn held(found: &[&Member]) -> (Vec<usize>, Plan) {
    match decide(found, None) {
        Verdict::Hold { plan, missing } => (numbers(&missing), plan),
        other => panic!("{other}"),
    }
}

pub(crate) fn numbers(members: &[MemberId]) -> Vec<usize> {
    members.iter().map(|member| member.index()).collect()
}

#[track_caller]
pub(crate) fn refused(found: &[&Member]) -> Refusal {
    match decide(found, None) {
        Verdict::Refuse(refusal) => refusal,
        other => panic!("{other}"),
    }
}

/// In sync, on the device of this index.
pub(crate) fn in_sync(device: usize) -> Role {
    Role::InSync { device }
}

/// Returns, and is given these regions.
pub(crate) fn given<const N: usize>(device: usize, numbers: [u32; N]) -> Role {
    Role::Return { device, missed: regions(numbers) }
}

/// Returns, and is given everything.
pub(crate) fn given_everything(device: usize) -> Role {
    Role::Return { device, missed: Missed::Everything }
}

pub(crate) fn regions<const N: usize>(numbers: [u32; N]) -> Missed {
    Missed::Regions(numbers.map(Region).into())
}
