//! What `window` promises.
