//! retries for a type that is no error

use millstream::prelude::*;

fn main() {
    let _ = ErrorHandling::new().retry_for::<String>(Retry::none());
}
