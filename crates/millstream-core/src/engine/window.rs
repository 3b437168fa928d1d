//! Owns how much more a partition may be given. Leaves the asking to the intake and the counting of settled offsets to
//! `ledger`.

/// The caps of one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct WindowPolicy {
    /// Unsettled records. 4,096 by default: sixteen batches of 256, enough to keep 1,000 slow handlers busy while outputs
    /// and marks of the batches before them are confirmed.
    pub in_flight_records: u64,
    /// Bytes of unsettled records. 16 MiB by default: the records' cap at 4 KiB a record.
    pub in_flight_bytes: u64,
    /// Offsets between the watermark and the next to read. A settled one costs a bit, but after a crash up to a span comes
    /// again: 2²⁰ with a shared deduplicator, which then answers for them, 2¹⁴ without, where they run again.
    pub span: u64,
    /// The largest record to expect, in bytes: value, headers and key at their default limits. Room for one is kept free; a
    /// larger one that comes while others are in flight passes the bytes' cap by the difference at most.
    pub largest_record: u64,
}

impl WindowPolicy {
    /// The defaults where marks outlive the process.
    pub const SHARED: WindowPolicy = WindowPolicy {
        in_flight_records: 4_096,
        in_flight_bytes: 16 << 20,
        span: 1 << 20,
        largest_record: (1 << 20) + (20 << 10),
    };

    /// The defaults where they do not.
    pub const LOCAL: WindowPolicy = WindowPolicy { span: 1 << 14, ..WindowPolicy::SHARED };

    /// The same with another cap of unsettled records; at least 1.
    #[must_use]
    pub const fn records(mut self, in_flight_records: u64) -> Self {
        self.in_flight_records = if in_flight_records == 0 { 1 } else { in_flight_records };
        self
    }

    /// The same with another cap of unsettled bytes.
    #[must_use]
    pub const fn bytes(mut self, in_flight_bytes: u64) -> Self {
        self.in_flight_bytes = in_flight_bytes;
        self
    }

    /// The same with another span; at least 1.
    #[must_use]
    pub const fn spanning(mut self, span: u64) -> Self {
        self.span = if span == 0 { 1 } else { span };
        self
    }

    /// The same, expecting records up to this many bytes.
    #[must_use]
    pub const fn expecting(mut self, largest_record: u64) -> Self {
        self.largest_record = largest_record;
        self
    }
}

impl Default for WindowPolicy {
    fn default() -> Self {
        WindowPolicy::LOCAL
    }
}

/// What to ask the transport for, as `Command::Want` takes it. Zero records: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Demand {
    /// Records that may still be yielded.
    pub records: u32,
    /// Bytes that may still be yielded; the first record is admitted however large it is.
    pub bytes: u64,
}

/// What one epoch of one partition has in flight. It is made with its epoch and dropped with it, so work of an ended epoch
/// is neither load nor credit of the next (F06, B25, B66).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    policy: WindowPolicy,
    records: u64,
    bytes: u64,
}

impl Window {
    /// An empty window.
    pub fn new(policy: WindowPolicy) -> Self {
        Window { policy, records: 0, bytes: 0 }
    }

    /// Takes note of what the transport yielded.
    #[inline]
    pub fn delivered(&mut self, records: u64, bytes: u64) {
        self.records = self.records.saturating_add(records);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Takes note of what needs its payload no longer. Freeing more than was delivered is a bug; it counts as all.
    #[inline]
    pub fn freed(&mut self, records: u64, bytes: u64) {
        debug_assert!(records <= self.records && bytes <= self.bytes, "only what was delivered is freed");
        self.records = self.records.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// How much may be asked for now, with `span` offsets between watermark and next to read, in one batch of at most
    /// `max_batch` records.
    ///
    /// Never passes a cap (I11), except that with nothing in flight one record is asked for however large it turns out
    /// (F95, B54). The transport may answer any demand with one record more than its bytes hold, so room for one of
    /// [`largest_record`](WindowPolicy::largest_record) is kept back; a cap not above that asks for one at a time.
    pub fn demand(&self, span: u64, max_batch: u32) -> Demand {
        let policy = &self.policy;
        planted!(B14: return Demand { records: max_batch, bytes: u64::MAX });
        let records = policy.in_flight_records.saturating_sub(self.records).min(policy.span.saturating_sub(span));
        let records = u32::try_from(records).unwrap_or(u32::MAX).min(max_batch);
        let spare = policy.in_flight_bytes.saturating_sub(self.bytes).checked_sub(policy.largest_record);
        match spare {
            _ if records == 0 => Demand::default(),
            Some(bytes) => Demand { records, bytes },
            None if self.is_empty() && !planted!(B54) => Demand { records: 1, bytes: 0 },
            None => Demand::default(),
        }
    }

    /// Records in flight.
    #[inline]
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes in flight.
    #[inline]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether nothing is in flight.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }
}

#[cfg(test)]
mod tests;
