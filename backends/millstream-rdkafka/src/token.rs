//! Owns where OAuth tokens come from. Leaves when a new one is needed to librdkafka, which asks before the old one ends.

use crate::secret::Secret;
use millstream_core::contract::BoxError;

/// A token of SASL OAUTHBEARER.
#[derive(Clone, Debug)]
pub struct Token {
    secret: Secret,
    principal: String,
    expires_at: i64,
}

impl Token {
    /// A token of `principal` that ends at `expires_at`, in milliseconds since the Unix epoch.
    pub fn new(secret: impl Into<Secret>, principal: impl Into<String>, expires_at: i64) -> Self {
        Token { secret: secret.into(), principal: principal.into(), expires_at }
    }

    pub(crate) fn secret(&self) -> &str {
        self.secret.expose()
    }

    pub(crate) fn principal(&self) -> &str {
        &self.principal
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// Where tokens come from. Called on a thread of the client, which may be blocked for a while.
///
/// ```
/// use millstream_rdkafka::{Token, TokenSource};
/// fn source(from: impl Fn() -> String + Send + Sync + 'static) -> impl TokenSource {
///     move || Ok(Token::new(from(), "trading-engine", i64::MAX))
/// }
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// The next token.
    ///
    /// # Errors
    /// If there is none; it is asked for again.
    fn token(&self) -> Result<Token, BoxError>;
}

impl<F> TokenSource for F
where
    F: Fn() -> Result<Token, BoxError> + Send + Sync + 'static,
{
    fn token(&self) -> Result<Token, BoxError> {
        self()
    }
}
