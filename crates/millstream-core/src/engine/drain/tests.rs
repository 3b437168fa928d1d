//! What `drain` promises.
