//! Orders, and a shop that publishes them.

use millstream::prelude::*;
use serde::{Deserialize, Serialize};

pub(crate) const ORDERS: Topic = Topic::literal("paper.orders.new");

#[derive(Serialize, Deserialize, EventData)]
#[event(type = "order_placed", key = account)]
pub(crate) struct Order {
    account: String,
    pub(crate) number: u64,
}

/// Publishes an order of each number, of several accounts.
pub(crate) async fn publish(shop: &Publisher, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let order = Order { account: format!("ann-{}", number % 17), number };
        shop.publish(&ORDERS, &order).await.expect("it is taken");
    }
}
