//! a run that nobody awaits

#![deny(warnings)]

use millstream::prelude::*;

pub fn run(service: StreamService) {
    service.run_until_signal();
}

fn main() {}
