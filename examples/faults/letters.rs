//! Owns dead letters as somebody finds them: which message each is of, whole, or by a pointer, which is followed and proven.

use std::collections::BTreeSet;

use rdkafka::message::{Headers, Message, OwnedMessage};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::broker::Broker;

/// The ids of the messages that became dead letters.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    /// Of those that lie there as they were.
    pub(crate) whole: BTreeSet<String>,
    /// Of those that a pointer leads to.
    pub(crate) pointed: BTreeSet<String>,
}

impl Letters {
    /// Those in a topic.
    pub(crate) fn of(broker: &Broker, topic: &str) -> Self {
        let mut letters = Self::default();
        for message in broker.messages(topic) {
            if header(&message, "millstream-dlq-pointer").is_some() {
                letters.pointed.extend(header(&original(broker, &message), "id"));
            } else {
                letters.whole.extend(header(&message, "id"));
            }
        }
        letters
    }

    /// All of them.
    pub(crate) fn ids(self) -> BTreeSet<String> {
        self.whole.into_iter().chain(self.pointed).collect()
    }
}

fn header(message: &OwnedMessage, name: &str) -> Option<String> {
    let found = message.headers()?.iter().find(|header| header.key == name)?.value?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// What a pointer leads to.
fn original(broker: &Broker, pointer: &OwnedMessage) -> OwnedMessage {
    let says: Value = serde_json::from_slice(pointer.payload().unwrap_or_default()).expect("a pointer is JSON");
    let (topic, number) = (says["topic"].as_str().expect("it names a topic"), |name: &str| says[name].as_i64().unwrap_or(-1));
    let message = broker.message(topic, i32::try_from(number("partition")).expect("few partitions"), number("offset"));
    let value = message.payload().unwrap_or_default();
    let sha256: String = Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(says["sha256"], sha256.as_str(), "what lies there is not what the letter is of");
    message
}
