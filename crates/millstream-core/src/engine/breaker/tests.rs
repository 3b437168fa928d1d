//! What `breaker` promises.
