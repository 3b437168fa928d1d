//! Owns what TLS needs, in builds that have it: the one place that asks for the feature `tls`. Hosts are verified, always.

use ::redis::cluster::ClusterClientBuilder;
use ::redis::{Client, ConnectionInfo, RedisError};

/// Makes sure that TLS can be spoken. The process's choice of cryptography stays, if it has made one; the client would panic
/// where there is none.
pub(crate) fn provide() {
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client of one node, which trusts `root`, or what the system trusts.
pub(crate) fn client(node: ConnectionInfo, root: Option<&[u8]>) -> Result<Client, RedisError> {
    #[cfg(feature = "tls")]
    if let Some(root) = root {
        return Client::build_with_tls(node, certificates(root));
    }
    let _ = root;
    Client::open(node)
}

/// The same for a cluster.
pub(crate) fn trusting(builder: ClusterClientBuilder, root: Option<&[u8]>) -> ClusterClientBuilder {
    #[cfg(feature = "tls")]
    if let Some(root) = root {
        return builder.certs(certificates(root));
    }
    let _ = root;
    builder
}

#[cfg(feature = "tls")]
fn certificates(root: &[u8]) -> ::redis::TlsCertificates {
    ::redis::TlsCertificates { client_tls: None, root_cert: Some(root.to_vec()) }
}
