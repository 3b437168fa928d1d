//! Owns threads: for calls of librdkafka that block, which no runtime may make.

use millstream_core::contract::{Error, ErrorKind, Operation};
use std::thread;
use tokio::sync::oneshot;

/// Runs `work` on a thread of its own, which nobody waits for.
pub(crate) fn thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    let started = thread::Builder::new().name(name.to_owned()).spawn(work);
    started.map(drop).map_err(|error| {
        Error::new(ErrorKind::Unavailable, Operation::Connect, "the system has no room for a thread").with_source(error)
    })
}

/// What `work` answers, run on a thread of its own. Dropped, the work goes on and its answer is lost.
pub(crate) async fn run<T: Send + 'static>(
    operation: Operation,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let (answer, answered) = oneshot::channel();
    thread("millstream-call", move || drop(answer.send(work())))?;
    let gone = |_| Err(Error::new(ErrorKind::Internal, operation, "the thread of a call ended without an answer"));
    answered.await.unwrap_or_else(gone)
}
