//! The labs about what is recorded on disks: write intent, resync, elections, lost caches.

use super::{Lab, Piece, Program, simulated};

const JOURNAL: &str = "dm-mirror/src/core/parts/journal.rs";
const MAPS: &str = "dm-mirror/src/core/steps/maps.rs";
const RESYNC_PART: &str = "dm-mirror/src/core/parts/resync.rs";
const RESYNC_STEPS: &str = "dm-mirror/src/core/steps/resync.rs";
const ELECT: &str = "dm-mirror/src/disk/assemble/elect.rs";
const DECIDE: &str = "dm-mirror/src/disk/assemble/decide.rs";
const LEGS: &str = "dm-mirror/src/core/parts/legs.rs";
const LOSS_PART: &str = "dm-mirror/src/core/parts/loss.rs";
const LOSS_STEPS: &str = "dm-mirror/src/core/steps/loss.rs";

const fn piece(file: &'static str, name: &'static str) -> Piece {
    Piece { file, name }
}

/// Lab 4.
pub(super) const WRITE_INTENT: Lab = Lab {
    number: 4,
    name: "write-intent",
    title: "intent before data, and one flush for all who wait",
    hours: "2 to 3 hours",
    pieces: &[
        piece(JOURNAL, "Journal::covers"),
        piece(JOURNAL, "Journal::next_commit"),
        piece(JOURNAL, "Journal::committed"),
        piece(JOURNAL, "Journal::not_committed"),
        piece(MAPS, "Core::map_flushed"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("intent"),
            only: &[],
            says: &[
                (
                    "no_data_goes_to_a_leg_before_its_own_intent_is_durable_there",
                    "Data went to a leg before that leg's own map durably called the region \
                     DIRTY. A crash in between leaves legs that differ under a clean map, and \
                     nobody will ever compare them. Written is not durable: wait for the flush.",
                ),
                (
                    "no_leg_waits_for_the_intent_of_another",
                    "A leg waited for the map of another one. Each goes by its own record.",
                ),
                (
                    "a_write_that_meets_a_clean_record_on_its_way_waits_for_another_commit",
                    "A record that calls the region clean is on its way. It may survive the \
                     crash, or not: so both the durable record and the one in flight have to \
                     cover a write (`in_flight`).",
                ),
                (
                    "if_the_last_leg_cannot_record_its_intent_the_write_fails_and_later_ones_work",
                    "A commit failed. Its marks may be on the disk or not, so from now on only \
                     what both versions say is sure; and whoever waited for it has failed.",
                ),
                (
                    "a_leg_that_cannot_flush_its_intent_is_out_and_gets_no_data",
                    "The flush behind the pages failed, and a write that waited for it went on. \
                     Those who wait fail with the commit (`map_failed`).",
                ),
                (
                    "an_intent_says_in_the_same_record_who_misses_the_write",
                    "A page is written with all marks that `regions` has at that moment, not \
                     only with DIRTY (`image`).",
                ),
            ],
            otherwise: "No data goes to a leg before that leg's own map durably says what \
                `regions` says of the region.",
            is_slow: false,
        },
        Program {
            file: Some("cost"),
            only: &[],
            says: &[(
                "first_writes_that_wait_together_share_their_intent",
                "Writes that waited together were recorded one by one. One commit takes the \
                 pages of all who wait: that is group commit.",
            )],
            otherwise: "A commit costs more than it has to, or pages are written that nobody \
                asked for. `next_commit` writes each page once, and nothing if none is wanted.",
            is_slow: false,
        },
        Program {
            file: Some("slots"),
            only: &[],
            says: &[
                (
                    "no_commit_overwrites_the_superblock_or_the_page_that_is_durable",
                    "The only durable copy of a page was overwritten. A commit goes to the slot \
                     that does not hold the newest; `write_of` goes by `Place::slot`, which \
                     changes only when the commit is durable.",
                ),
                (
                    "a_commit_that_failed_is_repeated_where_it_was",
                    "After a commit that failed the next one goes to the same slot, under a \
                     larger number: the other slot still has the last durable record.",
                ),
                (
                    "each_commit_has_a_larger_number_than_the_last",
                    "Two commits of a page have the same number, so a start cannot tell which \
                     is the newer one. The number grows when a page is written, also after a \
                     commit that failed.",
                ),
            ],
            otherwise: "The two slots of a page do not hold what they should.",
            is_slow: false,
        },
        Program {
            file: Some("pages"),
            only: &[],
            says: &[],
            otherwise: "The map has two pages here. A region belongs to one of them, and so \
                does what is durable, and what is in flight.",
            is_slow: false,
        },
        Program {
            file: Some("lost_caches"),
            only: &["a_page_that_was_lost_before_its_flush_lets_nobody_write"],
            says: &[],
            otherwise: "The flush succeeded, but the leg had lost its cache since the commit \
                began, and the page with it. Ask `kept` with the moment at which the commit \
                began (`since`) before you believe in it.",
            is_slow: false,
        },
        simulated("lives", &["crashes_alone_over_two_legs", "anything_over_two_legs"]),
    ],
    ways: &[
        "data is written before the leg's own intent is durable",
        "data is written before the leg's own intent is flushed",
        "a clean record on its way is not looked at",
        "a record that failed counts as durable",
        "each write has a flush of its own",
        "the slot of the durable page is overwritten",
        "two pages have the same number",
        "of a write across two pages only the first page is recorded",
        "what waited for a record that failed is written",
        "a page of the map counts though its leg lost it before the flush",
    ],
};

/// Lab 5.
pub(super) const RESYNC: Lab = Lab {
    number: 5,
    name: "resync",
    title: "copy, flush, and only then count: a resync with a checkpoint",
    hours: "2 to 3 hours",
    pieces: &[
        piece(RESYNC_STEPS, "Core::decide_step"),
        piece(RESYNC_STEPS, "Core::chunk_done"),
        piece(RESYNC_STEPS, "Core::regions_flushed"),
        piece(RESYNC_PART, "Resync::forget"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("resync"),
            only: &[],
            says: &[
                (
                    "a_leg_is_in_sync_only_after_a_flush_behind_its_last_chunk",
                    "The leg was in sync before what was copied to it was flushed. Copied is in \
                     its cache only.",
                ),
                (
                    "no_region_counts_before_the_flush_behind_it",
                    "A region counted as copied before the flush behind its last chunk. Until \
                     then it waits in `copied`.",
                ),
                (
                    "what_a_failed_write_left_on_a_copied_region_is_copied_again",
                    "A write that failed may have landed on a leg whose region is copied and \
                     not yet flushed: what was copied there counts for nothing (`forget`).",
                ),
                (
                    "a_large_region_is_copied_in_chunks_with_one_flush_behind_them",
                    "A region counts when its last chunk is copied, not at the first; and one \
                     flush is enough for all of it.",
                ),
                (
                    "a_chunk_that_cannot_be_read_at_once_is_copied_block_by_block",
                    "A chunk that could not be read whole is copied in single blocks \
                     (`by_block`) to the region's end.",
                ),
                (
                    "suspend_ends_the_copy_in_flight_and_resume_goes_on",
                    "A suspended mirror starts no further chunk; after the resume the region \
                     that was being copied goes on where it was (`next`).",
                ),
            ],
            otherwise: "A leg that is rebuilt has to have everything, durably, before it counts.",
            is_slow: false,
        },
        Program {
            file: Some("recovery"),
            only: &[],
            says: &[
                (
                    "a_read_has_its_region_made_equal_first",
                    "A read waits for a region, and another one was copied first. What a read \
                     waits for (`wanted`) goes to the front, and its flush comes at once.",
                ),
                (
                    "a_dirty_region_answers_no_read_while_an_exclusion_is_not_durable",
                    "A region was settled while an exclusion was pending: a read can be \
                     answered by what a crash takes back.",
                ),
                (
                    "a_dirty_region_is_not_settled_by_a_flush_that_failed",
                    "A region was settled though a leg in sync was not flushed. `flushed` has \
                     to contain all of them.",
                ),
            ],
            otherwise: "After a crash the regions that were dirty are made equal, and only then \
                read.",
            is_slow: false,
        },
        Program {
            file: Some("cost"),
            only: &["rebuild", "returning_leg"],
            says: &[],
            otherwise: "A flush is the checkpoint of sixteen regions, and what was not missed is \
                not copied.",
            is_slow: false,
        },
        Program {
            file: Some("pace"),
            only: &[],
            says: &[],
            otherwise: "Before a chunk the pace is asked how long to wait (`pace.wait`), and it \
                is told how much was taken (`pace.took`).",
            is_slow: false,
        },
        simulated("random", &["legs_fail_while_others", "crash"]),
        simulated("lives", &["anything_over_two_legs"]),
    ],
    ways: &[
        "copied regions count before they are flushed",
        "a region is settled though a leg in sync was not flushed",
        "a region is settled while an exclusion is not durable",
        "a region counts once its first chunk is copied",
        "a read does not hurry its region",
        "a copy takes no range",
        "a dirty region is not copied",
    ],
};

/// Lab 6.
pub(super) const ELECTION: Lab = Lab {
    number: 6,
    name: "election",
    title: "whose record is the newest, and who has everything",
    hours: "2 to 3 hours",
    pieces: &[
        piece(ELECT, "elect"),
        piece(ELECT, "sides"),
        piece(ELECT, "is_ahead"),
        piece(ELECT, "Side::wrote_nothing_without"),
        piece(DECIDE, "Decision::is_listed"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("assembly"),
            only: &["assemble::elections"],
            says: &[
                (
                    "assemble::elections::a_half_rebuilt_member_is_evidence_of_nothing",
                    "A member that does not call itself in sync was elected. It has a mixture \
                     of two times, whatever its record says: only evidence takes part.",
                ),
                (
                    "assemble::elections::the_generation_counts_before_the_version",
                    "Versions of two generations were compared. A version counts only within \
                     one; between generations it is memory that counts: who has whose \
                     generation in its history is ahead.",
                ),
                (
                    "assemble::elections::a_stale_member_that_comes_first_is_dropped_when_the_newer_comes",
                    "An older record won. Who has the other one's generation in its history, or \
                     as the base of that very member, is ahead of it.",
                ),
                (
                    "assemble::elections::an_exclusion_that_was_interrupted_is_completed",
                    "A survivor that has the generation before, and that the newest record \
                     lists in sync, has everything: nothing was acknowledged in between.",
                ),
                (
                    "assemble::elections::a_promotion_that_was_interrupted_is_completed",
                    "The newest record lists a member in sync that calls itself rebuilding: \
                     its promotion was interrupted. Before a promotion it was complete.",
                ),
            ],
            otherwise: "The election found another record than the newest.",
            is_slow: false,
        },
        Program {
            file: Some("assembly"),
            only: &["assemble::returns", "assemble::places"],
            says: &[],
            otherwise: "A member got another role than it should. In sync is who is listed in \
                sync by the newest record, is of its generation or of one that it remembers, and \
                shows no reason to doubt it.",
            is_slow: false,
        },
        Program {
            file: Some("assembly"),
            only: &["assemble::apart"],
            says: &[
                (
                    "assemble::apart::a_half_that_wrote_nothing_is_old",
                    "Two sides ran apart, and the map of one shows that it wrote nothing since: \
                     nobody has to choose.",
                ),
                (
                    "assemble::apart::a_dirty_region_is_a_write",
                    "A dirty region may have been written to: such a side has what the other \
                     lacks.",
                ),
                (
                    "assemble::apart::a_bad_page_does_not_show_that_nothing_was_written",
                    "A page that cannot be used shows nothing, so it cannot show that nothing \
                     was written.",
                ),
            ],
            otherwise: "Halves that ran apart are refused until a person chooses one. They are \
                never merged.",
            is_slow: false,
        },
        Program {
            file: Some("assembly"),
            only: &["assemble::strangers", "assemble::doubt", "assemble::hostile"],
            says: &[],
            otherwise: "A snapshot, a stranger or a member in doubt was believed. Of a member \
                that shows less than others saw of it nothing is proved; of one in doubt the \
                worst is believed.",
            is_slow: false,
        },
        Program {
            file: Some("assembly"),
            only: &["assemble::walk", "assemble::words"],
            says: &[],
            otherwise: "The walk runs the protocol into crashes, and compares what you decide \
                with what really happened. Its account has the way there.",
            is_slow: false,
        },
        simulated("lives", &["crashes_and_absences_over_two_legs", "anything_over_three_legs"]),
    ],
    ways: &[
        "a member that is half rebuilt is elected",
        "a record that others are ahead of is as good as they",
        "the version does not count",
        "a snapshot is ahead of what it remembers",
        "halves that ran apart are merged",
        "a half that wrote nothing is no older than the other",
        "a dirty region is no sign of a write",
        "what a person decided against is forgotten",
        "an exclusion that was interrupted costs a survivor",
        "a promotion that was interrupted is undone",
        "a member that the newest record calls out is in sync",
    ],
};

/// Lab 7.
pub(super) const CACHE_LOSS: Lab = Lab {
    number: 7,
    name: "cache-loss",
    title: "a leg that lost its cache, and who is told",
    hours: "1 to 2 hours",
    pieces: &[
        piece(LEGS, "LegRecord::kept"),
        piece(LOSS_PART, "Loss::is_untold"),
        piece(LOSS_PART, "Loss::notice"),
        piece(LOSS_PART, "Loss::tell"),
        piece(LOSS_PART, "Loss::told"),
        piece(LOSS_STEPS, "Core::lost_meanwhile"),
        piece(LOSS_STEPS, "Core::last_leg_lost_cache"),
    ],
    files: &[],
    left_out: &[],
    solution: None,
    tests: &[
        Program {
            file: Some("membership"),
            only: &["lost"],
            says: &[
                (
                    "a_leg_that_lost_its_cache_is_out_before_the_flush_is_acknowledged",
                    "The leg's device was reset: what it had acknowledged may be gone. It has \
                     to be out before anything more is acknowledged.",
                ),
                (
                    "if_the_last_leg_lost_its_cache_the_next_flush_fails_once",
                    "The last leg stays, so its loss has to be told: the next FLUSH fails. Once \
                     the user has heard of it, FLUSHes succeed again.",
                ),
            ],
            otherwise: "A leg that lost its cache is out, unless it is the last in sync.",
            is_slow: false,
        },
        Program {
            file: Some("lost_caches"),
            only: &[],
            says: &[
                (
                    "all_flushes_that_may_have_meant_what_was_lost_fail",
                    "Several FLUSHes were on their way when the loss was noticed. None of them \
                     may succeed: each may have meant what is gone.",
                ),
                (
                    "a_flush_of_the_cleaners_that_failed_is_told_too",
                    "A flush that nobody outside asked for failed on the last leg. The host \
                     drops what it could not write, and the next flush finds nothing to do: so \
                     it is a loss, whoever asked.",
                ),
                (
                    "what_was_acknowledged_while_a_flush_failed_is_not_told_by_that_one",
                    "A FLUSH that began before the loss was noticed ends it for the user. What \
                     was acknowledged while it was on its way is not told by that one.",
                ),
                (
                    "a_flush_has_told_of_a_loss_only_when_its_end_is_heard",
                    "A FLUSH counts as the one that tells when its end is heard, not when it \
                     begins: until then every other one fails too.",
                ),
                (
                    "a_write_that_is_lost_while_it_is_parked_is_not_acknowledged",
                    "A write was parked with success, and then the last leg lost it. What is \
                     still to be acknowledged fails.",
                ),
                (
                    "a_disk_that_fails_every_flush_is_no_news_each_time",
                    "A person was told of each loss though the first is still untold to the \
                     user. `notice` says whether it is news.",
                ),
                (
                    "a_loss_is_told_once_to_a_user_who_asks_again_at_once",
                    "The loss was told more than once to a user who began a FLUSH after it was \
                     noticed.",
                ),
            ],
            otherwise: "If an acknowledged write is lost, at least one later FLUSH fails before \
                any later FLUSH succeeds.",
            is_slow: false,
        },
        Program {
            file: Some("writes"),
            only: &["is_an_error_of_its_leg"],
            says: &[],
            otherwise: "Errors of writes and flushes are counted where a leg reports, whether or \
                not anything is lost by them: `counts.write_errors`.",
            is_slow: false,
        },
        Program {
            file: Some("promotion"),
            only: &["cache", "flush_fails"],
            says: &[],
            otherwise: "A source lost its cache while a leg was being promoted from it. What \
                the source lost was on the other leg, or not: it is copied again first.",
            is_slow: false,
        },
        simulated("random", &["crash"]),
        simulated("lives", &["anything_over_one_leg", "anything_over_two_legs"]),
    ],
    ways: &[
        "a leg that lost its cache stays",
        "a flush that failed has lost nothing",
        "one flush of several tells that the last leg lost its cache",
        "a flush that began before a loss was noticed tells of it",
        "the last leg hides that it lost its cache",
        "what the last leg lost with its cache is not copied again",
        "what was parked before the last leg lost it is acknowledged",
        "a promotion goes on though its source lost its cache",
    ],
};
