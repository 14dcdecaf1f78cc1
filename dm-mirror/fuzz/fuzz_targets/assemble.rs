//! No members, however they contradict each other, make `assemble` panic.
//!
//! Values come from small ranges, so that members meet: the same set, the same
//! generations, the same slots.
#![no_main]
#![forbid(unsafe_code)]

use bio::Sectors;
use dm_mirror::assemble::assemble;
use dm_mirror::format::{
    FoundPage, Geometry, HISTORY_MAX, MEMBERS_MAX, Marks, Member, MemberEntry, MemberState, Minted,
    REGION_MIN, REGIONS_PER_PAGE, Second, Superblock,
};
use libfuzzer_sys::arbitrary::{Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Unstructured::new(bytes);
    let Ok((members, keep)) = case(&mut input) else { return };
    let found: Vec<Option<&Member>> = members.iter().map(Option::as_ref).collect();
    let _ = assemble(&found, keep);
});

fn case(input: &mut Unstructured<'_>) -> Result<(Vec<Option<Member>>, Option<usize>)> {
    let slot = |input: &mut Unstructured<'_>| input.int_in_range(0..=MEMBERS_MAX - 1);
    let keep = if input.arbitrary()? { Some(slot(input)?) } else { None };
    let devices = input.int_in_range(0..=MEMBERS_MAX + 1)?;
    let device = |_| Ok(if input.ratio(7, 8)? { Some(member(input)?) } else { None });
    Ok(((0..devices).map(device).collect::<Result<_>>()?, keep))
}

fn member(input: &mut Unstructured<'_>) -> Result<Member> {
    let superblock = superblock(input)?;
    let pages = superblock.geometry.pages();
    let pages = (0..pages).map(|_| page(input)).collect::<Result<_>>()?;
    let second = *input.choose(&[Second::Same, Second::Behind, Second::Damaged, Second::Lost])?;
    Ok(Member { second, ..Member::new(superblock, input.int_in_range(0..=1)?, pages) })
}

fn page(input: &mut Unstructured<'_>) -> Result<Option<FoundPage>> {
    if input.ratio(1, 8)? {
        return Ok(None);
    }
    let used = (Marks::all() - Marks::UNWRITTEN).bits();
    let mut marks = Box::new([Marks::empty(); REGIONS_PER_PAGE]);
    for marks in marks.iter_mut().take(8) {
        *marks = Marks::from_bits_retain(input.arbitrary::<u8>()? & used);
    }
    Ok(Some(FoundPage::whole(input.int_in_range(0..=1)?, count(input)?, marks)))
}

/// A superblock that the decoder would let pass.
fn superblock(input: &mut Unstructured<'_>) -> Result<Superblock> {
    let slot = input.int_in_range(0..=MEMBERS_MAX - 1)?;
    let mut members = [None; MEMBERS_MAX];
    for (index, member) in members.iter_mut().enumerate() {
        if index == slot || input.arbitrary()? {
            *member = Some(entry(input, index)?);
        }
    }
    let history = input.int_in_range(0..=HISTORY_MAX)?;
    let mut geometry = Geometry {
        region: REGION_MIN,
        data_start: Default::default(),
        length: Sectors(input.int_in_range(1..=2 * REGIONS_PER_PAGE as u64 * REGION_MIN.0)?),
    };
    geometry.data_start = geometry.metadata_end();
    let superblock = Superblock {
        seq: count(input)?,
        set: Uuid::from_u128(input.int_in_range(1..=2)?),
        name: "home".into(),
        slot: slot as u8,
        generation: generation(input, 1)?,
        minted: Minted {
            by: input.int_in_range(0..=MEMBERS_MAX as u8 - 1)?,
            session: count(input)?,
        },
        history: (0..history).map(|_| generation(input, 1)).collect::<Result<_>>()?,
        version: count(input)?,
        session: count(input)?,
        clean: input.arbitrary()?,
        incarnation: input.int_in_range(1..=2)?,
        geometry,
        members,
    };
    assert_eq!(Superblock::decode(&superblock.encode()).as_ref(), Ok(&superblock));
    Ok(superblock)
}

fn entry(input: &mut Unstructured<'_>, slot: usize) -> Result<MemberEntry> {
    use MemberState::{FailedByHand, FailedMedia, InSync, Out, Rebuilding};
    // Those of two slots are never the same.
    let uuid = (slot as u128 + 1) << 8 | input.int_in_range(0..=1)?;
    Ok(MemberEntry {
        uuid: Uuid::from_u128(uuid),
        state: *input.choose(&[InSync, Out, Rebuilding, FailedMedia, FailedByHand])?,
        base: generation(input, 0)?,
        seen: count(input)?,
    })
}

/// A generation's uuid, nil only if `from` is 0.
fn generation(input: &mut Unstructured<'_>, from: u128) -> Result<Uuid> {
    Ok(Uuid::from_u128(input.int_in_range(from..=6)?))
}

fn count(input: &mut Unstructured<'_>) -> Result<u64> {
    input.int_in_range(0..=4)
}
