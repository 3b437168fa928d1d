//! what is inside a layer not awaited

#![deny(unused_must_use)]

use millstream::prelude::*;

struct Forgetful;

impl Layer for Forgetful {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        next.run();
        Ok(Outcome::Done)
    }
}

fn main() {}
