//! What `epochs` promises.
