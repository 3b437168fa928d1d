//! a closure as a layer

use millstream::prelude::*;

fn main() {
    let _ = HandlerSettings::new().layer(async |_: &DeliveryInfo<'_>, next: Next<'_>| next.run().await);
}
