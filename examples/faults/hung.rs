//! Owns a port in front of a server: it passes bytes on, or accepts and never answers.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A door to a server, gone with this value as far as new connections go.
pub(crate) struct Door {
    address: SocketAddr,
    hangs: Arc<AtomicBool>,
    closed: Arc<AtomicBool>,
}

impl Door {
    /// A door to `server`, open.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("it is bound");
        let (hangs, closed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        std::thread::spawn({
            let (hangs, closed) = (hangs.clone(), closed.clone());
            move || {
                for client in listener.incoming().map_while(Result::ok) {
                    if closed.load(Ordering::Relaxed) {
                        return;
                    }
                    let Ok(server) = TcpStream::connect(server) else { continue };
                    pipe(&client, &server, &hangs, &closed);
                    pipe(&server, &client, &hangs, &closed);
                }
            }
        });
        Self { address, hangs, closed }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes; connections stay.
    pub(crate) fn hang(&self) {
        self.hangs.store(true, Ordering::Relaxed);
    }

    /// What has waited passes, and all that follows.
    pub(crate) fn let_go(&self) {
        self.hangs.store(false, Ordering::Relaxed);
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn pipe(from: &TcpStream, to: &TcpStream, hangs: &Arc<AtomicBool>, closed: &Arc<AtomicBool>) {
    let (mut from, mut to) = (from.try_clone().expect("a socket can be shared"), to.try_clone().expect("a socket can be shared"));
    let (hangs, closed) = (hangs.clone(), closed.clone());
    std::thread::spawn(move || {
        let mut bytes = [0; 16 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            while hangs.load(Ordering::Relaxed) && !closed.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(10));
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
    });
}
