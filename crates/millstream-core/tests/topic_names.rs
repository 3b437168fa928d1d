//! Topics, namespaces and addresses: what is legal, what the parts are, where outputs may go.

use std::collections::{BTreeSet, HashSet};

use millstream_core::topic::{Address, AddressError, Namespace, Sibling, Topic, TopicError, TopicFault, TopicMap, check_group};
use proptest::prelude::*;

const FILLED: Sibling = Sibling::new("orders", "filled");

fn topic(name: &str) -> Topic {
    name.parse().unwrap_or_else(|error| panic!("{error}"))
}

fn fault(name: &str) -> TopicFault {
    name.parse::<Topic>().expect_err("this is no topic").fault()
}

#[test]
fn a_topic_has_namespace_domain_and_event_type() {
    for (name, namespace, domain, event_type) in [
        ("paper.signals.validated", Some("paper"), "signals", "validated"),
        ("paper.signals.validated.dlq", Some("paper"), "signals", "validated"),
        ("paper.signals.validated.retry.3", Some("paper"), "signals", "validated"),
        ("paper.signals.validated.retry.3.dlq", Some("paper"), "signals", "validated"),
        ("paper.orders.filled.v2", Some("paper"), "orders", "filled.v2"),
        ("market.ticks", None, "market", "ticks"),
        ("market.ticks.dlq", None, "market", "ticks"),
        ("market.ticks.retry.12", None, "market", "ticks"),
        ("orders", None, "", "orders"),
        ("orders.dlq", None, "", "orders"),
        ("paper.retry.x", Some("paper"), "retry", "x"),
        ("retry.1", None, "retry", "1"),
        ("Upper.Case", None, "Upper", "Case"),
    ] {
        let topic = topic(name);
        assert_eq!(topic.namespace_name(), namespace, "{name}");
        assert_eq!(topic.namespace().as_ref().map(Namespace::as_str), namespace, "{name}");
        assert_eq!((topic.domain(), topic.event_type()), (domain, event_type), "{name}");
    }
}

#[test]
fn a_bad_topic_is_refused_with_its_reason() {
    assert_eq!(fault(""), TopicFault::Empty);
    assert_eq!(fault("."), TopicFault::Dots);
    assert_eq!(fault(".."), TopicFault::Dots);
    for name in ["a..b", ".a.b", "a.b.", "..."] {
        assert_eq!(fault(name), TopicFault::EmptySegment, "{name}");
    }
    for name in ["paper.signals.*", "^paper", "a.#", "a.b?", "a.[bc]", "(a|b)"] {
        assert_eq!(fault(name), TopicFault::Wildcard, "{name}");
    }
    for name in ["a b", "a/b", "é", "a.b\n", "a:b", "a,b"] {
        assert_eq!(fault(name), TopicFault::Character, "{name}");
    }
    assert_eq!(fault("Paper.signals.raw"), TopicFault::NamespaceCharacter);
    assert_eq!(fault(&format!("{}.a.b", "n".repeat(65))), TopicFault::NamespaceTooLong);
}

#[test]
fn a_topic_has_at_most_249_bytes() {
    assert!("t".repeat(248).parse::<Topic>().is_ok());
    let longest = topic(&"t".repeat(249));
    assert_eq!(fault(&"t".repeat(250)), TopicFault::TooLong);
    assert_eq!(longest.dlq().expect_err("too long").fault(), TopicFault::TooLong);
    assert_eq!(longest.retry(1).expect_err("too long").fault(), TopicFault::TooLong);
    assert_eq!(longest.group_dlq("g").expect_err("too long").fault(), TopicFault::TooLong);
}

#[test]
fn messages_say_the_remedy() {
    let text = |name: &str| name.parse::<Topic>().expect_err("this is no topic").to_string();
    assert_eq!(
        text("paper.signals.*"),
        "the topic `paper.signals.*` cannot be used: topics are named one by one: wildcard \
         subscriptions are not supported"
    );
    let long = text(&"\n".repeat(1_000));
    assert!(long.len() < 400 && !long.contains('\n'), "escaped and cut: {long}");
}

#[test]
fn a_literal_is_refused_in_the_words_of_the_parser() {
    let said = |make: fn()| -> String {
        let panic = std::panic::catch_unwind(make).expect_err("this is no name");
        panic
            .downcast_ref::<String>()
            .cloned()
            .unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("a panic says a text")).to_owned())
    };
    assert_eq!(
        said(|| drop(Topic::literal("paper.signals.*"))),
        "topics are named one by one: wildcard subscriptions are not supported"
    );
    assert_eq!(
        said(|| _ = std::hint::black_box(Sibling::new("paper.orders", "filled"))),
        "a sibling is a domain and an event type, without dots and without a namespace"
    );
    assert_eq!(said(|| drop(Namespace::literal("a.b"))), TopicFault::NamespaceCharacter.remedy());
    assert_eq!(said(|| _ = std::hint::black_box(Sibling::new("orders", "dlq"))), TopicFault::Reserved.remedy());
}

#[test]
fn derived_names_start_from_the_logical_topic() {
    let signals = topic("paper.signals.validated");
    let retry = signals.retry(2).expect("the name is short");
    assert_eq!(retry, "paper.signals.validated.retry.2");
    assert_eq!(retry.logical(), signals);
    assert_eq!(signals.logical(), signals);
    assert_eq!(retry.retry(3).expect("the name is short"), "paper.signals.validated.retry.3");
    assert_eq!(retry.dlq().expect("the name is short"), "paper.signals.validated.dlq");
    assert_eq!(retry.schema_subject(4), "paper.signals.validated-v4");
    assert!(!signals.is_dlq() && !retry.is_dlq());
}

#[test]
fn dead_letters_have_no_dead_letters() {
    let signals = topic("paper.signals.validated");
    let letters =
        [signals.dlq().expect("the name is short"), signals.group_dlq("alpha-panda.engine.signals").expect("the name is short")];
    assert_eq!(letters[1], "dlq.alpha-panda.engine.signals.paper.signals.validated");
    for letter in letters {
        assert!(letter.is_dlq());
        let again = letter.dlq().expect_err("it holds dead letters");
        assert_eq!(again.fault(), TopicFault::AlreadyDeadLetter);
        assert!(letter.group_dlq("g").is_err());
        let retry = letter.retry(1).expect("a dead letter may be retried");
        assert!(retry.is_dlq() && retry.dlq().is_err());
    }
}

#[test]
fn outputs_stay_in_the_namespace_of_their_input() {
    for (from, to) in [
        ("paper.signals.validated", "paper.orders.filled"),
        ("paper.signals.validated.retry.1", "paper.orders.filled"),
        ("paper.signals.validated.dlq", "paper.orders.filled"),
        ("market.ticks", "orders.filled"),
    ] {
        assert_eq!(FILLED.resolve(&topic(from)).expect("a sibling"), to);
        assert_eq!(topic(from).sibling(FILLED).expect("a sibling"), to);
    }
}

#[test]
fn only_a_shared_input_may_name_a_namespace() {
    let (paper, zerodha) = (Namespace::literal("paper"), Namespace::literal("zerodha"));
    let shared = topic("market.ticks");
    let own = topic("paper.signals.raw");
    assert_eq!(FILLED.of(&zerodha).resolve(&shared).expect("any"), "zerodha.orders.filled");
    assert_eq!(FILLED.of(&paper).resolve(&own).expect("its own"), "paper.orders.filled");
    let across = FILLED.of(zerodha.clone()).resolve(&own).expect_err("another's");
    assert_eq!(across, AddressError::CrossNamespace { from: own, to: zerodha });
    assert!(across.to_string().contains("outputs stay in the namespace of their input"));
}

#[test]
fn a_namespace_that_begins_alike_is_another() {
    let from = topic("paper2.signals.raw");
    assert!(FILLED.of(Namespace::literal("paper")).resolve(&from).is_err());
    assert!(!from.same_namespace(&topic("paper.signals.raw")));
    assert!(from.same_namespace(&topic("paper2.orders.filled.dlq")));
    assert!(!from.same_namespace(&topic("market.ticks")));
    assert!(topic("market.ticks").same_namespace(&topic("news.items")));
}

#[test]
fn from_a_groups_dead_letters_there_is_no_way() {
    let letter = topic("paper.signals.raw").group_dlq("g.paper").expect("the name is short");
    assert!(matches!(FILLED.resolve(&letter), Err(AddressError::Unknown { .. })));
    let named = FILLED.of(Namespace::literal("paper"));
    assert!(matches!(named.resolve(&letter), Err(AddressError::Unknown { .. })));
    assert!(letter.sibling(FILLED).is_err());
    assert!(!letter.same_namespace(&topic("market.ticks")), "it is not shared");
    assert_eq!(letter.namespace(), None);
}

#[test]
fn a_list_of_namespaces_reports_every_bad_entry() {
    let names = |list: &str| -> Result<Vec<String>, TopicError> {
        Ok(Namespace::parse_list(list)?.iter().map(ToString::to_string).collect())
    };
    assert_eq!(names("paper,zerodha"), Ok(vec!["paper".into(), "zerodha".into()]));
    assert_eq!(names(" paper , zerodha "), Ok(vec!["paper".into(), "zerodha".into()]));
    assert_eq!(names(" ").expect_err("empty").fault(), TopicFault::Unset);
    let error = names("paper,Zerodha,,paper,a.b,dlq").expect_err("five are bad");
    let faults: Vec<_> = error.causes().iter().map(TopicError::fault).collect();
    let bad = TopicFault::NamespaceCharacter;
    assert_eq!(faults, [bad, TopicFault::Empty, TopicFault::Repeated, bad, TopicFault::Reserved]);
    let text = error.to_string();
    assert!(text.contains("`Zerodha`: the namespace") && text.contains("`paper`: it is named twice"));
}

#[test]
fn the_topics_of_a_namespace_are_the_seeds() {
    let names = |map: &TopicMap| {
        [
            map.signals_raw(),
            map.signals_validated(),
            map.signals_rejected(),
            map.orders_submitted(),
            map.orders_ack(),
            map.orders_filled(),
            map.pnl_snapshots(),
        ]
        .map(|topic| topic.to_string())
    };
    assert_eq!(
        names(&TopicMap::new(Namespace::literal("paper"))),
        [
            "paper.signals.raw",
            "paper.signals.validated",
            "paper.signals.rejected",
            "paper.orders.submitted",
            "paper.orders.ack",
            "paper.orders.filled",
            "paper.pnl.snapshots",
        ]
    );
    assert_eq!(TopicMap::MARKET_TICKS, "market.ticks");
    let longest = TopicMap::new(topic(&format!("{}.a.b", "n".repeat(64))).namespace().expect("one"));
    for name in names(&longest) {
        let topic = topic(&name);
        assert!(topic.dlq().is_ok() && topic.retry(u32::MAX).is_ok());
    }
}

#[test]
fn a_group_has_legal_characters_and_at_most_249_bytes() {
    for name in ["alpha-panda.engine.signals", "a", &"g".repeat(249)] {
        assert_eq!(check_group(name), Ok(()));
    }
    assert_eq!(check_group("").expect_err("empty").fault(), TopicFault::Empty);
    assert_eq!(check_group("a b").expect_err("a space").fault(), TopicFault::Character);
    assert_eq!(check_group(&"g".repeat(250)).expect_err("long").fault(), TopicFault::TooLong);
}

#[test]
fn names_are_equal_by_text_whatever_holds_them() {
    const LITERAL: Topic = Topic::literal("paper.signals.raw");
    let parsed = topic("paper.signals.raw");
    let prefix = topic("paper.signals.raw.retry.1").logical();
    let sorted = BTreeSet::from([LITERAL, parsed.clone(), prefix.clone()]);
    let hashed = HashSet::from([LITERAL, parsed.clone(), prefix]);
    assert_eq!((sorted.len(), hashed.len()), (1, 1));
    assert!(hashed.contains("paper.signals.raw"));
    let json = serde_json::to_string(&parsed).expect("a topic is text");
    assert_eq!(json, "\"paper.signals.raw\"");
    assert_eq!(serde_json::from_str::<Topic>(&json).expect("it was one"), LITERAL);
    assert!(serde_json::from_str::<Topic>("\"a b\"").is_err());
    assert!(serde_json::from_str::<Namespace>("\"a.b\"").is_err());
}

proptest! {
    #[test]
    fn any_text_parses_to_itself_or_not_at_all(name in "\\PC{0,20}|[a-z.]{1,30}|dlq\\.[a-z.]{1,9}") {
        if let Ok(topic) = name.parse::<Topic>() {
            prop_assert_eq!(topic.as_str(), &name);
            prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)));
            let namespace = topic.namespace();
            if let Some(namespace) = &namespace {
                let prefix = format!("{namespace}.");
                prop_assert!(name.starts_with(&prefix));
                prop_assert_eq!(&namespace.as_str().parse::<Namespace>().expect("it is one"), namespace);
            }
            if let Ok(out) = FILLED.resolve(&topic) {
                prop_assert_eq!(out.namespace(), namespace);
                prop_assert!(out.same_namespace(&topic));
            }
        }
    }

    #[test]
    fn suffixes_never_change_the_parts(
        name in "[a-z]{1,5}(\\.[a-z]{1,5}){0,3}",
        n: u32,
    ) {
        prop_assume!(!name.starts_with("dlq.") && !name.ends_with(".dlq"));
        let topic = topic(&name);
        let retry = topic.retry(n).expect("short");
        let dlq = topic.dlq().expect("no dead letters");
        for derived in [&retry, &dlq] {
            prop_assert_eq!(derived.namespace(), topic.namespace());
            prop_assert_eq!(derived.domain(), topic.domain());
            prop_assert_eq!(derived.event_type(), topic.event_type());
            prop_assert!(derived.same_namespace(&topic));
        }
        prop_assert_eq!(retry.logical(), topic);
        prop_assert!(dlq.is_dlq());
    }
}
