//! What rules promise: the first that matches decides, the whole chain is looked at, the place wins.

use super::*;
use crate::handler::OrFail;
use std::io;
use std::time::Duration;

#[derive(Debug)]
enum Trade {
    Refused,
    Busy,
}

impl fmt::Display for Trade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for Trade {}

/// Something else that was caused by an error.
#[derive(Debug)]
struct Outer<E>(E);

impl<E: fmt::Debug> fmt::Display for Outer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl<E: Error + 'static> Error for Outer<E> {
    fn source(&self) -> Option<&Cause> {
        Some(&self.0)
    }
}

fn trades() -> Rules {
    let mut rules = Rules::default();
    rules.classify(|error: &Trade| match error {
        Trade::Refused => Failure::Permanent,
        Trade::Busy => Failure::Transient,
    });
    rules
}

fn failure(rules: &Rules, error: impl Into<HandlerError>) -> Failure {
    rules.judge(error.into()).0.failure()
}

#[test]
fn an_error_is_what_the_rule_of_its_type_says() {
    assert_eq!(failure(&trades(), Trade::Refused), Failure::Permanent);
    assert_eq!(failure(&trades(), Trade::Busy), Failure::Transient);
}

#[test]
fn an_error_without_a_rule_is_transient() {
    assert_eq!(failure(&trades(), io::Error::other("away")), Failure::Transient);
    assert_eq!(failure(&Rules::default(), Trade::Refused), Failure::Transient);
}

#[test]
fn a_cause_is_found_however_deep_it_lies() {
    assert_eq!(failure(&trades(), Outer(Outer(Trade::Refused))), Failure::Permanent);
    assert_eq!(failure(&trades(), Outer(io::Error::other(Trade::Refused))), Failure::Permanent, "also inside an I/O error");
}

#[test]
fn the_rule_said_first_decides_also_if_its_type_lies_deeper() {
    let mut rules = trades();
    rules.classify(|_: &Outer<Trade>| Failure::Transient);
    assert_eq!(failure(&rules, Outer(Trade::Refused)), Failure::Permanent);
    let mut rules = Rules::default();
    rules.classify(|_: &Outer<Trade>| Failure::Transient);
    assert_eq!(failure(&Rules::nearest(&rules, false, &trades()), Outer(Trade::Refused)), Failure::Transient);
}

#[test]
fn what_was_said_at_the_place_wins() {
    let at_the_place = Err::<(), _>(Trade::Refused).or_transient("it will pass").expect_err("an error");
    assert_eq!(failure(&trades(), at_the_place), Failure::Transient);
    assert_eq!(failure(&trades(), HandlerError::transient("it will pass")), Failure::Transient);
    let mut all = Rules::default();
    all.classify(|_: &crate::handler::EmitError| Failure::Transient);
    assert_eq!(failure(&all, crate::handler::EmitError::EmptyKey), Failure::Permanent, "our own errors know what they are");
}

#[test]
fn a_rule_that_panics_makes_the_error_permanent_and_says_so() {
    let mut rules = Rules::default();
    rules.classify(|_: &Trade| -> Failure { panic!("no idea") });
    let (error, _) = rules.judge(Trade::Busy.into());
    assert_eq!(error.failure(), Failure::Permanent);
    assert_eq!(error.to_string(), "the classification of this error panicked: no idea: Busy");
}

#[test]
fn what_only_the_framework_finds_out_is_no_class() {
    for (said, is) in
        [(Failure::Poison, Failure::Permanent), (Failure::Panic, Failure::Permanent), (Failure::TimedOut, Failure::Transient)]
    {
        let mut rules = Rules::default();
        rules.classify(move |_: &Trade| said);
        assert_eq!(failure(&rules, Trade::Busy), is, "{said:?}");
    }
}

#[test]
fn a_policy_is_found_by_type_in_the_order_said_also_for_what_was_said_at_the_place() {
    let mut rules = Rules::default();
    let retry = |attempts| Retry::exponential(Duration::from_secs(1), Duration::from_secs(60)).attempts(attempts);
    rules.retry_for::<io::Error>(retry(20));
    rules.retry_for::<Outer<io::Error>>(retry(30));
    let found = |error: HandlerError| rules.judge(error).1.map(|retry| retry.max_attempts);
    assert_eq!(found(io::Error::other("away").into()), Some(20));
    assert_eq!(found(Outer(io::Error::other("away")).into()), Some(20));
    assert_eq!(found(Err::<(), _>(io::Error::other("away")).or_transient("why").expect_err("an error")), Some(20));
    assert_eq!(found(Trade::Busy.into()), None);
    assert_eq!(found(HandlerError::transient("words only")), None);
    assert_eq!((rules.most_attempts(&Retry::none()), rules.most_attempts(&retry(40))), (30, 40));
}

#[test]
fn a_handlers_own_policy_is_nearer_than_what_its_service_says_of_a_type() {
    let mut service = Rules::default();
    service.retry_for::<io::Error>(Retry::none());
    let found = |own| Rules::nearest(&Rules::default(), own, &service).judge(io::Error::other("away").into()).1;
    assert_eq!(found(false), Some(Retry::none()));
    assert_eq!(found(true), None);
}

/// An error that is its own cause.
#[derive(Debug)]
struct Ring;

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ring")
    }
}

impl Error for Ring {
    fn source(&self) -> Option<&Cause> {
        Some(self)
    }
}

#[test]
fn a_chain_that_bites_its_tail_ends() {
    assert_eq!(failure(&trades(), Ring), Failure::Transient);
}
