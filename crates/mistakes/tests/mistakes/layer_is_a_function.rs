//! a function as a layer

use millstream::prelude::*;

async fn audit(_: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
    next.run().await
}

fn main() {
    let _ = HandlerSettings::new().layer(audit);
}
