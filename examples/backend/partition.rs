//! Owns a partition: one file that only grows. What a crash left half written at its end is cut off when it is opened.

use crate::frame;
use std::fs::{File, OpenOptions};
use std::io::{Read, Result, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A partition's file, and where its records end.
pub(crate) struct Partition(Mutex<Inner>);

struct Inner {
    file: File,
    /// For each record where it ends in the file, and the bytes of its key, value and headers.
    records: Vec<(u64, u64)>,
}

impl Partition {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut inner = Inner { file, records: Vec::new() };
        inner.index(&bytes);
        inner.file.set_len(inner.end())?;
        Ok(Partition(Mutex::new(inner)))
    }

    /// How many records there are; the next one's offset.
    pub(crate) fn len(&self) -> u64 {
        self.inner().records.len() as u64
    }

    /// Appends records, and answers the first one's offset when they are on the disk.
    pub(crate) fn append(&self, frames: &[u8]) -> Result<u64> {
        let mut inner = self.inner();
        let first = inner.records.len() as u64;
        let written = inner.file.write_all(frames).and_then(|()| inner.file.sync_data());
        if let Err(error) = written {
            // Half a record must not stand before the next one.
            let end = inner.end();
            inner.file.set_len(end)?;
            return Err(error);
        }
        inner.index(frames);
        Ok(first)
    }

    /// The frames of records from `from` on: at most `records`, and no more than `bytes` but for the first.
    pub(crate) fn read(&self, from: u64, records: usize, bytes: u64, first_in_any_case: bool) -> Result<Vec<u8>> {
        let mut inner = self.inner();
        let at = usize::try_from(from).unwrap_or(usize::MAX).min(inner.records.len());
        let (mut taken, mut size) = (0, 0);
        for (_, of) in inner.records[at..].iter().take(records) {
            if size + of > bytes && !(taken == 0 && first_in_any_case) {
                break;
            }
            (taken, size) = (taken + 1, size + of);
        }
        let start = at.checked_sub(1).map_or(0, |before| inner.records[before].0);
        let end = (at + taken).checked_sub(1).map_or(0, |last| inner.records[last].0).max(start);
        let mut found = vec![0; usize::try_from(end - start).expect("a batch is bounded far below 4 GiB")];
        inner.file.seek(SeekFrom::Start(start))?;
        inner.file.read_exact(&mut found)?;
        Ok(found)
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn end(&self) -> u64 {
        self.records.last().map_or(0, |(end, _)| *end)
    }

    fn index(&mut self, mut bytes: &[u8]) {
        while let Some((record, rest)) = frame::split(bytes) {
            let end = self.end() + (bytes.len() - rest.len()) as u64;
            self.records.push((end, frame::size(record)));
            bytes = rest;
        }
    }
}
