//! What `commits` promises.
