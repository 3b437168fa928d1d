//! Owns where a Redis is: its URL, read once, and what of it may be shown. Leaves connecting to `link`.

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use millstream_core::contract::{Error, ErrorKind, Operation, TransportUrl};
use std::fmt;

/// The port of a Redis that names none.
const PORT: u16 = 6379;

/// The schemes, and what is said when there is another.
const SCHEMES: &str = "`redis://`, `rediss://` (TLS), `redis+cluster://`, `rediss+cluster://`, `redis+unix://`";

/// One or several nodes, the credentials, and the words for errors.
pub(crate) struct Address {
    pub(crate) nodes: Vec<ConnectionInfo>,
    pub(crate) cluster: bool,
    pub(crate) tls: bool,
    pub(crate) credentials: RedisConnectionInfo,
    shown: String,
    /// What no text may hold, longest first.
    secrets: Vec<String>,
}

impl Address {
    /// Reads `redis://user:password@host:port/db` and its kin.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        let (tls, cluster, unix) = match scheme {
            "redis" => (false, false, false),
            "rediss" => (true, false, false),
            "redis+cluster" => (false, true, false),
            "rediss+cluster" => (true, true, false),
            "redis+unix" => (false, false, true),
            // Not repeated: it may be a password that lost what stood before it.
            _ => return Err(invalid(format!("a Redis's URL begins with one of {SCHEMES}"))),
        };
        if text.contains('#') {
            let why = "a Redis's URL has no `#`: write `%23` in a password; TLS cannot be weakened by a URL";
            return Err(invalid(why.into()));
        }
        if tls && !cfg!(feature = "tls") {
            return Err(invalid(format!(
                "`{scheme}://` needs TLS: switch the feature `tls` of millstream-redis on (`redis-tls` of millstream)"
            )));
        }
        let url = TransportUrl::parse(text)?;
        url.only_params(&[])?;
        let mut credentials = RedisConnectionInfo::default();
        if let Some(user) = url.user().filter(|user| !user.is_empty()) {
            credentials = credentials.set_username(user);
        }
        let mut secrets = Vec::new();
        if let Some(password) = url.password().filter(|password| !password.is_empty()) {
            secrets.push(password.clone().into_owned());
            credentials = credentials.set_password(password);
        }
        if !unix && !url.path().is_empty() {
            let number = url.path().parse::<i64>().ok().filter(|number| *number >= 0 && !(cluster && *number > 0));
            let number = number.ok_or_else(|| {
                let why = if cluster {
                    "a cluster has database 0 only"
                } else {
                    "what stands behind the host is the database's number"
                };
                invalid(format!("{why}, as in `redis://localhost:6379/0`"))
            })?;
            credentials = credentials.set_db(number);
        }
        let addresses = match unix {
            true => Vec::from([ConnectionAddr::Unix(format!("/{}", url.path()).into())]),
            false => url.hosts().split(',').map(|host| address(host, tls)).collect::<Result<_, _>>()?,
        };
        if addresses.len() > 1 && !cluster {
            return Err(invalid("several hosts are a cluster's: write `redis+cluster://`".into()));
        }
        let info = |addr: ConnectionAddr| {
            let info = addr.into_connection_info().map_err(|_| invalid("the host or the port is no address".into()))?;
            Ok(info.set_redis_settings(credentials.clone()))
        };
        let nodes = addresses.into_iter().map(info).collect::<Result<Vec<_>, Error>>()?;
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let shown = url.to_string();
        Ok(Address { nodes, cluster, tls, credentials, shown, secrets })
    }

    /// Whether a password goes over the network in the clear.
    pub(crate) fn exposes_a_password(&self) -> bool {
        let remote = |node: &ConnectionInfo| match node.addr() {
            ConnectionAddr::Tcp(host, _) => !matches!(host.as_str(), "localhost" | "::1") && !host.starts_with("127."),
            _ => false,
        };
        !self.secrets.is_empty() && self.nodes.iter().any(remote)
    }

    /// `text` without what no text may hold: a server may repeat what it was sent.
    pub(crate) fn hide(&self, text: &str) -> String {
        let hidden = |text: String, secret: &String| text.replace(secret.as_str(), "***");
        self.secrets.iter().fold(text.to_owned(), hidden)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn address(host: &str, tls: bool) -> Result<ConnectionAddr, Error> {
    let is_name = host.ends_with(']') || !host.contains(':');
    let (name, port) = if is_name {
        (host, Some(PORT))
    } else {
        host.rsplit_once(':').map_or((host, None), |(name, port)| (name, port.parse().ok()))
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    let (false, Some(port)) = (name.is_empty(), port) else {
        return Err(invalid("a Redis's URL names a host, and perhaps a port, as `redis://localhost:6379`".into()));
    };
    Ok(match tls {
        true => ConnectionAddr::TcpTls { host: name.into(), port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(name.into(), port),
    })
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::Configuration, Operation::Connect, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(url: &str) -> Vec<String> {
        let address = Address::parse(url).expect("a URL");
        address.nodes.iter().map(|node| node.addr().to_string()).collect()
    }

    #[test]
    fn a_url_says_hosts_ports_credentials_and_database() {
        assert_eq!(nodes("redis://h"), ["h:6379"]);
        assert_eq!(nodes("redis://u:p%40@[::1]:7000/3"), ["::1:7000"]);
        assert_eq!(nodes("redis+cluster://a:1,b"), ["a:1", "b:6379"]);
        assert_eq!(nodes("redis+unix:///run/redis.sock"), ["/run/redis.sock"]);
        let address = Address::parse("redis://u:p%40@h/3").expect("a URL");
        let all = (address.credentials.username(), address.credentials.password(), address.credentials.db());
        assert_eq!(all, (Some("u"), Some("p@"), 3));
        let address = Address::parse("redis://:only@h").expect("a URL");
        assert_eq!((address.credentials.username(), address.credentials.password()), (None, Some("only")));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_without_repeating_a_secret() {
        for url in [
            "s3cret",
            "http://u:s3cret@h",
            "redis://u:s3cret@",
            "redis://u:s3cret@h:port",
            "redis://u:s3cret@a,b",
            "redis://u:s3cret@h/x",
            "redis+cluster://u:s3cret@h/1",
            "redis://u:s3cret@h?db=1",
            "redis://u:s3cret@h#insecure",
            "redis://s3c?ret@h",
        ] {
            let error = Address::parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(!format!("{error:?}").contains("s3c"), "{error:?}");
        }
    }

    #[test]
    fn no_password_is_shown_nor_repeated() {
        let address = Address::parse("redis://ann:s3cret@db:6379/1").expect("a URL");
        assert_eq!(address.to_string(), "redis://ann:***@db:6379/1");
        assert_eq!(
            address.hide("unknown command `AUTH` beginning with: `s3cret`"),
            "unknown command `AUTH` beginning with: `***`"
        );
        assert!(address.exposes_a_password());
        assert!(!Address::parse("redis://ann:s3cret@127.0.0.1").expect("a URL").exposes_a_password());
    }
}
