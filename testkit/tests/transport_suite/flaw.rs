//! Owns the list of ways to break the contract, and which cases notice.

/// Declares the flaws, each with the cases that must fail by it.
macro_rules! flaws {
    ($($(#[doc = $doc:literal])+ $flaw:ident => $($case:ident),+;)+) => {
        /// One way to break the contract.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($(#[doc = $doc])+ $flaw,)+
        }

        /// Each flaw and the cases that fail by it.
        pub(crate) const PLANTED: &[(Flaw, &[&str])] = &[$((Flaw::$flaw, &[$(stringify!($case)),+])),+];
    };
}

flaws! {
    /// Capabilities differ from call to call (T2).
    CapabilitiesChange => capabilities_never_change;
    /// All consumers are of one group (T1).
    GroupsAreOne => two_groups_read_everything_each;
    /// Partitions that do not exist are passed over in silence (T3).
    NothingIsMissing => what_cannot_be_read_is_refused;
    /// Topics are described in another order (T4).
    DescribedBackwards => topics_are_described_in_order_and_a_missing_one_is_none;

    /// Answers come in reverse order (P1).
    AnswersReversed => send_answers_once_per_record_in_order;
    /// A request that fails is answered once (P1).
    OneAnswerForAll => a_request_that_fails_as_a_whole_answers_for_every_record;
    /// Receipts name the place behind the record (P2).
    ReceiptsPointBehind => a_receipt_says_where_the_record_can_be_read;
    /// Records of a request are appended last first (P3).
    RequestsReversed => records_are_appended_in_the_order_of_the_requests;
    /// Each record is a request of its own, so that those behind a failed one overtake it (P3).
    FailedAreOvertaken => a_record_to_be_sent_again_takes_the_later_ones_along;
    /// The key chooses the partition (P4).
    KeysDecide => a_record_is_written_to_exactly_the_partition_named;
    /// The log stamps what had a timestamp (P5, C16).
    TimestampsReplaced => keys_values_and_timestamps_arrive_as_they_were_sent;
    /// A null is sent as empty bytes (P5, C16).
    NullsAreEmpty => null_keys_and_tombstones_arrive_as_they_were_sent;
    /// The last of several headers of a name stands for all (P5, C16).
    HeadersAreAMap => headers_arrive_as_they_were_sent_or_are_refused;
    /// Values are cut at 64 KiB (P5, C4, C16).
    LargeValuesCut => a_large_record_arrives_whole;
    /// One refused record refuses its request (P6).
    OneRefusalFailsAll => one_records_failure_does_not_fail_anothers;
    /// A buffer that nobody empties blocks (P7).
    FullBufferBlocks => a_stalled_consumer_never_delays_send;
    /// A flush answers at once (P8).
    FlushLies => after_a_flush_every_send_polled_before_has_its_answers;
    /// Every error asks to try again (P9).
    EveryErrorPasses => errors_say_whether_to_try_again, one_records_failure_does_not_fail_anothers;
    /// A lost answer is a "no" (P9).
    LostAnswersAreNo => an_unknown_outcome_of_a_send_is_called_unknown;
    /// A dropped send leaves a lock behind (P10).
    DroppedSendWedges => a_dropped_send_harms_no_other;

    /// Delivery begins with the assignment (C1).
    StartsByItself => nothing_is_delivered_before_start;
    /// What was fetched before the end is delivered after it (C1).
    DeliversAfterTheEnd => nothing_is_delivered_after_the_end;
    /// Epochs fall (C2).
    EpochsFall => epochs_rise_and_end_exactly_once, nothing_is_delivered_after_the_end;
    /// An end is told twice (C2).
    EndsTwice => nothing_is_delivered_after_the_end;
    /// A released epoch is told to be lost too (C2).
    SpeaksOfReleased => epochs_rise_and_end_exactly_once;
    /// The fifth record of a batch is dropped (C3).
    SkipsARecord => records_come_in_order_from_the_offset_given, a_rebalance_in_mid_batch_loses_and_doubles_nothing;
    /// A batch comes twice (C3).
    RepeatsABatch => records_come_in_order_from_the_offset_given, a_rebalance_in_mid_batch_loses_and_doubles_nothing;
    /// Delivery starts where a batch would begin (C3).
    StartsAtBatches => a_rebalance_in_mid_batch_loses_and_doubles_nothing;
    /// A second start seeks (C3, B45).
    SecondStartSeeks => a_second_start_does_not_seek;
    /// Records have no limit (C4).
    RecordsUnlimited => a_partition_yields_at_most_its_demand_in_records;
    /// Bytes have no limit (C4).
    BytesUnlimited => a_partition_yields_at_most_its_demand_in_bytes;
    /// A record above the demand waits for ever (C4, F95).
    LargeRecordsWait => one_record_is_admitted_however_large;
    /// `next` is the last record's own offset (C5).
    NextIsTheLast => next_reaches_the_end;
    /// What is no record at the tail is not told (C5, F107).
    TailUntold => an_offset_without_a_record_is_passed_over;
    /// An offset without a record is none to start at (C5).
    GapsAreOutside => a_start_inside_a_gap_goes_on_behind_it;
    /// A batch ends where its offsets are not dense any more (C5).
    OffsetsAreDense => compaction_leaves_the_last_record_of_each_key, an_offset_without_a_record_is_passed_over;
    /// A commit is answered twice (C6).
    AnswersTwice => a_commit_is_answered_entry_by_entry;
    /// Only a commit's first entry is answered (C6).
    AnswersTheFirst => a_commit_is_answered_entry_by_entry, metadata_that_is_too_long_is_refused_alone;
    /// A commit of an ended epoch is called applied (C6).
    StaleIsApplied => a_commit_is_answered_entry_by_entry, a_commit_after_a_loss_is_not_written;
    /// A commit of an ended epoch is written (C6).
    ZombiesCommit => a_commit_after_a_loss_is_not_written;
    /// A refused commit ends its epoch (C6).
    StaleEndsTheEpoch => a_stale_answer_ends_no_epoch;
    /// A lost answer to a commit is a "yes" (C6).
    UnknownIsApplied => an_unknown_outcome_of_a_commit_is_called_unknown;
    /// What stands beside an offset is forgotten (C7).
    MetadataForgotten => the_next_owner_sees_what_was_committed;
    /// No commit reads as 0 (C7).
    NoCommitIsZero => the_next_owner_sees_what_was_committed, metadata_that_is_too_long_is_refused_alone;
    /// Metadata is cut to its limit (C7).
    MetadataCut => metadata_that_is_too_long_is_refused_alone;
    /// Events come in the order in which they were fetched (C8, F94).
    ControlBehindData => a_revocation_overtakes_waiting_batches, a_loss_overtakes_waiting_batches;
    /// What is told to be revoked is free already (C9).
    RevokedIsFree => a_partition_being_revoked_is_nobody_elses, a_rebalance_in_mid_batch_loses_and_doubles_nothing;
    /// The end of a budget is not told (C9).
    BudgetEndsUntold => the_end_of_the_budget_ends_the_epoch;
    /// An offset outside the log becomes one inside (C10, F20).
    ResetsSilently => an_offset_outside_the_log_is_a_fault_of_one_partition, an_offset_below_the_log_is_a_fault_and_no_reset;
    /// A partition's fault ends the consumer (C10).
    FaultsAreFatal => an_offset_outside_the_log_is_a_fault_of_one_partition, a_log_cut_below_what_was_read_is_a_fault;
    /// A cut of the log is not told (C10, F103).
    CutsUntold => a_log_cut_below_what_was_read_is_a_fault;
    /// A new topic under an old name is read on (C10, F88).
    NamesAreTopics => a_topic_made_again_is_not_taken_for_the_old_one;
    /// Pauses are not heard (C11).
    PausesIgnored => a_paused_partition_waits_until_it_is_resumed, a_partition_that_is_kept_stays_paused_through_a_rebalance;
    /// A pause belongs to the partition (C11, F101).
    PausesSurvive => a_pause_ends_with_its_epoch, a_pause_does_not_outlive_a_rebalance;
    /// A rebalance resumes everything (C11).
    RebalanceResumes => a_partition_that_is_kept_stays_paused_through_a_rebalance;
    /// Leaving is not told (C12).
    LeavesUntold => a_member_that_leaves_is_replaced_at_once, two_members_leaving_at_once_are_replaced;
    /// The first of two that leave at once is forgotten (C12).
    SecondLeaves => two_members_leaving_at_once_are_replaced;
    /// Nobody is asked before a confirmation (C13).
    ConfirmsUnasked => a_member_thrown_out_hears_it_when_it_asks;
    /// A question is not answered (C13).
    NeverConfirms => a_member_in_good_standing_is_confirmed;
    /// Commands of an ended epoch hit its heir (C14).
    OldEpochsObeyed => commands_of_ended_epochs_change_nothing;
    /// Sessions do not end (C15, F74).
    SessionsNeverEnd => a_silent_member_loses_its_partitions;
    /// Sessions end ten times too early (C15).
    SessionsEndEarly => a_silent_member_keeps_its_partitions_for_its_session;
    /// Where a named partition begins and ends is not said (C17).
    EndsUnknown => named_partitions_are_read_from_end_to_end;
    /// Readers of named partitions share a group (C17).
    ReadersShare => readers_without_a_group_share_nothing, a_reader_without_a_group_commits_nothing_and_restarts;
    /// The commit of a reader without a group is called applied (C17).
    ReadersCommit => a_reader_without_a_group_commits_nothing_and_restarts;
    /// A reader without a group has a session (C17).
    ReadersExpire => a_reader_without_a_group_has_no_session;
    /// An event on its way is lost with its poll (C18).
    DroppedPollLoses => a_dropped_poll_loses_nothing;
    /// A close drops what was just submitted (C19).
    CloseDropsCommits => commits_submitted_before_close_are_written;
    /// A close waits for the log (C19).
    CloseHangs => close_answers_in_time_though_the_log_is_silent;
}
