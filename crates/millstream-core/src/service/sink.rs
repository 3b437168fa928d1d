//! Owns the outputs of finished attempts on their way from a worker to the outboxes: one arena a namespace, handed over
//! a batch at a time.

use crate::contract::{RecordSet, RecordSetBuilder};
use crate::handler::{Changed, Lent, Outputs};
use crate::topic::Topic;

/// Outputs of one worker for one namespace, in the order in which their attempts finished.
#[derive(Default)]
pub(crate) struct Outgoing {
    namespace: Option<String>,
    records: RecordSetBuilder,
    topics: Vec<Topic>,
    to: Vec<u32>,
    owners: Vec<u32>,
}

/// Outputs handed over: the records, the topic of each, and the tail record that owns each.
pub(crate) struct Handed {
    pub(crate) records: RecordSet,
    pub(crate) topics: Vec<Topic>,
    pub(crate) to: Vec<u32>,
    pub(crate) owners: Vec<u32>,
}

/// Collects outputs by namespace.
#[derive(Default)]
pub(crate) struct Sink {
    outgoing: Vec<Outgoing>,
    /// The tail record that owns what is taken over next.
    pub(crate) owner: u32,
    /// The entry that the attempt started next is lent, if its handler keeps a table.
    pub(crate) lent: Option<Box<Lent>>,
    /// What became of it, once the attempt has succeeded.
    pub(crate) changed: Option<Box<Changed>>,
    records: usize,
    bytes: usize,
}

impl Sink {
    /// Takes over what an attempt emitted; answers how many outputs that is.
    pub(crate) fn take_over(&mut self, outputs: &mut Outputs) -> u32 {
        let count = outputs.count();
        let with_headers = outputs.has_headers();
        for (index, (topic, key, value)) in outputs.emitted().enumerate() {
            let namespace = topic.namespace_name();
            let found = self.outgoing.iter().position(|o| o.namespace.as_deref() == namespace);
            let at = found.unwrap_or_else(|| {
                self.outgoing.push(Outgoing { namespace: namespace.map(str::to_owned), ..Outgoing::default() });
                self.outgoing.len() - 1
            });
            let outgoing = &mut self.outgoing[at];
            let to = outgoing.topics.iter().position(|known| known == topic).unwrap_or_else(|| {
                outgoing.topics.push(topic.clone());
                outgoing.topics.len() - 1
            });
            let offset = outgoing.records.len() as u64;
            if with_headers {
                for (name, value) in outputs.headers_of(index) {
                    outgoing.records.header(name, value);
                }
            }
            outgoing.records.push(offset, -1, key, value);
            outgoing.to.push(u32::try_from(to).unwrap_or(u32::MAX));
            outgoing.owners.push(self.owner);
            self.bytes += value.map_or(0, <[u8]>::len);
        }
        outputs.clear();
        self.records += count;
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// How many outputs are collected.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.records
    }

    /// How many bytes are collected.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Hands over all that was collected, by namespace.
    pub(crate) fn hand_over(&mut self, mut to: impl FnMut(Option<&str>, Handed)) {
        (self.records, self.bytes) = (0, 0);
        for outgoing in &mut self.outgoing {
            if outgoing.owners.is_empty() {
                continue;
            }
            let (records, bytes) = (outgoing.records.len(), outgoing.records.bytes());
            let next = RecordSetBuilder::with_capacity(0, records, bytes);
            let handed = Handed {
                records: std::mem::replace(&mut outgoing.records, next).build(),
                topics: outgoing.topics.clone(),
                to: std::mem::take(&mut outgoing.to),
                owners: std::mem::take(&mut outgoing.owners),
            };
            to(outgoing.namespace.as_deref(), handed);
        }
    }

    /// Drops all that was collected: the epoch ended.
    pub(crate) fn clear(&mut self) {
        self.hand_over(|_, _| {});
    }
}
