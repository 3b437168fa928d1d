//! What wraps a handler, in an order the framework fixes: panics caught, attempts timed, calls counted.
//!
//! | file | noun |
//! | --- | --- |
//! | `panics` | a panic becomes a failure of one record |

pub(crate) mod panics;
