//! The drivers against devices that answer anything, by chance.

use std::boxed::Box;
use std::{env, thread};

use super::*;

/// How many devices each test tries.
const INPUTS: u64 = 50_000;
/// The least number of answers that these devices give in each test.
const ANSWERS: u64 = 1_000_000;

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Says which device it was, if a promise is broken.
struct Replay(u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if thread::panicking() {
            std::eprintln!("replay: HOSTILE_SEED={} HOSTILE_INPUTS=1", self.0);
        }
    }
}

/// Tries as many devices as `HOSTILE_INPUTS` says, or [`INPUTS`] of them with [`ANSWERS`]. Some
/// must be usable and some not; otherwise too little was tried.
fn bear(device: fn(Answers) -> Borne) {
    let seed = number("HOSTILE_SEED").unwrap_or(0);
    let asked = number("HOSTILE_INPUTS");
    let (mut inputs, mut given, mut usable) = (0, 0, 0);
    while inputs < asked.unwrap_or(INPUTS) || (asked.is_none() && given < ANSWERS) {
        let replay = Replay(seed.wrapping_add(inputs));
        let borne = device(Answers::by_chance(replay.0));
        given += borne.answers;
        usable += u64::from(borne.usable);
        inputs += 1;
    }
    std::println!("{inputs} devices, {usable} of them usable, gave {given} answers");
    assert!(asked.is_some() || (inputs / 10..inputs / 10 * 9).contains(&usable));
}

#[test]
fn any_configuration_space_is_borne() {
    bear(function);
}

#[test]
fn any_answer_of_a_disk_is_borne() {
    bear(disk);
}

#[test]
fn the_same_seed_and_the_same_bytes_are_the_same_device() {
    let devices: [fn(Answers) -> Borne; 2] = [function, disk];
    for device in devices {
        for seed in 0..100 {
            let borne = device(Answers::by_chance(seed));
            assert_eq!(device(Answers::by_chance(seed)), borne);
        }
        let bytes: Box<[u8]> = (0..255).cycle().take(4000).collect();
        for length in (0..4000).step_by(37) {
            let borne = device(Answers::of_bytes(&bytes[..length]));
            assert_eq!(device(Answers::of_bytes(&bytes[..length])), borne);
        }
    }
}
