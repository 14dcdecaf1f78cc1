//! The table of requests: names that are never mixed up.

use bio::BufCmd;

use super::super::requests::{Origin, Req, Requests, What};
use super::region;

/// A read that the user asks for.
fn read(requests: &mut Requests) -> Req {
    requests.add(BufCmd::Read, region(0), Origin::User)
}

/// A request ends, and the hands hear of it.
fn ends(requests: &mut Requests, req: Req) {
    requests[req].becomes(What::Over);
    requests.remove(req);
}

#[test]
fn the_next_request_gets_the_name_that_was_said() {
    let mut requests = Requests::new();
    for number in 0..3 {
        let said = requests.next();
        let named = requests.add(BufCmd::Read, region(number), Origin::User);
        assert_eq!((named, requests[said].extent), (said, region(number)));
    }
    ends(&mut requests, Req { index: 1, age: 0 });
    assert_eq!(requests.next(), read(&mut requests));
}

#[test]
fn a_place_is_used_again_under_another_age() {
    let mut requests = Requests::new();
    let first = read(&mut requests);
    ends(&mut requests, first);
    let second = read(&mut requests);
    assert_eq!((second.index, second == first), (first.index, false));
}

#[test]
#[should_panic(expected = "a request that is over is named")]
fn a_request_that_is_over_has_no_name() {
    let mut requests = Requests::new();
    let first = read(&mut requests);
    ends(&mut requests, first);
    read(&mut requests);
    let _ = &requests[first];
}

#[test]
#[should_panic(expected = "it has ended")]
fn a_request_keeps_its_place_until_it_has_ended() {
    let mut requests = Requests::new();
    let first = read(&mut requests);
    requests.remove(first);
}
