//! What `quarantine` promises.
