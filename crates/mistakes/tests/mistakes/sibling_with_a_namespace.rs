//! a sibling with a namespace

use millstream::prelude::*;

const FILLED: Sibling = Sibling::new("paper.orders", "filled");

fn main() {
    let _ = FILLED;
}
