//! Owns the table of scenarios. Leaves each to a file of its own: one function that prepares, and answers what is measured.

mod by_hand;
mod dedup;
mod service;

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
    Scenario {
        name: "lane",
        about: "a whole service on memory: id in a header, deduplicated, by key, value untouched",
        quick: true,
        prepare: service::lane,
    },
    Scenario { name: "lane-partition", about: "the same by partition", quick: false, prepare: service::lane_partition },
    Scenario {
        name: "json300",
        about: "the same with the id in a 300-byte JSON envelope, its head scanned",
        quick: true,
        prepare: service::json300,
    },
    Scenario {
        name: "json300-decoded",
        about: "the same with typed data of three strings",
        quick: false,
        prepare: service::json300_decoded,
    },
    Scenario {
        name: "json300-emit",
        about: "the same with one output per record, confirmed before its input settles",
        quick: false,
        prepare: service::json300_emit,
    },
    Scenario { name: "dedup-moka", about: "the same with the moka cache", quick: false, prepare: dedup::moka },
];

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    ALL.iter().map(|one| one.name).collect()
}
