//! A way to a broker on which commits are lost, or their answers, or on which one comes too late.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

/// How often librdkafka sends a commit before it gives up.
const TRIES: u32 = 3;
/// The request that commits offsets.
const COMMIT: i16 = 8;
/// What a group in the middle of a rebalance answers.
const REBALANCING: i16 = 27;

/// What befalls the next commit, and those that follow it because of that: librdkafka tries by itself twice more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It gets lost.
    Lost,
    /// It is written, and its answer gets lost.
    Unanswered,
    /// It comes as if from a generation before: it is not written, and its answer says that the group is rebalancing.
    Stale,
}

#[derive(Default)]
struct Shared {
    broker: OnceLock<SocketAddr>,
    /// What befalls how many commits more.
    next: Mutex<Option<(Fault, u32)>>,
}

/// Takes connections on a port of its own, as long as the process lives.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// One whose broker is not known yet: that one is told the proxy's port first.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let shared: Arc<Shared> = Arc::default();
        let of_thread = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = of_thread.clone();
                thread::spawn(move || drop(carry(client, &shared)));
            }
        });
        Proxy { port, shared }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn leads_to(&self, broker: SocketAddr) {
        self.shared.broker.set(broker).expect("it is told once");
    }

    pub(crate) fn next(&self, fault: Fault) {
        let times = if fault == Fault::Stale { 1 } else { TRIES };
        *self.shared.next.lock().unwrap_or_else(PoisonError::into_inner) = Some((fault, times));
    }
}

impl Shared {
    fn take(&self) -> Option<Fault> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (fault, times) = (*next)?;
        *next = (times > 1).then(|| (fault, times - 1));
        Some(fault)
    }
}

/// Carries one client's requests to the broker, and the answers back.
fn carry(mut client: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let Some(broker) = shared.broker.get() else { return Ok(()) };
    let mut broker = TcpStream::connect(broker)?;
    // What is to become of answers, by the numbers of their requests.
    let fates: Arc<Mutex<BTreeMap<[u8; 4], Fault>>> = Arc::default();
    let (mut answers, mut back, of_answers) = (broker.try_clone()?, client.try_clone()?, fates.clone());
    thread::spawn(move || {
        while let Ok(mut answer) = frame(&mut answers) {
            let fate = answer.get(..4).and_then(|id| of_answers.lock().unwrap_or_else(PoisonError::into_inner).remove(id));
            match fate {
                Some(Fault::Unanswered) => continue,
                Some(Fault::Stale) => call_rebalancing(&mut answer),
                Some(Fault::Lost) | None => {}
            }
            if send(&mut back, &answer).is_err() {
                break;
            }
        }
        let _ = back.shutdown(Shutdown::Both);
    });
    loop {
        let mut request = match frame(&mut client) {
            Ok(request) => request,
            Err(error) => {
                let _ = broker.shutdown(Shutdown::Both);
                return Err(error);
            }
        };
        let key = request.get(..2).map(|key| i16::from_be_bytes([key[0], key[1]]));
        let fault = if key == Some(COMMIT) { shared.take() } else { None };
        if let Some(fault) = fault {
            let id = request[4..8].try_into().expect("a request has a number");
            match fault {
                Fault::Lost => continue,
                Fault::Stale => age(&mut request),
                Fault::Unanswered => {}
            }
            fates.lock().unwrap_or_else(PoisonError::into_inner).insert(id, fault);
        }
        send(&mut broker, &request)?;
    }
}

fn frame(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut frame = vec![0; usize::try_from(i32::from_be_bytes(length)).unwrap_or(0)];
    from.read_exact(&mut frame)?;
    Ok(frame)
}

fn send(to: &mut TcpStream, frame: &[u8]) -> std::io::Result<()> {
    let length = i32::try_from(frame.len()).expect("it came as one");
    to.write_all(&[length.to_be_bytes().as_slice(), frame].concat())
}

/// The place behind a text as newer requests have it, of less than 127 bytes.
fn behind_text(bytes: &[u8], at: usize) -> usize {
    at + usize::from(bytes[at]).max(1)
}

/// Takes a generation off a commit of version 8 or 9.
fn age(request: &mut [u8]) {
    let client_id = usize::from(u16::from_be_bytes([request[8], request[9]]));
    let generation = behind_text(request, 10 + client_id + 1);
    let number: [u8; 4] = request[generation..generation + 4].try_into().expect("four bytes");
    let aged = i32::from_be_bytes(number) - 1;
    request[generation..generation + 4].copy_from_slice(&aged.to_be_bytes());
}

/// Replaces the error of an answer about one partition, of version 8 or 9.
fn call_rebalancing(answer: &mut [u8]) {
    let partitions = behind_text(answer, 4 + 1 + 4 + 1);
    let error = partitions + 1 + 4;
    answer[error..error + 2].copy_from_slice(&REBALANCING.to_be_bytes());
}
