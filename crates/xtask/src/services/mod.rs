//! Owns the chore `services`: its words, and what each does to what is up. Leaves starting and ending to `millstream-services`, what
//! is remembered between two calls to `kept`, installing to `install`, and what tests find running to `beside`.

mod beside;
mod install;
mod kept;
mod table;

use crate::step::human;
pub(crate) use beside::Prepared;
use beside::given;
pub(crate) use install::for_build as install_for_build;
use kept::Kept;
use millstream_services::{Error, Kafka, KafkaSettings, Node, Redis, RedisSettings, docker_runs, root};
use std::fs::File;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Start Kafka and Redis; they run until `down`
    Up(Up),
    /// End what `up` started, and remove its data
    Down,
    /// Which nodes there are, where, and what they do
    Status,
    /// `export` lines for a shell: eval "$(cargo xtask services env)"
    Env,
    /// The end of a node's log, or of all
    Logs {
        /// `kafka-1`, `redis`
        node: Option<String>,

        /// How many lines
        #[arg(long, default_value_t = 40)]
        lines: usize,
    },
    /// Start a stopped node again: the same address, the same data
    Start {
        /// `kafka-1`, `redis`
        node: String,
    },
    /// Ask a node to end, and wait for it
    Stop {
        /// `kafka-1`, `redis`
        node: String,
    },
    /// End a node at once (kill -9)
    Kill {
        /// `kafka-1`, `redis`
        node: String,
    },
    /// Hold a node (SIGSTOP): connections stay open, nothing is answered
    Pause {
        /// `kafka-1`, `redis`
        node: String,
    },
    /// Let a paused node go on
    Resume {
        /// `kafka-1`, `redis`
        node: String,
    },
    /// Bring what is missing on this machine, without starting anything
    Install,
}

#[derive(clap::Args)]
struct Up {
    /// How many brokers: with three, topics have three replicas and writes need two
    #[arg(long, default_value_t = 1)]
    brokers: usize,

    /// Listeners with TLS, SASL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) and both, beside the plain one
    #[arg(long)]
    tls_sasl: bool,
}

/// Does it.
///
/// # Errors
/// If something is missing, does not become ready, or is not up.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let _lock = locked()?;
    match &arguments.what {
        What::Up(up) => up.run(),
        What::Down => down(),
        What::Status => Kept::read()?.map_or_else(nothing, |kept| {
            print!("{}", table::draw(&kept.nodes));
            Ok(())
        }),
        What::Env => {
            let kept = Kept::read()?.ok_or(NOTHING)?;
            print!("{}", kept.exported());
            Ok(())
        }
        What::Logs { node, lines } => logs(node.as_deref(), *lines),
        What::Start { node } => with(node, "started", |node| node.start()),
        What::Stop { node } => with(node, "stopped", |node| node.stop()),
        What::Kill { node } => with(node, "killed", |node| node.kill()),
        What::Pause { node } => with(node, "paused", |node| node.pause()),
        What::Resume { node } => with(node, "resumed", |node| node.resume()),
        What::Install => install::for_build(true).and_then(|()| install::for_services()),
    }
}

/// Two calls at once would install twice, or start everything twice and remember one of the two.
fn locked() -> Result<File, String> {
    std::fs::create_dir_all(root()).map_err(|error| format!("{}: {error}", root().display()))?;
    Ok(millstream_services::lock(&root().join("lock"))?)
}

const NOTHING: &str = "no services are up: `cargo xtask services up` starts them";

#[expect(clippy::unnecessary_wraps, reason = "one answer among several")]
fn nothing() -> Result<(), String> {
    println!("{NOTHING}");
    Ok(())
}

impl Up {
    fn run(&self) -> Result<(), String> {
        if let Some(kept) = Kept::read()? {
            if kept.is_up() {
                print!("{}", table::draw(&kept.nodes));
                return Err("services are up already: `cargo xtask services down` ends them".to_owned());
            }
            kept.end()?;
        }
        let (there, store) = (given("KAFKA_BOOTSTRAP_SERVERS")?, given("REDIS_URL")?);
        if (there.is_none() || store.is_none()) && (self.tls_sasl || !docker_runs()) {
            install::for_services()?;
        }
        let start = Instant::now();
        let mut kept = Kept::default();
        let settings = KafkaSettings::default().brokers(self.brokers);
        let settings = if self.tls_sasl { settings.secured() } else { settings };
        let kafka = take(&mut kept, "KAFKA_BOOTSTRAP_SERVERS", there, || settings.start(), Kept::kafka)?;
        let redis = take(&mut kept, "REDIS_URL", store, || RedisSettings::default().start(), Kept::redis)?;
        // First remembered, then set free: whatever ends us in between, nothing runs of which nobody knows.
        kept.write()?;
        kafka.map_or(Ok(()), Kafka::release)?;
        redis.map_or(Ok(()), Redis::release)?;
        print!("{}", table::draw(&kept.nodes));
        println!("\nservices: up in {}; eval \"$(cargo xtask services env)\" tells a shell where", human(start.elapsed()));
        Ok(())
    }
}

/// Takes what is there already, or starts it.
fn take<T>(
    kept: &mut Kept,
    name: &str,
    there: Option<String>,
    start: impl FnOnce() -> Result<T, Error>,
    keep: impl FnOnce(&mut Kept, &T),
) -> Result<Option<T>, String> {
    if let Some(value) = there {
        println!("{name} is set, and somebody listens there: nothing is started for it");
        kept.export(name, &value);
        return Ok(None);
    }
    let started = start()?;
    keep(kept, &started);
    Ok(Some(started))
}

fn down() -> Result<(), String> {
    let Some(kept) = Kept::read()? else { return nothing() };
    kept.end()?;
    println!("services: down");
    Ok(())
}

fn with(name: &str, done: &str, act: impl FnOnce(&mut Node) -> Result<(), Error>) -> Result<(), String> {
    let mut kept = Kept::read()?.ok_or(NOTHING)?;
    let start = Instant::now();
    let outcome = act(kept.node(name)?);
    // Also after a failure: a process that was started is one to be ended.
    kept.write()?;
    outcome?;
    println!("{name}: {done} in {}", human(start.elapsed()));
    Ok(())
}

fn logs(name: Option<&str>, count: usize) -> Result<(), String> {
    let mut kept = Kept::read()?.ok_or(NOTHING)?;
    if let Some(name) = name {
        kept.node(name)?;
    }
    for node in kept.nodes.iter().filter(|node| name.is_none_or(|name| node.name() == name)) {
        println!("── {} ──", node.name());
        println!("{}", node.last_words(count));
    }
    Ok(())
}
