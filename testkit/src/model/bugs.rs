//! Owns which planted bugs the small worlds can reach, and which world catches each. Leaves the bugs to the line where the
//! rule is kept: in the engine itself, or, of rules that `service/` and the clients keep, where this model follows them.

/// A planted bug, by its number, where it is planted, and the world in which it is caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reachable {
    /// `B01` is 1.
    pub bug: u8,
    /// Where it is planted.
    pub kept: &'static str,
    /// The world that catches it.
    pub world: &'static str,
    /// The promises by which it may be caught.
    pub promises: &'static [&'static str],
}

const fn by(bug: u8, kept: &'static str, world: &'static str, promises: &'static [&'static str]) -> Reachable {
    Reachable { bug, kept, world, promises }
}

/// All that can be reached.
pub const REACHABLE: &[Reachable] = &[
    by(1, "engine/ledger", "calm", &["I2", "I4"]),
    by(2, "model, as worker/leave", "rebalance", &["I2"]),
    by(3, "engine/ledger", "calm", &["I2", "I4"]),
    by(4, "model, as worker/dispatch", "crash", &["I1", "I2"]),
    by(5, "model, as worker/letters", "retries", &["I2"]),
    by(7, "model, as worker/leave", "rebalance", &["I2"]),
    by(9, "engine/commits", "slow-zombie", &["I10"]),
    by(13, "engine/attempts", "retries", &["I5"]),
    by(14, "engine/window", "late-batch", &["I11"]),
    by(15, "model, as worker/ended", "retries", &["I2"]),
    by(17, "engine/partition", "retries", &["I8"]),
    by(18, "engine/commits", "calm", &["I2", "I10"]),
    by(19, "engine/attempts", "retries", &["I5"]),
    by(22, "model, as intake", "late-batch", &["I2", "I4"]),
    by(23, "engine/commits, and the client", "slow-zombie", &["I3"]),
    by(24, "engine/ledger", "gaps", &["I4", "I10"]),
    by(30, "model, as worker/letters", "twins", &["I1", "I2"]),
    by(31, "engine/commits", "lost-reply", &["I3", "I10"]),
    by(40, "engine/commits, and the client", "slow-rebalance", &["I3"]),
    by(41, "model, as intake", "slow-zombie", &["I1", "I10"]),
    by(42, "engine/twins", "twins", &["I7"]),
    by(43, "model, as worker/tail", "outputs", &["I2"]),
    by(57, "engine/epochs", "rebalance", &["I21"]),
    by(58, "engine/commits", "lost-reply", &["I3", "I10"]),
    by(60, "engine/epochs", "slow-rebalance", &["I17"]),
    by(62, "engine/partition", "retries", &["I8"]),
    by(65, "the client", "slow-rebalance", &["I3"]),
    by(67, "model, as worker/tail", "outputs", &["I2"]),
];
