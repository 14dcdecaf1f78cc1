//! Who may be believed: each case by name, and a walk through what can happen.

mod assemble;
