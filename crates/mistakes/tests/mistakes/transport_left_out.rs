//! the transport left out

use millstream::prelude::*;

fn main() {
    let _ = StreamServiceBuilder::new("mistake");
}
