//! Owns listening to signals before anybody is told that a client has started: whoever has read `startup_complete` may send one.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

/// The first poll of what ends with a signal, with which it begins to listen.
pub(crate) async fn first_poll<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}
