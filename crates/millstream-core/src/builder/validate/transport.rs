//! Owns the checks against what the transport can do, its `Capabilities`.

use super::problems::Problems;
use crate::builder::stream_service_builder::Said;
use crate::contract::Support;
use crate::envelope::ContentMode;

pub(super) fn transport(said: &Said, problems: &mut Problems) {
    let can = said.transport.capabilities();
    if let Support::No(why) = can.groups {
        problems.add(format!("the transport `{}` has no consumer groups: {why}", can.name), "use a transport that has them");
    }
    if let Support::No(why) = can.headers
        && said.errors.writes_topics()
    {
        let text = format!("dead letters need headers, which the transport `{}` does not keep: {why}", can.name);
        problems.add(text, "give `ErrorHandling` a sink of its own");
    }
    if let Support::No(why) = can.headers
        && said.producer.content_mode == ContentMode::CloudEventsBinary
    {
        let text = format!("CloudEvents in binary mode need headers, which the transport `{}` does not keep: {why}", can.name);
        problems.add(text, "choose `ContentMode::CloudEventsStructured`, or the envelope");
    }
}
