//! What `lanes` promises.
