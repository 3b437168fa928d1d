//! a transport that is still a `Result`

use millstream::prelude::*;

fn open() -> Result<Memory, Error> {
    Ok(Memory::new())
}

fn main() {
    let _ = StreamServiceBuilder::new("mistake", open());
}
