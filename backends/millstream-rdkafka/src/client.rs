//! Owns what every client of librdkafka is called back about: logs, errors and tokens, none of which may show a secret.

use crate::credentials::Credentials;
use crate::error;
use millstream_core::contract::{Error, ErrorKind};
use rdkafka::client::ClientContext;
use rdkafka::client::OAuthToken;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the clients of one transport share.
#[derive(Clone, Default)]
pub(crate) struct ClientHooks {
    pub(crate) credentials: Arc<Credentials>,
    /// Why brokers turned one of the clients away, the last time they did.
    turned_away: Arc<Mutex<Option<(RDKafkaErrorCode, String, Instant)>>>,
}

/// How long a refusal explains what goes wrong: librdkafka tries, and is refused, again and again.
const RECENT: Duration = Duration::from_secs(30);

impl ClientHooks {
    pub(crate) fn new(credentials: Credentials) -> Self {
        ClientHooks { credentials: Arc::new(credentials), turned_away: Arc::default() }
    }

    /// `error`, or what is behind it: a client that is turned away hears of nothing but silence.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::Unavailable => self.turned_away(error),
            _ => error,
        }
    }

    /// Trouble of a consumer, or what is behind it.
    pub(crate) fn trouble(&self, code: RDKafkaErrorCode) -> Error {
        match code {
            // The code alone does not say what was refused.
            RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL => self.turned_away(error::of_consumer(code)),
            code => self.explain(error::of_consumer(code)),
        }
    }

    /// What the brokers said when they turned the client away, if they did, else `error`.
    fn turned_away(&self, error: Error) -> Error {
        let noted = self.turned_away.lock().unwrap_or_else(PoisonError::into_inner);
        match &*noted {
            Some((code, reason, when)) if when.elapsed() < RECENT => {
                error::of(error.operation(), *code, &format!("the brokers turn this client away: {reason}"))
            }
            _ => error,
        }
    }

    pub(crate) fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        let text = self.credentials.clean(text);
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
        if let Some(code @ (RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SSL)) = code {
            let noted = (code, self.credentials.clean(reason).into_owned(), Instant::now());
            *self.turned_away.lock().unwrap_or_else(PoisonError::into_inner) = Some(noted);
        }
        tracing::warn!(target: "librdkafka", code = code.map(tracing::field::debug), "{}", self.credentials.clean(reason));
    }

    /// The next token, out of the user's source.
    pub(crate) fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        let token = self.credentials.token()?;
        Ok(OAuthToken {
            token: token.secret().expose().to_owned(),
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

#[cfg(test)]
mod tests {
    use super::{ClientHooks, Credentials, RDKafkaErrorCode};
    use crate::error;
    use crate::secret::Scrubber;
    use millstream_core::contract::{ErrorKind, Operation};
    use rdkafka::error::KafkaError;

    #[test]
    fn a_client_that_is_turned_away_says_so_and_not_that_nobody_answers() {
        let hooks = ClientHooks::new(Credentials::new(Scrubber::new(vec!["hunter2".into()]), None));
        let silence = || error::of(Operation::Lookup, RDKafkaErrorCode::OperationTimedOut, "topics");
        assert_eq!(hooks.explain(silence()).kind(), ErrorKind::TimedOut);
        hooks.error(&KafkaError::Global(RDKafkaErrorCode::Authentication), "ann and hunter2 are unknown");
        let explained = hooks.explain(silence());
        assert_eq!((explained.kind(), explained.is_retriable()), (ErrorKind::Unauthorized, false));
        assert!(explained.context().contains("ann and *** are unknown"), "{explained}");
        let trouble = hooks.trouble(RDKafkaErrorCode::Authentication);
        assert!(trouble.context().contains("ann and *** are unknown"), "a code alone says not why: {trouble}");
        let other = error::of(Operation::Lookup, RDKafkaErrorCode::UnknownTopic, "topics");
        assert_eq!(hooks.explain(other).kind(), ErrorKind::UnknownTopic, "an answer is an answer");
    }
}
