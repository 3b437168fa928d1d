//! Owns the checks of what holds for batch handlers only. Leaves the rest of a handler to `handler`.

use crate::builder::stream_service_builder::Added;
use crate::handler::Slot;
use crate::service::Problems;
use crate::service::{BatchPolicy, Calls};
use std::time::Duration;

/// Longer than this no record waits for company: a third of what its look-up counts.
const LONGEST_LINGER: Duration = Duration::from_secs(10);

pub(super) fn batch(name: &str, added: &Added, problems: &mut Problems) {
    let Calls::Batch(policy, _) = &added.calls else { return };
    arguments(name, added, problems);
    gathering(name, added, policy, problems);
}

fn arguments(name: &str, added: &Added, problems: &mut Problems) {
    match added.batches {
        1 => {}
        0 => problems.add(
            format!("batch handler `{name}` takes no `Batch<T>`"),
            "take one: `async fn store(ticks: Batch<Tick>)`; or add it by `.add_consumer_handler(…)`",
        ),
        many => problems.add(
            format!("batch handler `{name}` takes {many} batches"),
            "take one, it has all records: `async fn store(ticks: Batch<Tick>)`",
        ),
    }
    if added.layered_batch {
        let remedy = "add it before `.layer(…)`, and do in the handler what they would do";
        problems.add(format!("batch handler `{name}` is added behind layers, which go around single records"), remedy);
    }
}

fn gathering(name: &str, added: &Added, policy: &BatchPolicy, problems: &mut Problems) {
    if policy.linger > LONGEST_LINGER {
        let text = format!("a record of batch handler `{name}` may wait {:?} for company", policy.linger);
        problems.add(text, "keep it at 10 s or less, since what was looked up of a record counts for 30 s: `BatchSettings::new().linger(Duration::from_millis(20))`");
    }
    if policy.records > Slot::MOST as usize {
        let text = format!("a batch of handler `{name}` may have {} records", policy.records);
        problems.add(text, "keep `BatchSettings::records` at 65,536 or less: a call's cost is long shared by then");
    }
    let window = added.settings.in_flight_records;
    if policy.records as u64 > window {
        let text = format!(
            "a batch of handler `{name}` may have {} records, but only {window} may be in flight: it would never be full",
            policy.records
        );
        problems.add(
            text,
            format!(
                "take fewer: `BatchSettings::new().records({window})`; or let more be in flight: \
             `BatchSettings::new().in_flight({}, 32 << 20)`",
                policy.records
            ),
        );
    }
}
