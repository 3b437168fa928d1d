//! What `backoff` promises.
