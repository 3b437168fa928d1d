//! What `attempts` promises.
