//! Owns what the clients of a transport must not show: settings that are secret, and tokens as they come. Leaves which settings
//! are secret to `config`.

use crate::secret::{Scrubber, Secret};
use crate::token::{Token, TokenSource};
use millstream_core::contract::BoxError;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a source may take for a token.
const PATIENCE: Duration = Duration::from_secs(30);
/// Tokens that are still taken out of texts: those of all clients of a service, and those before them.
const REMEMBERED: usize = 16;

/// Secrets that were settings, and tokens that came.
#[derive(Default)]
pub(crate) struct Credentials {
    settings: Scrubber,
    source: Option<Arc<dyn TokenSource>>,
    /// The latest tokens.
    tokens: Mutex<VecDeque<Secret>>,
    /// Where sources are polled.
    runtime: Mutex<Option<Handle>>,
}

impl Credentials {
    pub(crate) fn new(settings: Scrubber, source: Option<Arc<dyn TokenSource>>) -> Self {
        Credentials { settings, source, ..Credentials::default() }
    }

    /// Whether clients need tokens.
    pub(crate) fn has_tokens(&self) -> bool {
        self.source.is_some()
    }

    /// Takes every secret out of a text.
    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = self.settings.clean(text);
        if self.source.is_none() {
            return text;
        }
        let tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.iter().filter(|token| !token.expose().is_empty()).fold(text, |text, token| match text.contains(token.expose()) {
            true => Cow::Owned(text.replace(token.expose(), "***")),
            false => text,
        })
    }

    /// Remembers the runtime that the caller is in.
    pub(crate) fn here(&self) {
        if let (true, Ok(handle)) = (self.has_tokens(), Handle::try_current()) {
            *self.runtime.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        }
    }

    /// The next token. Blocks: for threads of the client.
    ///
    /// # Errors
    /// If the source has none, fails, panics, or takes too long. Without a secret.
    pub(crate) fn token(&self) -> Result<Token, String> {
        let Some(source) = &self.source else { return Err("no source of tokens was given".to_owned()) };
        let asked = catch_unwind(AssertUnwindSafe(|| self.ask(source.as_ref())));
        let token = asked.unwrap_or_else(|_| Err("the source of tokens panicked".into()));
        let token = token.map_err(|error| self.clean(&error.to_string()).replace('\0', " "))?;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if !tokens.contains(token.secret()) {
            tokens.truncate(REMEMBERED - 1);
            tokens.push_front(token.secret().clone());
        }
        Ok(token)
    }

    fn ask(&self, source: &dyn TokenSource) -> Result<Token, BoxError> {
        let asking = async { tokio::time::timeout(PATIENCE, source.token()).await.unwrap_or_else(|late| Err(late.into())) };
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match runtime {
            Some(runtime) => runtime.block_on(asking),
            None => tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(asking),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Credentials, REMEMBERED};
    use crate::secret::Scrubber;
    use crate::token::Token;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn credentials(source: impl crate::token::TokenSource) -> Credentials {
        Credentials::new(Scrubber::new(vec!["hunter2".into()]), Some(Arc::new(source)))
    }

    #[test]
    fn a_token_is_taken_out_of_texts_once_it_has_come_and_the_oldest_are_forgotten() {
        let made = AtomicUsize::new(0);
        let credentials = credentials(move || {
            let number = made.fetch_add(1, Ordering::Relaxed);
            async move { Ok(Token::new(format!("token-{number}."), "ann", i64::MAX)) }
        });
        assert_eq!(credentials.clean("token-0. and hunter2"), "token-0. and ***", "nobody has it yet");
        let first = credentials.token().expect("there is one");
        assert_eq!(first.secret().expose(), "token-0.");
        assert_eq!(credentials.clean("token-0. and hunter2"), "*** and ***");
        for _ in 0..REMEMBERED {
            credentials.token().expect("there is one");
        }
        assert_eq!(credentials.clean("token-0. and token-16."), "token-0. and ***", "memory is bounded");
    }

    #[test]
    fn a_source_that_fails_or_panics_says_no_secret_and_ends_no_thread() {
        let failing = credentials(|| async { Err("hunter2 was refused".into()) });
        assert_eq!(failing.token().expect_err("it has none"), "*** was refused");
        let panicking = credentials(|| async { panic!("hunter2") });
        assert_eq!(panicking.token().expect_err("it has none"), "the source of tokens panicked");
    }

    #[tokio::test]
    async fn a_source_is_polled_in_the_runtime_in_which_the_client_is_used() {
        let here = tokio::runtime::Handle::current().id();
        let credentials = Arc::new(credentials(move || async move {
            let there = tokio::runtime::Handle::current().id();
            Ok(Token::new(if there == here { "here" } else { "elsewhere" }, "ann", i64::MAX))
        }));
        credentials.here();
        let asking = tokio::task::spawn_blocking(move || credentials.token());
        assert_eq!(asking.await.expect("no panic").expect("there is one").secret().expose(), "here");
    }
}
