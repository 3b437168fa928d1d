//! Owns how a batch handler's arguments come about. By the rule of single handlers: by value from the records, `&T` from
//! the state, `&mut BatchOutputs` goes out.

use super::call::BatchDelivery;
use super::outputs::BatchOutputs;
use super::{Batch, Slot};
use crate::handler::attempt::Attempt;
use crate::handler::event::Event;
use crate::handler::extract::{Provide, Rejection};
use crate::handler::handler_error::HandlerError;
use crate::handler::wants::Wants;
use crate::topic::{Namespace, Topic};
use serde::de::DeserializeOwned;

/// An argument of a batch handler over the state `S`. Users may make their own of what all records have in common: the
/// state, the topic, the namespace.
#[diagnostic::on_unimplemented(
    message = "a batch handler cannot take an argument of type `{Self}`",
    label = "the service's state is `{S}`",
    note = "by value, from the records: `Batch<T>`, once, whose events come with `for (slot, event) in &batch`; and `Topic`, `Namespace`",
    note = "by reference, from the state: `&{S}`, or `&T` where `{S}: Provide<T>`",
    note = "what goes out, record by record: `&mut BatchOutputs`"
)]
pub trait ExtractBatch<S: 'static = ()> {
    /// The argument, as it borrows from the delivery.
    type Item<'d>;

    /// How many `BatchOutputs` it takes; for `build()`, which refuses two.
    #[doc(hidden)]
    const OUTPUTS: usize = 0;

    /// How many `Batch`es it takes; for `build()`, which asks for exactly one.
    #[doc(hidden)]
    const BATCHES: usize = 0;

    /// What it wants of topics; for `build()`, which refuses what can never be had.
    #[doc(hidden)]
    const WANTS: Wants = Wants::NOTHING;

    /// Makes the argument.
    ///
    /// # Errors
    /// If the state or the topic does not have what it needs: the call fails as a whole.
    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<Self::Item<'d>, Rejection>;
}

impl<S: Provide<T> + 'static, T: ?Sized + 'static> ExtractBatch<S> for &T {
    type Item<'d> = &'d T;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<&'d T, Rejection> {
        Ok(delivery.state().provide())
    }
}

impl<S: 'static> ExtractBatch<S> for &mut BatchOutputs {
    type Item<'d> = &'d mut BatchOutputs;
    const OUTPUTS: usize = 1;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<&'d mut BatchOutputs, Rejection> {
        delivery.take_outputs().ok_or_else(|| HandlerError::permanent("`&mut BatchOutputs` is taken twice").into())
    }
}

impl<S: 'static, T: DeserializeOwned + Send + 'static> ExtractBatch<S> for Batch<T> {
    type Item<'d> = Batch<T>;
    const BATCHES: usize = 1;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<Batch<T>, Rejection> {
        let (records, partition, copied) = (delivery.records(), delivery.partition(), delivery.is_copied());
        let mut batch = Batch { events: Vec::with_capacity(records.len()), attempts: Vec::with_capacity(records.len()) };
        for (slot, (index, record)) in (0_u32..).zip(records.iter().enumerate()) {
            match Event::decode_at(&record.record, record.head.as_ref(), partition, copied) {
                Ok(event) => {
                    batch.events.push((Slot(slot), event));
                    batch.attempts.push(Attempt::new(record.attempt));
                }
                Err(rejection) => delivery.reject(index, rejection.into_error()),
            }
        }
        Ok(batch)
    }
}

impl<S: 'static> ExtractBatch<S> for Topic {
    type Item<'d> = Topic;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<Topic, Rejection> {
        Ok(delivery.topic().clone())
    }
}

/// As a single handler's: `build()` refuses it of a shared topic.
impl<S: 'static> ExtractBatch<S> for Namespace {
    type Item<'d> = Namespace;
    const WANTS: Wants = Wants::NAMESPACE;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<Namespace, Rejection> {
        let topic = delivery.topic();
        delivery.namespace().cloned().ok_or_else(|| {
            let text = format!("the handler takes a `Namespace`, but `{topic}` is a shared topic and has none");
            HandlerError::permanent(text).into()
        })
    }
}

/// `None` of a shared topic.
impl<S: 'static> ExtractBatch<S> for Option<Namespace> {
    type Item<'d> = Option<Namespace>;

    fn extract<'d>(delivery: &mut BatchDelivery<'d, S>) -> Result<Option<Namespace>, Rejection> {
        Ok(delivery.namespace().cloned())
    }
}
