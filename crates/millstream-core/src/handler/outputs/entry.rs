//! Owns the output that is the entry of a table: what is kept for a key from now on, or that nothing is. Leaves all others to
//! `outputs`, and when it is written to the service.

use super::{EMIT, Outputs};
use crate::contract::{RecordSet, RecordSetBuilder};
use crate::envelope::{EnvelopeError, EventData, Key};
use crate::handler::emit_error::EmitError;
use crate::handler::entry::POSITION_HEADER;
use crate::handler::entry::TableEntry;
use crate::handler::said::Said;
use serde::Serialize;
use serde_json::value::RawValue;
use std::marker::PhantomData;

/// The slot's name: an attempt has one entry.
const NAME: &str = "entry";

/// An entry's JSON, as the data of an event.
#[derive(Serialize)]
#[serde(transparent)]
struct Text<'a, V> {
    text: &'a RawValue,
    #[serde(skip)]
    of: PhantomData<fn() -> V>,
}

impl<V: TableEntry> EventData for Text<'_, V> {
    const TYPE: &'static str = V::TABLE.event_type();
    const SCHEMA_VERSION: u32 = V::SCHEMA_VERSION;

    fn key(&self) -> Key<'_> {
        NAME.into()
    }
}

impl Outputs {
    /// Writes what is kept under `key` from now on; `None` is a tombstone. Not among the outputs: it goes out behind them.
    pub(crate) fn entry<V: TableEntry>(
        &mut self,
        key: &[u8],
        text: Option<&str>,
        position: &str,
    ) -> Result<RecordSet, EmitError> {
        let mut records = RecordSetBuilder::new(0);
        records.header(POSITION_HEADER, Some(position.as_bytes()));
        let Some(text) = text else {
            records.push(0, -1, Some(key), None);
            return Ok(records.build());
        };
        let text: &RawValue = serde_json::from_str(text).map_err(|error| EmitError::Envelope(EnvelopeError::encode(error)))?;
        let data = Text::<V> { text, of: PhantomData };
        let said = Said { key: key.into(), name: Some(NAME), ..Said::of(&data) };
        self.write(&mut records, 0, &V::TABLE, EMIT, &said, &data)?;
        Ok(records.build())
    }
}
