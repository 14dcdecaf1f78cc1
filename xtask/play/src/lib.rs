//! Runs of the simulator, one step at a time, for a page to show.
//!
//! Place: compiled to WebAssembly, behind the page of `cargo xtask play`; runs on a host too,
//! in its tests. The mirror is the one that the kernel runs, its disks are the simulator's.
//!
//! Rules:
//!
//! - Questions and answers are JSON: [`Ask`] in, the types of [`state`] out.
//! - An answer depends on its question alone. A run is made again from its path for each.
//! - The module imports nothing and keeps nothing but the bytes of the last question and
//!   answer. A panic traps: whoever asked makes a new instance.
//!
//! The page calls [`give`], puts a question there, and calls [`ask`]. An answer begins with
//! its length: four bytes, little endian.
#![deny(unsafe_op_in_unsafe_fn)]

mod answer;
mod bugs;
mod look;
mod path;
mod run;
mod scenarios;
mod show;
pub mod state;

use std::cell::RefCell;

pub use answer::{Ask, answer};

thread_local! {
    static QUESTION: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Memory for a question of `length` bytes.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn give(length: u32) -> *mut u8 {
    QUESTION.with_borrow_mut(|question| {
        question.clear();
        question.resize(length as usize, 0);
        question.as_mut_ptr()
    })
}

/// Answers the question that lies where [`give`] said. The answer stays until the next one.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
pub extern "C" fn ask() -> *const u8 {
    let text = QUESTION.with_borrow(|question| answer(question));
    ANSWER.with_borrow_mut(|answer| {
        answer.clear();
        answer.extend((text.len() as u32).to_le_bytes());
        answer.extend(text.into_bytes());
        answer.as_ptr()
    })
}
