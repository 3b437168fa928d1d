//! Every interleaving of a small world: the engine's own values, driven as `service/` drives them, in every order in which
//! things can happen to two members, one partition and three records. Breadth first, so that what breaks a promise is
//! shown by a shortest trace.
//!
//! | file | noun |
//! | --- | --- |
//! | `search` | [`search()`]: all states of any [`Model`], and the shortest way to a [`Violation`] |
//! | `print` | fingerprints of states |
//! | `world` · `worlds` | [`World`]: records, settings, faults; the worlds that are explored |
//! | `universe` · `action` | [`Universe`]: what may happen at a moment, and what becomes of it |
//! | `member` · `worker` | a process: intake and workers around the engine's values |
//! | `client` · `group` | the wire: a member's consumer; the broker, which judges commits (I2, I3) |
//! | `report` | [`explore`]: a world's search, its line in the table, and its trace |
//! | `bugs` | [`REACHABLE`]: which planted bugs are caught, and by which world |
//! | `truth` | what has really happened, whoever knows of it |
//!
//! Promises are checked where they can break: I1 and I10 in every state in which nothing but a fault can happen, I2 and I3
//! at the instant the broker applies a commit, I4 after every turn, I5 and I8 when a handler is called, I17 when a worker
//! starts, I21 when a partition is released.
//!
//! What is not in these worlds: suspicion after a pause, tables, retry topics, the breaker, batch handlers, deadlines,
//! and the age of look-ups. Timers fire in time; everything that travels may take as long as it likes.

mod action;
mod bugs;
mod client;
mod group;
mod member;
mod print;
mod report;
mod search;
mod truth;
mod universe;
mod worker;
mod world;
mod worlds;

pub use action::{Action, Of};
pub use bugs::{REACHABLE, Reachable};
pub use print::{Fingerprint, fingerprint};
pub use report::{MOST_STATES, Report, explore};
pub use search::{Counterexample, Explored, Model, Violation, search};
pub use universe::{State, Universe};
pub use worker::{MarkFate, Outcome};
pub use world::{AtOnce, Entry, Faults, Nature, World};
pub use worlds::{small, world, worlds};
