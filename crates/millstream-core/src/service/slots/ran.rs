//! Owns what a run of first attempts has left behind.

/// What a run has left behind.
#[derive(Default)]
pub(crate) struct Ran {
    /// How many records are done or skipped.
    pub(crate) ended: usize,
    /// How many of these are skipped and have no outputs.
    pub(crate) skipped: u64,
    /// Outputs of each that ended, and whether it is skipped; empty if the handler has no outputs.
    pub(crate) outputs: Vec<(u32, bool)>,
}

impl Ran {
    /// Forgets all, keeping the memory.
    pub(crate) fn clear(&mut self) {
        (self.ended, self.skipped) = (0, 0);
        self.outputs.clear();
    }
}
