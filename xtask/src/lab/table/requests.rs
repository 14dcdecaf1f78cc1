//! The labs about requests: reads, ranges, write groups, a read policy.

use super::{Given, Lab, Piece, Program, simulated};

const READ: &str = "dm-mirror/src/core/steps/read.rs";
const LEG: &str = "dm-mirror/src/io/leg.rs";
const RANGE: &str = "dm-mirror/src/core/parts/range/mod.rs";
const RANGE_TESTS: &str = "dm-mirror/src/core/parts/range/tests.rs";
const WRITE: &str = "dm-mirror/src/core/steps/write.rs";
const PROMOTE: &str = "dm-mirror/src/core/steps/promote.rs";

const fn piece(file: &'static str, name: &'static str) -> Piece {
    Piece { file, name }
}

/// Lab 1.
pub(super) const READ_RETRY: Lab = Lab {
    number: 1,
    name: "read-retry",
    title: "a read that fails is tried on another leg",
    hours: "1 to 2 hours",
    pieces: &[
        piece(LEG, "Leg::issue"),
        piece(READ, "Core::read_pick"),
        piece(READ, "Core::read_bio_done"),
        piece(READ, "Core::read_elsewhere"),
        piece(READ, "Core::read_failed"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("reads"),
            only: &[],
            says: &[
                (
                    "a_read_error_on_one_leg_is_not_seen",
                    "A read that failed on leg 0 was not tried on leg 1. After an error ask \
                     `read_pick` for a leg that is not in `tried`, and issue the same request \
                     there: its bio waits in its slot and goes on with the same memory.",
                ),
                (
                    "the_same_block_bad_on_every_leg_is_an_error_and_all_legs_stay",
                    "When every leg has failed a read, the last error goes up, and no leg goes \
                     out: one bad sector does not condemn a leg. Either a leg was tried twice \
                     (is it in `tried`?), or a media error took one out.",
                ),
                (
                    "a_vanished_leg_is_out_at_its_first_read",
                    "A leg that is gone has to go out at the first read that it fails: `Gone` \
                     is about the device, not about a sector.",
                ),
                (
                    "a_read_whose_memory_a_hung_leg_keeps_is_retried_into_fresh_memory",
                    "A leg that timed out may still write into the memory that it was lent, so \
                     the bio comes back without it; the hands then give it fresh memory. And a \
                     leg that does not answer in time is out, like one that is gone.",
                ),
                (
                    "reads_take_turns",
                    "Reads did not go round the legs. `last_read` has to be kept up to date: \
                     the policy goes by it.",
                ),
                (
                    "reads_go_to_the_leg_with_the_fewest_in_flight",
                    "The policy counts the reads that each leg has. `reads_pending` goes up \
                     where a leg is picked and down where it reports, whatever it reports.",
                ),
                (
                    "a_stream_of_reads_stays_on_its_leg_and_another_one_takes_another",
                    "The policy wants to know where the last read of each leg ended: \
                     `read_end`, set where the leg is picked.",
                ),
            ],
            otherwise: "A read has to end with data as long as one leg in sync can give it.",
            is_slow: false,
        },
        Program {
            file: Some("repair"),
            only: &[],
            says: &[(
                "errors_on_different_blocks_of_both_legs_are_not_seen_by_one_read",
                "Each leg failed the read, but for another block. If several legs failed for \
                 their medium and the read has several blocks, every block is read for itself \
                 (`may_go_by_block`, `Action::ByBlock`) before an error goes up.",
            )],
            otherwise: "A block that a leg could not read is rewritten from one that could. So \
                the legs that failed with `Media`, and only these, are to be in `bad`, and \
                `read_over` has to hear of them at the end.",
            is_slow: false,
        },
        Program {
            file: Some("errors"),
            only: &[],
            says: &[],
            otherwise: "Errors of a leg's medium are counted (`medium_failed`), and too many in \
                a while take it out. Each failed read is one error, of the leg that failed it.",
            is_slow: false,
        },
        Program {
            file: Some("membership"),
            only: &["a_read_never_answers_what_a_leg_lost"],
            says: &[],
            otherwise: "A leg answered a read with success, but is out by then: it may have \
                lost what was acknowledged. Its answer counts as `Gone`, and the next leg is \
                asked. Look at the leg after `returned` was called, for that may take it out.",
            is_slow: false,
        },
        simulated("random", &["two_legs_fail", "three_legs_fail"]),
        simulated("lives", &["anything_over_two_legs"]),
    ],
    ways: &[
        "a failed read is retried on the same leg",
        "one bad sector takes a leg out",
        "a leg that hangs in a read stays",
        "a failed leg is read",
        "a leg being rebuilt is read",
        "no block is read for itself",
        "bad blocks are not rewritten",
        "a read is answered by a leg that went out meanwhile",
        "a read is retried without memory",
    ],
};

/// Lab 2.
pub(super) const RANGE_LOCK: Lab = Lab {
    number: 2,
    name: "range-lock",
    title: "reads share, writes exclude, nobody overtakes",
    hours: "1 to 2 hours",
    pieces: &[
        piece(RANGE, "RangeLock::new"),
        piece(RANGE, "RangeLock::acquire"),
        piece(RANGE, "RangeLock::release"),
        piece(RANGE, "RangeLock::grant"),
    ],
    files: &[Given { from: "pieces/range.rs.txt", to: RANGE, is_test: false }],
    left_out: &[
        piece(RANGE_TESTS, "looked_at"),
        piece(RANGE_TESTS, "what_is_in_flight_elsewhere_costs_next_to_nothing"),
        piece(RANGE_TESTS, "a_thousand_who_wait_for_one_block_cost_no_more_than_one"),
    ],
    solution: None,
    tests: &[
        Program {
            file: None,
            only: &["core::parts::range::"],
            says: &[
                (
                    "core::parts::range::tests::reads_share_and_writes_exclude",
                    "Two ranges conflict if they overlap and at least one of them excludes. A \
                     write waits until *every* read that it overlaps has been released.",
                ),
                (
                    "core::parts::range::tests::nobody_overtakes_an_earlier_conflict",
                    "A request waits for every earlier one that it conflicts with, granted or \
                     not. A read that fits beside the reads in flight still waits if a write \
                     waits before it; otherwise reads that keep coming would starve the write.",
                ),
                (
                    "core::parts::range::tests::a_waiting_range_cannot_be_released",
                    "Only what was granted can be released. A release of a range that still \
                     waits is a bug of the caller: panic, and say `was granted` in the words.",
                ),
                (
                    "core::parts::range::tests::ranges_are_granted_as_by_a_list_in_order_of_arrival",
                    "Your lock and a list in order of arrival disagree. Among several that may \
                     go, `grant` gives the earliest; an empty range overlaps nothing.",
                ),
            ],
            otherwise: "The lock does not do what its contract says.",
            is_slow: false,
        },
        Program {
            file: Some("ranges"),
            only: &[],
            says: &[
                (
                    "a_read_never_meets_a_write_that_only_one_leg_has",
                    "A read began while a write of the same sector had reached one leg only: it \
                     can return the new data, and the next read the old.",
                ),
                (
                    "a_write_waits_for_an_overlapping_read_in_flight",
                    "A write began while an earlier read was in flight. That read may see the \
                     write on the fast leg, and a later one of the slow leg not.",
                ),
                (
                    "a_waiting_write_is_not_overtaken_by_a_later_one",
                    "The last write had only one conflict among those in flight, but another \
                     one that *waits* before it. It has to wait for that one too.",
                ),
            ],
            otherwise: "Requests that overlap have to be answered as by one disk.",
            is_slow: false,
        },
        Program {
            file: Some("check"),
            only: &["under_load", "reads_go_on_beside", "a_check_waits"],
            says: &[],
            otherwise: "A check reads beside other reads, a repair excludes them.",
            is_slow: false,
        },
        Program {
            file: Some("starvation"),
            only: &[],
            says: &[],
            otherwise: "Someone waits for ever beside a user who never rests. A promotion asks \
                for the range of the whole mirror: requests that come later must wait for it.",
            is_slow: false,
        },
        simulated("random", &["two_legs_fail", "piece_by_piece"]),
    ],
    ways: &[
        "a newcomer overtakes those who wait",
        "a waiter overtakes those before it",
        "writes share their range",
        "reads take no range",
        "a read keeps its range for ever",
        "a copy takes no range",
    ],
};

/// Lab 3.
pub(super) const WRITE_GROUP: Lab = Lab {
    number: 3,
    name: "write-group",
    title: "a write ends when every leg has reported, and its exclusions are durable",
    hours: "2 to 3 hours",
    pieces: &[
        piece(WRITE, "Core::write_tx_done"),
        piece(WRITE, "Core::settle_group"),
        piece(PROMOTE, "Core::became_durable"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("writes"),
            only: &[],
            says: &[
                (
                    "a_write_is_acknowledged_by_the_last_leg_not_the_first",
                    "The write was acknowledged before every leg had reported. A transaction \
                     gives its reference back when it ends; the group is settled when `refs` \
                     is empty, not before.",
                ),
                (
                    "a_leg_that_fails_a_write_is_out_before_the_write_is_acknowledged",
                    "A leg failed the write and is still in sync when the user hears of \
                     success. It has old data: the next read could go there. Take it out \
                     (`fail_leg`) in the step that hears of the error.",
                ),
                (
                    "legs_that_fail_the_same_write_go_in_order_of_report_and_the_last_one_stays",
                    "Every leg failed. The last one in sync is never failed (`fail_leg` sees \
                     to that), and the write ends with an error.",
                ),
                (
                    "a_write_that_only_a_failed_leg_has_is_no_success",
                    "The only leg that has the data is out, so nobody can read it: the write \
                     failed. Success needs a leg that is in sync *now* among those that have it.",
                ),
                (
                    "a_flush_that_fails_on_the_last_leg_is_an_error",
                    "A flush that failed on the last leg was acknowledged all the same.",
                ),
                (
                    "every_leg_vanishing_ends_every_request",
                    "A request did not end. Each path through `settle_group` ends the group, or \
                     parks it where `became_durable` finds it.",
                ),
            ],
            otherwise: "A write ends once, when every leg has reported, and with success only \
                if a leg in sync has it.",
            is_slow: false,
        },
        Program {
            file: Some("ranges"),
            only: &[],
            says: &[],
            otherwise: "The range goes back in the step that decides the group: not before, or \
                a read meets a write that one leg has; and never in a later one, unless the \
                group is parked.",
            is_slow: false,
        },
        Program {
            file: Some("resync"),
            only: &[],
            says: &[],
            otherwise: "What a failed write left on a leg that is being rebuilt has to be \
                copied again. `outcome` does that: it wants to know which legs hold the write, \
                and which failed.",
            is_slow: false,
        },
        Program {
            file: Some("membership"),
            only: &[],
            says: &[
                (
                    "an_exclusion_is_durable_on_all_survivors_before_the_write_is_acknowledged",
                    "The write was acknowledged while the superblocks still called the leg that \
                     failed it in sync. If the power fails now, that leg may be believed, and \
                     the write is gone. While `pending()`, a group is parked.",
                ),
                (
                    "a_write_that_saw_no_failure_waits_for_the_exclusion_too",
                    "No leg failed this write, but one that lacks it is not durably out: after \
                     a crash that leg could be the source. Parking goes by what is pending, not \
                     by what happened to this group.",
                ),
                (
                    "whatever_ends_before_the_last_survivor_holds_the_exclusion_waits_for_it",
                    "The exclusion was durable on one leg in sync and not yet on all of them.",
                ),
                (
                    "a_flush_is_not_acknowledged_by_one_leg_while_the_other_may_still_be_believed",
                    "A FLUSH is a group like any other: it is parked, too.",
                ),
                (
                    "a_parked_write_keeps_its_region_dirty",
                    "The region became clean while its write was parked. Nothing may become \
                     clean while an exclusion is pending.",
                ),
            ],
            otherwise: "Nothing is acknowledged while an exclusion is not durable on every leg \
                in sync; and once it is, everything that was parked ends.",
            is_slow: false,
        },
        Program {
            file: Some("lost_caches"),
            only: &["acknowledged", "neither_succeeds", "forced_write"],
            says: &[],
            otherwise: "A leg reported success and lost its cache before the group was settled. \
                It counts only if it kept what it was given since the group began \
                (`kept_since`); and a FLUSH has to tell of a loss (`loss.tell`).",
            is_slow: false,
        },
        Program {
            file: Some("promotion"),
            only: &[],
            says: &[],
            otherwise: "`became_durable` also ends promotions, and begins the session and \
                rebuilds. Ask all of them, and say whether anything went on.",
            is_slow: false,
        },
        simulated("random", &["two_legs_fail", "three_legs_fail"]),
        simulated("lives", &["anything_over_two_legs"]),
    ],
    ways: &[
        "a leg that failed a write stays",
        "a write is acknowledged by its first leg",
        "a flush is acknowledged while an exclusion is not durable",
        "a write that no leg failed is acknowledged while an exclusion is not durable",
        "a write counts though its leg lost it before all had reported",
        "a flush has told of a loss before its end is heard",
        "what a failed write left is not copied again",
        "what a failed write left on the last leg becomes clean",
    ],
};

/// Lab 8.
pub(super) const LATENCY: Lab = Lab {
    number: 8,
    name: "latency",
    title: "a read policy that goes by latency",
    hours: "1 to 2 hours",
    pieces: &[],
    files: &[Given {
        from: "pieces/latency_test.rs.txt",
        to: "dm-mirror/tests/lab_latency.rs",
        is_test: true,
    }],
    left_out: &[],
    solution: Some("pieces/latency.patch"),
    tests: &[
        Program {
            file: Some("lab_latency"),
            only: &[],
            says: &[
                (
                    "the_policy_has_a_name",
                    "A table cannot name the policy `latency`, or the status does not show it. \
                     A policy's words are in `parse` and `Display` in core/parts/policy.rs.",
                ),
                (
                    "each_leg_is_measured_before_any_is_preferred",
                    "Nothing is known of a leg that was never read. Such a leg comes first, \
                     the lowest of several; and one that has a read in flight whose time is \
                     not known yet is not measured by a second one while another is unknown.",
                ),
                (
                    "reads_go_to_the_leg_that_answers_soonest",
                    "Once all legs are measured, a read goes to the leg with the least \
                     expected wait.",
                ),
                (
                    "a_queue_makes_a_fast_leg_slow",
                    "A read waits for those in flight on its leg too. What is expected of a leg \
                     is its latency times the reads that it would have, the new one included.",
                ),
                (
                    "a_leg_that_became_slow_is_left",
                    "A leg was fast and is slow now. An average over all time would take for \
                     ever to see it: recent reads have to count more.",
                ),
                (
                    "a_leg_that_was_slow_once_is_tried_again",
                    "A leg that was slow once is never read again, so nobody sees that it is \
                     fast now. Every sixteenth read goes to the leg that was not picked for \
                     the longest time.",
                ),
                (
                    "a_read_that_failed_is_no_fast_read",
                    "An error that comes at once says nothing of how long a read takes. Only \
                     reads that succeeded count.",
                ),
            ],
            otherwise: "The policy does not do what its contract says.",
            is_slow: false,
        },
        Program {
            file: Some("reads"),
            only: &[],
            says: &[],
            otherwise: "Another policy, or the retry of reads, is not what it was.",
            is_slow: false,
        },
        Program {
            file: Some("allocations"),
            only: &[],
            says: &[],
            otherwise: "A read in the steady state allocates memory now. What a policy \
                remembers belongs into the leg's record, which is there already.",
            is_slow: false,
        },
        simulated("random", &["two_legs_fail"]),
    ],
    ways: &[],
};
