//! Owns the smallest page there is: `GET /metrics`. Off unless asked for, and where it listens is the user's choice.

use crate::Prometheus;
use axum::http::header::CONTENT_TYPE;
use axum::{Router, routing::get};
use millstream_core::contract::{Error, ErrorKind, Operation};
use std::net::SocketAddr;
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::task::JoinHandle;

/// Serves `/metrics` until dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the serving"]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it listens: with the port that was found, if 0 was asked for.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Prometheus {
    /// Serves `/metrics` on `address` until the answer is dropped. Use a loopback address unless the network is trusted: the
    /// page names topics and groups, and asks for no password.
    ///
    /// # Errors
    /// If it cannot listen there ([`ErrorKind::Configuration`]).
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    ///
    /// # Cancel safety
    /// Nothing is left behind.
    pub async fn listen(&self, address: impl ToSocketAddrs) -> Result<Listening, Error> {
        let refused = |error: std::io::Error| {
            let text = "metrics cannot be served there: the address is taken, not of this machine, or not allowed";
            Error::new(ErrorKind::Configuration, Operation::Connect, text).with_source(error)
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let prometheus = self.clone();
        let page = move || async move { ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus.render()) };
        let router = Router::new().route("/metrics", get(page));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                // axum itself goes on after every error of one connection.
                drop(error);
            }
        });
        Ok(Listening { address, task })
    }
}
