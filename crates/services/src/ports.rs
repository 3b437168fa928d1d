//! Owns free ports on loopback.

use crate::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the ports that systems give to outgoing connections (from 32768 on): a client's own connection can then neither take a
/// port between our look and the server's start, nor, while a killed server is down, be connected to itself.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// So many ports that are free now, no two calls of one process answering the same soon.
///
/// # Errors
/// If none is free.
pub(crate) fn free(count: usize) -> Result<Vec<u16>, Error> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes that start at the same time begin at different places.
    let place = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or(0);
    let mut found = Vec::new();
    for _ in 0..COUNT {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (place + nth) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            found.push(port);
        }
        if found.len() == count {
            return Ok(found);
        }
    }
    Err(Error::new(format!("no {count} ports are free between {FIRST} and {}", FIRST + COUNT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_all_different_and_none_that_outgoing_connections_take() {
        let mut ports = [free(3).expect("ports are free"), free(3).expect("ports are free")].concat();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
        assert!(ports.iter().all(|port| (20_000..30_000).contains(port)), "{ports:?}");
    }
}
