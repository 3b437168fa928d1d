//! Owns the trait that reads the log as a member of a group. Leaves ledgers, lanes and the timing of commits to the
//! engine.

use super::{Close, Command, ConsumerEvent, Error, Reader};

/// Reads a *log* as a member of a consumer group (queues and share groups get a sister trait).
///
/// One owner drives it all: `poll` yields what the transport has to say, `submit` only submits, and every outcome comes
/// out of `poll`.
///
/// 1. **C1** Nothing of an epoch is delivered before `Start` or after its end.
///    *Checked by* `nothing_is_delivered_before_start`, `nothing_is_delivered_after_the_end`.
/// 2. **C2** Epochs rise strictly over all partitions of a consumer; each ends exactly once: by `Lost`, which also answers a
///    restart and the end of a budget, or by `Release`, after which no event names it.
///    *Checked by* `nothing_is_delivered_after_the_end`, `epochs_rise_and_end_exactly_once`.
/// 3. **C3** Records of a partition come in offset order, each once per epoch, from the offset given to `Start`.
///    *Checked by* `records_come_in_order_from_the_offset_given`, `a_second_start_does_not_seek`,
///    `a_start_inside_a_gap_goes_on_behind_it`, `compaction_leaves_the_last_record_of_each_key`,
///    `a_rebalance_in_mid_batch_loses_and_doubles_nothing`.
/// 4. **C4** A partition yields at most its demand; without demand it yields nothing and the others flow. The first record
///    after a `Want` is admitted whenever `records` is above 0, however large.
///    *Checked by* `a_large_record_arrives_whole`, `a_partition_yields_at_most_its_demand_in_records`,
///    `a_partition_yields_at_most_its_demand_in_bytes`, `one_record_is_admitted_however_large`.
/// 5. **C5** `next` of a batch and `Advanced` say that everything below is delivered or does not exist. An `Advanced`
///    comes when offsets at the tail hold no record to deliver.
///    *Checked by* `next_reaches_the_end`, `an_offset_without_a_record_is_passed_over`,
///    `a_start_inside_a_gap_goes_on_behind_it`, `compaction_leaves_the_last_record_of_each_key`.
/// 6. **C6** A commit is answered exactly once, per entry, three-valued; an entry of an epoch that has ended at the moment
///    of writing is not written and answered `NotApplied(Stale)`.
///    *Checked by* `a_commit_is_answered_entry_by_entry`, `a_commit_after_a_loss_is_not_written`,
///    `a_stale_answer_ends_no_epoch`, `an_unknown_outcome_of_a_commit_is_called_unknown`,
///    `metadata_that_is_too_long_is_refused_alone`.
/// 7. **C7** A committed offset and its metadata are what the next owner's `Assigned` carries; no commit at all is `None`.
///    Metadata beyond the capabilities' limit is refused with its entry, `NotApplied(Refused)`, and never cut.
///    *Checked by* `the_next_owner_sees_what_was_committed`, `metadata_that_is_too_long_is_refused_alone`,
///    `a_rebalance_in_mid_batch_loses_and_doubles_nothing`, `two_members_leaving_at_once_are_replaced`.
/// 8. **C8** `Revoking` and `Lost` come out of `poll` before any batch that was fetched later, however many batches wait.
///    *Checked by* `a_revocation_overtakes_waiting_batches`, `a_loss_overtakes_waiting_batches`.
/// 9. **C9** While a partition is `Revoking` no other member is assigned it until it is released or the budget ends.
///    *Checked by* `a_partition_being_revoked_is_nobody_elses`, `the_end_of_the_budget_ends_the_epoch`,
///    `a_rebalance_in_mid_batch_loses_and_doubles_nothing`.
/// 10. **C10** A fault of one partition does not end the consumer or stop another partition. An offset outside the log is a
///     fault, never a silent reset.
///     *Checked by* `an_offset_outside_the_log_is_a_fault_of_one_partition`,
///     `an_offset_below_the_log_is_a_fault_and_no_reset`, `a_log_cut_below_what_was_read_is_a_fault`,
///     `a_topic_made_again_is_not_taken_for_the_old_one`.
/// 11. **C11** A pause ends with its epoch, and not before it is resumed.
///     *Checked by* `a_paused_partition_waits_until_it_is_resumed`, `a_pause_ends_with_its_epoch`,
///     `a_pause_does_not_outlive_a_rebalance`, `a_partition_that_is_kept_stays_paused_through_a_rebalance`.
/// 12. **C12** After `Close::Leave` the member's partitions are assigned to the others without waiting for a session to
///     expire.
///     *Checked by* `a_member_that_leaves_is_replaced_at_once`, `two_members_leaving_at_once_are_replaced`.
/// 13. **C13** `Confirm` is answered by `Confirmed` if the group still has this member, by `Lost` of its epochs if not. A
///     member thrown out that held nothing is confirmed once it has joined again.
///     *Checked by* `a_member_in_good_standing_is_confirmed`, `a_member_thrown_out_hears_it_when_it_asks`.
/// 14. **C14** Commands of ended epochs change nothing.
///     *Checked by* `commands_of_ended_epochs_change_nothing`, `a_pause_does_not_outlive_a_rebalance`.
/// 15. **C15** A member that does not poll keeps its partitions for the session's length and no longer; after that its
///     epochs are `Lost` and its commits `NotApplied`.
///     *Checked by* `a_silent_member_loses_its_partitions`, `a_silent_member_keeps_its_partitions_for_its_session`.
/// 16. **C16** Records arrive as they were sent: bytes, nulls, repeated headers, timestamp.
///     *Checked by* `keys_values_and_timestamps_arrive_as_they_were_sent`,
///     `null_keys_and_tombstones_arrive_as_they_were_sent`, `headers_arrive_as_they_were_sent_or_are_refused`,
///     `a_large_record_arrives_whole`.
/// 17. **C17** A consumer of named partitions ([`ConsumerRequest::assigned`](super::ConsumerRequest::assigned)) belongs to no
///     group: each of its partitions is `Assigned` once, with `committed: None` and with `log_start` and `end` known, whoever
///     else reads it, and stays until it is released or closed, however seldom it is polled. What it commits is answered
///     `NotApplied(Refused)`, and `Confirm` by `Confirmed`. All other clauses hold for it.
///     *Checked by* `named_partitions_are_read_from_end_to_end`, `readers_without_a_group_share_nothing`,
///     `a_reader_without_a_group_commits_nothing_and_restarts`, `a_reader_without_a_group_has_no_session`.
/// 18. **C18** Dropping `poll`'s future loses nothing: what it would have said, a later one says.
///     *Checked by* `a_dropped_poll_loses_nothing`.
/// 19. **C19** `close` answers within the time it is given, also when the log does not. Commits submitted before it are sent
///     first.
///     *Checked by* `commits_submitted_before_close_are_written`, `close_answers_in_time_though_the_log_is_silent`.
///
/// # Cancel safety
/// Dropping `poll`'s future loses nothing (C18): all state lives in the consumer. `close` may be dropped; the member then
/// goes when its session expires.
pub trait Consumer: Send + 'static {
    /// The next thing the transport has to say. Pending while it has nothing.
    fn poll(&mut self) -> impl Future<Output = ConsumerEvent> + Send;

    /// Submits a command; never waits.
    fn submit(&mut self, command: Command);

    /// Ends membership. Commits already submitted are sent first; epochs end silently.
    ///
    /// # Errors
    /// If leaving could not be told within the deadline; the session then expires by itself.
    fn close(&mut self, how: Close) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Conveniences over [`Consumer`], for the direct tier.
pub trait ConsumerExt: Consumer {
    /// A [`Reader`]: batches and commits, with ownership changes answered for those who do not want to see them.
    fn into_reader(self) -> Reader<Self>
    where
        Self: Sized,
    {
        Reader::new(self)
    }
}

impl<C: Consumer> ConsumerExt for C {}
