//! an error sink that is none

use millstream::prelude::*;

struct Pager;

fn main() {
    let _ = ErrorHandling::new().error_sink(Pager);
}
