//! Owns `Json<T>`: a payload that lies in its record without an envelope. Leaves events to `event`, and where such a
//! record's id comes from to the service.

use super::delivery::Delivery;
use super::extract::{Extract, Rejection};
use super::wants::Wants;
use crate::envelope::Limits;
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Deref;

/// A bare payload: the record's value as JSON, without an envelope. Dereferences to its data, and may be taken apart in the
/// arguments.
///
/// A bare payload has no id, so it must be said where that comes from: `IdSource::Header`, or `IdSource::Position`, which
/// knows redeliveries and no duplicates. With `IdSource::Envelope`, the default, `build()` refuses the handler. What the
/// handler sends out is caused by that id, and begins a correlation of its own.
///
/// A value that is no such JSON is poison: a dead letter, without an attempt. So is a tombstone; to a handler that takes
/// `Option<Json<T>>` it is `None`.
///
/// ```
/// use millstream_core::handler::Json;
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Tick {
///     price: f64,
/// }
///
/// async fn on_tick(Json(tick): Json<Tick>) {
///     println!("{}", tick.price);
/// }
/// # fn takes<A>(_: impl millstream_core::handler::Handler<A, ()>) {}
/// # takes(on_tick);
/// ```
// Exhaustive, because it is taken apart in arguments and made in tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The data.
    pub fn into_data(self) -> T {
        self.0
    }
}

impl<T: DeserializeOwned> Json<T> {
    fn decode(value: &[u8]) -> Result<Self, Rejection> {
        let why = |error: &dyn fmt::Display| Rejection::poison(format!("the record's value is no such JSON: {error}"));
        // What is skipped on the way is not looked at by the decoder itself (F36).
        Limits::DEFAULT.check_depth(value, 0, 0).map_err(|error| why(&error))?;
        serde_json::from_slice(value).map(Json).map_err(|error| why(&error))
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are never logged (I13).
        f.write_str("Json(..)")
    }
}

impl<S: 'static, T: DeserializeOwned + Send + 'static> Extract<S> for Json<T> {
    type Item<'d> = Json<T>;
    const WANTS: Wants = Wants::BARE;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Json<T>, Rejection> {
        let value = delivery.record().value().ok_or_else(|| {
            Rejection::poison("the record is a tombstone; a handler that takes `Option<Json<_>>` is given it as `None`")
        })?;
        Json::decode(value)
    }
}

/// `None` is a tombstone: a record without a value, which says that its key is gone.
impl<S: 'static, T: DeserializeOwned + Send + 'static> Extract<S> for Option<Json<T>> {
    type Item<'d> = Option<Json<T>>;
    const WANTS: Wants = Wants::BARE;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Option<Json<T>>, Rejection> {
        delivery.record().value().map(Json::decode).transpose()
    }
}
