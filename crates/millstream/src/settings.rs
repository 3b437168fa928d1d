//! Owns the builder made of settings, on the transports that this crate's features brought. Leaves reading them to
//! `millstream-settings`.

pub use millstream_settings::*;

use crate::transports::BuiltinTransports;
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{Error, Transports};

/// [`StreamServiceBuilder::from_settings`].
pub trait FromSettings: Sized {
    /// A builder of what the sections `service` and `errors` say. What is said by the builder's own methods after that outweighs
    /// them.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// # async fn on_tick(_: Event<serde_json::Value>) {}
    /// # let file = "[service]\nname = \"hello\"\ntransport = \"memory://\"";
    /// # let settings = Settings::of("millstream.toml", file, [])?;
    /// // let settings = Settings::load("millstream.toml")?;
    /// let service = StreamServiceBuilder::from_settings(&settings)?
    ///     .add_consumer_handler("market.ticks", &settings.group("ticks"), on_tick)
    ///     .build()?;
    /// # drop(service);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// All that is wrong with the framework's sections at once, of kind
    /// [`Configuration`](millstream_core::contract::ErrorKind::Configuration): exit code 78.
    fn from_settings(settings: &Settings) -> Result<Self, Error> {
        Self::from_settings_with(settings, &Transports::builtin())
    }

    /// As [`from_settings`](Self::from_settings), with transports of other crates.
    ///
    /// # Errors
    /// As [`from_settings`](Self::from_settings).
    fn from_settings_with(settings: &Settings, transports: &Transports) -> Result<Self, Error>;
}

impl FromSettings for StreamServiceBuilder {
    fn from_settings_with(settings: &Settings, transports: &Transports) -> Result<Self, Error> {
        millstream_settings::builder(settings, transports)
    }
}
