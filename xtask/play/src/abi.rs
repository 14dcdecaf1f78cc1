//! What the page calls: memory for a question, and its answer.
//!
//! Place: the module's exports. The page calls [`give`], puts a question there, and calls
//! [`ask`]. An answer begins with its length: four bytes, little endian. Rule: nothing here
//! follows a pointer; the attribute that keeps a function's name is all that is unsafe.

use std::cell::RefCell;

use crate::answer::answer;

thread_local! {
    static QUESTION: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Memory for a question of `length` bytes.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn give(length: u32) -> *mut u8 {
    QUESTION.with_borrow_mut(|question| {
        question.clear();
        question.resize(length as usize, 0);
        question.as_mut_ptr()
    })
}

/// Answers the question that lies where [`give`] said. The answer stays until the next one.
// SAFETY: no other function of the program has this name.
#[unsafe(no_mangle)]
extern "C" fn ask() -> *const u8 {
    let text = QUESTION.with_borrow(|question| answer(question));
    ANSWER.with_borrow_mut(|answer| {
        answer.clear();
        answer.extend((text.len() as u32).to_le_bytes());
        answer.extend(text.into_bytes());
        answer.as_ptr()
    })
}
