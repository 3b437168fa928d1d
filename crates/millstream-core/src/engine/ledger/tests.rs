//! What `ledger` promises.
