//! Owns what is looked up of tables before anything starts: their topics are there, with room for every partition.

use super::restore::missing;
use crate::contract::{AnyProducer, Error, ErrorKind, Operation, Producer, TopicPartition};
use crate::service::parts::ServiceParts;

/// Looks up every table's topic: a missing one would be found at the first assignment, and one with too few partitions when
/// the last partition is assigned.
pub(crate) async fn check_tables(parts: &ServiceParts, producer: &AnyProducer) -> Result<(), Error> {
    for handler in parts.handlers.iter().flat_map(|group| &group.handlers) {
        for (input, table) in handler.topics.iter().zip(&handler.tables) {
            let have = match producer.partitions(table).await {
                Ok(have) => have,
                Err(error) if error.kind() == ErrorKind::UnknownTopic => {
                    return Err(missing(&TopicPartition::new(table.clone(), 0)).with_source(error));
                }
                // Whoever restores tries again.
                Err(_) => continue,
            };
            let Ok(want) = producer.partitions(input).await else { continue };
            if have < want {
                let text = format!("the table's topic {table} has {have} partitions and its input {input} has {want}: add some");
                return Err(Error::new(ErrorKind::Configuration, Operation::Run, text));
            }
        }
    }
    Ok(())
}
