//! What tests of Millstream's services and backends are made of.
//!
//! | room | what is in it |
//! | --- | --- |
//! | [`conformance`] | the contract's clauses as cases that any backend can run |

pub mod conformance;
