//! Owns the planted bugs: deliberately broken variants of a rule each, which the simulator and the model checker must catch.
//! Leaves what is broken to the line where the rule is kept: `if planted!(B01) { … }`.
//!
//! A normal build has none of it: without `--cfg millstream_planted` this module is not compiled and every `planted!` is
//! `false`. With it one variant at a time may be chosen for the whole process, and each that is compiled in leaves a mark, as
//! `millstream-planted-B01`, in the program: `cargo xtask kill-matrix` looks for them, and finds none in normal builds.

use std::hint::black_box;
use std::sync::atomic::{AtomicU8, Ordering};

static CHOSEN: AtomicU8 = AtomicU8::new(0);

/// One planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bug {
    /// `B01` is 1.
    pub number: u8,
    /// What it does wrong.
    pub what: &'static str,
    /// The invariants by which it must be caught, any of them.
    pub caught_by: &'static str,
    /// Within so many seeds.
    pub seeds: u32,
}

/// A line at which a rule may be broken.
#[derive(Debug)]
pub struct Plant {
    number: u8,
    /// It is in the program wherever the line is.
    _mark: &'static str,
}

macro_rules! bugs {
    ($($name:ident = $number:literal: $what:literal, $by:literal, $seeds:literal;)*) => {
        $(
            #[doc = $what]
            pub static $name: Plant = Plant { number: $number, _mark: concat!("millstream-planted-", stringify!($name)) };
        )*
        /// All of them, in order.
        pub const BUGS: &[Bug] = &[$(Bug { number: $number, what: $what, caught_by: $by, seeds: $seeds }),*];
    };
}

bugs! {
    B01 = 1: "commit highest done", "I2", 10;
    B02 = 2: "commit polled on revoke", "I2", 100;
    B03 = 3: "ack first", "I2", 10;
    B04 = 4: "dedup mark before handler", "I1", 50;
    B05 = 5: "commit though the dead letter failed", "I2", 50;
    B06 = 6: "late completion accepted", "I3", 1_000;
    B07 = 7: "shutdown settles unfinished", "I2", 500;
    B08 = 8: "cancellation counts as failure-settled", "I2", 1_000;
    B09 = 9: "commit error swallowed", "I10", 500;
    B10 = 10: "no handler timeout", "I10", 100;
    B11 = 11: "panic kills the slot", "I10", 50;
    B12 = 12: "dedup error = duplicate", "I1", 50;
    B13 = 13: "one attempt too many", "I5", 10;
    B14 = 14: "unbounded buffer", "I11", 500;
    B15 = 15: "nack, then next success commits", "I2", 10;
    B16 = 16: "lane or dedup key without namespace", "I9", 50;
    B17 = 17: "retry reorders its key", "I8", 50;
    B18 = 18: "commit off by one", "I2/I10", 100;
    B19 = 19: "permanent retried", "I5", 10;
    B20 = 20: "dead-letter loop", "I6", 50;
    B21 = 21: "dead letter to the wrong namespace", "I9", 10;
    B22 = 22: "stale fetch accepted", "I2", 200;
    B23 = 23: "no epoch on commit", "I3", 500;
    B24 = 24: "gap-blind watermark", "I10", 50;
    B25 = 25: "stale load accounting", "I10", 1_000;
    B26 = 26: "call without a deadline", "I10", 100;
    B27 = 27: "decode error retried", "I5", 10;
    B28 = 28: "dead-letter headers grow", "I6", 200;
    B29 = 29: "wire headers trusted", "I5/I10", 50;
    B30 = 30: "dead-lettered id marked done", "I1 on replay", 50;
    B31 = 31: "unknown commit = applied", "I10", 500;
    B32 = 32: "outputs flushed after the input commit", "I1", 200;
    B33 = 33: "wall clock for TTL", "I7", 200;
    B34 = 34: "background death unobserved", "I10", 50;
    B35 = 35: "first signal ignored during a rebalance", "I12", 500;
    B36 = 36: "gap skipped after out-of-range without a record", "I1", 100;
    B37 = 37: "outbox sends after epoch end", "I16", 500;
    B38 = 38: "publish and emit share slots", "I15/I1", 100;
    B39 = 39: "index-only ids, shuffled outputs", "I15/I1", 100;
    B40 = 40: "a stale commit re-sends released partitions", "I3", 1_000;
    B41 = 41: "a stale commit error ends the epoch", "I7/I10", 500;
    B42 = 42: "twins run at once in a worker", "I7", 100;
    B43 = 43: "mark before outputs confirmed", "I1 end to end", 200;
    B44 = 44: "retry-topic hand-off settles before its ack", "I1", 50;
    B45 = 45: "seek inside an epoch", "I2", 200;
    B46 = 46: "Revoking queued behind batches", "I10/I21", 200;
    B47 = 47: "pause survives the epoch", "I10", 500;
    B48 = 48: "deadline runs while the breaker is open", "I5/I6", 100;
    B49 = 49: "replay id in the dedup key", "I7", 50;
    B50 = 50: "position id without topic incarnation", "I1", 50;
    B51 = 51: "one position for a partition's state under lanes", "I18", 200;
    B52 = 52: "redelivery dropped although state is older", "I18", 100;
    B53 = 53: "claim released without token", "I7", 500;
    B54 = 54: "record above the cap never admitted", "I10", 20;
    B55 = 55: "drain waits for backoffs", "I12", 50;
    B56 = 56: "partition assigned in drain is started", "I12", 500;
    B57 = 57: "release before the last commit's outcome", "I21", 200;
    B58 = 58: "unknown commit overtaken, never asserted again", "I3", 1_000;
    B59 = 59: "keyless output re-partitioned on re-send", "I7", 500;
    B60 = 60: "the new epoch's worker starts before the old ended", "I17", 500;
    B61 = 61: "publish accepted after its attempt", "I16", 200;
    B62 = 62: "key unlocked before its dead letter is acknowledged", "I8", 200;
    B63 = 63: "expiry from the id's time", "I7", 100;
    B64 = 64: "no suspicion after a pause", "I16", 500;
    B65 = 65: "commit's epoch checked at submit, not at write", "I3", 1_000;
    B66 = 66: "credits of an ended epoch returned to the new one", "I19/I11", 500;
    B67 = 67: "settled though one of two outputs is unacknowledged", "I1", 100;
}

/// Chooses the bug of this number, or none (0).
pub fn choose(number: u8) {
    CHOSEN.store(number, Ordering::Relaxed);
}

/// Whether this one is chosen.
#[inline]
pub fn is(plant: &'static Plant) -> bool {
    // Not folded to its number: it would leave no mark.
    CHOSEN.load(Ordering::Relaxed) == black_box(plant).number
}
