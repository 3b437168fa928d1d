//! Owns what a Redis's errors mean: their kind, whether to try again, and what is known of the effect. Leaves when a
//! connection is given up to `link`.

use crate::address::Address;
use ::redis::{RedisError, ServerError};
use millstream_core::contract::{Applied, Error, ErrorKind, NotApplied, Operation};

/// The core's error of one of the client's. Its text goes along as words, without secrets: no type of the client is anybody's
/// business.
pub(crate) fn failed(error: &RedisError, operation: Operation, address: &Address) -> Error {
    use ::redis::ErrorKind as K;
    let words = address.hide(&error.to_string());
    let (kind, what) = match error.kind() {
        K::AuthenticationFailed => (ErrorKind::Unauthorized, "redis refused the credentials"),
        K::Server(_) | K::Extension => server(error),
        K::InvalidClientConfig => (ErrorKind::Configuration, "redis cannot be reached as configured"),
        _ if error.is_timeout() => (ErrorKind::TimedOut, "redis did not answer within the deadline"),
        _ => (ErrorKind::Unavailable, "redis cannot be reached"),
    };
    let applied = match operation {
        // Nothing was sent.
        Operation::Connect => Applied::NotApplied(NotApplied::NotSent),
        // Of a pipeline some may have been applied.
        _ => Applied::Unknown,
    };
    Error::new(kind, operation, format!("{what} ({address})")).with_applied(applied).with_source(words)
}

/// The error of one command of a pipeline.
pub(crate) fn refused(error: &ServerError, operation: Operation, address: &Address) -> Error {
    let error: RedisError = error.clone().into();
    failed(&error, operation, address)
}

/// What an answer of the server says.
fn server(error: &RedisError) -> (ErrorKind, &'static str) {
    match error.code() {
        Some("NOPERM") => (ErrorKind::Unauthorized, "redis does not permit it to this user"),
        Some("NOAUTH" | "WRONGPASS") => (ErrorKind::Unauthorized, "redis refused the credentials"),
        Some("LOADING") => (ErrorKind::Unavailable, "redis is still loading its data"),
        Some("READONLY") => (ErrorKind::Unavailable, "this redis is a replica, which takes no writes"),
        Some("OOM") => (ErrorKind::Full, "redis is full (`maxmemory`), and its policy evicts nothing"),
        Some("MISCONF") => (ErrorKind::Unavailable, "redis takes no writes, since it cannot save them"),
        Some("ERR" | "WRONGTYPE" | "EXECABORT") => (ErrorKind::Invalid, "redis refused the command"),
        _ => (ErrorKind::Unavailable, "redis cannot answer now"),
    }
}

/// Whether another connection may fare better: this one is broken, or its server has become another.
pub(crate) fn spoils_the_connection(error: &RedisError) -> bool {
    use ::redis::ErrorKind as K;
    match error.kind() {
        K::Server(_) | K::Extension => matches!(error.code(), Some("READONLY" | "NOAUTH" | "MASTERDOWN")),
        _ => true,
    }
}
