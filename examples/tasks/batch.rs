//! A batch handler: one request for many fills, an answer for each, and a call that fails as a whole.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;

const BOOKED: Sibling = Sibling::new("orders", "booked");

#[derive(Serialize, Deserialize)]
struct Fill {
    account: String,
    quantity: u32,
}

impl EventData for Fill {
    const TYPE: &'static str = "order_filled";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

/// A database in which a request costs more than a row.
#[derive(Default)]
struct Database {
    requests: Mutex<Vec<usize>>,
    rows: Mutex<BTreeMap<String, u32>>,
}

impl Database {
    /// Writes all rows or none; a quantity of 13 breaks the connection.
    async fn write(&self, rows: &[&Fill]) -> Result<(), std::io::Error> {
        self.requests.lock().expect("no panic under the lock").push(rows.len());
        if rows.iter().any(|row| row.quantity == 13) {
            return Err(std::io::Error::other("connection reset"));
        }
        let mut known = self.rows.lock().expect("no panic under the lock");
        known.extend(rows.iter().map(|row| (row.account.clone(), row.quantity)));
        Ok(())
    }

    async fn book(&self, fills: Batch<Fill>, out: &mut BatchOutputs) -> Result<Outcomes, HandlerError> {
        let mut answers = Outcomes::new();
        let (good, bad): (Vec<_>, Vec<_>) = fills.iter().partition(|(_, fill)| fill.quantity > 0);
        for (slot, _) in bad {
            // This one is at fault, and its neighbours are not.
            answers.fail(slot, HandlerError::permanent("nothing was filled"));
        }
        let rows: Vec<&Fill> = good.iter().map(|(_, fill)| fill.data()).collect();
        // Who is at fault nobody knows: all of them come again, one by one.
        self.write(&rows).await?;
        for (slot, fill) in good {
            match out.of(slot).emit(BOOKED, fill.data()) {
                Ok(_) => answers.done(slot),
                Err(refused) => answers.fail(slot, refused),
            }
        }
        Ok(answers)
    }
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("archive", transport)
        .with_state(Database::default())
        .add_producer()
        .add_batch_handler_with("paper.orders.filled", "archive.fills", Database::book, BatchSettings::new().records(100))
        .build()
}

/// What a unit test would hold: the handler called as the function it is.
async fn a_fill_of_nothing_fails_alone() -> Result<(), HandlerError> {
    let fill = |account: &str, quantity| Fill { account: account.into(), quantity };
    let (database, fills) = (Database::default(), Batch::examples([fill("ann", 5), fill("ben", 0)]));
    let mut out = fills.example_outputs(&Topic::literal("paper.orders.filled"));
    let answers = database.book(fills, &mut out).await?;
    assert!(answers.is_done(Slot::nth(0)) && !answers.is_done(Slot::nth(1)));
    assert_eq!(out[0][0].topic().as_str(), "paper.orders.booked");
    Ok(())
}

pub(crate) async fn run() -> Result<(), Error> {
    a_fill_of_nothing_fails_alone().await.expect("the handler answers");

    let bench = TestBench::start(service).await?;
    for number in 0..20 {
        bench.publish("paper.orders.filled", &Fill { account: format!("account-{number}"), quantity: number }).await;
    }
    bench.settled().await;
    let counts = bench.account();
    // Nothing was filled in the first, and the one with 13 breaks each call it is in.
    assert_eq!((counts.done, counts.dead_lettered), (18, 2));
    assert_eq!(bench.events::<Fill>("paper.orders.booked").len(), 18);
    let reasons: Vec<String> = bench.dead_letters("paper.orders.filled.dlq").into_iter().map(|letter| letter.reason).collect();
    println!("  18 of 20 booked; dead letters: {}", reasons.join(", "));
    bench.stop().await
}
