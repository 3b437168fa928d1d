//! Owns what every client of librdkafka is called back about: logs, errors and tokens, none of which may show a secret.

use crate::secret::Scrubber;
use crate::token::TokenSource;
use rdkafka::client::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use std::sync::Arc;

/// What the clients of one transport share.
#[derive(Clone, Default)]
pub(crate) struct ClientHooks {
    pub(crate) scrubber: Arc<Scrubber>,
    pub(crate) tokens: Option<Arc<dyn TokenSource>>,
}

impl ClientHooks {
    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let text = self.scrubber.clean(text);
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical | RDKafkaLogLevel::Error => {
                tracing::error!(target: "librdkafka", facility, "{text}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{text}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => tracing::info!(target: "librdkafka", facility, "{text}"),
            RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{text}"),
        }
    }

    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        tracing::warn!(target: "librdkafka", code = code.map(tracing::field::debug), "{}", self.scrubber.clean(reason));
    }

    /// The next token, out of the user's source.
    pub(crate) fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let Some(source) = &self.tokens else { return Err("no source of tokens was given".into()) };
        let token = source.token().map_err(|error| self.scrubber.clean(&error.to_string()).into_owned())?;
        Ok(OAuthToken {
            token: token.secret().to_owned(),
            principal_name: token.principal().to_owned(),
            lifetime_ms: token.expires_at(),
        })
    }
}

/// The context of a client that only asks: for metadata, and for administration.
#[derive(Clone)]
pub(crate) struct Asking(pub(crate) ClientHooks);

impl ClientContext for Asking {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.0.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.0.token()
    }
}
