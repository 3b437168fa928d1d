//! Owns what a full Redis does, as `INFO memory` says it, and when that is a warning (F45).

use ::redis::Value;

/// What a Redis does when it is full. Of a cluster that which the least safe node does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Eviction {
    /// The bytes it may hold; 0 if it has no limit. `None` if it does not say.
    pub maxmemory: Option<u64>,
    /// Its `maxmemory-policy`. `None` if it does not say.
    pub policy: Option<String>,
}

impl Eviction {
    /// Reads the answers to `INFO memory`: text, or texts by node.
    pub(crate) fn of(answers: &[Value]) -> Self {
        let mut texts = Vec::new();
        answers.iter().for_each(|answer| collect(answer, &mut texts));
        let nodes = texts.iter().map(|text| Self::read(text));
        nodes.max_by_key(|node| node.unsafe_because().is_some()).unwrap_or_default()
    }

    fn read(text: &str) -> Self {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        let maxmemory = field("maxmemory:").and_then(|bytes| bytes.parse().ok());
        Eviction { maxmemory, policy: field("maxmemory_policy:") }
    }

    /// Why marks are not safe in it, or `None` if they are, as far as one can tell.
    #[must_use]
    pub fn unsafe_because(&self) -> Option<String> {
        let (Some(maxmemory @ 1..), Some(policy)) = (self.maxmemory, self.policy.as_deref()) else { return None };
        (policy != "noeviction").then(|| {
            format!(
                "redis may evict marks when it is full: its `maxmemory-policy` is `{policy}` at {maxmemory} bytes, and every \
                 mark has a time to live. What is evicted is handled again when it comes again. Set `noeviction`: a full \
                 redis then refuses marks and services wait"
            )
        })
    }
}

fn collect(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::BulkString(bytes) => texts.push(String::from_utf8_lossy(bytes).into_owned()),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => texts.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| collect(one, texts)),
        Value::Map(all) => all.iter().for_each(|(_, one)| collect(one, texts)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eviction(maxmemory: &str, policy: &str) -> Eviction {
        let text = format!("# Memory\r\nused_memory:1\r\nmaxmemory:{maxmemory}\r\nmaxmemory_policy:{policy}\r\n");
        Eviction::of(&[Value::BulkString(text.into_bytes())])
    }

    #[test]
    fn only_a_limit_with_a_policy_that_evicts_is_unsafe() {
        assert!(eviction("1000", "allkeys-lru").unsafe_because().is_some_and(|why| why.contains("allkeys-lru")));
        assert!(eviction("1000", "volatile-ttl").unsafe_because().is_some());
        assert_eq!(eviction("1000", "noeviction").unsafe_because(), None);
        assert_eq!(eviction("0", "allkeys-lru").unsafe_because(), None);
        assert_eq!(Eviction::of(&[Value::Nil]), Eviction::default());
    }

    #[test]
    fn of_several_nodes_the_unsafe_one_speaks() {
        let text = |policy: &str| Value::BulkString(format!("maxmemory:9\nmaxmemory_policy:{policy}\n").into_bytes());
        let nodes = ["noeviction", "allkeys-lfu", "noeviction"].map(|policy| (Value::Nil, text(policy)));
        assert_eq!(Eviction::of(&[Value::Map(nodes.into())]).policy.as_deref(), Some("allkeys-lfu"));
    }
}
