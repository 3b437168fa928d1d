//! Owns a cluster whose brokers are containers. Leaves what they are like to the repository's `compose.yaml`.

use super::{Kafka, KafkaSettings};
use crate::compose::Project;
use crate::error::{Error, at};
use crate::keeper::Keeper;
use crate::node::{Node, Ready, RunsAs};
use crate::owned::Owned;
use crate::place::Folder;
use crate::ports;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;

pub(super) fn start(settings: &KafkaSettings) -> Result<Kafka, Error> {
    if !matches!(settings.brokers, 1 | 3) {
        return Err(Error::new(format!("compose.yaml has one broker or three, not {}", settings.brokers)));
    }
    let folder = Folder::make("kafka")?;
    let ports = ports::free(settings.brokers)?;
    let services: Vec<_> = (1..=settings.brokers).map(|id| format!("kafka-{id}")).collect();
    let more = folder.path().join("compose.more.json");
    fs::write(&more, properties(settings, &services).to_string()).map_err(at(more.display()))?;
    let project = Project::new(folder.project(), vec![more], variables(&ports));
    let keeper = Keeper::start_before(&project.down(), project.variables())?;
    project.up(&services)?;
    let node = |(service, port): (&String, &u16)| {
        Node::new(service.clone(), *port, Ready::Kafka, RunsAs::Container(project.container(service)))
    };
    let mut kafka = Kafka { secured: None, owned: Owned::new(keeper, folder) };
    kafka.owned.nodes.extend(services.iter().zip(&ports).map(node));
    kafka.ready()
}

/// What `compose.yaml` leaves open.
fn variables(ports: &[u16]) -> BTreeMap<String, String> {
    let mut all: BTreeMap<_, _> = (1..).zip(ports).map(|(id, port)| (format!("KAFKA_{id}_PORT"), port.to_string())).collect();
    if ports.len() > 1 {
        let voters: Vec<_> = (1..=ports.len()).map(|id| format!("{id}@kafka-{id}:9093")).collect();
        for (name, value) in [("KAFKA_VOTERS", voters.join(",")), ("KAFKA_REPLICAS", "3".into()), ("KAFKA_IN_SYNC", "2".into())] {
            all.insert(name.to_owned(), value);
        }
    }
    all
}

/// The user's properties, as the image takes them: `a.b.c` is `KAFKA_A_B_C`.
fn properties(settings: &KafkaSettings, services: &[String]) -> Value {
    let variable = |name: &str| format!("KAFKA_{}", name.to_uppercase().replace('.', "_"));
    let all: Map<_, _> = settings.properties.iter().map(|(name, value)| (variable(name), json!(value))).collect();
    let services: Map<_, _> = services.iter().map(|service| (service.clone(), json!({ "environment": all }))).collect();
    json!({ "services": services })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_brokers_know_each_other_and_replicate() {
        let variables = variables(&[7, 8, 9]);
        assert_eq!(variables["KAFKA_VOTERS"], "1@kafka-1:9093,2@kafka-2:9093,3@kafka-3:9093");
        assert_eq!((variables["KAFKA_3_PORT"].as_str(), variables["KAFKA_IN_SYNC"].as_str()), ("9", "2"));
    }

    #[test]
    fn a_property_reaches_every_broker() {
        let settings = KafkaSettings::default().property("message.max.bytes", "99");
        let more = properties(&settings, &["kafka-1".to_owned(), "kafka-2".to_owned()]);
        assert_eq!(more["services"]["kafka-2"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"], "99");
    }
}
