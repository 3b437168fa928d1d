//! Owns what becomes of an entry that an attempt was lent. Leaves entries themselves to `service::table`.

use super::Sink;
use crate::contract::RecordView;
use crate::engine::Failure;
use crate::handler::{Handler, HandlerError, Lent, Outcome, Outputs, panics};

/// What became of the entry that an attempt was lent: into the sink, or a failure if it cannot be written. Writing and
/// dropping it are its type's own code: a panic there is the attempt's, too.
#[inline(never)]
pub(super) fn keep(
    lent: Box<Lent>,
    out: &mut Outputs,
    record: RecordView<'_>,
    answer: Result<Outcome, HandlerError>,
    sink: &mut Sink,
) -> Result<Outcome, HandlerError> {
    let kept = panics::caught(|| {
        let kept = changed(&lent, out, record, answer, sink);
        drop(lent);
        kept
    });
    kept.unwrap_or_else(|panic| {
        sink.changed = None;
        Err(HandlerError::of(Failure::Panic, panic.into()))
    })
}

fn changed(
    lent: &Lent,
    out: &mut Outputs,
    record: RecordView<'_>,
    answer: Result<Outcome, HandlerError>,
    sink: &mut Sink,
) -> Result<Outcome, HandlerError> {
    let skipped = match &answer {
        Ok(Outcome::Done) => false,
        Ok(Outcome::Skip(_)) => true,
        _ => return answer,
    };
    sink.changed = lent.finish(out, record.key().unwrap_or_default(), record.offset(), skipped)?.map(Box::new);
    answer
}

/// Whether an attempt writes anything: outputs, or an entry.
pub(super) const fn emits<Args, S: 'static, H: Handler<Args, S>>() -> bool {
    H::EMITS || H::TABLE.1 > 0
}
