//! Owns what outputs take over from their cause: its ids, and the headers that every output of an attempt has, its trace
//! among them.

use crate::envelope::{BAGGAGE, EventKey, Head, IdRef, Metadata, TRACEPARENT, TRACESTATE, TraceContext, Traced, WireId};

/// The ids that an output takes over from its cause: copied once an attempt, already checked, and written as they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    text: Vec<u8>,
    correlation: usize,
}

impl Lineage {
    /// Copies the ids of an input that is an envelope of ours; allocates nothing after the first times.
    #[inline]
    pub(crate) fn set(&mut self, head: &Head, value: &[u8]) {
        // The scan has checked both.
        match head.plain_ids(value) {
            Some((correlation, id)) => self.put(correlation, id),
            None => self.put(head.correlation_id(value).as_bytes(), head.id(value).as_bytes()),
        }
    }

    /// Copies the ids of a CloudEvent. One that has other characters than ours is known by its hash.
    pub(crate) fn set_foreign(&mut self, metadata: &Metadata<'_>) {
        let own =
            |text: &str, key: EventKey| IdRef::parse(text).map_or_else(|_| key.as_event_id().to_string(), |id| id.to_string());
        let (id, correlation) = (metadata.id(), metadata.correlation_id());
        let cause = own(&id, metadata.key());
        // Without a correlation of its own it is the id, whatever that became.
        let correlation = if correlation == id { cause.clone() } else { own(&correlation, EventKey::of_text(&correlation)) };
        self.put(correlation.as_bytes(), cause.as_bytes());
    }

    /// Takes the key for both ids, of a record that is no event.
    pub(crate) fn set_key(&mut self, key: EventKey) {
        let id = key.as_event_id().to_ascii();
        self.put(&id, &id);
    }

    #[inline]
    fn put(&mut self, correlation: &[u8], cause: &[u8]) {
        self.text.clear();
        self.text.extend_from_slice(correlation);
        self.correlation = self.text.len();
        self.text.extend_from_slice(cause);
    }

    /// The correlation id and the cause's id.
    #[inline]
    pub(crate) fn ids(&self) -> (IdRef<'_>, IdRef<'_>) {
        let (correlation, cause) = self.text.split_at(self.correlation);
        (IdRef::checked(correlation), IdRef::checked(cause))
    }

    /// The cause's id, owned.
    pub(crate) fn cause(&self) -> Option<WireId> {
        // Nothing was taken over before the first attempt.
        (!self.text.is_empty()).then(|| self.ids().1.to_wire_id())
    }
}

/// Headers of every output of an attempt. Costs nothing while there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attached {
    names: Vec<(&'static str, usize)>,
    values: Vec<u8>,
}

impl Attached {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.names.clear();
        self.values.clear();
    }

    /// Adds a header; allocates nothing after the first times.
    pub(crate) fn push(&mut self, name: &'static str, value: &[u8]) {
        self.values.extend_from_slice(value);
        self.names.push((name, self.values.len()));
    }

    /// Adds the trace: the context of the attempt's recorded span, else a span of the record's trace that nobody records.
    pub(crate) fn carry(&mut self, traced: Traced<'_>, recorded: Option<TraceContext>, span_id: impl FnOnce() -> u64) {
        if traced.malformed {
            tracing::debug!("the traceparent of a record is malformed, and ignored");
        }
        if let Some(own) = recorded.or_else(|| traced.parent.map(|parent| parent.child(span_id()))) {
            self.push(TRACEPARENT, &own.to_ascii());
            // Of another trace the vendors' text says nothing.
            let same = traced.parent.is_some_and(|parent| parent.trace_id() == own.trace_id());
            if let Some(state) = traced.state.filter(|_| same) {
                self.push(TRACESTATE, state);
            }
        }
        if let Some(baggage) = traced.baggage {
            self.push(BAGGAGE, baggage);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut start = 0;
        self.names.iter().map(move |&(name, end)| {
            let value = &self.values[start..end];
            start = end;
            (name, value)
        })
    }
}
