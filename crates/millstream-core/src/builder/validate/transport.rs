//! Owns the checks against what the transport can do, its `Capabilities`. Leaves its sessions to `service`.

use crate::builder::stream_service_builder::Said;
use crate::contract::{Support, Transport};
use crate::envelope::ContentMode;
use crate::service::Problems;

pub(super) fn transport(said: &Said, problems: &mut Problems) {
    let can = said.transport.capabilities();
    if let Support::No(why) = can.groups {
        let text = format!("the transport `{}` has no consumer groups: {why}", can.name);
        problems.add(text, "use one that has: `StreamServiceBuilder::new(\"trading-engine\", Memory::new())`");
    }
    let Support::No(why) = can.headers else { return };
    if said.errors.writes_topics() {
        let text = format!("dead letters need headers, which the transport `{}` does not keep: {why}", can.name);
        problems.add(text, "keep them elsewhere: `.with_error_handling(ErrorHandling::new().error_sink(my_sink))`");
    }
    if said.producer.content_mode == ContentMode::CloudEventsBinary {
        let text = format!("CloudEvents in binary mode need headers, which the transport `{}` does not keep: {why}", can.name);
        let remedy = "write them in one piece: `.add_producer_with(ProducerSettings::new().content_mode(ContentMode::CloudEventsStructured))`";
        problems.add(text, remedy);
    }
}
