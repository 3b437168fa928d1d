//! Stand-in until the room is built.
use std::fmt;
use std::sync::Arc;
/// A topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);
impl Topic {
    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl std::str::FromStr for Topic {
    type Err = std::convert::Infallible;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Ok(Topic(s.into()))
    }
}
impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
