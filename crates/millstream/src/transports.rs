//! Owns the transports that this crate's features brought, by the scheme of their URLs. Leaves opening to the core's
//! [`Transports`].

use millstream_core::contract::{AnyTransport, Error, Transports};

/// [`Transports::builtin`].
pub trait BuiltinTransports: Sized {
    /// All that this crate's features brought: `memory://` with `memory`; `kafka://` and `kafka+rdkafka://` with
    /// `rdkafka`.
    fn builtin() -> Self;
}

impl BuiltinTransports for Transports {
    fn builtin() -> Self {
        let transports = Transports::new();
        #[cfg(feature = "memory")]
        let transports = transports.with("memory", millstream_memory::Memory::open);
        #[cfg(feature = "rdkafka")]
        let transports =
            transports.with("kafka", millstream_rdkafka::Rdkafka::open).with("kafka+rdkafka", millstream_rdkafka::Rdkafka::open);
        transports
    }
}

/// [`AnyTransport::open`].
pub trait OpenTransport: Sized {
    /// Opens what the URL names, of the built-in transports. Nothing is connected yet.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// let transport = AnyTransport::open("memory://ticks")?;
    /// # drop(transport);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Transports::open`].
    fn open(url: &str) -> Result<Self, Error>;
}

impl OpenTransport for AnyTransport {
    fn open(url: &str) -> Result<Self, Error> {
        Transports::builtin().open(url)
    }
}
