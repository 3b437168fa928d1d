//! Owns what is never shown: values whose names say that they are secrets, and passwords in URLs.

use millstream_core::contract::TransportUrl;
use toml::Value;

const SECRET: [&str; 5] = ["password", "passwd", "secret", "token", "credential"];

/// Whether a value of this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word)) || name == "key" || name.ends_with("_key")
}

/// A value as it may be shown.
pub(crate) fn shown(name: &str, value: &Value) -> String {
    if is_secret(name) {
        return "***".to_owned();
    }
    match value {
        Value::String(text) if text.contains("://") => {
            TransportUrl::parse(text).map_or_else(|_| "***".to_owned(), |url| Value::String(url.to_string()).to_string())
        }
        Value::Array(values) => format!("[{}]", values.iter().map(|value| shown(name, value)).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let all: Vec<String> = table.iter().map(|(name, value)| format!("{name} = {}", shown(name, value))).collect();
            format!("{{ {} }}", all.join(", "))
        }
        other => other.to_string(),
    }
}

/// Whether an error about this value may quote it.
pub(crate) fn may_be_quoted(name: &str, value: &Value) -> bool {
    shown(name, value) == value.to_string()
}
