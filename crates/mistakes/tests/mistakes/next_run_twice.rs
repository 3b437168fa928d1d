//! what is inside a layer run twice

use millstream::prelude::*;

struct Stubborn;

impl Layer for Stubborn {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        if next.run().await.is_err() {
            return next.run().await;
        }
        Ok(Outcome::Done)
    }
}

fn main() {}
