//! The device-mapper mirror (RAID1) target.
//!
//! Place: registered with [`dm`] as the target type `mirror`; everything else
//! in this workspace exists so that this crate can run. It knows no hardware,
//! starts no thread, reads no clock, and runs unmodified on a host.
//!
//! The design follows a sketch that Venkatesh Srinivas posted to the DragonFly
//! kernel list in April 2011, and keeps its names. To read it, follow a request:
//!
//! 1. `mirror.rs`: `strategy` switches on the command; the range lock
//!    (`range.rs`) lets reads share and writes exclude.
//! 2. `read.rs`: `read_pick`, `issue_read`, `read_bio_done`: a read that fails
//!    is pushed again onto another leg until one succeeds or none is left.
//! 3. `write.rs`: a `WriteGroup` has one
//!    `WriteTx` for each leg; `write_bio_done` advances a
//!    transaction, `write_tx_done` drops its reference, and the last reference
//!    completes the original bio. Never before every leg has reported.
//!    `settle.rs` decides what has come of it.
//! 4. `resync.rs`: makes legs equal where they may differ, and copies to a leg
//!    that is being rebuilt what it missed, as fast as `pace.rs` allows; `promote.rs`
//!    makes that leg whole, `flush.rs` has the flushes in between.
//! 5. `scrub.rs` looks at what each leg holds, rewrites it and reads it again: for
//!    reads that failed (`repair.rs`), and for a person who has all legs compared
//!    (`check.rs`). `errors.rs` says how many errors of a medium are too many.
//!
//! What a mirror remembers (`internal`), from the disk up:
//!
//! 6. `format` is what lies on a member, `label` makes one, `assemble` decides who
//!    may be believed: pure, and public for tools.
//! 7. `region.rs`: what is known of each region. `journal.rs` records it on each
//!    leg before that is written (`journal/commits.rs`), `clean.rs` when nothing happens there any more.
//! 8. `membership.rs`: who is in sync, as every superblock is to say it;
//!    `membership/commits.rs` writes them.
//! 9. `probe.rs` reads members, `start.rs` begins a session with them (`not_started.rs`
//!    is what a mirror is otherwise),
//!    `readmit.rs` takes back a leg that was out, `newcomer.rs` makes another disk
//!    a member, `replace.rs` has it take the place of one that still serves.
//!
//! `by_hand.rs` keeps out whom a person took out, `suspension.rs` waits until nothing is
//! on its way, `retry.rs` tries again what failed on the last leg, `inherit.rs` goes on
//! where the mirror of an earlier table stopped.
//!
//! `leg.rs` has the states of a leg, `leg_flush.rs` its one flush at a time,
//! `leg_reads.rs` reads several at once,
//! `cache_loss.rs` knows what counts of a leg whose device was reset,
//! `target.rs` is the face to the device mapper, `config.rs` the table grammar,
//! `counts.rs` and `status.rs` are what a person sees, `news.rs` what is told.
//!
//! What the sketch left open or got wrong, and what stands here instead:
//!
//! | in the sketch | here |
//! |---|---|
//! | without a disk to read from, the bio is never completed | it ends with the last error |
//! | a transaction has no buf of its own and is not linked to its bio | each transaction *is* a bio of the group |
//! | the states advance without `break` | `advance` is one `match` |
//! | the error branch is empty | the leg is failed, the group remembers |
//! | the destructor releases the lock of the object it frees | `Drop` owns the group alone |
//! | allocation between submissions can leave some legs written | everything is allocated before the first leg is issued |
//!
//! A mirror that keeps its state in memory (`core`) starts by copying leg 0 to the
//! others unless the table says `nosync`, and forgets, when it is torn down, which
//! leg failed.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod core;
mod disk;
mod face;
mod io;

pub use crate::core::parts::leg::LEGS_MAX;
pub use crate::core::parts::region::REGIONS_MAX;
pub use disk::{assemble, format, label};
pub use face::report;
pub use face::target::{MirrorTarget, MirrorType};
