//! One leg's map: what may be written, and what is written to it.

use alloc::vec::Vec;

use bio::{Extent, Sectors};
use uuid::Uuid;

use super::super::counts::Cause;
use super::super::journal::{Journal, Waiting};
use super::super::region::{Moment, Regions};
use super::super::requests::Req;
use super::{FAILED, NOBODY, clean_regions, flushed, region, sectors, written};
use crate::core::tests::model::{GEOMETRY, labelled};
use crate::format::{
    Geometry, MapPage, Marks, Member, MemberId, REGIONS_PER_PAGE, Region, Second, page_place,
};

/// One leg's map, and what it is to say.
struct Map {
    journal: Journal,
    regions: Regions,
}

impl Map {
    fn blank() -> Map {
        Map { journal: Journal::blank(GEOMETRY, Uuid::from_u128(1), 1), regions: clean_regions() }
    }

    /// The map of a member whose page is changed like this.
    fn found(change: impl FnOnce(&mut Member), unreadable: &[(u32, usize)]) -> Map {
        let (_, disks) = labelled(1, true, || 1);
        let mut member = disks[0].member();
        change(&mut member);
        Map { journal: Journal::found(&member, unreadable), regions: clean_regions() }
    }

    /// A blank map of 8064 regions.
    fn of_two_pages() -> Map {
        let length = Sectors(GEOMETRY.region.0 * 2 * REGIONS_PER_PAGE as u64);
        let geometry = Geometry { length, ..GEOMETRY };
        let regions = Regions::new(geometry, core::array::from_fn(MemberId::new), true);
        Map { journal: Journal::blank(geometry, Uuid::from_u128(1), 1), regions }
    }

    /// A write to a region begins. Whether the leg may have it now; else it waits.
    fn admits(&mut self, number: u32) -> bool {
        self.admits_at(region(number))
    }

    fn admits_at(&mut self, extent: Extent) -> bool {
        self.regions.begin(extent, NOBODY);
        let region = self.regions.geometry().touched(extent).next().expect("it is not empty");
        let req = Req { index: region.0, age: 0 };
        self.journal.admits(Waiting { req, extent }, &self.regions)
    }

    /// The next commit begins: where its page goes, its number, and why.
    fn commit(&mut self) -> Option<(Extent, u64, Cause)> {
        let (pages, cause) = self.journal.next_commit(&mut self.regions)?;
        let [(place, page)] = &pages[..] else { panic!("the map has one page") };
        Some((*place, page.seq, cause))
    }

    /// The commit is durable. The regions to which writes go on.
    fn is_durable(&mut self) -> Vec<u32> {
        let done = self.journal.page_done(Ok(()));
        assert!(done.is_some_and(|it| it.failed.is_none()));
        self.journal.flushes(self.regions.tick());
        self.journal.committed();
        indices(self.journal.take_covered(&self.regions))
    }

    /// The commit fails. The regions to which writes fail.
    fn fails(&mut self) -> Vec<u32> {
        assert!(self.journal.page_done(FAILED).is_some_and(|it| it.failed.is_some()));
        indices(self.journal.not_committed())
    }

    /// A write to a region, whose intent is durable, ends.
    fn writes(&mut self, number: u32) {
        if !self.admits(number) {
            self.commit();
            assert_eq!(self.is_durable(), [number]);
        }
        self.regions.end(region(number));
    }

    /// All regions become clean, and this is to be recorded.
    fn cleans(&mut self) {
        let flushed = flushed(1, Moment::FOREVER);
        self.regions.idle_legs_to_flush(&flushed, true);
        let pages = self.regions.clean(&flushed);
        self.journal.change(pages);
    }
}

fn indices(waiting: Vec<Waiting>) -> Vec<u32> {
    waiting.iter().map(|it| it.req.index).collect()
}

/// The last region of page 0 and the first of page 1.
fn across() -> Extent {
    let last = GEOMETRY.region.0 * (REGIONS_PER_PAGE as u64 - 1);
    sectors(last, 2 * GEOMETRY.region.0)
}

/// The mark that member 1 missed something.
fn missed() -> Marks {
    Marks::missed(MemberId::new(1))
}

/// R1.
#[test]
fn a_write_waits_until_its_own_intent_is_durable() {
    let mut map = Map::blank();
    assert!(!map.admits(0));
    map.commit();
    assert!(!map.admits(0), "its intent is on its way");
    assert_eq!(map.is_durable(), [0, 0]);
    assert!(map.admits(0));
}

#[test]
fn a_record_on_its_way_counts_too() {
    let mut map = Map::blank();
    map.writes(0);
    map.cleans();
    map.commit();
    assert!(!map.admits(0), "the durable record says DIRTY, the one on its way does not");
    assert!(map.is_durable().is_empty());
    map.commit();
    assert_eq!(map.is_durable(), [0]);
}

#[test]
fn one_commit_serves_all_that_wait() {
    let mut map = Map::blank();
    assert!(!map.admits(0) && !map.admits(1));
    map.commit();
    assert_eq!(map.is_durable(), [0, 1]);
}

#[test]
fn the_next_commit_begins_when_the_one_before_is_durable() {
    let mut map = Map::blank();
    map.admits(0);
    map.commit();
    map.admits(1);
    assert_eq!(map.commit(), None);
    map.is_durable();
    assert_eq!(map.commit(), Some((page_place(0, 0), 2, Cause::Intent)));
}

#[test]
fn a_commit_goes_to_the_slot_that_does_not_hold_the_newest() {
    let mut map = Map::blank();
    for (number, slot) in [(1, 1), (2, 0), (3, 1)] {
        map.admits(number);
        assert_eq!(map.commit(), Some((page_place(0, slot), number.into(), Cause::Intent)));
        map.is_durable();
    }
}

#[test]
fn a_commit_that_failed_is_repeated_in_its_own_slot_under_a_larger_number() {
    let mut map = Map::blank();
    map.admits(0);
    assert_eq!(map.commit(), Some((page_place(0, 1), 1, Cause::Intent)));
    map.fails();
    map.admits(0);
    assert_eq!(map.commit(), Some((page_place(0, 1), 2, Cause::Intent)));
}

#[test]
fn who_waits_for_a_commit_that_fails_fails_too() {
    let mut map = Map::blank();
    map.admits(0);
    map.commit();
    map.admits(1);
    assert_eq!(map.fails(), [0, 1]);
}

#[test]
fn what_a_failed_commit_may_have_left_is_not_relied_on() {
    let mut map = Map::blank();
    map.writes(0);
    map.cleans();
    map.commit();
    map.fails();
    assert!(!map.admits(0), "either record may survive a crash, and one says clean");
}

#[test]
fn a_page_stands_twice_once_that_is_asked_for() {
    let mut map = Map::blank();
    map.writes(0);
    assert_eq!(map.commit(), None);
    map.journal.stand_twice();
    assert_eq!(map.commit(), Some((page_place(0, 0), 1, Cause::Copies)));
}

#[test]
fn a_commit_that_is_wanted_comes_before_second_copies() {
    let mut map = Map::blank();
    map.writes(0);
    map.journal.stand_twice();
    map.admits(1);
    assert_eq!(map.commit(), Some((page_place(0, 0), 2, Cause::Intent)));
}

#[test]
fn a_second_copy_says_what_is_durable_and_not_what_is_wanted() {
    let mut map = Map::blank();
    map.writes(0);
    map.regions.intend(Region(1));
    map.journal.stand_twice();
    let (pages, _) = map.journal.next_commit(&mut map.regions).unwrap();
    assert_eq!(pages[0].1.marks[..2], [Marks::DIRTY, Marks::empty()]);
}

#[test]
fn a_record_that_nobody_waits_for_is_the_cleaner_s_or_ahead_of_a_writer() {
    let mut map = Map::blank();
    map.journal.change([0]);
    assert_eq!(map.commit().unwrap().2, Cause::Clean);
    map.is_durable();
    map.journal.change_ahead([0]);
    assert_eq!(map.commit().unwrap().2, Cause::Intent);
}

#[test]
fn a_leg_that_is_out_gets_no_page() {
    let mut map = Map::blank();
    map.admits(0);
    map.journal.change([0]);
    assert_eq!(indices(map.journal.give_up()), [0]);
    assert_eq!(map.commit(), None);
}

#[test]
fn a_mark_is_recorded_if_every_record_that_may_survive_has_it() {
    let mut map = Map::blank();
    map.regions.miss(1, Region(3));
    assert!(!map.journal.has_recorded(missed(), &map.regions));
    map.journal.change([0]);
    map.commit();
    assert!(!map.journal.has_recorded(missed(), &map.regions), "it is on its way");
    map.is_durable();
    assert!(map.journal.has_recorded(missed(), &map.regions));
}

#[test]
fn nobody_waits_for_a_record_on_its_way_that_has_the_mark() {
    let mut map = Map::blank();
    map.regions.miss(1, Region(3));
    map.writes(0);
    map.admits(1);
    map.commit();
    assert!(map.journal.has_recorded(missed(), &map.regions), "a busy user always has one");
}

#[test]
fn nothing_waits_for_the_mark_of_a_region_to_which_somebody_waits_to_write() {
    let mut map = Map::blank();
    map.regions.miss(1, Region(3));
    map.admits(3);
    assert!(map.journal.has_recorded(missed(), &map.regions));
}

#[test]
fn a_mark_is_dropped_if_no_record_that_may_survive_has_it() {
    let mut map = Map::blank();
    map.regions.miss(1, Region(3));
    map.writes(0);
    map.regions.caught_up(1, Region(3));
    assert!(!map.journal.has_dropped(missed(), &map.regions));
    map.journal.change([0]);
    map.commit();
    map.is_durable();
    assert!(map.journal.has_dropped(missed(), &map.regions));
}

#[test]
fn a_page_whose_commit_failed_may_have_any_mark() {
    let mut map = Map::blank();
    map.admits(0);
    map.commit();
    map.fails();
    assert!(!map.journal.has_dropped(missed(), &map.regions));
}

#[test]
fn a_page_that_differs_is_written_and_after_a_failure_when_it_is_worth_a_try() {
    let mut map = Map::blank();
    written(&mut map.regions, region(0));
    assert!(map.journal.change_differing(&map.regions));
    map.commit();
    assert!(!map.journal.change_differing(&map.regions), "what is on its way says it");
    map.fails();
    assert!(!map.journal.change_differing(&map.regions), "at once, it would only fail again");
    map.journal.try_again();
    assert!(map.journal.change_differing(&map.regions));
}

#[test]
fn each_page_of_a_map_is_written_in_its_own_place_with_its_own_marks() {
    let mut map = Map::of_two_pages();
    map.admits_at(across());
    let (pages, _) = map.journal.next_commit(&mut map.regions).unwrap();
    assert_eq!([pages[0].0, pages[1].0], [page_place(0, 1), page_place(1, 1)]);
    let dirty = |page: &MapPage| page.marks.iter().position(|it| it.contains(Marks::DIRTY));
    assert_eq!(
        pages.iter().map(|(_, page)| dirty(page)).collect::<Vec<_>>(),
        [Some(4031), Some(0)]
    );
}

#[test]
fn a_write_across_two_pages_waits_for_both() {
    let mut map = Map::of_two_pages();
    assert!(!map.admits_at(across()));
    map.journal.next_commit(&mut map.regions);
    assert!(map.journal.page_done(Ok(())).is_none());
    assert!(map.journal.page_done(Ok(())).is_some());
    map.journal.committed();
    map.journal.change([0]);
    map.journal.next_commit(&mut map.regions);
    assert!(map.admits_at(across()), "of what is on its way, page 1 is none");
}

#[test]
fn a_page_that_was_found_in_one_slot_only_gets_its_second_copy() {
    for (second, alone) in [(Second::Same, false), (Second::Behind, true), (Second::Damaged, true)]
    {
        let map = Map::found(|member| page(member).second = second, &[]);
        assert_eq!(map.journal.has_alone(), alone, "{second:?}");
    }
}

#[test]
fn a_page_of_which_something_may_be_lost_is_written_anew() {
    let mut map = Map::found(|member| page(member).second = Second::Lost, &[]);
    assert!(!map.journal.has_dropped(missed(), &map.regions), "nobody knows what is lost");
    assert!(map.commit().is_some());
}

#[test]
fn what_a_slot_hides_that_cannot_be_read_is_older_than_what_is_written_next() {
    let mut map = Map::found(|member| member.pages[0] = None, &[(0, 1)]);
    map.admits(0);
    let (place, number, _) = map.commit().unwrap();
    assert_eq!(place, page_place(0, 0), "until it is durable, the page stays bad");
    assert!(number > 1 << 32);
}

fn page(member: &mut Member) -> &mut crate::format::FoundPage {
    member.pages[0].as_mut().expect("it was found")
}
