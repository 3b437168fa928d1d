//! Owns the output that does not wait for its attempt: it goes out at once. Leaves all others to `outputs`, and the way into
//! the log to the service.

use super::{Outputs, PUBLISH};
use crate::contract::{Error, Receipt, RecordSet, RecordSetBuilder};
use crate::envelope::EventData;
use crate::handler::emit_error::EmitError;
use crate::handler::output::Output;
use crate::handler::said::Said;
use crate::topic::{Address, Topic};
use serde::Serialize;
use std::pin::Pin;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends one record at once, for `publish_now`.
pub(crate) trait PublishNow: Send + Sync {
    fn publish(&self, topic: Topic, record: RecordSet) -> Boxed<Result<Receipt, Error>>;
}

impl Outputs {
    /// Sends `data` out at once, whatever the attempt returns, and answers where it landed. Its id is causal like an
    /// emitted one's, in a slot of its own.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), or if it was not acknowledged; its effect is then unknown, and the next attempt's has the
    /// same id.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the effect unknown.
    #[must_use = "without `?` a refused output is missing, and its record still counts as done"]
    pub async fn publish_now<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<Receipt, EmitError> {
        let mut records = RecordSetBuilder::new(0);
        let (destination, id) = self.write(&mut records, 0, &to, PUBLISH, &Said::of(data), data)?;
        let topic = self.destinations[destination].topic.clone();
        let records = records.build();
        if let Some(recorded) = &mut self.recorded {
            let landed = Receipt::new(0, recorded.len() as u64, 0);
            recorded.push(Output::new(topic, id, T::TYPE, |builder| builder.push_view(0, -1, records.view(0))));
            return Ok(landed);
        }
        let publisher = self.context.publisher.as_ref().ok_or(EmitError::NoProducer)?;
        publisher.publish(topic, records).await.map_err(EmitError::Publish)
    }
}
