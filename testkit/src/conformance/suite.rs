//! Owns a suite ready to run: its list, and the conversation with `cargo test`. Leaves running a case to `examine`.

use super::case::{Case, Excuse};
use super::examine::Verdict;
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use std::fmt;
use std::process::ExitCode;
use std::sync::Arc;

type Examine = Arc<dyn Fn() -> Verdict + Send + Sync>;

/// The cases of one or more traits, bound to the backends that are examined. Made by
/// [`transport`](super::transport()), [`deduplicator`](super::deduplicator()) and [`error_sink`](super::error_sink()).
#[must_use = "nothing is examined before `run`"]
pub struct Suite {
    cases: Vec<Bound>,
    /// How many cases run at a time; `None` for as many as there are processors.
    at_a_time: Option<usize>,
}

struct Bound {
    case: Case,
    backend: String,
    examine: Examine,
}

impl Bound {
    fn name(&self) -> String {
        if self.backend.is_empty() { self.case.to_string() } else { format!("{}::{}", self.backend, self.case) }
    }
}

impl fmt::Debug for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.cases.iter().map(Bound::name)).finish()
    }
}

impl Suite {
    pub(super) fn new(cases: impl Iterator<Item = (Case, Examine)>) -> Self {
        let cases = cases.map(|(case, examine)| Bound { case, backend: String::new(), examine }).collect();
        Suite { cases, at_a_time: None }
    }

    /// Puts a backend's name before those of its cases, for a target that examines several.
    pub fn named(mut self, backend: &str) -> Self {
        self.cases.iter_mut().for_each(|bound| backend.clone_into(&mut bound.backend));
        self
    }

    /// This suite, and then another.
    pub fn and(mut self, other: Suite) -> Self {
        self.cases.extend(other.cases);
        self.at_a_time = self.at_a_time.max(other.at_a_time);
        self
    }

    /// Runs so many cases at a time, unless `--test-threads` says otherwise; 0 counts as 1. By default as many as there are processors; more
    /// pays for a backend in whose cases everybody waits, as for sessions that end and for brokers.
    pub fn at_a_time(mut self, cases: usize) -> Self {
        self.at_a_time = Some(cases.max(1));
        self
    }

    /// This suite with all its cases ignored for one reason, for a backend whose other side is not there. Never a way to pass.
    pub fn excused(mut self, excuse: &Excuse) -> Self {
        for bound in &mut self.cases {
            let reason = excuse.to_string();
            bound.examine = Arc::new(move || Verdict::Ignored(reason.clone()));
        }
        self
    }

    /// The cases, in order.
    pub fn cases(&self) -> impl Iterator<Item = &Case> {
        self.cases.iter().map(|bound| &bound.case)
    }

    /// Runs the case of this name, as [`Case::name`] says it: for testing a suite, or a harness.
    ///
    /// # Panics
    /// If there is none of that name.
    pub fn examine(&self, name: &str) -> Verdict {
        let found = self.cases.iter().find(|bound| bound.case.name == name);
        (found.unwrap_or_else(|| panic!("there is no case {name}")).examine)()
    }

    /// Runs the cases as a test target of its own (`harness = false`): one line each, ignored ones with the reason. Takes
    /// the arguments of `cargo test`, as a filter, `--list` or `--test-threads`; what a case prints is not captured. The
    /// answer is for `main`: success unless a case failed.
    pub fn run(self) -> ExitCode {
        let mut arguments = Arguments::from_args();
        arguments.test_threads = arguments.test_threads.or(self.at_a_time);
        let trials = self.cases.into_iter().map(|bound| {
            let name = bound.name();
            Trial::ignorable_test(name, move || match (bound.examine)() {
                Verdict::Passed => Ok(Completion::Completed),
                Verdict::Ignored(reason) => Ok(Completion::ignored_with(reason)),
                Verdict::Failed(words) => Err(Failed::from(words)),
            })
        });
        libtest_mimic::run(&arguments, trials.collect()).exit_code()
    }
}
