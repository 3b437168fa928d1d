//! Owns TLS against a real server: who is trusted, and who is not.

use crate::Log;
use crate::support::Server;
use millstream::contract::{DedupScope, Deduplicator, Error, ErrorKind};
use millstream::redis::RedisSettings;
use std::path::Path;
use std::process::Command;

/// A root, and what it signed for `127.0.0.1` and nobody else, as files in `folder`.
fn certificates(folder: &Path) {
    let openssl = |words: &str| {
        let made = Command::new("openssl").args(words.split(' ')).current_dir(folder).output().expect("it was looked for");
        assert!(made.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&made.stderr));
    };
    for root in ["root", "other"] {
        openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout {root}.key -out {root}.pem -days 2 -subj /CN={root}"
        ));
    }
    openssl("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout own.key -out own.csr -subj /CN=own");
    std::fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("the folder is there");
    openssl("x509 -req -in own.csr -CA root.pem -CAkey root.key -CAcreateserial -out own.pem -days 2 -extfile names");
}

pub(crate) async fn a_server_with_a_certificate_is_trusted_by_its_root_and_its_name_only(_: Log) {
    let folder = std::env::temp_dir().join(format!("millstream-redis-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the folder for temporary files takes one more");
    certificates(&folder);
    let file = |name: &str| folder.join(name).display().to_string();
    let (own, key, root) = (file("own.pem"), file("own.key"), file("root.pem"));
    let tls =
        ["--port", "0", "--tls-port", "{port}", "--tls-auth-clients", "no", "--tls-cert-file", &own, "--tls-key-file", &key];
    let server = Server::start(&[&tls[..], &["--tls-ca-cert-file", &root]].concat());
    let trusting = |root: &str| RedisSettings::new().root_certificate(std::fs::read(folder.join(root)).expect("it was made"));
    let check = async |settings: RedisSettings, scheme: &str, host: &str| -> Result<(), Error> {
        let redis = settings.open(&format!("{scheme}://{host}:{}", server.port))?;
        let scope = DedupScope::new("paper", "risk", 0, "check", "orders");
        redis.deduplicator().check(&scope, &[1], &mut Vec::new()).await
    };
    check(trusting("root.pem"), "rediss", "127.0.0.1").await.expect("its root is trusted, its name is right");
    let untrusted = [
        ("another's root", trusting("other.pem"), "rediss", "127.0.0.1"),
        ("no root of its own", RedisSettings::new(), "rediss", "127.0.0.1"),
        ("another name", trusting("root.pem"), "rediss", "localhost"),
        ("in the clear", RedisSettings::new(), "redis", "127.0.0.1"),
    ];
    for (why, settings, scheme, host) in untrusted {
        let error = check(settings, scheme, host).await.expect_err("it is not to be trusted");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{why}: {error:?}");
    }
    let error = check(trusting("root.pem"), "redis", "127.0.0.1").await.expect_err("a root is for TLS");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let _ = std::fs::remove_dir_all(&folder);
}
