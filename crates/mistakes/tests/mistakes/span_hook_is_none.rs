//! a span hook that is none

use millstream::prelude::*;

fn main() {
    let _ = StreamServiceBuilder::new("mistake", Memory::new()).with_span_hook("otel");
}
