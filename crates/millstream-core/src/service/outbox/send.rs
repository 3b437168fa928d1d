//! Owns one request to write records: its deadline, its span, and its measure.

use crate::contract::{AnyProducer, Error, ErrorKind, Operation, Produce, Producer, Receipt};
use crate::service::client_meters::Watch;
use crate::service::spans::Tracing;
use std::time::Duration;
use tracing::Instrument;

/// A call that never answers is given up after this long; its effect is then unknown (F64). 30 s: Kafka's own
/// `request.timeout.ms`.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(30);

/// Sends with a deadline, in a `send` span, and measures it.
pub(crate) async fn send(producer: &AnyProducer, produce: &Produce, watch: &Watch) -> Vec<Result<Receipt, Error>> {
    let began = watch.meters.as_ref().map(|meters| meters.now());
    let span = watch.tracing.send(produce);
    let answers = if span.is_disabled() {
        send_in_time(producer, produce).await
    } else {
        send_in_time(producer, produce).instrument(span.clone()).await
    };
    Tracing::sent(&span, &answers);
    if let (Some(meters), Some(began)) = (&watch.meters, began) {
        meters.sent(produce, &answers, began);
    }
    answers
}

/// A call that does not answer leaves all its effects unknown.
async fn send_in_time(producer: &AnyProducer, produce: &Produce) -> Vec<Result<Receipt, Error>> {
    let error = |kind, text: &'static str| Error::new(kind, Operation::Send, text);
    let deadline = if planted!(B26) { Duration::from_secs(1 << 30) } else { SEND_DEADLINE };
    match tokio::time::timeout(deadline, producer.send(produce)).await {
        Ok(mut answers) => {
            // P1: an answer for every record. A client that forgets some leaves them unknown.
            answers.truncate(produce.len());
            while answers.len() < produce.len() {
                answers.push(Err(error(ErrorKind::TimedOut, "the producer gave no answer for this record")));
            }
            answers
        }
        Err(_) => (0..produce.len()).map(|_| Err(error(ErrorKind::TimedOut, "no answer within 30 s"))).collect(),
    }
}
