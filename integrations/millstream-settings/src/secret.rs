//! Owns how values are shown: those of secrets never, URLs without their passwords. Leaves to the contract which names are
//! those of secrets.

use millstream_core::contract::{TransportUrl, is_secret};
use toml::Value;

/// A value as it may be shown, of its whole path: `credentials.broker` is a secret too.
pub(crate) fn shown(name: &str, value: &Value) -> String {
    if is_secret(name) {
        return "***".to_owned();
    }
    match value {
        Value::String(text) if text.contains("://") => {
            shown_url(text).map_or_else(|| "***".to_owned(), |url| Value::String(url).to_string())
        }
        Value::Array(values) => format!("[{}]", values.iter().map(|value| shown(name, value)).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let all: Vec<String> = table.iter().map(|(name, value)| format!("{name} = {}", shown(name, value))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        other => other.to_string(),
    }
}

/// A URL without its secrets, unless it cannot be told what they are.
pub(crate) fn shown_url(text: &str) -> Option<String> {
    TransportUrl::parse(text).map(|url| url.to_string()).ok()
}

/// Whether an error about this value may quote it.
pub(crate) fn may_be_quoted(name: &str, value: &Value) -> bool {
    shown(name, value) == value.to_string()
}
