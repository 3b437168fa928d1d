//! a classification of a type that is no error

use millstream::prelude::*;

fn main() {
    let _ = ErrorHandling::new().classify(|_: &String| Failure::Permanent);
}
