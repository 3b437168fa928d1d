//! Owns the trait that reads the log as a member of a group. Leaves ledgers, lanes and the timing of commits to the
//! engine.

use super::{Close, Command, ConsumerEvent, Error, Reader};

/// Reads a *log* as a member of a consumer group (queues and share groups get a sister trait).
///
/// One owner drives it all: `poll` yields what the transport has to say, `submit` only submits, and every outcome comes
/// out of `poll`.
///
/// 1. **C1** Nothing of an epoch is delivered before `Start` or after its end.
/// 2. **C2** Epochs rise strictly over all partitions of a consumer; each ends exactly once: by `Lost`, which also answers a
///    restart and the end of a budget, or by `Release`, after which no event names it.
/// 3. **C3** Records of a partition come in offset order, each once per epoch, from the offset given to `Start`.
/// 4. **C4** A partition yields at most its demand; without demand it yields nothing and the others flow. The first record
///    after a `Want` is admitted whenever `records` is above 0, however large.
/// 5. **C5** `next` of a batch and `Advanced` say that everything below is delivered or does not exist. An `Advanced`
///    comes when offsets at the tail hold no record to deliver.
/// 6. **C6** A commit is answered exactly once, per entry, three-valued; an entry of an epoch that has ended at the moment
///    of writing is not written and answered `NotApplied(Stale)`.
/// 7. **C7** A committed offset and its metadata are what the next owner's `Assigned` carries; no commit at all is `None`.
/// 8. **C8** `Revoking` and `Lost` come out of `poll` before any batch that was fetched later, however many batches wait.
/// 9. **C9** While a partition is `Revoking` no other member is assigned it until it is released or the budget ends.
/// 10. **C10** A fault of one partition does not end the consumer or stop another partition. An offset outside the log is a
///     fault, never a silent reset.
/// 11. **C11** A pause ends with its epoch.
/// 12. **C12** After `Close::Leave` the member's partitions are assigned to the others without waiting for a session to
///     expire.
/// 13. **C13** `Confirm` is answered by `Confirmed` if the group still has this member, by `Lost` of its epochs if not. A
///     member thrown out that held nothing is confirmed once it has joined again.
/// 14. **C14** Commands of ended epochs change nothing.
/// 15. **C15** A member that does not poll keeps its partitions for the session's length and no longer; after that its
///     epochs are `Lost` and its commits `NotApplied`.
/// 16. **C16** Records arrive as they were sent: bytes, nulls, repeated headers, timestamp.
/// 17. **C17** A consumer of named partitions ([`ConsumerRequest::assigned`](super::ConsumerRequest::assigned)) belongs to no
///     group: each of its partitions is `Assigned` once, with `committed: None` and with `log_start` and `end` known, whoever
///     else reads it, and stays until it is released or closed, however seldom it is polled. What it commits is answered
///     `NotApplied(Refused)`, and `Confirm` by `Confirmed`. All other clauses hold for it.
///
/// # Cancel safety
/// Dropping `poll`'s future loses nothing: all state lives in the consumer. `close` may be dropped; the member then goes
/// when its session expires.
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
