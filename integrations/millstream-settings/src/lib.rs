//! Settings: from a file, the environment and code, in this order of rising weight, and each value can be explained with its
//! source.
//!
//! | file | noun |
//! | --- | --- |
//! | `settings` | [`Settings`]: loading, setting, groups, what nobody read |
//! | `tree` · `source` | the values, and where each comes from |
//! | `section` | a part of them as a type of yours, or all that is wrong with it |
//! | `service` | what a [`StreamServiceBuilder`](millstream_core::builder::StreamServiceBuilder) is made of |
//! | `explain` · `template` | what is said of them: every value with its source; a file to begin with |
//! | `duration` · `secret` | how long something is, as text; what is never shown |

mod duration;
mod explain;
mod secret;
mod section;
mod service;
mod settings;
mod source;
mod template;
mod tree;

pub use confique::{self, Config};
pub use duration::duration;
pub use service::{ErrorSettings, ServiceSettings, builder};
pub use settings::Settings;
pub use template::Template;

use millstream_core::contract::{Error, ErrorKind, Operation};

/// All that is wrong, as one error of kind `Configuration` (exit code 78).
fn problems(what: &str, mut list: Vec<String>) -> Error {
    list.dedup();
    let count = list.len();
    let list: String = list.iter().enumerate().map(|(n, problem)| format!("\n  {}. {problem}", n + 1)).collect();
    let text = format!("{what}: {count} problem{}:{list}", if count == 1 { "" } else { "s" });
    Error::new(ErrorKind::Configuration, Operation::Build, text)
}
