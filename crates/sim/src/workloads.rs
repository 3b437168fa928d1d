//! Owns the workloads by name.

use millstream_testkit::sim::{Simulation, workload};

/// A workload: its name, and how it is made.
pub(crate) type Workload = (&'static str, fn() -> Simulation);

/// All of them.
pub(crate) const ALL: &[Workload] = &[
    ("orders", workload::orders),
    ("tables", workload::tables),
    ("retries", workload::retries),
    ("letters", workload::letters),
    ("positions", workload::positions),
    ("retention", workload::retention),
    ("claims", workload::claims),
    ("trading", millstream_examples::simulation),
];

/// The workload of a name, or all.
pub(crate) fn named(name: Option<&str>) -> Result<Vec<Workload>, String> {
    let found: Vec<Workload> = ALL.iter().filter(|(known, _)| name.is_none_or(|name| name == *known)).copied().collect();
    if found.is_empty() {
        let names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        return Err(format!("there is no workload {}: there are {}", name.unwrap_or_default(), names.join(", ")));
    }
    Ok(found)
}
