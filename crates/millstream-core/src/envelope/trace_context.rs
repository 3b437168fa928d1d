//! Owns the W3C trace context as it travels in record headers: read strictly, written, and passed on. Leaves spans to the
//! service and whoever records them.
//!
//! What is malformed is as good as absent: a trace is lost, never a record.

use crate::contract::Headers;
use std::fmt;

/// The header of a trace's parent.
pub const TRACEPARENT: &str = "traceparent";
/// The header of what vendors add to it.
pub const TRACESTATE: &str = "tracestate";
/// The header of what the user adds to it.
pub const BAGGAGE: &str = "baggage";

/// The longest `tracestate` that is passed on, in bytes: what W3C demands of everybody.
pub const MAX_TRACESTATE_BYTES: usize = 512;
/// The longest `baggage` that is passed on, in bytes: what W3C demands of everybody.
pub const MAX_BAGGAGE_BYTES: usize = 8_192;

/// The flags that have a meaning: sampled, and random trace id.
const KNOWN_FLAGS: u8 = 0b11;

/// One span's place in a trace, as a `traceparent` says it.
///
/// ```
/// use millstream_core::envelope::TraceContext;
///
/// let context = TraceContext::parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").expect("well-formed");
/// assert!(context.is_sampled());
/// assert_eq!(context.child(1).to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000001-01");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// A context; `None` if an id is zero, which W3C forbids. Of the flags only those with a meaning are kept.
    #[must_use]
    pub const fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        Some(TraceContext { trace_id, span_id, flags: flags & KNOWN_FLAGS })
    }

    /// Reads a `traceparent`; `None` if it is malformed. Of a later version it reads the beginning, as W3C demands.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let (known, rest) = text.split_at_checked(55)?;
        let [version, trace_id, span_id, flags] =
            [hex(&known[..2])?, hex(&known[3..35])?, hex(&known[36..52])?, hex(&known[53..])?];
        if [known[2], known[35], known[52]] != *b"---" || version == 0xff {
            return None;
        }
        if !rest.is_empty() && (version == 0 || rest[0] != b'-') {
            return None;
        }
        // Each has as many digits as its type.
        TraceContext::new(trace_id, u64::try_from(span_id).ok()?, u8::try_from(flags).ok()?)
    }

    /// The context of a record, by its last `traceparent`.
    #[must_use]
    pub fn of(headers: Headers<'_>) -> Option<Self> {
        Self::parse(headers.find(TRACEPARENT)?)
    }

    /// The trace's id.
    #[must_use]
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The span's id.
    #[must_use]
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// The flags that have a meaning.
    #[must_use]
    pub const fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the sender may have recorded the trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Another span of the same trace. A zero is taken for 1.
    #[must_use]
    pub const fn child(self, span_id: u64) -> Self {
        TraceContext { span_id: if span_id == 0 { 1 } else { span_id }, ..self }
    }

    /// As a `traceparent` of version 00.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], self.trace_id);
        write_hex(&mut text[36..52], self.span_id.into());
        write_hex(&mut text[53..], self.flags.into());
        text
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// What a record says of the trace it belongs to: all of it that is well-formed and within W3C's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traced<'a> {
    /// The span that sent it.
    pub parent: Option<TraceContext>,
    /// What vendors added; only with a parent.
    pub state: Option<&'a [u8]>,
    /// What users added.
    pub baggage: Option<&'a [u8]>,
    /// Whether there is a `traceparent` that cannot be read.
    pub malformed: bool,
}

impl<'a> Traced<'a> {
    /// Reads a record's headers.
    #[must_use]
    pub fn of(headers: Headers<'a>) -> Self {
        let parent = headers.find(TRACEPARENT);
        let read = parent.and_then(TraceContext::parse);
        let text = |name, most| headers.find(name).filter(|text: &&[u8]| is_text(text, most));
        Traced {
            parent: read,
            state: read.and_then(|_| text(TRACESTATE, MAX_TRACESTATE_BYTES)),
            baggage: text(BAGGAGE, MAX_BAGGAGE_BYTES),
            malformed: parent.is_some() && read.is_none(),
        }
    }
}

/// Whether a header is text that fits into one line of another protocol.
fn is_text(text: &[u8], most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.iter().all(|&byte| byte == b'\t' || (0x20..0x7f).contains(&byte))
}

/// Reads lower-case digits.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0_u128, |number, &digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(value))
    })
}

fn write_hex(into: &mut [u8], mut number: u128) {
    for digit in into.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RecordSetBuilder;
    use proptest::prelude::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn traced(headers: &[(&str, &[u8])], look: impl Fn(Traced<'_>)) {
        let mut builder = RecordSetBuilder::new(0);
        for (name, value) in headers {
            builder.header(name, Some(value));
        }
        builder.push(0, 0, None, None);
        look(Traced::of(builder.build().view(0).headers()));
    }

    #[test]
    fn every_deviation_from_the_form_is_malformed() {
        assert_eq!(TraceContext::parse(GOOD.as_bytes()).expect("well-formed").to_string(), GOOD);
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0\u{1b}",
        ] {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_beginning_and_written_as_ours() {
        let later = GOOD.replacen("00", "cc", 1) + "-what-comes-later";
        assert_eq!(TraceContext::parse(later.as_bytes()).expect("readable").to_ascii(), GOOD.as_bytes());
    }

    #[test]
    fn flags_without_a_meaning_are_not_passed_on() {
        let all = format!("{}ff", &GOOD[..53]);
        assert_eq!(TraceContext::parse(all.as_bytes()).expect("readable").flags(), 0b11);
    }

    #[test]
    fn vendors_text_goes_with_its_parent_only_and_the_users_also_without() {
        let both: [(&str, &[u8]); 3] = [("traceparent", GOOD.as_bytes()), ("tracestate", b"a=1"), ("baggage", b"tenant=blue")];
        traced(&both, |traced| assert_eq!((traced.state, traced.baggage), (Some(&b"a=1"[..]), Some(&b"tenant=blue"[..]))));
        let broken: [(&str, &[u8]); 3] = [("traceparent", b"00-x"), both[1], both[2]];
        traced(&broken, |traced| {
            assert!(traced.malformed);
            assert_eq!((traced.state, traced.baggage), (None, Some(&b"tenant=blue"[..])));
        });
    }

    #[test]
    fn what_passes_a_limit_or_breaks_a_line_is_not_passed_on() {
        for (len, kept) in [(512, true), (513, false)] {
            let state = vec![b'a'; len];
            traced(&[("traceparent", GOOD.as_bytes()), ("tracestate", &state)], |traced| {
                assert_eq!(traced.state.is_some(), kept)
            });
        }
        for (len, kept) in [(8_192, true), (8_193, false)] {
            let baggage = vec![b'a'; len];
            traced(&[("baggage", &baggage)], |traced| assert_eq!(traced.baggage.is_some(), kept));
        }
        traced(&[("baggage", b"a=1\r\nx: y")], |traced| assert_eq!(traced.baggage, None));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_equal(trace in 1_u128.., span in 1_u64.., flags in 0_u8..4) {
            let context = TraceContext::new(trace, span, flags).expect("not zero");
            prop_assert_eq!(TraceContext::parse(&context.to_ascii()), Some(context));
            prop_assert_eq!(context.to_string().into_bytes(), context.to_ascii());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = TraceContext::parse(&bytes);
        }
    }
}
