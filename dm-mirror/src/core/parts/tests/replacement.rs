//! A replacement goes over to a table that has both of its legs.

use super::super::replacement::Replacement;

#[test]
fn a_replacement_goes_on_under_the_new_numbers_of_its_legs() {
    let exchanged = |leg: usize| Some(1 - leg);
    let before = Replacement::Rebuilding { old: 0, new: 1 };
    assert_eq!(before.renumbered(exchanged), Some(Replacement::Rebuilding { old: 1, new: 0 }));
    let leaving = Replacement::Leaving { old: 0 };
    assert_eq!(leaving.renumbered(exchanged), Some(Replacement::Leaving { old: 1 }));
}

#[test]
fn a_replacement_is_off_if_one_of_its_legs_has_no_number() {
    let before = Replacement::Rebuilding { old: 0, new: 1 };
    for gone in [0, 1] {
        assert_eq!(before.renumbered(|leg| (leg != gone).then_some(leg)), None, "leg {gone}");
    }
    assert_eq!(Replacement::Leaving { old: 0 }.renumbered(|_| None), None);
}
