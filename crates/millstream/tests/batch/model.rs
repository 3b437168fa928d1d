//! Batch handlers against a model: whatever fails, in whatever batches records come, each has the fate that its own script
//! gives it, within its calls, in its key's order.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::collections::BTreeMap;

/// What befalls a record by itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Done,
    Skipped,
    Permanent,
    /// So many failures, then done.
    Fails(u32),
    Deferred,
    /// Whatever call it is in panics.
    Panics,
    /// Whatever call it is in fails as a whole.
    Spoils,
    /// As often as there are attempts, and then a dead letter.
    Exhausted,
}

fn fate(seed: u64, number: u64) -> Fate {
    match mix(seed, number) % 60 {
        0 | 1 => Fate::Permanent,
        2..=7 => Fate::Fails(1 + (mix(number, seed) % 3) as u32),
        8 | 9 => Fate::Deferred,
        10 => Fate::Panics,
        11 => Fate::Spoils,
        12 => Fate::Exhausted,
        13..=17 => Fate::Skipped,
        _ => Fate::Done,
    }
}

const RECORDS: u64 = 400;

#[tokio::test(start_paused = true)]
async fn each_record_has_its_own_fate_whatever_comes_together() {
    for seed in 0..60 {
        let roll = |n: u64| mix(seed, 1_000_000 + n);
        let (memory, deferred) = (log(1 + (roll(0) % 3) as u32), std::sync::Mutex::new(std::collections::BTreeSet::new()));
        let history = History::watch(&memory, false);
        let keys = [3, 40, 400][(roll(1) % 3) as usize];
        send_orders(&memory, NEW, (0..RECORDS).map(|n| order(&format!("account-{}", mix(seed, n) % keys), n))).await;
        let noted = history.clone();
        let desk = Desk::new().taking(ms(roll(2) % 4));
        let desk = desk.wholly(move |numbers| {
            let any = |wanted: Fate| numbers.iter().any(|number| fate(seed, *number) == wanted);
            assert!(!any(Fate::Panics), "one of them");
            if any(Fate::Spoils) { Err(HandlerError::transient("one of them")) } else { Ok(()) }
        });
        let desk = desk.answering(move |number, attempt| {
            let answer = match fate(seed, number) {
                Fate::Permanent => Err(HandlerError::permanent("never")),
                Fate::Fails(times) if attempt <= times => Err(HandlerError::transient("not yet")),
                Fate::Exhausted => Err(HandlerError::transient("never, but who knows")),
                Fate::Deferred if deferred.lock().expect("no panic under it").insert(number) => {
                    Ok(Outcome::defer_for(ms(5 + number % 50), "later"))
                }
                Fate::Skipped => Ok(Outcome::skip("nothing to do")),
                _ => Ok(Outcome::Done),
            };
            if matches!(answer, Ok(Outcome::Done | Outcome::Skip(_))) {
                noted.effect(number);
            }
            answer
        });
        let settings =
            BatchSettings::new().records(1 + (roll(3) % 60) as usize).linger(ms(roll(4) % 10)).calls(1 + (roll(5) % 3) as usize);
        let service = |memory| {
            let builder = builder(memory, seed).commit_every(ms(3)).add_producer().with_state(desk.clone());
            let builder = if roll(6).is_multiple_of(2) { builder.with_deduplicator(store()) } else { builder };
            builder.add_batch_handler_with(NEW, GROUP, Desk::handle, settings).build()
        };
        let bench = TestBench::start_on(memory.clone(), service).await.expect("a valid service");
        bench.settled().await;
        check(seed, &desk, &bench);
        bench.stop().await.expect("a clean end");
        history.assert_safe();
    }
}

fn check(seed: u64, desk: &Desk, bench: &TestBench) {
    let letters: BTreeMap<u64, (String, u32)> = bench
        .memory()
        .records(&topic(LETTERS))
        .iter()
        .map(|letter| {
            let attempts = header(letter, "millstream-dlq-attempts").expect("it says so").parse().expect("a number");
            let number = number_of(letter.value.as_deref().expect("an order")).expect("an order");
            (number, (header(letter, "millstream-dlq-reason").expect("it says so"), attempts))
        })
        .collect();
    let mut last_attempts = BTreeMap::<u64, Vec<u32>>::new();
    for (number, attempt) in desk.calls().into_iter().flat_map(|call| call.orders) {
        last_attempts.entry(number).or_default().push(attempt);
    }
    let (mut done, mut skipped) = (0, 0);
    for number in 0..RECORDS {
        let expected = match fate(seed, number) {
            Fate::Permanent => Some(("permanent", 1)),
            Fate::Panics => Some(("panic", 1)),
            Fate::Spoils | Fate::Exhausted => Some(("exhausted", 4)),
            Fate::Skipped => {
                skipped += 1;
                None
            }
            Fate::Done | Fate::Fails(_) | Fate::Deferred => {
                done += 1;
                None
            }
        };
        let letter = letters.get(&number).map(|(reason, attempts)| (reason.as_str(), *attempts));
        assert_eq!(letter, expected, "seed {seed}: {number} is {:?}", fate(seed, number));
        let attempts = &last_attempts[&number];
        // One for the call that failed as a whole, one for the deferral.
        let calls = attempts.len() as u32;
        let most = 1
            + u32::from(fate(seed, number) == Fate::Deferred)
            + match fate(seed, number) {
                Fate::Fails(times) => times + 1,
                Fate::Spoils | Fate::Exhausted => 4,
                _ => 1,
            };
        assert!(calls <= most, "seed {seed}: {number} is {:?} and was called {attempts:?}", fate(seed, number));
        assert!(attempts.is_sorted(), "seed {seed}: {attempts:?}");
    }
    let counts = bench.account();
    assert_eq!((counts.done, counts.skipped, counts.dead_lettered), (done, skipped, letters.len() as u64), "seed {seed}");
    // By key: starts follow the order of offsets.
    let place = |batch: &millstream::contract::RecordBatch| {
        let of = |record: millstream::contract::RecordView<'_>| {
            let key = (batch.partition.partition, record.key().expect("a key").to_vec());
            (number_of(record.value().expect("an order")).expect("an order"), (key, record.offset()))
        };
        batch.iter().map(of).collect::<Vec<_>>()
    };
    let places: BTreeMap<u64, _> = bench.memory().batches(&topic(NEW)).iter().flat_map(place).collect();
    let mut newest = BTreeMap::new();
    for call in desk.numbers() {
        let mut keys = std::collections::BTreeSet::new();
        for number in call {
            let (key, offset) = &places[&number];
            assert!(keys.insert(key), "seed {seed}: a key twice in one call");
            let before = newest.insert(key, *offset);
            assert!(before.is_none_or(|before| before <= *offset), "seed {seed}: {number} was overtaken");
        }
    }
}
