//! a wildcard in a literal topic

use millstream::prelude::*;

const SIGNALS: Topic = Topic::literal("paper.signals.*");

fn main() {
    let _ = SIGNALS;
}
