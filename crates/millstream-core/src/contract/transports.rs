//! Owns which URL opens which transport. Knows no backend by name: the `millstream` crate gives the built-in ones.

use super::transport_url::is_scheme;
use super::{AnyTransport, Error, ErrorKind, Operation, Transport, TransportUrl, nearest};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

type Open = Arc<dyn Fn(&str) -> Result<AnyTransport, Error> + Send + Sync>;

/// Opens transports by URL: `memory://`, or whatever was added by [`with`](Self::with).
///
/// Opening checks the URL and makes a client; the connection is made by the client's producers and consumers. So it is not
/// async, and a broker that is away is found by the service that runs, where it is waited out.
///
/// ```
/// use millstream_core::contract::Transports;
/// # use millstream_core::contract::{Error, Transport};
/// # fn example<Nats: Transport>(open: fn(&str) -> Result<Nats, Error>) -> Result<(), Error> {
/// let transport = Transports::new().with("nats", open).open("nats://localhost:4222")?;
/// # drop(transport); Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Transports {
    by_scheme: BTreeMap<String, Open>,
}

impl fmt::Debug for Transports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_scheme.keys()).finish()
    }
}

impl Transports {
    /// None yet. `Transports::builtin()` of the `millstream` crate knows those that its features brought.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with one more: `open` is called with the whole URL ([`TransportUrl`] reads it). One of the same scheme is
    /// replaced.
    ///
    /// # Panics
    /// If `scheme` cannot stand before `://`: 1 to 32 letters, digits and `+-.`, a letter first.
    #[must_use]
    pub fn with<T: Transport>(mut self, scheme: &str, open: impl Fn(&str) -> Result<T, Error> + Send + Sync + 'static) -> Self {
        assert!(is_scheme(scheme), "`{scheme}` cannot be the scheme of a URL");
        self.by_scheme.insert(scheme.to_ascii_lowercase(), Arc::new(move |url| Ok(AnyTransport::new(open(url)?))));
        self
    }

    /// The known schemes, in alphabetical order.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.by_scheme.keys().map(String::as_str)
    }

    /// Opens what `url` names. Nothing is connected yet.
    ///
    /// # Errors
    /// Of kind [`Configuration`](ErrorKind::Configuration) if there is no such transport, with the nearest and all that
    /// there are; and whatever the transport says, unless it would repeat a secret of the URL.
    pub fn open(&self, url: &str) -> Result<AnyTransport, Error> {
        let parsed = TransportUrl::parse(url)?;
        let scheme = parsed.scheme().to_ascii_lowercase();
        let Some(open) = self.by_scheme.get(&scheme) else {
            let guess = nearest(&scheme, self.schemes()).map_or(String::new(), |near| format!("; did you mean `{near}://`?"));
            let known: Vec<String> = self.schemes().map(|scheme| format!("`{scheme}://`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let text = format!(
                "there is no transport `{scheme}://`{guess}{} there are: {known}",
                if guess.is_empty() { ";" } else { "" }
            );
            return Err(Error::new(ErrorKind::Configuration, Operation::Connect, text));
        };
        open(url).map_err(|error| {
            // Errors are the backend's words, and a client that it uses may quote what it was given (I13).
            let said = format!("{error:?}");
            if parsed.secrets().any(|secret| !secret.is_empty() && said.contains(&*secret)) {
                let text = format!("{parsed} could not be opened; what was said of it repeats a secret, and is not shown");
                return Error::new(error.kind(), error.operation(), text).with_try_again(error.retry());
            }
            error
        })
    }
}
