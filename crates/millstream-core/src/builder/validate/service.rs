//! Owns the checks of what is said of the service as a whole: its name, its membership, its end. Leaves single handlers to
//! `handler`.

use super::problems::Problems;
use crate::builder::stream_service_builder::Said;

pub(super) fn service(said: &Said, problems: &mut Problems) {
    if said.name.trim().is_empty() {
        problems.add("the service has no name", "give `StreamServiceBuilder::new` the name under which its events are known");
    } else if said.name.len() > 255 {
        problems.add("the service's name is longer than 255 bytes", "shorten it: it stands in every event it publishes");
    }
    if said.handlers.is_empty() {
        problems.add("the service has no handler", "add one with `add_consumer_handler(topics, group, handler)`");
    }
    if said.shutdown.within.is_zero() {
        problems.add("the shutdown has no time", "give `Shutdown::within` some seconds: nothing could be finished in none");
    }
    if said.revoke_budget >= said.session_timeout * 10 {
        let text = format!("a revocation may take {:?}, ten sessions of {:?}", said.revoke_budget, said.session_timeout);
        problems.add(text, "shorten the budget, or lengthen the session");
    }
}
