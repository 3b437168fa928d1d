//! Owns what can be set for what a service sends out, each default with its reason.

use crate::envelope::ContentMode;

/// What can be set for a service's producer, or for a [`Publisher`](super::Publisher) of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerSettings {
    /// How events lie in their records. By default our own envelope, which every consumer of the framework has read
    /// from the start and which needs no headers. Dead letters are copies, and stay in the mode of their originals.
    pub content_mode: ContentMode,
}

impl ProducerSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with events in another mode.
    #[must_use]
    pub fn content_mode(mut self, mode: ContentMode) -> Self {
        self.content_mode = mode;
        self
    }
}
