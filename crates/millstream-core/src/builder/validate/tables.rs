//! Owns the checks of tables: what they need, and that each has one input.

use crate::builder::stream_service_builder::Added;
use crate::contract::Support;
use crate::engine::LanePolicy;
use crate::handler::TableOf;
use crate::service::Problems;
use crate::topic::{Address, Topic};
use std::collections::BTreeMap;

/// Whose each table's topic is, so far: the handler's name and its input.
#[derive(Default)]
pub(super) struct Tables(BTreeMap<Topic, (String, Topic)>);

impl Tables {
    /// The table's topic for each of a handler's topics.
    pub(super) fn of(
        &mut self,
        name: &str,
        added: &Added,
        topics: &[Topic],
        produces: bool,
        assignment: &Support,
        problems: &mut Problems,
    ) -> Vec<Topic> {
        let (Some(table), count) = added.table else { return Vec::new() };
        if count > 1 {
            let text = format!("handler `{name}` takes the entries of {count} tables");
            problems.add(text, "take one: a record's entry is written as one; put what belongs together into one type");
        }
        if !produces {
            let text = format!("handler `{name}` keeps a table, but the service has no producer");
            problems.add(text, "add `.add_producer()`: entries are written to the table's topic");
        }
        if added.settings.lanes == LanePolicy::Unordered {
            let text = format!("handler `{name}` keeps a table, and runs records of one key at the same time");
            problems.add(text, "use `LanePolicy::ByKey`, the default: an entry belongs to one record at a time");
        }
        if let Support::No(why) = assignment {
            let text = format!("handler `{name}` keeps a table, which the transport cannot read back: {why}");
            problems.add(text, "use a transport that reads named partitions without a group (`Capabilities::assignment`)");
        }
        if added.settings.table.restore_within.is_zero() || added.settings.table.entries == 0 || added.settings.table.bytes == 0 {
            let text = format!("the table of handler `{name}` has no room, or no time to be restored");
            problems.add(text, "give `TableSettings` some; by default 1,000,000 entries, 256 MiB and 5 minutes");
        }
        topics.iter().filter_map(|input| self.topic(name, &table, input, problems)).collect()
    }

    fn topic(&mut self, name: &str, table: &TableOf, input: &Topic, problems: &mut Problems) -> Option<Topic> {
        let topic = match table.name.resolve(input) {
            Ok(topic) => topic,
            Err(error) => {
                problems.add(format!("the table of handler `{name}`: {error}"), "read a topic whose namespace is known");
                return None;
            }
        };
        if topic == *input {
            problems.add(format!("handler `{name}` reads `{input}`, its own table"), "give the table a name of its own");
        }
        if let Some((other, before)) = self.0.get(&topic) {
            let text = format!("the table `{topic}` is kept of `{before}` by `{other}` and of `{input}` by `{name}`");
            problems
                .add(text, "a table has one input topic: offsets of two say nothing of each other; give each a table of its own");
        } else {
            self.0.insert(topic.clone(), (name.to_owned(), input.clone()));
        }
        Some(topic)
    }
}
