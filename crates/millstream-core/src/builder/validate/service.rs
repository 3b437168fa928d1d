//! Owns the checks of what is said of the service as a whole: its name, its membership, its pace, its end. Leaves single
//! handlers to `handler`.

use crate::builder::stream_service_builder::Said;
use crate::contract::Transport;
use crate::service::Problems;
use std::time::Duration;

/// Kafka's `max.poll.interval`: who does not answer a rebalance for so long has lost its partitions.
const LONGEST_REVOCATION: Duration = Duration::from_secs(300);

/// More than an hour between commits is a unit that was mistaken.
const RAREST_COMMIT: Duration = Duration::from_secs(3600);

pub(super) fn service(said: &Said, problems: &mut Problems) {
    name(&said.name, problems);
    if said.handlers.is_empty() {
        let remedy = "add one: `.add_consumer_handler(\"market.ticks\", \"trading.ticks\", on_tick)`";
        problems.add("the service has no handler", remedy);
    }
    for problem in &said.problems {
        problems.add(problem.context(), "give it as said, or leave it out");
    }
    membership(said, problems);
    pace(said, problems);
    if said.shutdown.within.is_zero() {
        let remedy = "give it some: `.with_shutdown(Shutdown::within(Duration::from_secs(25)))`, the default";
        problems.add("the shutdown has no time, so nothing could be finished", remedy);
    }
}

fn name(name: &str, problems: &mut Problems) {
    if name.trim().is_empty() {
        let remedy = "name it, since its events say where they come from: `StreamServiceBuilder::new(\"trading-engine\", …)`";
        problems.add("the service has no name", remedy);
    } else if name.len() > 255 {
        let text = format!("the service's name has {} bytes", name.len());
        problems.add(text, "shorten it to 255 at most: it stands in every event it publishes");
    } else if name.chars().any(char::is_control) {
        let text = format!("the service's name {name:?} has a control character");
        problems.add(text, "take it out: the name stands in headers, logs and metrics");
    }
}

fn membership(said: &Said, problems: &mut Problems) {
    let (session, budget) = (said.session_timeout, said.revoke_budget);
    let can = said.transport.capabilities();
    let usual = "`.membership(Duration::from_secs(45), Duration::from_secs(30))`, the default";
    if session < can.shortest_session {
        let text = format!(
            "a member's session is {session:?}, and the transport `{}` takes none below {:?}",
            can.name, can.shortest_session
        );
        problems.add(text, format!("lengthen it: {usual}"));
    } else if session > can.longest_session {
        let text = format!(
            "a member's session is {session:?}, and the transport `{}` takes none above {:?}",
            can.name, can.longest_session
        );
        problems.add(text, format!("shorten it: {usual}"));
    }
    if budget.is_zero() {
        let text = "a revocation has no time, so what is in flight would be dropped at each rebalance";
        problems.add(text, format!("give it some: {usual}"));
    } else if budget >= LONGEST_REVOCATION {
        let text = format!("a revocation may take {budget:?}, and Kafka gives the partitions away after 300s");
        problems.add(text, format!("shorten the budget: {usual}"));
    } else if budget >= session * 10 {
        let text = format!("a revocation may take {budget:?}, ten sessions of {session:?}");
        problems.add(text, format!("shorten the budget, or lengthen the session: {usual}"));
    }
}

fn pace(said: &Said, problems: &mut Problems) {
    let usual = "`.commit_every(Duration::from_millis(100))`, the default";
    if said.commit_every.is_zero() {
        problems.add("there is no time between commits, so one would follow the other", format!("give some: {usual}"));
    } else if said.commit_every > RAREST_COMMIT {
        let text = format!("offsets are committed every {:?}, and all since comes again after a crash", said.commit_every);
        problems.add(text, format!("commit at least once an hour: {usual}"));
    }
    if said.max_batch == 0 {
        problems.add("a batch may have no record", "give it some: `.max_batch(512)`, the default");
    }
}
