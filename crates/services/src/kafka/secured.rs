//! Owns the listeners with TLS and SASL: their key, their user, and what a broker is told of them. All of it is made for one cluster
//! and goes with its folder. Java's `keytool` makes the key: it comes with what runs the broker.

use crate::error::{Error, at};
use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How many ports a node with these listeners takes more.
pub(super) const PORTS: usize = 3;

const USER: &str = "millstream";
const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
const LISTENERS: [(&str, &str); PORTS] = [("TLS", "SSL"), ("SASLTLS", "SASL_SSL"), ("SASLPLAIN", "SASL_PLAINTEXT")];
/// Where keytool finds the password: not among its arguments, which everybody on the machine can read.
const PASSWORD: &str = "MILLSTREAM_KEYSTORE_PASSWORD";

/// How to connect to the listeners of a cluster with TLS and SASL.
///
/// The certificate is for `localhost` and `127.0.0.1`; the user may log in by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512.
#[derive(Clone)]
#[non_exhaustive]
pub struct Secured {
    /// Bootstrap servers: TLS, nobody logs in.
    pub tls: String,
    /// Bootstrap servers: TLS and SASL.
    pub sasl_tls: String,
    /// Bootstrap servers: SASL without TLS.
    pub sasl_plaintext: String,
    /// The authority to trust: a PEM file.
    pub authority: PathBuf,
    /// The user.
    pub username: String,
    /// The user's password, another one for each cluster.
    pub password: String,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the password: values end up in the logs of tests.
        f.debug_struct("Secured").field("sasl_tls", &self.sasl_tls).field("username", &self.username).finish_non_exhaustive()
    }
}

/// The key and the user, before there are addresses.
pub(super) struct Secrets {
    pub(super) authority: PathBuf,
    store: PathBuf,
    store_password: String,
    password: String,
}

impl Secrets {
    /// Makes them in this folder.
    ///
    /// # Errors
    /// If `keytool` is missing or fails.
    pub(super) fn make(java: &Path, folder: &Path) -> Result<Self, Error> {
        let beside = java.canonicalize().unwrap_or_else(|_| java.to_owned()).with_file_name("keytool");
        let keytool = if beside.is_file() { beside } else { PathBuf::from("keytool") };
        let (authority, store) = (folder.join("authority.pem"), folder.join("broker.p12"));
        let secrets = Self { authority, store, store_password: random()?, password: random()? };
        let key = "-genkeypair -keyalg EC -groupname secp256r1 -validity 30 -storetype PKCS12";
        let ca = "-alias authority -dname CN=Millstream-test-authority -ext bc:critical=ca:true -ext ku:critical=keyCertSign";
        let broker =
            "-alias broker -signer authority -dname CN=localhost -ext san=dns:localhost,ip:127.0.0.1 -ext eku=serverAuth";
        let to = secrets.authority.display().to_string();
        let export = "-exportcert -rfc -alias authority -file";
        secrets.keytool(&keytool, key.split(' ').chain(ca.split(' ')))?;
        secrets.keytool(&keytool, key.split(' ').chain(broker.split(' ')))?;
        secrets.keytool(&keytool, export.split(' ').chain([to.as_str()]))?;
        // A broker that finds two keys may show the wrong one.
        secrets.keytool(&keytool, "-delete -alias authority".split(' '))?;
        Ok(secrets)
    }

    fn keytool<'a>(&self, keytool: &Path, words: impl Iterator<Item = &'a str>) -> Result<(), Error> {
        let mut command = Command::new(keytool);
        // The quick compiler halves the time of such a short program.
        command.args(["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]);
        command.args(words).arg("-keystore").arg(&self.store).args(["-storepass:env", PASSWORD]);
        let output = command.env(PASSWORD, &self.store_password).stdin(Stdio::null()).output().map_err(at(keytool.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stdout);
        Err(Error::new(format!("{} failed: {}\n{said}", keytool.display(), output.status)))
    }

    /// Listeners of a node, with their protocols: `TLS://127.0.0.1:20003` and `TLS:SSL`.
    pub(super) fn listeners(ports: [u16; PORTS]) -> (Vec<String>, Vec<String>) {
        let addresses = LISTENERS.iter().zip(ports).map(|((name, _), port)| format!("{name}://127.0.0.1:{port}"));
        (addresses.collect(), LISTENERS.iter().map(|(name, protocol)| format!("{name}:{protocol}")).collect())
    }

    /// What a broker is told.
    pub(super) fn properties(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            ("ssl.keystore.type".to_owned(), "PKCS12".to_owned()),
            ("ssl.keystore.location".to_owned(), self.store.display().to_string()),
            ("ssl.keystore.password".to_owned(), self.store_password.clone()),
            ("ssl.key.password".to_owned(), self.store_password.clone()),
            ("ssl.truststore.type".to_owned(), "PEM".to_owned()),
            ("ssl.truststore.location".to_owned(), self.authority.display().to_string()),
            ("sasl.enabled.mechanisms".to_owned(), MECHANISMS.join(",")),
        ]);
        for listener in ["sasltls", "saslplain"] {
            for mechanism in MECHANISMS {
                let module = "org.apache.kafka.common.security";
                let login = match mechanism {
                    "PLAIN" => format!("{module}.plain.PlainLoginModule required user_{USER}=\"{}\";", self.password),
                    _ => format!("{module}.scram.ScramLoginModule required;"),
                };
                all.insert(format!("listener.name.{listener}.{}.sasl.jaas.config", mechanism.to_lowercase()), login);
            }
        }
        all
    }

    /// What the formatting of a node's folder is told: SCRAM's users are in the cluster's own log.
    pub(super) fn formatting(&self) -> Vec<String> {
        let user = |mechanism| format!("{mechanism}=[name={USER},password={}]", self.password);
        MECHANISMS[1..].iter().flat_map(|mechanism| ["--add-scram".to_owned(), user(mechanism)]).collect()
    }

    /// What clients are told.
    pub(super) fn secured(&self, nodes: &[[u16; PORTS]]) -> Secured {
        let servers = |nth: usize| nodes.iter().map(|ports| format!("127.0.0.1:{}", ports[nth])).collect::<Vec<_>>().join(",");
        Secured {
            tls: servers(0),
            sasl_tls: servers(1),
            sasl_plaintext: servers(2),
            authority: self.authority.clone(),
            username: USER.to_owned(),
            password: self.password.clone(),
        }
    }
}

/// A user's password as the setting of each mechanism that hides it.
pub(super) fn scram(password: &str) -> Vec<String> {
    MECHANISMS[1..].iter().map(|mechanism| format!("{mechanism}=[password={password}]")).collect()
}

/// 128 bits of the system's, in letters that no file format minds.
fn random() -> Result<String, Error> {
    let mut bytes = [0; 16];
    fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).map_err(at("/dev/urandom"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let [authority, store] = ["/f/authority.pem", "/f/broker.p12"].map(PathBuf::from);
        Secrets { authority, store, store_password: "store-pw".to_owned(), password: "user-pw".to_owned() }
    }

    #[test]
    fn each_listener_with_sasl_takes_each_mechanism() {
        let properties = secrets().properties();
        for listener in ["sasltls", "saslplain"] {
            for mechanism in ["plain", "scram-sha-256", "scram-sha-512"] {
                let name = format!("listener.name.{listener}.{mechanism}.sasl.jaas.config");
                assert!(properties.contains_key(&name), "{name}");
            }
        }
        assert_eq!(secrets().formatting().len(), 4);
    }

    #[test]
    fn clients_are_told_where_each_listener_is_and_no_log_the_password() {
        let secured = secrets().secured(&[[1, 2, 3], [4, 5, 6]]);
        assert_eq!(secured.tls, "127.0.0.1:1,127.0.0.1:4");
        assert_eq!(secured.sasl_tls, "127.0.0.1:2,127.0.0.1:5");
        assert_eq!(secured.sasl_plaintext, "127.0.0.1:3,127.0.0.1:6");
        assert_eq!((secured.username.as_str(), secured.password.as_str()), ("millstream", "user-pw"));
        assert!(!format!("{secured:?}").contains("user-pw"));
    }

    #[test]
    fn no_two_passwords_are_equal() {
        let (one, other) = (random().expect("there is entropy"), random().expect("there is entropy"));
        assert!(one != other && one.len() == 32);
    }
}
