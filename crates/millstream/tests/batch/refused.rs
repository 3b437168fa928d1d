//! What `build()` refuses of a batch handler, each with its remedy.

use crate::support::*;
use crate::world::*;
use millstream::prelude::*;

struct Audit;

impl Layer for Audit {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        next.run().await
    }
}

async fn store(_: Batch<Order>) -> Result<(), HandlerError> {
    Ok(())
}

fn problem(builder: StreamServiceBuilder) -> String {
    builder.build().expect_err("it has a problem").to_string()
}

#[test]
fn layers_before_a_batch_handler_are_refused_and_those_behind_it_are_not_its_own() {
    let before = builder(Memory::new(), 1).layer(Audit).add_batch_handler(NEW, GROUP, store);
    let text = problem(before);
    assert!(text.contains("is added behind layers") && text.contains("add it before `.layer(…)`"), "{text}");
    let behind = builder(Memory::new(), 1).add_batch_handler(NEW, GROUP, store).layer(Audit);
    behind.build().expect("the layer is around those that follow");
}

#[test]
fn a_batch_handler_takes_one_batch() {
    let none = async |_: Topic| Ok::<(), HandlerError>(());
    let text = problem(builder(Memory::new(), 1).add_batch_handler(NEW, GROUP, none));
    assert!(text.contains("takes no `Batch<T>`"), "{text}");
    let two = async |_: Batch<Order>, _: Batch<Order>| Ok::<(), HandlerError>(());
    let text = problem(builder(Memory::new(), 1).add_batch_handler(NEW, GROUP, two));
    assert!(text.contains("takes 2 batches"), "{text}");
}

#[test]
fn a_batch_handler_with_outputs_needs_a_producer_and_takes_them_once() {
    let emits = async |_: Batch<Order>, _: &mut BatchOutputs| Ok::<(), HandlerError>(());
    let text = problem(builder(Memory::new(), 1).add_batch_handler(NEW, GROUP, emits));
    assert!(text.contains("takes `&mut BatchOutputs`, but the service has no producer"), "{text}");
    let twice = async |_: Batch<Order>, _: &mut BatchOutputs, _: &mut BatchOutputs| Ok::<(), HandlerError>(());
    let text = problem(builder(Memory::new(), 1).add_producer().add_batch_handler(NEW, GROUP, twice));
    assert!(text.contains("takes `&mut BatchOutputs` 2 times"), "{text}");
}

#[test]
fn a_batch_that_could_never_be_full_and_one_that_waits_too_long_are_refused_together() {
    let text = problem(builder(Memory::new(), 1).add_batch_handler_with(
        NEW,
        GROUP,
        store,
        BatchSettings::new().records(70_000).in_flight(100_000, 64 << 20),
    ));
    assert!(text.contains("70000 records") && text.contains("1 problem"), "{text}");
    let settings = BatchSettings::new().records(100).in_flight(50, 8 << 20).linger(ms(11_000));
    let text = problem(builder(Memory::new(), 1).add_batch_handler_with(NEW, GROUP, store, settings));
    assert!(text.contains("2 problems") && text.contains("would never be full") && text.contains("11s for company"), "{text}");
}
