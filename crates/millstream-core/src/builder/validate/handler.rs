//! Owns the checks of what is said of one handler: its arguments, its time, its numbers. Leaves its names to `topics`, its
//! dead letters to `sinks`.

use super::problems::Problems;
use crate::builder::stream_service_builder::Added;
use crate::service::{Calls, HandlerSettings, IdSource};
use std::time::Duration;

pub(super) fn handler(name: &str, added: &Added, produces: bool, problems: &mut Problems) {
    outputs(name, added, produces, problems);
    times(name, &added.settings, problems);
    zeros(name, &added.settings, added.emits, problems);
    identity(name, &added.settings, problems);
}

fn outputs(name: &str, added: &Added, produces: bool, problems: &mut Problems) {
    let argument = match added.calls {
        Calls::Each(_) => "`&mut Outputs`",
        Calls::Batch(..) => "`&mut BatchOutputs`",
    };
    if added.emits && !produces {
        let (how, remedy) = match added.outputs {
            0 => (String::from("returns outputs"), "add `.add_producer()`, or return no `Emit`"),
            _ => (format!("takes {argument}"), "add `.add_producer()`, or take the argument out"),
        };
        problems.add(format!("handler `{name}` {how}, but the service has no producer"), remedy);
    }
    if added.outputs > 1 {
        problems.add(format!("handler `{name}` takes {argument} {} times", added.outputs), "take it once: it is one list");
    }
}

fn times(name: &str, settings: &HandlerSettings, problems: &mut Problems) {
    if settings.timeout.is_zero() {
        let remedy = "give `HandlerSettings::timeout` some time; 30 s by default";
        problems.add(format!("handler `{name}` has no time for an attempt"), remedy);
    }
    if settings.timeout >= Duration::from_secs(300) {
        let text = format!("an attempt of handler `{name}` may take {:?}", settings.timeout);
        let remedy = "keep it below 5 minutes, Kafka's `max.poll.interval`: nothing of a revoked partition is waited for longer";
        problems.add(text, remedy);
    }
}

/// Numbers that are fields can be set to zero, and nothing would ever move.
fn zeros(name: &str, settings: &HandlerSettings, emits: bool, problems: &mut Problems) {
    let mut zero = |is: bool, what: &str, remedy: &str| {
        if is {
            problems.add(format!("handler `{name}` {what}"), remedy);
        }
    };
    zero(settings.concurrency == 0, "may run no attempt", "give `HandlerSettings::concurrency` at least 1; 256 by default");
    zero(
        settings.in_flight_records == 0,
        "may have no record in flight",
        "give `HandlerSettings::in_flight` at least one record; 4,096 by default",
    );
    zero(
        settings.max_letters == 0,
        "may have no dead letter waiting, and so starts nothing",
        "give `HandlerSettings::max_letters` at least 1; 1,024 by default",
    );
    zero(
        emits && settings.max_outputs == 0,
        "takes `&mut Outputs`, but may emit none",
        "set `HandlerSettings::max_outputs` to at least 1, 1,000 by default; or take the argument out",
    );
}

fn identity(name: &str, settings: &HandlerSettings, problems: &mut Problems) {
    if !settings.filter.types.is_empty() && settings.id_source != IdSource::Envelope {
        let types = settings.filter.types.join("`, `");
        let text = format!("handler `{name}` wants only `{types}`, but its identity comes from elsewhere than the envelope");
        problems.add(text, "a record's type is read with its envelope: use `IdSource::Envelope`, or `HandlerSettings::filter`");
    }
}
