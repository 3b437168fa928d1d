//! Owns which of librdkafka's settings hold secrets. The core knows secrets by their names; librdkafka has some whose names do
//! not tell.

use millstream_core::contract::is_secret;

/// Settings that may hold secrets though nothing in their names says so.
const SILENT: [&str; 6] = [
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.extensions",
    "sasl.jaas.config",
    "sasl.kerberos.kinit.cmd",
    "ssl.ca.pem",
    "ssl.certificate.pem",
];

/// Whether a setting's value is never shown.
pub(crate) fn is_hidden(name: &str) -> bool {
    is_secret(name) || SILENT.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::is_hidden;

    #[test]
    fn every_sensitive_setting_of_librdkafka_is_hidden() {
        for name in [
            "sasl.password",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.file",
            "sasl.oauthbearer.assertion.private.key.passphrase",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.jaas.config",
            "sasl.kerberos.kinit.cmd",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "ssl.ca.pem",
            "ssl.certificate.pem",
        ] {
            assert!(is_hidden(name), "{name}");
        }
        for name in ["bootstrap.servers", "linger.ms", "group.id", "sasl.mechanisms"] {
            assert!(!is_hidden(name), "{name}");
        }
    }
}
