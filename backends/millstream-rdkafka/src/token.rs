//! Owns where OAuth tokens come from. Leaves when a new one is needed to librdkafka, which asks before the old one ends.

use crate::secret::Secret;
use millstream_core::contract::BoxError;
use std::pin::Pin;

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

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) fn principal(&self) -> &str {
        &self.principal
    }

    pub(crate) fn expires_at(&self) -> i64 {
        self.expires_at
    }
}

/// A token on its way.
pub type TokenFuture<'a> = Pin<Box<dyn Future<Output = Result<Token, BoxError>> + Send + 'a>>;

/// Where tokens come from: any function that answers a future, so one that waits for nothing is `|| async { … }` too.
///
/// It is polled on a thread of the client, in the runtime in which the client was last used, and dropped if it has not answered
/// within 30 s. Each client asks for itself: a service has several.
///
/// ```
/// use millstream_rdkafka::{Sasl, Token};
/// # async fn ask_the_identity_provider() -> Result<(String, i64), std::io::Error> { Ok((String::new(), 0)) }
/// let sasl = Sasl::oauth_bearer(|| async {
///     let (token, expires_at) = ask_the_identity_provider().await?;
///     Ok(Token::new(token, "trading-engine", expires_at))
/// });
/// ```
pub trait TokenSource: Send + Sync + 'static {
    /// The next token.
    ///
    /// # Errors
    /// If there is none; it is asked for again, 10 s later.
    fn token(&self) -> TokenFuture<'_>;
}

impl<F, Fut> TokenSource for F
where
    F: Fn() -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Token, BoxError>> + Send + 'static,
{
    fn token(&self) -> TokenFuture<'_> {
        Box::pin(self())
    }
}
