//! What the last leg in sync lost: which FLUSH tells of it.

use super::super::legs::LOST;
use super::super::loss::Loss;
use super::super::region::Moment;
use super::clean_regions;

/// Moments, one after the other.
fn moments() -> [Moment; 4] {
    let mut regions = clean_regions();
    core::array::from_fn(|_| regions.tick())
}

#[test]
fn every_flush_fails_until_the_user_has_heard_of_one() {
    let [noticed, began, heard, later] = moments();
    let mut loss = Loss::default();
    assert_eq!(loss.tell(began), Ok(()), "nothing is lost");
    loss.notice(noticed);
    assert_eq!(loss.tell(began), LOST);
    assert_eq!(loss.tell(later), LOST, "nobody has heard of it");
    loss.told(began, heard);
    assert_eq!(loss.tell(later), Ok(()));
}

#[test]
fn a_flush_that_was_on_its_way_when_another_one_told_fails_too() {
    let [noticed, began, also_began, heard] = moments();
    let mut loss = Loss::default();
    loss.notice(noticed);
    loss.told(began, heard);
    assert_eq!(loss.tell(also_began), LOST);
}

#[test]
fn a_flush_that_began_before_the_loss_was_noticed_does_not_tell() {
    let [began, noticed, heard, later] = moments();
    let mut loss = Loss::default();
    loss.notice(noticed);
    loss.told(began, heard);
    assert_eq!(loss.tell(later), LOST);
}

#[test]
fn a_loss_is_news_unless_one_is_untold_already() {
    let [first, second, ..] = moments();
    let mut loss = Loss::default();
    assert!(loss.notice(first));
    assert!(!loss.notice(second));
}

#[test]
fn an_untold_loss_outlives_a_session_and_a_told_one_does_not() {
    let [noticed, began, heard, _] = moments();
    let mut loss = Loss::default();
    loss.notice(noticed);
    assert!(loss.in_a_new_session().is_untold());
    loss.told(began, heard);
    assert!(!loss.in_a_new_session().is_untold());
    assert_eq!(loss.in_a_new_session().tell(noticed), Ok(()), "moments begin anew");
}
