//! I18 under crashes at every point: whatever is dropped where, the entries are what a sequential fold gives, and what was
//! told is what it would tell, each once.

use super::support::*;
use super::world::*;
use millstream::memory::{Memory, SendFault};
use millstream::prelude::*;
use std::time::Duration;

/// Splitmix64: the same draws for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % most
    }
}

async fn restless(order: Event<Order>, journal: &mut Journal, attempt: Attempt, out: &mut Outputs) -> Result<(), HandlerError> {
    let wait = order.number % 7;
    if wait > 3 {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    on_order(order, journal, out).await?;
    if wait == 5 && attempt.is_first() { Err(HandlerError::transient("not yet")) } else { Ok(()) }
}

/// With a deduplicator that forgets at a crash, as one in the process does, or with none.
fn restless_service(memory: &Memory, seed: u64, dedup: bool) -> StreamService {
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(10));
    let settings = settings().retry(retry);
    let base = StreamServiceBuilder::new("ledger", memory.clone()).seed(seed).add_producer();
    let base = if dedup { base.with_deduplicator(WindowDeduplicator::default()) } else { base };
    let base = base.commit_every(Duration::from_millis(5)).membership(Duration::from_millis(600), Duration::from_millis(200));
    base.add_consumer_handler_with(INPUT, GROUP, restless, settings).build().expect("a valid service")
}

fn break_something(memory: &Memory, dice: &mut Dice) {
    let name = [TABLE, TOLD][dice.below(2) as usize];
    let fault = [SendFault::Unavailable, SendFault::UnknownApplied, SendFault::UnknownNotApplied][dice.below(3) as usize];
    memory.fail_sends(&topic(name), dice.below(4) as usize, fault).expect("it exists");
    if dice.below(3) == 0 {
        memory.compact(&topic(TABLE)).expect("it exists");
    }
}

/// Runs and crashes until all of the input is committed.
async fn restart_through(memory: &Memory, seed: u64, members: u64, dedup: bool) {
    let mut dice = Dice(seed);
    let mut sent = 0;
    for round in 0..14 {
        if round < 10 {
            let more = dice.below(40);
            send_orders(memory, INPUT, (sent..sent + more).map(|n| order(&format!("k{}", n % 5), n))).await;
            sent += more;
        }
        let mut running = Vec::new();
        for member in 0..members {
            break_something(memory, &mut dice);
            running.push(Running::spawn(restless_service(memory, seed ^ (round * 8 + member), dedup)));
            tokio::time::sleep(Duration::from_micros(dice.below(3_000))).await;
        }
        // Anywhere from the first poll to long after the last commit.
        let until = [500, 5_000, 50_000, 2_000_000][dice.below(4) as usize];
        tokio::time::sleep(Duration::from_micros(dice.below(until))).await;
        for one in running {
            if dice.below(3) == 0 {
                one.stop().await.expect("a clean end");
            } else {
                one.crash().await;
            }
        }
    }
    let last = Running::start(restless_service(memory, seed, dedup)).await;
    through(memory).await;
    last.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn entries_are_the_fold_of_the_input_wherever_the_process_crashes() {
    for seed in 0..60 {
        let memory = log(2);
        restart_through(&memory, seed, 1, seed % 2 == 0).await;
        assert_folded(&memory);
    }
}

#[tokio::test(start_paused = true)]
async fn entries_are_the_fold_of_the_input_while_partitions_move_between_members_that_crash() {
    for seed in 100..130 {
        let memory = log(4);
        restart_through(&memory, seed, 2, seed % 2 == 0).await;
        assert_folded(&memory);
    }
}
