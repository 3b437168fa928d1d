//! an `Rc` over an await in a layer

use millstream::prelude::*;
use std::rc::Rc;

struct Counting;

impl Layer for Counting {
    async fn around(&self, _: &DeliveryInfo<'_>, next: Next<'_>) -> Result<Outcome, HandlerError> {
        let count = Rc::new(1);
        let answer = next.run().await;
        drop(count);
        answer
    }
}

fn main() {}
