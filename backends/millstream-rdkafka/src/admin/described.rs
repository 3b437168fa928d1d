//! Owns what a topic is, as its settings say it.

use millstream_core::contract::DescribedTopic;
use std::collections::BTreeMap;
use std::time::Duration;

/// A topic with its settings, as far as they are known.
pub(super) fn described(partitions: u32, replicas: u32, settings: &BTreeMap<String, String>) -> DescribedTopic {
    let number = |name: &str| settings.get(name).and_then(|value| value.parse::<i64>().ok());
    let positive = |name: &str| number(name).and_then(|value| u64::try_from(value).ok());
    let deletes = settings.get("cleanup.policy").map(|policy| policy.contains("delete"));
    let mut described = DescribedTopic::new(partitions);
    described.replicas = Some(replicas);
    described.min_in_sync = positive("min.insync.replicas").and_then(|count| u32::try_from(count).ok());
    described.retention = match (deletes, number("retention.ms")) {
        // Nothing but a later record of its key ends a record.
        (Some(false), _) => Some(Duration::MAX),
        (_, Some(millis)) => Some(u64::try_from(millis).map_or(Duration::MAX, Duration::from_millis)),
        (_, None) => None,
    };
    described.compacted = settings.get("cleanup.policy").map(|policy| policy.contains("compact"));
    described.max_batch_bytes = positive("max.message.bytes");
    described
}

#[cfg(test)]
mod tests {
    use super::described;
    use std::collections::BTreeMap;
    use std::time::Duration;

    #[test]
    fn what_a_topic_does_not_say_is_not_known_and_what_it_keeps_without_end_is() {
        let of = |settings: &[(&str, &str)]| {
            let settings: BTreeMap<String, String> =
                settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let described = described(3, 1, &settings);
            (described.retention, described.compacted)
        };
        let day = Some(Duration::from_secs(86_400));
        assert_eq!(of(&[]), (None, None));
        assert_eq!(of(&[("retention.ms", "86400000"), ("cleanup.policy", "delete")]), (day, Some(false)));
        assert_eq!(of(&[("retention.ms", "-1"), ("cleanup.policy", "delete")]), (Some(Duration::MAX), Some(false)));
        assert_eq!(of(&[("retention.ms", "86400000"), ("cleanup.policy", "compact")]), (Some(Duration::MAX), Some(true)));
        assert_eq!(of(&[("retention.ms", "86400000"), ("cleanup.policy", "compact,delete")]), (day, Some(true)));
    }
}
