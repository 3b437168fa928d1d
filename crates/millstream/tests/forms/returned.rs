//! Outputs that a handler returns go the way of those it emits.

use crate::support::*;
use millstream::envelope::EventEnvelope;
use millstream::handler::IntoOutputs;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use serde::{Deserialize, Serialize};

const DONE: Sibling = Sibling::new("orders", "done");
const NOTED: Sibling = Sibling::new("orders", "noted");

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Note {
    text: String,
}

impl EventData for Note {
    const TYPE: &'static str = "note";

    fn key(&self) -> Key<'_> {
        (&self.text).into()
    }
}

fn note(text: &str) -> Note {
    Note { text: text.to_owned() }
}

async fn one(new: Event<Order>) -> Emit<Order> {
    Emit::to(DONE, new.into_data())
}

async fn perhaps_one(new: Event<Order>) -> Result<Option<Emit<Order>>, HandlerError> {
    Ok(new.number.is_multiple_of(2).then(|| Emit::to(DONE, new.into_data())))
}

async fn many(new: Event<Order>) -> Vec<Emit<Order>> {
    (0..new.number).map(|n| Emit::to(DONE, order(&new.account, n))).collect()
}

async fn of_two_types(new: Event<Order>) -> Result<(Emit<Order>, Option<Emit<Note>>), HandlerError> {
    let text = note(&new.account);
    Ok((Emit::to(DONE, new.into_data()), Some(Emit::to(NOTED, text))))
}

async fn mixed(new: Event<Order>) -> Vec<AnyEmit> {
    let text = note(&new.account);
    vec![Emit::to(NOTED, text).erased(), Emit::to(DONE, new.into_data()).into()]
}

async fn behind_what_it_emits(new: Event<Order>, out: &mut Outputs) -> Result<[Emit<Order>; 2], HandlerError> {
    out.emit(DONE, &order("emitted", 0))?;
    Ok([Emit::to(DONE, order("returned", 1)), Emit::to(DONE, order(&new.account, 2))])
}

/// The orders that a handler sends out for three of its own.
macro_rules! sent_by {
    ($handler:expr) => {{
        let service = |memory| {
            let builder = StreamServiceBuilder::new("forms", memory).add_producer();
            builder.add_consumer_handler("paper.orders.new", "forms.returned", $handler).build()
        };
        let bench = TestBench::start(service).await.expect("a valid service");
        for n in 1..=3 {
            bench.publish("paper.orders.new", &order("a", n)).await;
        }
        bench.settled().await;
        assert_eq!((bench.account().done, bench.account().failures), (3, 0));
        bench
    }};
}

#[tokio::test(start_paused = true)]
async fn every_shape_of_returned_outputs_goes_out() {
    let orders = |bench: &TestBench| bench.events::<Order>("paper.orders.done");
    assert_eq!(orders(&sent_by!(one)), [order("a", 1), order("a", 2), order("a", 3)]);
    assert_eq!(orders(&sent_by!(perhaps_one)), [order("a", 2)]);
    assert_eq!(orders(&sent_by!(many)).iter().map(|order| order.number).collect::<Vec<_>>(), [0, 0, 1, 0, 1, 2]);
    let accounts = ["emitted", "returned", "a"].repeat(3);
    let sent: Vec<Order> = orders(&sent_by!(behind_what_it_emits));
    assert_eq!(sent.iter().map(|order| order.account.as_str()).collect::<Vec<_>>(), accounts);
    for bench in [sent_by!(of_two_types), sent_by!(mixed)] {
        assert_eq!(orders(&bench).len(), 3);
        assert_eq!(bench.events::<Note>("paper.orders.noted"), [note("a"), note("a"), note("a")]);
        assert_eq!(bench.account().outputs, 6);
    }
}

#[tokio::test(start_paused = true)]
async fn a_returned_output_follows_from_its_input() {
    let bench = sent_by!(one);
    let inputs: Vec<EventEnvelope<Order>> = bench.envelopes("paper.orders.new");
    let outputs: Vec<EventEnvelope<Order>> = bench.envelopes("paper.orders.done");
    for (input, output) in inputs.iter().zip(&outputs) {
        assert_eq!(output.causation_id.as_ref(), Some(&input.id));
        assert_eq!(output.correlation_id, input.correlation_id);
        assert_eq!((output.source.as_str(), output.broker.as_deref()), ("forms", Some("paper")));
    }
}

#[test]
fn a_returned_output_has_the_id_that_it_would_have_if_it_were_emitted() -> Result<(), EmitError> {
    let topic = Topic::literal("paper.orders.new");
    let (mut emitted, mut returned) = (Outputs::of(&topic), Outputs::of(&topic));
    emitted.emit(DONE, &order("a", 1))?;
    emitted.emit(DONE, &order("a", 2))?;
    emitted.emit_named(DONE, "last", &order("b", 3))?;
    emitted.emit_envelope(DONE.of(Namespace::literal("paper")), EventDraft::new(order("c", 4)).header("tenant", "blue"))?;
    let plain = vec![Emit::to(DONE, order("a", 1)), Emit::to(DONE, order("a", 2)), Emit::to(DONE, order("b", 3)).named("last")];
    let draft = EventDraft::new(order("c", 4)).header("tenant", "blue");
    (plain, Emit::envelope(DONE.of(Namespace::literal("paper")), draft)).put_into(&mut returned)?;
    let ids = |out: &Outputs| out.iter().map(|output| (output.id(), output.key().to_vec())).collect::<Vec<_>>();
    assert_eq!((ids(&returned), returned.len()), (ids(&emitted), 4));
    assert_eq!(returned[3].header("tenant"), Some("blue"));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refused_output_fails_the_attempt_and_those_returned_with_it_stay() {
    let across = async |new: Event<Order>| {
        let zerodha = DONE.of(Namespace::literal("zerodha"));
        (Emit::to(DONE, new.into_data()), Emit::to(zerodha, order("b", 1)))
    };
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).add_producer();
        builder.add_consumer_handler("paper.orders.new", "forms.returned", across).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    bench.publish("paper.orders.new", &order("a", 1)).await;
    bench.settled().await;
    let letters = bench.dead_letters("paper.orders.new.dlq");
    assert_eq!((letters[0].reason.as_str(), letters[0].attempts), ("permanent", 1));
    assert!(letters[0].message.contains("zerodha"), "{}", letters[0].message);
    assert!(bench.events::<Order>("paper.orders.done").is_empty());
}

#[test]
fn a_handler_that_returns_outputs_needs_a_producer() {
    let builder = StreamServiceBuilder::new("forms", Memory::new());
    let error = builder.add_consumer_handler("paper.orders.new", "forms.returned", perhaps_one).build().expect_err("no producer");
    let text = error.to_string();
    assert!(text.contains("returns outputs, but the service has no producer"), "{text}");
    assert!(text.contains("`.add_producer()`; or return no `Emit`"), "{text}");
}
