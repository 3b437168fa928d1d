//! Owns the entry of a table as a handler takes it: the value kept for the record's key, lent to one attempt, whose change
//! goes out if the attempt succeeds. Leaves where entries are kept, written and restored to `service::table`.

use super::delivery::Delivery;
use super::emit_error::EmitError;
use super::extract::{Extract, Rejection};
use super::handler_error::HandlerError;
use super::outputs::Outputs;
use crate::contract::{Offset, RecordSet};
use crate::topic::Sibling;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// The header of an entry's record: `1;{run};{input topic's id, hex};{input offset}`, and `;{offset},…`, the records of
/// the key up to it that became dead letters and may come again. A tombstone has it too, so the position cannot be in the value.
pub(crate) const POSITION_HEADER: &str = "millstream-position";

/// A value of which a service keeps one for each key of its input: the entry of a table.
///
/// A handler that takes `&mut V` or `&mut Option<V>` folds its records into the entry of the record's key, and that is all
/// there is to write: the entry is restored before a partition starts, a change is undone if the attempt fails, written to
/// the table's compacted topic before the record is settled, and every record is in it once.
///
/// * `&mut V` is [`Default`] where there is no entry yet.
/// * `&mut Option<V>` is `None` there, and `None` left behind deletes the entry.
///
/// It goes by `&mut` as the [`Outputs`] do, since it is what goes out: a change is an event of its own, in the namespace of
/// the input, with a causal id, that anybody may read. So a unit test needs no table: it lends the handler a value.
///
/// One dead letter is in its entry: that of a record whose handler succeeded and of which an output was then refused for good
/// (reason `output-refused`). What came behind it is made of it, so the fold stays; a replay of this letter folds it again.
///
/// Between two records an entry is JSON and no value, as in the log. So a fold sees what it would see after a restart, and
/// a field that serde leaves out is missed in the first test.
///
/// ```
/// use millstream_core::handler::{Event, TableEntry};
/// use millstream_core::topic::Sibling;
/// # #[derive(serde::Deserialize)] struct Fill { quantity: i64 }
///
/// #[derive(Default, serde::Serialize, serde::Deserialize)]
/// struct Holding { position: i64 }
///
/// impl TableEntry for Holding {
///     const TABLE: Sibling = Sibling::new("portfolio", "holdings");
/// }
///
/// async fn on_fill(fill: Event<Fill>, holding: &mut Holding) {
///     holding.position += fill.quantity;
/// }
/// # fn takes<A>(_: impl millstream_core::handler::Handler<A, ()>) {}
/// # takes(on_fill);
/// ```
pub trait TableEntry: Serialize + DeserializeOwned + Send + 'static {
    /// The table's topic, beside the input in its namespace: `Sibling::new("portfolio", "holdings")` keeps what follows from
    /// `paper.orders.filled` in `paper.portfolio.holdings`. The second name is the event type of its records.
    ///
    /// The topic is to be compacted, with at least as many partitions as the input, and nobody else may write to it.
    const TABLE: Sibling;

    /// The version of the entry's schema, as its events say it.
    const SCHEMA_VERSION: u32 = 1;
}

/// An entry that there is a default of: what `&mut V` may be.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a handler cannot take an argument of type `&mut {Self}`",
    label = "not the entry of a table",
    note = "what goes out is taken by `&mut`: `&mut Outputs`, and the key's entry of a table: `&mut V` or `&mut Option<V>` where `V: TableEntry`",
    note = "the service's state is taken by `&`, for all records share it: `&{Self}`",
    note = "of a table's entry it begins with its default: `#[derive(Default)]`, or take `&mut Option<{Self}>`",
    note = "to keep a `{Self}` for each key: `impl TableEntry for {Self}`, with `const TABLE: Sibling = Sibling::new(\"…\", \"…\");`"
)]
pub trait FreshEntry: TableEntry + Default {}

#[diagnostic::do_not_recommend]
impl<V: TableEntry + Default> FreshEntry for V {}

/// What a handler's arguments say of the table it keeps.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct TableOf {
    pub(crate) name: Sibling,
    pub(crate) check: fn(&str) -> Result<(), serde_json::Error>,
}

impl TableOf {
    const fn new<V: TableEntry>() -> Self {
        TableOf { name: V::TABLE, check: |text| serde_json::from_str::<V>(text).map(drop) }
    }

    /// The first one that the arguments name.
    pub(crate) const fn first(of: &[Option<TableOf>]) -> Option<TableOf> {
        let mut index = 0;
        while index < of.len() {
            if of[index].is_some() {
                return of[index];
            }
            index += 1;
        }
        None
    }
}

impl fmt::Debug for TableOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TableOf").field(&self.name).finish()
    }
}

/// An entry while an attempt has it: a copy, taken over only if the attempt succeeds.
#[derive(Default)]
#[doc(hidden)]
pub struct Lent {
    /// What is kept now.
    pub(crate) stored: Option<Arc<str>>,
    /// The beginning of its next position in the log, as [`crate::service`] reads it.
    pub(crate) origin: Arc<str>,
    value: Option<Box<dyn Held>>,
}

/// What became of an entry.
pub(crate) struct Changed {
    /// Its key.
    pub(crate) key: Box<[u8]>,
    /// The record that is now in it.
    pub(crate) at: Offset,
    /// What is kept from now on; `None` if it is deleted.
    pub(crate) text: Option<Arc<str>>,
    /// One record, for the table's topic.
    pub(crate) record: RecordSet,
}

impl Lent {
    /// Of what is `stored`, if anything is.
    pub(crate) fn new(stored: Option<Arc<str>>, origin: Arc<str>) -> Self {
        Lent { stored, origin, value: None }
    }

    fn read<V: TableEntry>(&mut self) -> Result<&mut Option<V>, Rejection> {
        let parse = |text: &Arc<str>| serde_json::from_str(text);
        let value = self.stored.as_ref().map(parse).transpose().map_err(|error| {
            let why = format!("the entry in `{}` is no `{}`: {error}", V::TABLE.event_type(), std::any::type_name::<V>());
            HandlerError::permanent(why)
        })?;
        let held = self.value.insert(Box::new(Kept::<V>(value)));
        let kept: &mut Kept<V> = held.as_any().downcast_mut().expect("it was put there above");
        Ok(&mut kept.0)
    }

    /// What became of it in an attempt that was `skipped` or done. `None` if there is nothing to write: nobody took it, or
    /// a skipped record has changed nothing.
    pub(crate) fn finish(&self, out: &mut Outputs, key: &[u8], at: Offset, skipped: bool) -> Result<Option<Changed>, EmitError> {
        let Some(value) = &self.value else { return Ok(None) };
        let text = value.text()?;
        if skipped && text.as_deref() == self.stored.as_deref() && out.count() == 0 {
            return Ok(None);
        }
        let record = value.record(out, key, text.as_deref(), &format!("{}{at}", self.origin))?;
        Ok(Some(Changed { key: key.into(), at, text, record }))
    }
}

/// A value of a type that only the handler knows.
trait Held: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    fn text(&self) -> Result<Option<Arc<str>>, EmitError>;
    fn record(&self, out: &mut Outputs, key: &[u8], text: Option<&str>, position: &str) -> Result<RecordSet, EmitError>;
}

struct Kept<V>(Option<V>);

impl<V: TableEntry> Held for Kept<V> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn text(&self) -> Result<Option<Arc<str>>, EmitError> {
        let text = self.0.as_ref().map(serde_json::to_string).transpose();
        Ok(text.map_err(|error| EmitError::Envelope(crate::envelope::EnvelopeError::encode(error)))?.map(Arc::from))
    }

    fn record(&self, out: &mut Outputs, key: &[u8], text: Option<&str>, position: &str) -> Result<RecordSet, EmitError> {
        out.entry::<V>(key, text, position)
    }
}

/// The entry of the record's key; its default where there is none.
impl<S: 'static, V: FreshEntry> Extract<S> for &mut V {
    type Item<'d> = &'d mut V;
    const TABLE: Option<TableOf> = Some(TableOf::new::<V>());

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<&'d mut V, Rejection> {
        Ok(lent(delivery)?.read::<V>()?.get_or_insert_default())
    }
}

/// The entry of the record's key, or `None`; `None` left behind deletes it.
impl<S: 'static, V: TableEntry> Extract<S> for &mut Option<V> {
    type Item<'d> = &'d mut Option<V>;
    const TABLE: Option<TableOf> = Some(TableOf::new::<V>());

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<&'d mut Option<V>, Rejection> {
        lent(delivery)?.read::<V>()
    }
}

fn lent<'d, S>(delivery: &mut Delivery<'d, S>) -> Result<&'d mut Lent, Rejection> {
    // `build()` refuses a handler that takes two.
    delivery.take_entry().ok_or_else(|| HandlerError::permanent("the entry of a table is taken twice").into())
}
