//! What a subscriber sees: spans with their fields, and lines with the spans around them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

pub type Fields = BTreeMap<String, String>;

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct Span {
    pub name: String,
    pub fields: Fields,
}

/// A line, and the fields of the `process` span around it.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    pub fields: Fields,
    pub process: Fields,
}

/// Ends the seeing, and then the turn.
pub struct Guard {
    _subscriber: tracing::subscriber::DefaultGuard,
    _alone: Alone,
}

/// A test's turn.
pub struct Alone {
    _turn: MutexGuard<'static, ()>,
}

static TURN: Mutex<()> = Mutex::new(());

/// Waits for the turn. Whether a span is wanted is kept for the whole process: a test without a subscriber that meets a span
/// for the first time while another test installs one could leave it unwanted for both.
pub fn alone() -> Alone {
    Alone { _turn: TURN.lock().unwrap_or_else(PoisonError::into_inner) }
}

/// All that was seen on this thread.
#[derive(Clone, Default)]
pub struct Seen {
    spans: Arc<Mutex<Vec<Span>>>,
    lines: Arc<Mutex<Vec<Line>>>,
}

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

impl Seen {
    /// Sees everything on this thread, from `TRACE` on, until the guard goes.
    pub fn all() -> (Self, Guard) {
        let alone = alone();
        let seen = Seen::default();
        let subscriber = tracing::subscriber::set_default(tracing_subscriber::registry().with(seen.clone()));
        (seen, Guard { _subscriber: subscriber, _alone: alone })
    }

    /// The spans of a kind that have ended.
    pub fn spans(&self, name: &str) -> Vec<Fields> {
        let spans = self.spans.lock().expect("no panic under it");
        spans.iter().filter(|span| span.name == name).map(|span| span.fields.clone()).collect()
    }

    /// Lines that say `text`.
    pub fn lines(&self, text: &str) -> Vec<Line> {
        self.lines.lock().expect("no panic under it").iter().filter(|line| line.text == text).cloned().collect()
    }

    /// Everything, to be searched.
    pub fn everything(&self) -> String {
        format!("{:?}\n{:?}", self.spans.lock().expect("no panic under it"), self.lines.lock().expect("no panic under it"))
    }

    /// Every value of every field.
    pub fn values(&self) -> Vec<String> {
        let spans = self.spans.lock().expect("no panic under it");
        let lines = self.lines.lock().expect("no panic under it");
        let fields = spans.iter().map(|span| &span.fields).chain(lines.iter().map(|line| &line.fields));
        fields.flat_map(|fields| fields.values().cloned()).collect()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut fields = Fields::new();
        attributes.record(&mut Visitor(&mut fields));
        ctx.span(id).expect("it is new").extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, ctx: Context<'_, S>) {
        let span = ctx.span(id).expect("it lives");
        let mut extensions = span.extensions_mut();
        record.record(&mut Visitor(extensions.get_mut::<Fields>().expect("each has fields")));
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        let process = ctx.event_scope(event).into_iter().flatten().find(|span| span.name() == "process");
        let process = process.and_then(|span| span.extensions().get::<Fields>().cloned()).unwrap_or_default();
        let text = fields.get("message").cloned().unwrap_or_default();
        self.lines.lock().expect("no panic under it").push(Line { text, fields, process });
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        let span = ctx.span(&id).expect("it ends now");
        let fields = span.extensions().get::<Fields>().cloned().unwrap_or_default();
        self.spans.lock().expect("no panic under it").push(Span { name: span.name().to_owned(), fields });
    }
}
