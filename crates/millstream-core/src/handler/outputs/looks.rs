//! Owns how a unit test looks at what a handler sent out.

use super::{Output, Outputs};
use std::ops::Index;

impl Outputs {
    /// The outputs of a unit test, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Output> {
        self.recorded.iter().flatten()
    }

    /// The outputs of a unit test that go to a topic called `topic`.
    pub fn to(&self, topic: &str) -> Vec<&Output> {
        self.iter().filter(|output| output.topic().as_str() == topic).collect()
    }
}

impl Index<usize> for Outputs {
    type Output = Output;

    fn index(&self, index: usize) -> &Output {
        let recorded = self.recorded.as_ref().expect("outputs are looked at in unit tests: make them with `Outputs::of`");
        &recorded[index]
    }
}
