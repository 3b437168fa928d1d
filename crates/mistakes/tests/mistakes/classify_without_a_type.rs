//! a classification whose argument has no type

use millstream::prelude::*;

fn main() {
    let _ = ErrorHandling::new().classify(|_| Failure::Permanent);
}
