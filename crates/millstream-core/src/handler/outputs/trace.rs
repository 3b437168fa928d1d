//! Owns which trace the outputs of an attempt belong to. Leaves reading and writing it to the envelope.

use super::Outputs;
use crate::contract::Headers;
use crate::envelope::{TraceContext, Traced};

impl Outputs {
    /// Lets all that the attempt sends out carry its trace: under the span that is `recorded`, if one is.
    #[inline(never)]
    pub(crate) fn carry(&mut self, headers: Headers<'_>, attempt: u32, recorded: Option<TraceContext>) {
        let (scope, cause) = (self.context.scope, self.cause);
        self.attached.carry(Traced::of(headers), recorded, || scope.span_id(cause, attempt));
    }
}
