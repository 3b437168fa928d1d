//! The cases of a transport. Each is a generic function over a [`Scene`], named as the promise it checks; a table in each
//! room says its clauses and needs.
//!
//! | file | cases |
//! | --- | --- |
//! | `client` | the transport itself: T1 to T4 |
//! | `writing` · `payloads` · `sending` | the producer: answers and order; what arrives; failures and unknown outcomes |
//! | `reading` · `demand` · `gaps` · `faults` · `pausing` | the consumer: C1, C3, C14, C18; C4; C5; C10; C11 |
//! | `commits` · `group` · `leaving` · `sessions` | membership: C6, C7; C2, C8, C9; C12, C19; C13, C15 |
//! | `assignment` | reading without a group: C17 |
//! | `scene` · `driver` | what a case plays in; its hands |

mod assignment;
mod client;
mod commits;
mod demand;
mod driver;
mod faults;
mod gaps;
mod group;
mod leaving;
mod pausing;
mod payloads;
mod reading;
mod scene;
mod sending;
mod sessions;
mod writing;

pub(super) use scene::Scene;

use super::World;
use super::case::Entry;

/// All of them, in the order of their rooms.
pub(super) fn cases<W: World>() -> Vec<Entry<Scene<W>>> {
    let rooms = [
        client::cases::<W>(),
        writing::cases::<W>(),
        payloads::cases::<W>(),
        sending::cases::<W>(),
        reading::cases::<W>(),
        demand::cases::<W>(),
        gaps::cases::<W>(),
        faults::cases::<W>(),
        pausing::cases::<W>(),
        commits::cases::<W>(),
        group::cases::<W>(),
        leaving::cases::<W>(),
        sessions::cases::<W>(),
        assignment::cases::<W>(),
    ];
    rooms.into_iter().flatten().collect()
}
