//! The derive macro for events: `#[derive(EventData)]`. Use it through the crate `millstream`, which re-exports it beside the
//! trait.
//!
//! It is a convenience and no more: what it writes is an `impl` of a constant and a method, as it can be written by hand.
//!
//! | file | noun |
//! | --- | --- |
//! | `said` | what `#[event(…)]` says, and what is wrong with it |
//! | `event_data` | the `impl` that is written |

mod event_data;
mod said;

use proc_macro::TokenStream;

/// Implements `EventData`: the type's event type, its partition key, and its schema version.
///
/// ```text
/// #[derive(EventData)]
/// #[event(type = "market_tick", key = instrument)]
/// struct Tick { instrument: u32, price: Decimal }
/// ```
/// writes
/// ```text
/// impl EventData for Tick {
///     const TYPE: &'static str = "market_tick";
///     fn key(&self) -> Key<'_> { Key::from(&self.instrument) }
/// }
/// ```
///
/// | in `#[event(…)]` | says |
/// | --- | --- |
/// | `type = "market_tick"` | the event type, as it stands in the envelope: 1 to 255 bytes. Required |
/// | `key = instrument` | the field whose value the order of events follows: any text, an integer, or an `EventId`; of a tuple struct its number, `key = 0`. Required |
/// | `key = self.order.account` | the same for a field of a field |
/// | `key = self.account_text()` | any expression that becomes a `Key`: a borrowed text, an integer, or a `String` made for the purpose, `format!("{}.{}", self.desk, self.account)` |
/// | `version = 2` | the version of the schema; 1 if it is not said |
/// | `crate = path` | where the crate `millstream` is, if it is not `::millstream` |
///
/// Serialization is not its business: derive `serde::Serialize` too.
///
/// # Errors
/// At compile time, at the place: a missing type or key, a field that is not there, a word that is not known.
#[proc_macro_derive(EventData, attributes(event))]
pub fn derive_event_data(input: TokenStream) -> TokenStream {
    event_data::expand(input.into()).unwrap_or_else(|error| error.to_compile_error()).into()
}
