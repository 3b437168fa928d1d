//! Owns what errors of a type mean: whether trying again may help, and by which policy. Leaves what was said at the place
//! to the error itself, and what follows to the engine.

use crate::engine::{Failure, Retry};
use crate::handler::{HandlerError, panics};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

type Cause = dyn Error + 'static;
type Class = Arc<dyn Fn(&Cause) -> Option<Failure> + Send + Sync>;

/// Whether a cause is of a rule's type.
type Is = fn(&Cause) -> bool;

/// What was said of errors by their type, in the order said.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    classes: Vec<Class>,
    retries: Vec<(Is, Retry)>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A type is in its rule's code and cannot be named.
        write!(f, "{} classified, {} with retries of their own", self.classes.len(), self.retries.len())
    }
}

impl Rules {
    /// Errors with an `E` among their causes are what `class` says.
    pub(crate) fn classify<E: Error + 'static>(&mut self, class: impl Fn(&E) -> Failure + Send + Sync + 'static) {
        self.classes.push(Arc::new(move |cause| cause.downcast_ref().map(&class)));
    }

    /// Errors with an `E` among their causes are tried again by `retry`.
    pub(crate) fn retry_for<E: Error + 'static>(&mut self, retry: Retry) {
        self.retries.push((|cause| cause.is::<E>(), retry));
    }

    /// A handler's rules before its service's. A policy that the handler has for all its errors is nearer than what the
    /// service says of some.
    pub(crate) fn nearest(handler: &Rules, own_retry: bool, service: &Rules) -> Rules {
        let retries = service.retries.iter().filter(|_| !own_retry);
        Rules {
            classes: handler.classes.iter().chain(&service.classes).cloned().collect(),
            retries: handler.retries.iter().chain(retries).copied().collect(),
        }
    }

    /// The most attempts that any of the policies allows, `usual` among them.
    pub(crate) fn most_attempts(&self, usual: &Retry) -> u32 {
        self.retries.iter().map(|(_, retry)| retry.max_attempts).fold(usual.max_attempts, u32::max)
    }

    /// The policies by type.
    pub(crate) fn retries(&self) -> impl Iterator<Item = &Retry> {
        self.retries.iter().map(|(_, retry)| retry)
    }

    /// Says what an error is, if nobody has said it yet, and by which policy it is tried again, if by one of its type.
    pub(crate) fn judge(&self, error: HandlerError) -> (HandlerError, Option<Retry>) {
        let error = if error.is_said() || self.classes.is_empty() { error } else { self.classified(error) };
        let retry = || {
            let mut rules = self.retries.iter();
            rules.find(|(is, _)| error.chain().any(is)).map(|(_, retry)| *retry)
        };
        // The walk calls `source` of users' errors.
        let retry = if self.retries.is_empty() { None } else { panics::contained(retry).unwrap_or_default() };
        (error, retry)
    }

    fn classified(&self, mut error: HandlerError) -> HandlerError {
        let said = panics::contained(|| self.classes.iter().find_map(|class| error.chain().find_map(|cause| class(cause))));
        match said {
            Ok(None) => error,
            Ok(Some(failure)) => {
                // That a record is poison or a call too slow is for the framework to find out.
                let passes = matches!(failure, Failure::Transient | Failure::TimedOut);
                error.classified(if passes { Failure::Transient } else { Failure::Permanent });
                error
            }
            // It would panic the next time too.
            Err(words) => error.with(Failure::Permanent, format!("the classification of this error panicked: {words}").into()),
        }
    }
}

#[cfg(test)]
mod tests;
