//! Owns the list of what is wrong and how it reads. Leaves finding it to `builder/validate`, where
//! nothing is asked of anybody, and to `survey`, which asks the cluster.

use crate::contract::{Error, ErrorKind, Operation};
use std::fmt::Write;

/// Problems found so far, in the order in which they are told.
#[derive(Default)]
pub(crate) struct Problems(Vec<String>);

impl Problems {
    /// Says what is wrong, with names, and what to do about it.
    pub(crate) fn add(&mut self, problem: impl Into<String>, remedy: impl AsRef<str>) {
        self.0.push(format!("{}\n     remedy: {}", problem.into(), remedy.as_ref()));
    }

    /// Those of one handler behind the others. A batch handler's settings have methods of the same names.
    pub(crate) fn append(&mut self, of_handler: Problems, is_batch: bool) {
        self.0.extend(of_handler.0.into_iter().map(|problem| match is_batch {
            true => problem.replace("HandlerSettings::", "BatchSettings::"),
            false => problem,
        }));
    }

    /// All of them as one error of the service called `name`, if there are any.
    pub(crate) fn into_error(self, name: &str, operation: Operation) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        let count = self.0.len();
        let mut text = format!("service `{name}` has {count} problem{}:", if count == 1 { "" } else { "s" });
        for (n, problem) in self.0.iter().enumerate() {
            write!(text, "\n  {}. {problem}", n + 1).expect("a string takes all that is written to it");
        }
        Err(Error::new(ErrorKind::Configuration, operation, text))
    }
}
