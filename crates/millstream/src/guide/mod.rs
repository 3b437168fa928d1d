//! Guides: each is a page of its own, and every piece of code in it is compiled, and run where it ends.
//!
//! | guide | answers |
//! | --- | --- |
//! | [`first_service`] | from an empty folder to a handler that runs, a unit test, a test on memory, and a dead letter found |
//! | [`handlers`] | what a handler may take and return, and where its arguments come from |
//! | [`batch`] | many records in one call, an answer for each |
//! | [`layers`] | code around handlers, and which records they want at all |
//! | [`errors`] | what follows a failure: retries, dead letters, breaker, sinks |
//! | [`deduplication`] | what is promised of duplicates and redeliveries, and what is not |
//! | [`state`] | an entry for each key, folded by a handler and restored before it starts |
//! | [`testing`] | your service under test: its handlers called, the whole on memory, its parts mocked |
//! | [`producing`] | outputs, root events, explicit envelopes, CloudEvents |
//! | [`lifecycle`] | health, shutdown, several services in a process, exit codes |
//! | [`settings`] | a file, the environment and code, each value with its source |
//! | [`transports`] | the same service on memory or any other transport, by type or by URL |
//! | [`writing_a_backend`] | a transport of your own: what to implement, and how it is examined |
//! | [`direct`] | sending and reading records in a loop of your own |
//! | [`records_way`] | how a record travels from the log through a handler to its commit |
//! | [`from_python`] | names of the Python platform, and ours |

#[doc = include_str!("batch.md")]
pub mod batch {}
#[doc = include_str!("deduplication.md")]
pub mod deduplication {}
#[doc = include_str!("direct.md")]
pub mod direct {}
#[doc = include_str!("errors.md")]
pub mod errors {}
#[doc = include_str!("first_service.md")]
pub mod first_service {}
#[doc = include_str!("from_python.md")]
pub mod from_python {}
#[doc = include_str!("handlers.md")]
pub mod handlers {}
#[doc = include_str!("layers.md")]
pub mod layers {}
#[doc = include_str!("lifecycle.md")]
pub mod lifecycle {}
#[doc = include_str!("producing.md")]
pub mod producing {}
#[doc = include_str!("records_way.md")]
pub mod records_way {}
#[cfg(any(doc, feature = "settings"))]
#[doc = include_str!("settings.md")]
pub mod settings {}
#[doc = include_str!("state.md")]
pub mod state {}
#[cfg(any(doc, feature = "mocks"))]
#[doc = include_str!("testing.md")]
pub mod testing {}
#[doc = include_str!("transports.md")]
pub mod transports {}
#[doc = include_str!("writing_a_backend.md")]
pub mod writing_a_backend {}
