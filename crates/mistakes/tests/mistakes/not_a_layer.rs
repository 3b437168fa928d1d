//! a layer that is none

use millstream::prelude::*;

struct Audit;

fn main() {
    let _ = HandlerSettings::new().layer(Audit);
}
