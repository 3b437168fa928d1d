//! Owns the workloads by name.

use millstream_testkit::sim::{Simulation, workload};

/// A workload: its name, and how it is made.
pub(crate) type Workload = (&'static str, fn() -> Simulation);

/// All of them.
const ALL: &[Workload] = &[
    ("orders", workload::orders),
    ("retries", workload::retries),
    ("letters", workload::letters),
    ("sinks", workload::sinks),
    ("claims", workload::claims),
    ("breaker", workload::breaker),
    ("outputs", workload::outputs),
    ("sessions", workload::sessions),
    ("tables", workload::tables),
    ("positions", workload::positions),
    ("retention", workload::retention),
    ("trading", millstream_examples::simulation),
];

/// The workload of a name, or all.
pub(crate) fn named(name: Option<&str>) -> Result<Vec<Workload>, String> {
    let Some(name) = name else { return Ok(ALL.to_vec()) };
    match ALL.iter().find(|(known, _)| *known == name) {
        Some(found) => Ok(vec![*found]),
        None => {
            let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
            Err(format!("there is no workload {name}: there are {}", names.join(", ")))
        }
    }
}
