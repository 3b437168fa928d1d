//! Spans of Millstream services, tied to those of other services by OpenTelemetry. Owns the hook between both; leaves
//! exporting, sampling and resources to the SDK, and the spans' names and fields to the core.
//!
//! ```
//! use millstream_opentelemetry::WithOpenTelemetry;
//! # use millstream_core::builder::StreamServiceBuilder;
//! # use millstream_core::contract::*;
//! # fn service(transport: impl Transport) -> Result<(), Error> {
//! // Beside a `tracing_opentelemetry::layer()` in the process's subscriber.
//! let service = StreamServiceBuilder::new("hello", transport)
//!     .add_consumer_handler("market.ticks", "hello.ticks", async || println!("a tick"))
//!     .with_opentelemetry()
//!     .build()?;
//! # drop(service);
//! # Ok(())
//! # }
//! ```

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::envelope::TraceContext;
use millstream_core::service::SpanHook;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Ties spans by OpenTelemetry: always by a link; the span of a single record is also its sender's child. Outputs carry
/// the context of the `process` span they come from.
///
/// Does nothing where the subscriber has no `tracing_opentelemetry` layer.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct OpenTelemetryHook;

impl SpanHook for OpenTelemetryHook {
    fn connect(&self, span: &Span, remote: TraceContext, single: bool) {
        let trace_id = TraceId::from_bytes(remote.trace_id().to_be_bytes());
        let span_id = SpanId::from_bytes(remote.span_id().to_be_bytes());
        let remote = SpanContext::new(trace_id, span_id, TraceFlags::new(remote.flags()), true, TraceState::default());
        if single {
            // It fails for a span that nobody records.
            let _ = span.set_parent(Context::new().with_remote_span_context(remote.clone()));
        }
        span.add_link(remote);
    }

    fn context(&self, span: &Span) -> Option<TraceContext> {
        let context = span.context();
        let context = context.span().span_context().clone();
        let (trace_id, span_id) = (context.trace_id().to_bytes(), context.span_id().to_bytes());
        TraceContext::new(u128::from_be_bytes(trace_id), u64::from_be_bytes(span_id), context.trace_flags().to_u8())
    }
}

/// Gives a builder the hook.
pub trait WithOpenTelemetry {
    /// Ties the service's spans by [`OpenTelemetryHook`].
    #[must_use]
    fn with_opentelemetry(self) -> Self;
}

impl<S: Send + Sync + 'static> WithOpenTelemetry for StreamServiceBuilder<S> {
    fn with_opentelemetry(self) -> Self {
        self.with_span_hook(OpenTelemetryHook)
    }
}
