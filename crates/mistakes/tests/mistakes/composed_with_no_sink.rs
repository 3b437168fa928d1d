//! a sink composed with something that is none

use millstream::prelude::*;

struct Pager;

fn main() {
    let _ = ErrorHandling::new().error_sink_with(|to_topic| to_topic.and(Pager));
}
