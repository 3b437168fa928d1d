//! What an event looks like: the envelope, its ids, and the scan that reads only its head.
//!
//! This room owns the wire form of events, from the limits that are checked before parsing to the
//! ids of outputs. It leaves to others when an event is handled, published or dropped, and it
//! reads no clock and no randomness: time and seeds come in as arguments.
//!
//! | file | owns |
//! | --- | --- |
//! | `event` | [`EventEnvelope`]: the decoded event |
//! | `json` | the envelope's JSON form, read in full |
//! | `write`, `write_record` | [`write_envelope`]: straight into a buffer, in any content mode |
//! | `extra` | [`Extra`]: fields that others put into the envelope |
//! | `scan`, `head` | [`scan()`]: the head of an envelope, its data unread |
//! | `usual` | how a scan reads an envelope as we write it |
//! | `scanner` | how a scan walks over the bytes of any other |
//! | `tail` | [`Head::decode`]: the data, after a scan |
//! | `content_mode`, `cloud_event` | [`ContentMode`]: CloudEvents beside our envelope |
//! | `binary`, `structured` | both modes of CloudEvents, read and written |
//! | `read`, `metadata` | [`read_head`], [`Metadata`]: the way into a record of any mode |
//! | `draft` | [`EventDraft`]: what a user says of an event to be published |
//! | `limits` | [`Limits`]: what is refused before parsing |
//! | `id`, `wire_id` | [`EventId`], [`EventKey`], [`WireId`]: ids as bits and as text |
//! | `causal` | [`CausalScope`]: ids of outputs, derived from their cause |
//! | `generator` | [`IdGenerator`]: ids of root events, from a seed |
//! | `timestamp` | [`Timestamp`]: RFC 3339 |
//! | `data`, `key` | [`EventData`], [`Key`]: what a published type must say |
//! | `trace_context` | [`TraceContext`]: the W3C trace context in headers |
//! | `hex`, `text` | the loops over bytes that run for every record |
//! | `error` | what can be wrong |
//!
//! Two ways lead into an envelope. [`EventEnvelope::from_json`] parses it all. [`scan()`] finds the
//! ids and the type, for deduplication and dispatch, in a tenth of the time; then
//! [`Head::decode`] decodes the data where they stand. What one way refuses before `data`, the
//! other refuses too.
//!
//! ```
//! use millstream_core::envelope::{EventEnvelope, Limits, scan};
//!
//! let value = br#"{"id":"tick-1","type":"market_tick","timestamp":"2026-11-25T09:15:00Z",
//!     "source":"feed","data":{"price":"24350.05"}}"#;
//!
//! let head = scan(value, &Limits::DEFAULT)?;
//! assert_eq!(head.event_type(value), "market_tick");
//!
//! let event: EventEnvelope<serde_json::Value> = EventEnvelope::from_json(value)?;
//! assert_eq!(event.id, "tick-1");
//! assert_eq!(event.data["price"], "24350.05");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod binary;
pub mod causal;
mod cloud_event;
mod content_mode;
mod data;
mod draft;
mod error;
mod event;
mod extra;
mod generator;
mod head;
mod hex;
mod id;
mod json;
mod key;
mod limits;
mod metadata;
mod read;
mod scan;
mod scanner;
mod structured;
mod tail;
mod text;
mod timestamp;
mod trace_context;
mod usual;
mod wire_id;
mod write;
mod write_record;

pub use causal::{CausalScope, Cause, Place, Slot};
pub use cloud_event::{CloudEventError, MAX_ATTRIBUTE_BYTES};
pub use content_mode::ContentMode;
pub use data::EventData;
pub use draft::EventDraft;
pub use error::{EnvelopeError, IdError, JsonError, ScanError, ScanFault, TimestampError};
pub use event::EventEnvelope;
pub use extra::Extra;
pub use generator::IdGenerator;
pub use head::Head;
pub use id::{EventId, EventKey};
pub use key::{IntoKey, Key};
pub use limits::{Limits, MAX_ID_BYTES, MAX_TEXT_BYTES};
pub use metadata::Metadata;
pub use read::read_head;
pub use scan::{scan, scan_or_else};
pub use timestamp::Timestamp;
pub use trace_context::{BAGGAGE, MAX_BAGGAGE_BYTES, MAX_TRACESTATE_BYTES, TRACEPARENT, TRACESTATE, TraceContext, Traced};
pub use wire_id::{IdRef, WireId};
pub use write::{EnvelopeMeta, write_envelope};

pub(crate) use content_mode::CONTENT_TYPE;
pub(crate) use read::read_head_of;
pub(crate) use write_record::{write_mode_headers, write_value};
