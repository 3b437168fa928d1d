//! Owns the reading of a transport's URL, and what of it may be shown: never a password. Leaves to each backend what its parts
//! mean.

use super::{Error, ErrorKind, Operation, is_secret, nearest};
use std::borrow::Cow;
use std::fmt;

/// `scheme://user:password@host:port,host:port/path?name=value&…`, read once. `Debug` and `Display` show it without its secrets.
///
/// ```
/// use millstream_core::contract::TransportUrl;
/// let url = TransportUrl::parse("nats://ann:pa%40ss@one:4222,two:4222/ticks?token=abc&retries=3")?;
/// assert_eq!((url.scheme(), url.hosts(), url.path()), ("nats", "one:4222,two:4222", "ticks"));
/// assert_eq!(url.password().as_deref(), Some("pa@ss"));
/// assert_eq!(url.param("retries").as_deref(), Some("3"));
/// assert_eq!(url.to_string(), "nats://ann:***@one:4222,two:4222/ticks?token=***&retries=3");
/// # Ok::<(), millstream_core::contract::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TransportUrl<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    hosts: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> TransportUrl<'a> {
    /// Reads a URL.
    ///
    /// # Errors
    /// If it does not begin with `scheme://`, or if an `@` stands behind the first `?` or `#`: nobody can tell whether a
    /// password with a `?` in it ends there. The error does not repeat the text, which may hold a secret.
    pub fn parse(url: &'a str) -> Result<Self, Error> {
        let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| is_scheme(scheme)).ok_or_else(|| {
            Error::new(ErrorKind::Configuration, Operation::Connect, "a transport's URL begins with its name, as `memory://`")
        })?;
        if rest.find(['?', '#']).is_some_and(|end| rest[end..].contains('@')) {
            let text = "an `@` stands behind a `?` or a `#` of a transport's URL: write it `%40`, and a `?` in a password `%3F`";
            return Err(Error::new(ErrorKind::Configuration, Operation::Connect, text));
        }
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        // A password may hold a slash, though it should not: the last `@` ends it.
        let (who, rest) = rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, password) = match who.map(|who| who.split_once(':')) {
            None => (None, None),
            Some(None) => (who, None),
            Some(Some((user, password))) => (Some(user), Some(password)),
        };
        Ok(TransportUrl { scheme, user, password, hosts, path, query })
    }

    /// What stands before `://`.
    pub fn scheme(&self) -> &'a str {
        self.scheme
    }

    /// The user, if one is named.
    pub fn user(&self) -> Option<Cow<'a, str>> {
        self.user.map(decoded)
    }

    /// The password, if one is given. A secret.
    pub fn password(&self) -> Option<Cow<'a, str>> {
        self.password.map(decoded)
    }

    /// Hosts with their ports, as they stand; may be empty.
    pub fn hosts(&self) -> &'a str {
        self.hosts
    }

    /// What stands behind the hosts, without the first slash; may be empty.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// All parameters, in order. Values may be secrets.
    pub fn params(&self) -> impl Iterator<Item = (&'a str, Cow<'a, str>)> {
        self.raw_params().map(|(name, value)| (name, decoded(value)))
    }

    /// The first parameter of that name. May be a secret.
    pub fn param(&self, name: &str) -> Option<Cow<'a, str>> {
        self.params().find(|(of, _)| *of == name).map(|(_, value)| value)
    }

    /// Refuses parameters that are none of `known`: a misspelt one must not be passed over.
    ///
    /// # Errors
    /// With the name of the first unknown one, the nearest known one, and all that are known.
    pub fn only_params(&self, known: &[&str]) -> Result<(), Error> {
        let Some((unknown, _)) = self.raw_params().find(|(name, _)| !known.contains(name)) else { return Ok(()) };
        let guess = nearest(unknown, known.iter().copied()).map_or(String::from(";"), |near| format!("; did you mean `{near}`?"));
        let all = if known.is_empty() { "none".to_owned() } else { format!("`{}`", known.join("`, `")) };
        let scheme = self.scheme;
        let text = format!("`{scheme}://` has no parameter `{}`{guess} it has: {all}", unknown.escape_debug());
        Err(Error::new(ErrorKind::Configuration, Operation::Connect, text))
    }

    /// Its secrets, as they stand and as they read.
    pub(super) fn secrets(&self) -> impl Iterator<Item = Cow<'a, str>> {
        let params = self.raw_params().filter(|(name, _)| is_secret(name)).map(|(_, value)| value);
        self.password.into_iter().chain(params).flat_map(|secret| [Cow::Borrowed(secret), decoded(secret)])
    }

    fn raw_params(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

impl fmt::Display for TransportUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme)?;
        if let Some(user) = self.user {
            write!(f, "{user}{}@", if self.password.is_some() { ":***" } else { "" })?;
        }
        f.write_str(self.hosts)?;
        if !self.path.is_empty() {
            write!(f, "/{}", self.path)?;
        }
        for (at, (name, value)) in self.raw_params().enumerate() {
            let value = if is_secret(name) { "***" } else { value };
            write!(f, "{}{name}={value}", if at == 0 { '?' } else { '&' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for TransportUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a text can stand before `://`. Bounded, so that it can be repeated in an error.
pub(super) fn is_scheme(text: &str) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    text.len() <= 32 && text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) && text.as_bytes().iter().all(plain)
}

/// With `%41` read as `A`; as it stands, if that would not be a text.
fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| bytes.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).expect("two hexadecimal digits are a byte"));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::TransportUrl;

    fn parts(url: &str) -> (String, Option<String>, Option<String>, String, String) {
        let url = TransportUrl::parse(url).expect("a URL");
        let own = |text: Option<std::borrow::Cow<'_, str>>| text.map(std::borrow::Cow::into_owned);
        (url.scheme().into(), own(url.user()), own(url.password()), url.hosts().into(), url.path().into())
    }

    #[test]
    fn a_url_is_read_into_its_parts() {
        let none = String::new;
        assert_eq!(parts("memory://"), ("memory".into(), None, None, none(), none()));
        assert_eq!(parts("a+b://h:1/p/q#x"), ("a+b".into(), None, None, "h:1".into(), "p/q".into()));
        assert_eq!(parts("a://u@h"), ("a".into(), Some("u".into()), None, "h".into(), none()));
        assert_eq!(parts("a://u:p%zz/@h"), ("a".into(), Some("u".into()), Some("p%zz/".into()), "h".into(), none()));
        assert_eq!(parts("a://u:%ff@h").2.as_deref(), Some("%ff"), "what is no text stays as it stands");
    }

    #[test]
    fn no_secret_is_shown() {
        for url in [
            "a://u:s3cret@h",
            "a://u:p@s3cret@h",
            "a://h?password=s3cret",
            "a://h?x=1&api_KEY=s3cret",
            "a://h?db_pass=s3cret",
            "a://h?passphrase=s3cret",
            "a://h#s3cret",
        ] {
            let url = TransportUrl::parse(url).expect("a URL");
            assert!(!format!("{url} {url:?}").contains("s3cret"), "{url}");
        }
        for url in ["s3cret", "u:s3cret@h", "s3cret x://h", "://s3cret", "//u:s3cret@h"] {
            let error = TransportUrl::parse(url).expect_err("no scheme");
            assert!(!format!("{error:?}").contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn a_url_whose_password_may_end_in_its_parameters_is_refused() {
        for url in ["nats://ann:p?s3cret@h", "nats://ann:p#s3cret@h", "nats://ann:p@x?s3cret@h"] {
            let error = TransportUrl::parse(url).expect_err("nobody can tell what is the password");
            assert!(error.context().contains("`%40`") && !error.context().contains("s3cret"), "{error}");
        }
        let url = TransportUrl::parse("nats://ann:p%3Fs3cret@h?mail=a%40b").expect("all is said");
        assert_eq!((url.password().as_deref(), url.param("mail").as_deref()), (Some("p?s3cret"), Some("a@b")));
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest() {
        let url = TransportUrl::parse("memory://x?partition=3").expect("a URL");
        let error = url.only_params(&["partitions"]).expect_err("it has a letter less");
        let text = "connect failed: `memory://` has no parameter `partition`; did you mean `partitions`? it has: `partitions`";
        assert_eq!(error.to_string(), text);
        url.only_params(&["partition"]).expect("it is known");
    }
}
