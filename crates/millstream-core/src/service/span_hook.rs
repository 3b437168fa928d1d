//! Owns the trait by which whoever records spans ties them to other services' spans. Core knows no recorder.

use crate::envelope::TraceContext;

/// Ties spans to the traces of the records they are about: for a recorder such as OpenTelemetry.
///
/// It is called only for spans that are recorded, on the worker that runs the attempt, so it must not block. A
/// hook that panics ends its worker.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a span hook",
    note = "with the feature `opentelemetry`, `.with_opentelemetry()` gives one; or write your own `impl SpanHook`"
)]
pub trait SpanHook: Send + Sync + 'static {
    /// A span has begun because of `remote`, the span that sent its record. `single` says whether the record is the only
    /// one, so that the span may be its child; a link is due in every case. Called before the span is entered.
    fn connect(&self, span: &tracing::Span, remote: TraceContext, single: bool);

    /// The context of a recorded span, for the headers of what is sent out inside; `None` if it has none.
    fn context(&self, span: &tracing::Span) -> Option<TraceContext>;
}
