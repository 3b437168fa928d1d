//! Owns where each planted bug is looked for: the workloads in which it can show, what of them it needs, and, where another
//! invariant than the one named catches it, why that is right. Leaves the bugs to `millstream_core::planted`.

/// Where a bug is looked for.
pub(crate) struct Aim {
    number: u8,
    /// In these, one after the other for each seed.
    pub(crate) workloads: &'static [&'static str],
    /// What of them shows it.
    pub(crate) needs: &'static str,
    /// Why another invariant catches it.
    pub(crate) because: Option<&'static str>,
}

const fn aim(number: u8, workloads: &'static [&'static str], needs: &'static str) -> Aim {
    Aim { number, workloads, needs, because: None }
}

impl Aim {
    const fn because(self, why: &'static str) -> Aim {
        Aim { because: Some(why), ..self }
    }
}

const ORDERS: &[&str] = &["orders"];
const SESSIONS: &[&str] = &["sessions"];
const OUTPUTS: &[&str] = &["outputs"];
const RETRIES: &[&str] = &["retries"];
const TABLES: &[&str] = &["tables"];

const AIMS: &[Aim] = &[
    aim(1, ORDERS, "keys that overtake each other"),
    aim(2, ORDERS, "a partition given up with handlers running"),
    aim(3, ORDERS, "any record"),
    aim(4, ORDERS, "any record with an id"),
    aim(5, &["orders", "retries", "letters"], "dead-letter topics that cannot be written"),
    aim(6, SESSIONS, "an epoch that ends with records in flight, and the next one with the same member").because(
        "a commit is checked at the instant it is written: what was completed under an epoch that is over shows as a commit of records \
         that nobody has settled",
    ),
    aim(7, ORDERS, "handlers that outlive the deadline of a stop"),
    aim(8, ORDERS, "attempts that are dropped at the end of an epoch"),
    aim(9, RETRIES, "refused commits with nothing to commit after them"),
    aim(10, ORDERS, "handlers that never answer"),
    aim(11, ORDERS, "handlers that panic"),
    aim(12, ORDERS, "a store that is down, and a service downstream"),
    aim(13, ORDERS, "a record that always fails"),
    aim(14, ORDERS, "a handler slower than what comes"),
    aim(15, ORDERS, "a failing record before a good one"),
    aim(16, ORDERS, "ids and keys that two namespaces share"),
    aim(17, ORDERS, "a failing record with followers of its key"),
    aim(18, ORDERS, "any record"),
    aim(19, ORDERS, "records that fail for good"),
    aim(20, ORDERS, "any dead letter"),
    aim(21, ORDERS, "dead letters of two namespaces"),
    aim(22, SESSIONS, "an epoch that ends while a fetch is on its way"),
    aim(23, ORDERS, "a commit queued while its epoch ends"),
    aim(24, ORDERS, "offsets without a record"),
    aim(25, ORDERS, "a partition that comes back to the same process"),
    aim(26, ORDERS, "brokers that never answer"),
    aim(27, ORDERS, "records that cannot be decoded"),
    aim(28, &["letters"], "letters of letters"),
    aim(29, RETRIES, "copies that somebody has made up"),
    aim(30, ORDERS, "any dead letter"),
    aim(31, ORDERS, "lost requests to commit with nothing to commit after them"),
    aim(32, ORDERS, "outputs that wait, and a service downstream"),
    aim(33, ORDERS, "wall clocks that jump"),
    aim(34, ORDERS, "any output"),
    aim(35, RETRIES, "a stop during a rebalance"),
    aim(36, &["retention"], "records deleted unread"),
    aim(37, OUTPUTS, "outputs that wait while their partition is given up, by a process that lives on"),
    aim(38, ORDERS, "an output sent at once beside an emitted one of its kind"),
    aim(39, OUTPUTS, "outputs in another order in the next process"),
    aim(40, ORDERS, "a commit queued while its epoch ends"),
    aim(41, ORDERS, "commits refused as stale"),
    aim(42, ORDERS, "an id twice in a batch").because(
        "the engine asserts that only who has the id goes on, in tests and in the simulator: its worker ends at that line, before \
         the second handler starts, and the service says so",
    ),
    aim(43, ORDERS, "any output"),
    aim(44, RETRIES, "retry topics"),
    aim(45, ORDERS, "leaders that move"),
    aim(46, &["retention"], "a partition that is to be given up while much of it is unread"),
    aim(47, ORDERS, "a partition without demand that comes back to the same process"),
    aim(48, &["breaker"], "an outage longer than a record may fail, and a failure after it"),
    aim(49, &["letters"], "records replayed by hand"),
    aim(50, &["positions"], "topics created again, and payloads without ids"),
    aim(51, TABLES, "keys that overtake each other, in a table"),
    aim(52, TABLES, "a table that is older than the marks"),
    aim(53, &["claims"], "a look-up of which the reply is lost"),
    aim(54, ORDERS, "a window that holds one record"),
    aim(55, &["breaker"], "a stop while records wait for an open breaker"),
    aim(56, RETRIES, "a rebalance during a stop"),
    aim(57, ORDERS, "any partition given up"),
    aim(58, ORDERS, "lost replies to commits, and requests that arrive late"),
    aim(59, ORDERS, "outputs that are sent again"),
    aim(60, SESSIONS, "an epoch that ends with handlers running, and the next one at once with the same member"),
    aim(61, OUTPUTS, "a handler that gives up an output sent at once"),
    aim(62, ORDERS, "a dead letter with followers of its key"),
    aim(63, ORDERS, "ids made long ago"),
    aim(64, SESSIONS, "a pause longer than half a session"),
    aim(65, SESSIONS, "a commit queued behind the heartbeat that ends its epoch"),
    aim(66, SESSIONS, "more unread than a window holds, and a partition that comes back to the same process"),
    aim(67, OUTPUTS, "outputs to two topics of which one cannot be written"),
];

/// Where the bug of this number is looked for.
pub(crate) fn of(number: u8) -> Option<&'static Aim> {
    AIMS.iter().find(|aim| aim.number == number)
}
