//! Outputs that say more than their data: key, headers, correlation, names and derived ids.

mod support;

use millstream::prelude::*;
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");

fn outputs() -> Outputs {
    Outputs::of(&topic("paper.orders.new"))
}

#[test]
fn a_draft_changes_what_it_names_and_nothing_else() {
    let mut out = outputs();
    out.emit(DONE, &order("a", 1)).expect("it can go there");
    out.emit_envelope(DONE, EventDraft::new(order("a", 1))).expect("it can go there");
    out.emit_envelope(DONE, EventDraft::new(order("a", 1)).key("NIFTY").header("tenant", "blue").correlation_id(id(7)))
        .expect("it can go there");
    let [plain, same, other] = [0, 1, 2].map(|n| out[n].event::<Order>());
    assert_eq!(
        (&same.correlation_id, &same.causation_id, &same.source),
        (&plain.correlation_id, &plain.causation_id, &plain.source)
    );
    assert_eq!((out[1].key(), out[1].header("tenant")), (&b"a"[..], None));
    assert_ne!(plain.id, same.id, "they are two outputs of one attempt");
    assert_eq!((out[2].key(), out[2].header("tenant")), (&b"NIFTY"[..], Some("blue")));
    assert_eq!((other.correlation_id, other.causation_id), (id(7).into(), plain.causation_id));
    assert_eq!(other.data, order("a", 1));
}

#[test]
fn a_draft_without_a_change_has_the_id_of_a_plain_output() {
    let (mut one, mut other) = (outputs(), outputs());
    let a = one.emit(DONE, &order("a", 1)).expect("it can go there");
    let b = other.emit_envelope(DONE, EventDraft::new(order("a", 1))).expect("it can go there");
    let c = other.emit_envelope(DONE, EventDraft::new(order("a", 1)).key("b")).expect("it can go there");
    assert_eq!(a, b);
    assert_ne!(a, c, "the key is part of the slot");
}

#[test]
fn an_id_that_is_not_causal_is_derived_and_used_once() {
    let mut out = outputs();
    let draft = || EventDraft::new(order("a", 1)).derived_id("join", &[b"left", b"right"]);
    let made = out.emit_envelope(DONE, draft()).expect("it can go there");
    assert_eq!(made, EventId::derive("join", &[b"left", b"right"]));
    assert_eq!(out[0].event::<Order>().causation_id, out.cause(), "it has its cause all the same");
    let twice = out.emit_envelope(DONE, draft());
    assert!(matches!(twice, Err(EmitError::NamedTwice(_))), "{twice:?}");
    let name = |name: &str| EventDraft::new(order("a", 1)).named(name);
    let first = out.emit_envelope(DONE, name("x")).expect("it can go there");
    let mut other = outputs();
    assert_eq!(first, other.emit_named(DONE, "x", &order("b", 2)).expect("it can go there"));
    assert!(matches!(out.emit_envelope(DONE, name("x")), Err(EmitError::NamedTwice(_))));
    assert_eq!(out.len(), 2);
}

#[test]
fn an_event_that_was_read_is_published_as_one_of_our_own_with_its_unknown_fields() {
    let mut read = EventEnvelope::new(id(3), "order", Timestamp::UNIX_EPOCH, "other", order("a", 1)).correlation_id(id(4));
    read.extra.set("venue", &"NSE").expect("a free name");
    let mut out = outputs();
    out.emit_envelope(DONE, EventDraft::from(read)).expect("it can go there");
    let event = out[0].event::<Order>();
    assert_eq!((event.extra.get("venue"), event.source.as_str()), (Some("\"NSE\""), "unit-test"));
    assert_eq!(event.correlation_id, id(4));
    assert_ne!(event.id, id(3));
}

#[test]
fn a_refused_draft_leaves_nothing_behind() {
    let mut out = outputs();
    let draft = || EventDraft::new(order("a", 1)).header("tenant", "blue");
    assert!(matches!(out.emit_envelope(DONE, draft().header("ce_type", "x")), Err(EmitError::ReservedHeader(_))));
    assert!(matches!(out.emit_envelope(DONE, draft().key("")), Err(EmitError::EmptyKey)));
    assert!(matches!(out.emit_envelope(DONE, draft().header("x", vec![0; 17 << 10])), Err(EmitError::HeadersTooLarge(_))));
    let large = draft().field("x", &"x".repeat(1 << 20)).expect("a free name");
    assert!(matches!(out.emit_envelope(DONE, large), Err(EmitError::TooLarge(_))));
    let id = out.emit(DONE, &order("a", 1)).expect("it can go there");
    assert_eq!(id, outputs().emit(DONE, &order("a", 1)).expect("it can go there"), "what was refused has no number");
    assert_eq!((out.len(), out[0].header("tenant")), (1, None));
}

#[test]
fn an_attached_header_is_on_every_output_from_then_on() {
    let mut out = outputs();
    out.emit(DONE, &order("a", 1)).expect("it can go there");
    out.attach_header("traceparent", "00-1").expect("a free name");
    out.emit(DONE, &order("a", 2)).expect("it can go there");
    out.emit_envelope(DONE, EventDraft::new(order("a", 3)).header("traceparent", "own")).expect("it can go there");
    let found: Vec<_> = out.iter().map(|output| output.header("traceparent")).collect();
    assert_eq!(found, [None, Some("00-1"), Some("own")]);
    assert!(matches!(out.attach_header("content-type", "x"), Err(EmitError::ReservedHeader(_))));
}

/// Attaches a header for all accounts but one.
async fn tenant(order: Event<Order>, out: &mut Outputs) -> Result<(), EmitError> {
    if order.account != "b" {
        out.attach_header("tenant", "blue")?;
    }
    out.emit(DONE, &*order)?;
    if order.number == 0 {
        out.publish_now(DONE, &*order).await?;
    }
    out.emit_envelope(DONE, EventDraft::new(&*order).header("n", order.number.to_string())).map(drop)
}

#[tokio::test(start_paused = true)]
async fn headers_land_with_their_own_records_and_end_with_their_attempt() {
    let memory = Memory::new();
    let done = topic("paper.orders.done");
    memory.create_topic(&done, millstream::memory::TopicConfig::new(1)).expect("a new topic");
    let service = StreamServiceBuilder::new("copy", memory.clone())
        .add_producer()
        .add_consumer_handler("paper.orders.new", "copy.orders", tenant)
        .build()
        .expect("a valid service");
    send_orders(
        &memory,
        "paper.orders.new",
        (0..20).map(|n| order(["c", "b", "a"][if n == 0 { 0 } else { 1 + n as usize % 2 }], n)),
    )
    .await;
    let running = Running::start(service).await;
    running.settled(20).await;
    running.stop().await.expect("a clean end");
    let records = memory.records(&done);
    assert_eq!(records.len(), 41);
    for record in records {
        let data = EventEnvelope::<Order>::from_json(&record.value.expect("a value")).expect("an envelope").data;
        let header = |name: &str| record.headers.iter().find(|(own, _)| own == name).and_then(|(_, value)| value.clone());
        assert_eq!(header("tenant").is_some(), data.account != "b", "{data:?}");
        assert!(header("n").is_none_or(|n| n == data.number.to_string()));
    }
}
