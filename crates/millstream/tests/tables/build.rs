//! What `build()` says of tables.

use super::support::*;
use super::world::*;
use millstream::engine::LanePolicy;
use millstream::memory::Memory;
use millstream::prelude::*;
use millstream::service::TableSettings;

fn problems(service: Result<StreamService, Error>) -> String {
    service.expect_err("it is not valid").to_string()
}

#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Other;

impl TableEntry for Other {
    const TABLE: Sibling = Sibling::new("ledger", "others");
}

#[test]
fn a_table_needs_a_producer() {
    let service = StreamServiceBuilder::new("ledger", Memory::new())
        .add_consumer_handler(INPUT, GROUP, async |_: Event<Order>, _: &mut Journal| {})
        .build();
    assert!(problems(service).contains("keeps a table, but the service has no producer"));
}

#[test]
fn a_table_needs_order_by_key() {
    let settings = settings().lanes(LanePolicy::Unordered);
    let service = builder(&Memory::new()).add_consumer_handler_with(INPUT, GROUP, on_order, settings).build();
    assert!(problems(service).contains("runs records of one key at the same time"));
}

#[test]
fn a_handler_keeps_one_table() {
    let handler = async |_: Event<Order>, _: &mut Journal, _: &mut Other| {};
    let service = builder(&Memory::new()).add_consumer_handler(INPUT, GROUP, handler).build();
    assert!(problems(service).contains("takes the entries of 2 tables"));
}

#[test]
fn a_table_has_one_input_topic() {
    let service = builder(&Memory::new()).add_consumer_handler([INPUT, "paper.orders.changed"], GROUP, on_order).build();
    assert!(problems(service).contains("the table `paper.ledger.journals` is kept of `paper.orders.new`"));
    let service = builder(&Memory::new())
        .add_consumer_handler(INPUT, GROUP, on_order)
        .add_consumer_handler("paper.orders.changed", "ledger.changes", on_order)
        .build();
    assert!(problems(service).contains("offsets of two say nothing of each other"));
    let service = builder(&Memory::new()).add_consumer_handler([INPUT, "zerodha.orders.new"], GROUP, on_order).build();
    assert!(service.is_ok(), "namespaces have tables of their own");
}

#[test]
fn a_table_is_not_its_own_input() {
    let service = builder(&Memory::new()).add_consumer_handler(TABLE, GROUP, on_order).build();
    assert!(problems(service).contains("its own table"));
}

/// An entry skips what lies before the record it was last changed by, and so would a copy that comes later.
#[test]
fn a_table_has_no_retry_topics() {
    let errors = ErrorHandling::new().retry_topics([std::time::Duration::from_secs(10)]);
    let service = builder(&Memory::new()).with_error_handling(errors).add_consumer_handler(INPUT, GROUP, on_order).build();
    assert!(problems(service).contains("keeps a table, of which a record that comes later than those behind it is no part"));
}

#[test]
fn a_table_has_room_and_time() {
    let settings = settings().table(TableSettings::new().most(0, 1));
    let service = builder(&Memory::new()).add_consumer_handler_with(INPUT, GROUP, on_order, settings).build();
    assert!(problems(service).contains("has no room, or no time to be restored"));
}
