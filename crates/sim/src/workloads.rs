//! Owns the workloads by name.

use millstream_testkit::sim::{Simulation, workload};

/// A workload: its name, and how it is made.
pub(crate) type Workload = (&'static str, fn() -> Simulation);

/// Those that run when none is named.
const CLEAN: &[Workload] = &[
    ("orders", workload::orders),
    ("retries", workload::retries),
    ("letters", workload::letters),
    ("claims", workload::claims),
    ("tables", workload::tables),
    ("positions", workload::positions),
    ("retention", workload::retention),
];

/// Those that are run by name only: a seed in some hundred is not clean yet, and whose fault that is is not known of each.
const OPEN: &[Workload] = &[("trading", millstream_examples::simulation)];

/// The workload of a name, or those that are clean.
pub(crate) fn named(name: Option<&str>) -> Result<Vec<Workload>, String> {
    let Some(name) = name else { return Ok(CLEAN.to_vec()) };
    let all = || CLEAN.iter().chain(OPEN);
    match all().find(|(known, _)| *known == name) {
        Some(found) => Ok(vec![*found]),
        None => {
            let names: Vec<&str> = all().map(|(name, _)| *name).collect();
            Err(format!("there is no workload {name}: there are {}", names.join(", ")))
        }
    }
}
