//! What the compiler says about the mistakes that users of Millstream make, kept as texts in `tests/mistakes`; `cargo xtask mistakes`
//! makes a table of them. A package of its own, so that they are checked with the façade's features that they are about.
