//! What `suspicion` promises.
