//! Owns a batch as something to loop over: `for record in &batch`.

use super::{Meta, RecordBatch, RecordSet, RecordView};

/// The records of a [`RecordBatch`], in order.
#[derive(Clone)]
pub struct Records<'a> {
    set: &'a RecordSet,
    index: usize,
    meta: std::slice::Iter<'a, Meta>,
}

impl std::fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("left", &self.meta.len()).finish_non_exhaustive()
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = RecordView<'a>;

    fn next(&mut self) -> Option<RecordView<'a>> {
        let meta = self.meta.next()?;
        let index = self.index;
        self.index += 1;
        Some(RecordView { set: self.set, index, meta })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.meta.size_hint()
    }
}

impl ExactSizeIterator for Records<'_> {}

impl<'a> IntoIterator for &'a RecordBatch {
    type Item = RecordView<'a>;
    type IntoIter = Records<'a>;

    fn into_iter(self) -> Records<'a> {
        let (first, end) = (self.range.0 as usize, self.range.1 as usize);
        Records { set: &self.set, index: first, meta: self.set.meta[first..end].iter() }
    }
}
