//! How an event lies in a record: three content modes, and which one a record is in.
//!
//! Reading and writing of each mode is in `json`, `binary` and `structured`.

use super::cloud_event::{CloudEventError, HEADERS, is_json_format};
use crate::contract::{Headers, RecordBatch};

/// How an event lies in a record. Chosen by who writes; who reads takes all three.
///
/// | field | [`Envelope`](Self::Envelope) | [`CloudEventsBinary`](Self::CloudEventsBinary) | [`CloudEventsStructured`](Self::CloudEventsStructured) |
/// | --- | --- | --- | --- |
/// | the event's id | `id` | `ce_id` | `id` |
/// | its type | `type` | `ce_type` | `type` |
/// | when it happened | `timestamp` | `ce_time`, else the record's own time | `time`, else the record's own time |
/// | who published it | `source` | `ce_source` | `source` |
/// | what it belongs to | `correlation_id` | `ce_correlationid` | `correlationid` |
/// | what it follows from | `causation_id` | `ce_causationid` | `causationid` |
/// | the namespace, for audits | `broker` | `ce_broker` | `broker` |
/// | the version of the schema | `schema_version` | `ce_schemaversion` | `schemaversion` |
/// | the data | `data` | the record's value, typed by `content-type` | `data`, or `data_base64` |
/// | fields of others | any | `ce_…` | any |
/// | known by | `id` | `source` and `id` together | `source` and `id` together |
///
/// `correlationid` and `causationid` are CloudEvents' own *Correlation* extension; `broker` and `schemaversion` are ours.
/// Names of attributes have lower-case letters and digits only, which is why there are no underscores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentMode {
    /// The record's value is an envelope of JSON. The default: what the framework has written from the start, and all of it
    /// without a header.
    #[default]
    Envelope,
    /// CloudEvents 1.0, binary: metadata in `ce_…` headers, the value is the data alone.
    CloudEventsBinary,
    /// CloudEvents 1.0, structured: the value is one JSON object with metadata and data.
    CloudEventsStructured,
}

impl ContentMode {
    /// Whether it is one of CloudEvents' modes, where an event is known by `source` and `id` together.
    #[must_use]
    pub const fn is_cloud_events(self) -> bool {
        matches!(self, Self::CloudEventsBinary | Self::CloudEventsStructured)
    }

    /// Whether the headers of any of its records can tell anything of a mode.
    pub(crate) fn may_be_told_in(batch: &RecordBatch) -> bool {
        batch.a_header_may_begin_with(b'c')
    }

    /// Whether a record's headers can tell anything of a mode; for a tight loop.
    #[inline(always)]
    pub(crate) fn may_be_told_by(headers: Headers<'_>) -> bool {
        // `content-type` or `ce_…`.
        headers.any_may_begin_with(b'c')
    }

    /// The mode that a record's headers tell. One `content-type` of CloudEvents means structured, else one of the four
    /// required `ce_…` headers binary.
    ///
    /// # Errors
    ///
    /// If the headers announce an event format other than JSON: it could only be misread.
    pub(super) fn told_by(headers: Headers<'_>) -> Result<Self, CloudEventError> {
        let mut mode = Self::Envelope;
        for (name, value) in headers {
            if name.len() == CONTENT_TYPE.len() && name.eq_ignore_ascii_case(CONTENT_TYPE) {
                if let Some(value) = value
                    && is_cloud_events_type(value)
                {
                    if !is_json_format(value) {
                        return Err(CloudEventError::Format(String::from_utf8_lossy(value).chars().take(64).collect()));
                    }
                    return Ok(Self::CloudEventsStructured);
                }
            } else if HEADERS.contains(&name) {
                mode = Self::CloudEventsBinary;
            }
        }
        Ok(mode)
    }
}

/// The header of a value's media type.
pub(crate) const CONTENT_TYPE: &str = "content-type";

fn is_cloud_events_type(value: &[u8]) -> bool {
    const START: &[u8] = b"application/cloudevents";
    value.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

#[cfg(test)]
mod tests {
    use super::{CloudEventError, ContentMode};
    use crate::contract::RecordSetBuilder;

    fn told(headers: &[(&str, &str)]) -> Result<ContentMode, CloudEventError> {
        let mut builder = RecordSetBuilder::new(0);
        for (name, value) in headers {
            builder.header(name, Some(value.as_bytes()));
        }
        builder.push(0, 0, None, None);
        ContentMode::told_by(builder.build().view(0).headers())
    }

    #[test]
    fn headers_tell_the_mode() {
        assert_eq!(told(&[]), Ok(ContentMode::Envelope));
        assert_eq!(told(&[("tenant", "blue"), ("content-type", "application/json")]), Ok(ContentMode::Envelope));
        assert_eq!(told(&[("ce_specversion", "1.0")]), Ok(ContentMode::CloudEventsBinary));
        assert_eq!(told(&[("ce_id", "7"), ("content-type", "application/json")]), Ok(ContentMode::CloudEventsBinary));
        for kind in ["application/cloudevents", "application/cloudevents+json", "Application/CloudEvents+JSON; charset=UTF-8"] {
            assert_eq!(told(&[("Content-Type", kind)]), Ok(ContentMode::CloudEventsStructured), "{kind}");
        }
    }

    #[test]
    fn a_structured_event_may_repeat_its_attributes_as_headers() {
        let headers = [("ce_specversion", "1.0"), ("ce_id", "7"), ("content-type", "application/cloudevents+json")];
        assert_eq!(told(&headers), Ok(ContentMode::CloudEventsStructured));
    }

    #[test]
    fn another_event_format_is_refused_by_name() {
        for kind in ["application/cloudevents+avro", "application/cloudevents-batch+json"] {
            assert_eq!(told(&[("content-type", kind)]), Err(CloudEventError::Format(kind.into())));
        }
    }
}
