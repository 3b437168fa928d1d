//! Owns the table of scenarios. Leaves each to a file of its own: one function that prepares, and answers what is measured.

mod by_hand;
mod dedup;

/// What is measured. Answers how many records it handled.
pub(crate) type Run = Box<dyn FnOnce() -> u64>;

/// One scenario.
pub(crate) struct Scenario {
    /// Its name on the command line and in tables.
    pub(crate) name: &'static str,
    /// What a record goes through, in a few words.
    pub(crate) about: &'static str,
    /// Whether the quick suite runs it, rather than only who names it.
    pub(crate) quick: bool,
    /// Makes everything that is not to be measured.
    pub(crate) prepare: fn(records: u32) -> Run,
}

/// All of them, in the order of tables.
pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "by-hand",
        about: "no framework: id from a header, window of ids, watermark, in one loop",
        quick: true,
        prepare: by_hand::prepare,
    },
    Scenario {
        name: "dedup-window",
        about: "the window alone: check and mark batches of 256 fresh ids",
        quick: true,
        prepare: dedup::window,
    },
    Scenario { name: "dedup-moka", about: "the same with the moka cache", quick: false, prepare: dedup::moka },
];

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|one| one.name).collect()
}
