//! The client of the fake cluster: the contract's traits over a network that loses, delays and repeats.
//!
//! | file | noun |
//! | --- | --- |
//! | `transport` | what makes the others |
//! | `producer` | an idempotent writer |
//! | `consumer` | a member of a group, or a reader of named partitions |
//! | `held` | one partition as its consumer holds it |
//! | `fetch` | one request to read |

mod consumer;
mod fetch;
mod held;
#[cfg(millstream_planted)]
mod planted;
mod producer;
mod transport;

pub use consumer::SimConsumer;
pub use producer::SimProducer;
pub use transport::SimTransport;
