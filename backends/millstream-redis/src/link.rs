//! Owns the connection: made at the first call, made again when it is broken, and a deadline on every wait. Leaves what is
//! asked to the callers, and trying again to whoever called them: a backend never retries.
//!
//! One connection carries the calls of all workers, pipelined. After a failure it is thrown away, since nobody can tell what
//! still comes out of it; the next call makes another. While Redis is away callers fail at once for a growing while, so that
//! many workers do not knock all the time.

use crate::address::Address;
use crate::eviction::Eviction;
use crate::tls;
use crate::trouble::{failed, refused, spoils_the_connection};
use ::redis::aio::{ConnectionLike, MultiplexedConnection};
use ::redis::cluster::ClusterClientBuilder;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError, Value};
use millstream_core::clock::{Clock, MonoTime};
use millstream_core::contract::{Applied, Error, ErrorKind, NotApplied, Operation, TryAgain};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long a Redis that could not be reached is left alone: first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// How long may be waited.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
}

/// The way to one Redis.
pub(crate) struct Link {
    address: Address,
    deadlines: Deadlines,
    root_certificate: Option<Vec<u8>>,
    clock: Clock,
    state: Mutex<State>,
    warned: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Counts connections, so that only the one that failed is thrown away.
    generation: u64,
    live: Option<Live>,
    failures: u32,
    not_before: MonoTime,
}

#[derive(Clone)]
enum Live {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Link {
    pub(crate) fn new(address: Address, deadlines: Deadlines, root_certificate: Option<Vec<u8>>) -> Self {
        let (clock, state, warned) = (Clock::new(), Mutex::default(), AtomicBool::new(false));
        Link { address, deadlines, root_certificate, clock, state, warned }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether keys lie on several nodes, so that a command may have one key only.
    pub(crate) fn is_cluster(&self) -> bool {
        self.address.cluster
    }

    /// Sends commands together and answers one value each; an error if any of them failed.
    pub(crate) async fn call(&self, commands: Vec<Cmd>, operation: Operation) -> Result<Vec<Value>, Error> {
        self.try_call(commands, operation).await?.into_iter().collect()
    }

    /// Sends commands together and answers for each.
    pub(crate) async fn try_call(&self, commands: Vec<Cmd>, operation: Operation) -> Result<Vec<Result<Value, Error>>, Error> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let (generation, live) = self.live().await?;
        let answered = timeout(self.deadlines.response, send(live, commands)).await;
        let error = match answered {
            Ok(Ok(values)) => {
                let one = |value| match value {
                    Value::ServerError(error) => Err(refused(&error, operation, &self.address)),
                    value => Ok(value),
                };
                let answers: Vec<_> = values.into_iter().map(one).collect();
                if answers.iter().filter_map(|answer| answer.as_ref().err()).any(|error| error.kind() == ErrorKind::Unavailable) {
                    self.give_up(generation).await;
                }
                return Ok(answers);
            }
            Ok(Err(error)) => {
                if spoils_the_connection(&error) {
                    self.give_up(generation).await;
                }
                failed(&error, operation, &self.address)
            }
            Err(_) => {
                self.give_up(generation).await;
                let text = format!("redis did not answer within {:?} ({})", self.deadlines.response, self.address);
                Error::new(ErrorKind::TimedOut, operation, text)
            }
        };
        Err(error)
    }

    /// What the server does when it is full, as far as it says so.
    pub(crate) async fn eviction(&self) -> Result<Eviction, Error> {
        let answers = self.call(vec![info()], Operation::Lookup).await?;
        Ok(Eviction::of(&answers))
    }

    /// The connection that is, or a new one.
    async fn live(&self) -> Result<(u64, Live), Error> {
        let mut state = self.state.lock().await;
        if let Some(live) = &state.live {
            return Ok((state.generation, live.clone()));
        }
        let now = self.clock.now();
        if now < state.not_before {
            let text = format!("redis could not be reached a moment ago ({})", self.address);
            let left = state.not_before.since(now);
            return Err(Error::new(ErrorKind::Unavailable, Operation::Connect, text)
                .with_try_again(TryAgain::After(left))
                .with_applied(Applied::NotApplied(NotApplied::NotSent)));
        }
        match self.connect().await {
            Ok(live) => {
                state.generation += 1;
                (state.failures, state.live) = (0, Some(live.clone()));
                Ok((state.generation, live))
            }
            Err(error) => {
                let pause = PAUSE.0.saturating_mul(1 << state.failures.min(10)).min(PAUSE.1);
                state.failures = state.failures.saturating_add(1);
                state.not_before = self.clock.now().after(pause);
                Err(error)
            }
        }
    }

    async fn give_up(&self, generation: u64) {
        let mut state = self.state.lock().await;
        if state.generation == generation {
            state.live = None;
        }
    }

    async fn connect(&self) -> Result<Live, Error> {
        let connecting = async {
            let live = match self.address.cluster {
                false => Live::One(self.one().await?),
                true => Live::Cluster(self.cluster().await?),
            };
            // Also the proof that it answers: a server may take connections and be hung, or refuse this user everything.
            let policy = send(live.clone(), vec![info()]).await;
            Ok::<_, RedisError>((live, policy))
        };
        match timeout(self.deadlines.connect, connecting).await {
            Ok(Ok((live, policy))) => {
                let values = policy.map_err(|error| failed(&error, Operation::Connect, &self.address))?;
                self.warn(&Eviction::of(&values));
                Ok(live)
            }
            Ok(Err(error)) => Err(failed(&error, Operation::Connect, &self.address)),
            Err(_) => {
                let text = format!("redis did not answer within {:?} ({})", self.deadlines.connect, self.address);
                let error = Error::new(ErrorKind::Unavailable, Operation::Connect, text);
                Err(error.with_applied(Applied::NotApplied(NotApplied::NotSent)))
            }
        }
    }

    async fn one(&self) -> Result<MultiplexedConnection, RedisError> {
        let node = self.address.nodes[0].clone();
        let client = tls::client(node, self.root_certificate.as_deref())?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.deadlines.connect))
            .set_response_timeout(Some(self.deadlines.response));
        client.get_multiplexed_async_connection_with_config(&config).await
    }

    async fn cluster(&self) -> Result<ClusterConnection, RedisError> {
        let builder = ClusterClientBuilder::new(self.address.nodes.clone())
            .connection_timeout(self.deadlines.connect)
            .response_timeout(self.deadlines.response)
            // Enough to follow a slot that has moved; a longer outage is the caller's to wait out.
            .retries(3);
        let mut builder = tls::trusting(builder, self.root_certificate.as_deref());
        if let Some(user) = self.address.credentials.username() {
            builder = builder.username(user);
        }
        if let Some(password) = self.address.credentials.password() {
            builder = builder.password(password);
        }
        builder.build()?.get_async_connection().await
    }

    fn warn(&self, eviction: &Eviction) {
        if self.warned.swap(true, Ordering::Relaxed) {
            return;
        }
        if let Some(why) = eviction.unsafe_because() {
            tracing::warn!(redis = %self.address, "{why}");
        }
        if self.address.exposes_a_password() {
            tracing::warn!(redis = %self.address, "the password goes over the network in the clear: use `rediss://`");
        }
    }
}

fn info() -> Cmd {
    let mut info = ::redis::cmd("INFO");
    info.arg("memory");
    info
}

/// Sends commands together; one value each, of which any may be a server's error.
async fn send(live: Live, commands: Vec<Cmd>) -> Result<Vec<Value>, RedisError> {
    match live {
        Live::One(mut connection) => {
            let count = commands.len();
            let mut pipeline = Pipeline::with_capacity(count);
            commands.into_iter().for_each(|command| {
                pipeline.add_command(command);
            });
            connection.req_packed_commands(&pipeline, 0, count).await
        }
        // Each goes to the node of its key; those of a node travel together all the same.
        Live::Cluster(connection) => {
            let one = |command: Cmd| {
                let mut connection = connection.clone();
                async move {
                    match connection.req_packed_command(&command).await {
                        Err(error) => server_errors(error),
                        answered => answered,
                    }
                }
            };
            all(commands.into_iter().map(one).collect()).await.into_iter().collect()
        }
    }
}

/// A server's error as a value, as it comes out of a pipeline.
fn server_errors(error: RedisError) -> Result<Value, RedisError> {
    let kind = error.kind();
    if !matches!(kind, ::redis::ErrorKind::Server(_) | ::redis::ErrorKind::Extension) {
        return Err(error);
    }
    let first = error.clone().into_server_errors().and_then(|errors| errors.first().map(|(_, error)| error.clone()));
    first.map(Value::ServerError).ok_or(error)
}

/// A future, or its answer.
enum Waiting<F: Future> {
    Pending(Pin<Box<F>>),
    Ready(Option<F::Output>),
}

/// Polls futures until all are ready; their answers, in order.
async fn all<F: Future<Output: Unpin>>(futures: Vec<F>) -> Vec<F::Output> {
    let mut waiting: Vec<Waiting<F>> = futures.into_iter().map(|future| Waiting::Pending(Box::pin(future))).collect();
    std::future::poll_fn(move |cx| {
        let mut pending = false;
        for one in &mut waiting {
            if let Waiting::Pending(future) = one {
                match future.as_mut().poll(cx) {
                    Poll::Ready(answer) => *one = Waiting::Ready(Some(answer)),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            return Poll::Pending;
        }
        let answer = |one: &mut Waiting<F>| match one {
            Waiting::Ready(answer) => answer.take(),
            Waiting::Pending(_) => None,
        };
        Poll::Ready(waiting.iter_mut().filter_map(answer).collect())
    })
    .await
}
