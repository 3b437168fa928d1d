//! Owns librdkafka's callbacks of a producer: each delivery report is a record's answer.

use super::answer_of;
use super::sending::{Sending, Sendings};
use crate::client::ClientHooks;
use crate::raw;
use millstream_core::contract::Receipt;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::ProducerContext;
use std::sync::Arc;

/// Which record a delivery report is for.
pub(super) struct Report {
    pub(super) sending: Arc<Sending>,
    pub(super) index: usize,
}

pub(super) struct Reports {
    hooks: ClientHooks,
    sendings: Arc<Sendings>,
}

impl Reports {
    pub(super) fn new(hooks: ClientHooks, sendings: Arc<Sendings>) -> Self {
        Reports { hooks, sendings }
    }
}

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.hooks.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.hooks.error(&error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.hooks.token()
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Report>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let place = report.sending.place(report.index);
        let answer = match result {
            Ok(message) => {
                let offset = u64::try_from(message.offset()).unwrap_or(0);
                Ok(Receipt::new(place.partition, offset, message.timestamp().to_millis().unwrap_or(-1)))
            }
            Err((error, message)) => Err(answer_of(place, error, raw::possibly_written(message))),
        };
        let last = report.sending.report(report.index, answer);
        self.sendings.reported(last);
    }
}
