//! The engine: what reliability means, as values. No async, no clock, no dice; `now` and `entropy` come in as arguments,
//! and what to do goes out as values. Every value is `Clone + Eq + Hash`, so that states can be enumerated and compared.
//!
//! | file | noun | rules |
//! | --- | --- | --- |
//! | `ledger` | [`Ledger`]: what is settled, and the watermark | I2, I4; F02, F14, F15, F18, F19 |
//! | `lanes` | [`Lanes`]: which keys are busy, who waits | I8; F29, F30, F32; B17, B62 |
//! | `attempts` | [`Attempts`]: what follows a failure | I5; F24–F28, F110; B13, B19, B27, B48 |
//! | `backoff` | [`Backoff`]: how long to wait | F27 |
//! | `breaker` | [`Circuit`]: when to stop calling at all | F110 |
//! | `window` | [`Window`]: how much more to take | I11; F06, F95; B25, B54, B66 |
//! | `commits` | [`Commits`]: when to commit, and what | I2, I3; F03, F17, F23, F90, F91; B09, B23, B31, B40, B41, B58, B65 |
//! | `epochs` | [`Epochs`]: who owns what, whose worker lives | I3, I17, I21; F01, F93; B56, B57, B60 |
//! | `suspicion` | [`Suspicion`]: whether ownership is in doubt | I7; F74, F111; B64 |
//! | `drain` | [`Drain`]: how time to leave is shared | I12; F75, F76; B55 |
//! | `quarantine` | [`Quarantine`]: records that kill their process | I5; F21, F81 |

mod attempts;
mod backoff;
mod breaker;
mod commits;
mod drain;
mod epochs;
mod held;
mod lanes;
mod ledger;
mod partition;
mod quarantine;
mod suspicion;
mod twins;
mod window;

pub use attempts::{Attempts, Failure, Hold, Judged, Retry, Standstill, Stopwatch, Verdict};
pub use backoff::Backoff;
pub use breaker::{Breaker, BreakerState, Circuit, Start};
pub use commits::{CommitPolicy, CommitTrouble, Commits};
pub use drain::{Drain, Phase};
pub use epochs::{EpochAction, Epochs};
pub use held::{Arrival, Followers, Held, PartitionPolicy, Stage};
pub use lanes::{LaneKey, LanePolicy, Lanes};
pub use ledger::Ledger;
pub use partition::Partition;
pub use quarantine::{MAX_CRASHES, MAX_NOTE, Mode, NotANote, Note, Permit, Quarantine, Suspect};
pub use suspicion::{CHECK_LIFE, Stamp, Suspicion};
pub use twins::Twins;
pub use window::{Demand, Window, WindowPolicy};
