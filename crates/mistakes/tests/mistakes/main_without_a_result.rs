//! `?` in a `main` that returns nothing

use millstream::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let service = StreamServiceBuilder::new("mistake", Memory::new()).build()?;
    service.run().await?;
}
