//! What a type must say to be published: its event type and its partition key.
//!
//! What a key may be made of is in `key`.

use super::key::Key;

/// The data of an event that can be published.
///
/// Consuming needs `Deserialize` only; who publishes must say under which type and key.
///
/// ```
/// use millstream_core::envelope::{EventData, Key};
///
/// struct Tick { instrument: u32, price: String }
///
/// impl EventData for Tick {
///     const TYPE: &'static str = "market_tick";
///     fn key(&self) -> Key<'_> { self.instrument.into() }
/// }
///
/// let tick = Tick { instrument: 256_265, price: "24350.05".to_owned() };
/// assert_eq!(tick.key().as_bytes(), b"256265");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published: it names no event type and no partition key",
    label = "not the data of an event",
    note = "add `#[derive(EventData)]` and `#[event(type = \"…\", key = field)]` to `{Self}`",
    note = "or implement `EventData` for `{Self}`: `const TYPE: &'static str = \"…\";` and \
            `fn key(&self) -> Key<'_>`"
)]
pub trait EventData {
    /// The event type, as it stands in the envelope's `type`: 1 to 255 bytes.
    const TYPE: &'static str;

    /// The version of the data's schema.
    const SCHEMA_VERSION: u32 = 1;

    /// The record's key: events with one key stay in order. An empty one is refused where the
    /// event is sent.
    fn key(&self) -> Key<'_>;
}

impl<T: EventData + ?Sized> EventData for &T {
    const TYPE: &'static str = T::TYPE;
    const SCHEMA_VERSION: u32 = T::SCHEMA_VERSION;

    fn key(&self) -> Key<'_> {
        (**self).key()
    }
}
