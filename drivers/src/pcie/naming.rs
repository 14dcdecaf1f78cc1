//! Which disk a device in a slot is: the decision, without the disks.
//!
//! Place: asked by the kernel when a device has said who it is, and not before.
//!
//! A device has to be set up as *some* disk before it can be asked who it is, since it sends
//! that disk's messages. So it may turn out to be set up as the wrong disk, and is set up
//! again. A device that says something else each time is given up.

/// The most times that a device is set up.
const SETUPS_MAX: usize = 3;

/// What is known of a device that has said who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduced {
    /// The number of the disk that it is set up as.
    pub number: usize,
    /// How often it was set up.
    pub setups: usize,
    /// The disk of its place that it says it is.
    pub known: Option<usize>,
    /// No disk has this number yet.
    pub is_free: bool,
    /// The first number that no disk has.
    pub next_free: Option<usize>,
}

/// What is to be done with the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// It is this disk, which is back.
    Back(usize),
    /// It is a new disk, under the number that it has.
    New,
    /// It is to be set up again, as this disk.
    Again(usize),
    /// It said each time that it is another disk.
    Fickle,
    /// It is a new disk, and there is no number left.
    Nameless,
}

impl Introduced {
    /// What is to be done.
    pub fn due(self) -> Due {
        let number = match self.known {
            Some(known) => known,
            None if self.is_free => self.number,
            None => match self.next_free {
                Some(free) => free,
                None => return Due::Nameless,
            },
        };
        match self.known {
            _ if number != self.number && self.setups >= SETUPS_MAX => Due::Fickle,
            _ if number != self.number => Due::Again(number),
            Some(known) => Due::Back(known),
            None => Due::New,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Introduced =
        Introduced { number: 1, setups: 1, known: None, is_free: false, next_free: Some(5) };

    #[test]
    fn a_disk_that_is_back_has_its_name_again_and_another_one_a_new_name() {
        assert_eq!(Introduced { known: Some(1), ..FIRST }.due(), Due::Back(1));
        assert_eq!(Introduced { known: Some(3), ..FIRST }.due(), Due::Again(3));
        assert_eq!(FIRST.due(), Due::Again(5), "the name of another disk is not its");
        assert_eq!(Introduced { is_free: true, ..FIRST }.due(), Due::New);
        // Somebody else has taken the number meanwhile.
        assert_eq!(Introduced { number: 5, next_free: Some(6), ..FIRST }.due(), Due::Again(6));
        assert_eq!(Introduced { next_free: None, ..FIRST }.due(), Due::Nameless);
        assert_eq!(Introduced { next_free: None, known: Some(1), ..FIRST }.due(), Due::Back(1));
    }

    #[test]
    fn a_device_that_is_another_one_each_time_is_given_up() {
        // It says in turn that it is disk 1, and that it is disk 3.
        let (mut number, mut setups) = (1, 1);
        let end = loop {
            let known = Some(if number == 1 { 3 } else { 1 });
            match (Introduced { number, setups, known, ..FIRST }).due() {
                Due::Again(other) => (number, setups) = (other, setups + 1),
                end => break end,
            }
            assert!(setups <= SETUPS_MAX);
        };
        assert_eq!((end, setups), (Due::Fickle, SETUPS_MAX));
        // A device that is right at last is taken.
        let last = Introduced { setups: SETUPS_MAX, known: Some(1), ..FIRST };
        assert_eq!(last.due(), Due::Back(1));
    }
}
