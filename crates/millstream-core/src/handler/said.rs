//! Owns what is said of one output beside its data: by the data themselves, or by a draft.

use crate::envelope::{EventData, EventDraft, EventId, Extra, Key, Timestamp, WireId};

/// What is said of one output beside its data.
pub(super) struct Said<'a> {
    pub(super) key: Key<'a>,
    pub(super) name: Option<&'a str>,
    pub(super) id: Option<EventId>,
    pub(super) correlation: Option<&'a WireId>,
    pub(super) timestamp: Option<Timestamp>,
    pub(super) schema_version: Option<u32>,
    pub(super) headers: &'a [(String, Vec<u8>)],
    pub(super) extra: Option<&'a Extra>,
}

impl<'a> Said<'a> {
    /// What the data say themselves.
    #[inline]
    pub(super) fn of(data: &'a impl EventData) -> Self {
        let (name, id, correlation, timestamp, schema_version, extra) = (None, None, None, None, None, None);
        Said { key: data.key(), name, id, correlation, timestamp, schema_version, headers: &[], extra }
    }

    /// What a draft says.
    pub(super) fn by(draft: &'a EventDraft<impl EventData>) -> Self {
        Said {
            key: draft.key.as_ref().map_or_else(|| draft.data.key(), Key::from),
            name: draft.name.as_deref(),
            id: draft.id,
            correlation: draft.correlation.as_ref(),
            timestamp: draft.timestamp,
            schema_version: draft.schema_version,
            headers: &draft.headers,
            extra: (!draft.extra.is_empty()).then_some(&draft.extra),
        }
    }
}
