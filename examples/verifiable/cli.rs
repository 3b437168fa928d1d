//! Owns the flags: Kafka's own where it has one, and what else a test asks of a Millstream service.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as Flags, Parser, Subcommand, ValueEnum};

/// A consumer and a producer that tell all they do, one JSON object a line.
#[derive(Debug, Parser)]
#[command(name = "verifiable", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) role: Role,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Consumes a topic in a group until it is told to stop
    Consumer(ConsumerFlags),
    /// Produces a number of messages
    Producer(ProducerFlags),
}

/// Which client speaks to the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Client {
    /// librdkafka
    Rdkafka,
}

/// How a group agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// One of its members decides
    Classic,
    /// The broker does (KIP-848)
    Consumer,
}

/// How partitions move in a classic group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Strategy {
    /// All are given up, and shared out again
    Range,
    /// Only those move that have to
    CooperativeSticky,
}

/// What remembers ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dedup {
    /// Nothing
    None,
    /// The process
    Memory,
    /// Redis, at `--redis-url` or `REDIS_URL`
    Redis,
}

/// Where the cluster is.
#[derive(Debug, Flags)]
pub(crate) struct Cluster {
    /// The brokers to begin with, as `host:port,host:port`
    #[arg(long, visible_alias = "broker-list", value_name = "SERVERS")]
    pub(crate) bootstrap_server: String,

    /// The client
    #[arg(long, value_enum, default_value_t = Client::Rdkafka)]
    pub(crate) transport: Client,

    /// Speak in the open to brokers that are not this machine
    #[arg(long)]
    pub(crate) danger_plaintext: bool,

    /// More settings for the client, a file of `name=value` lines
    #[arg(long, visible_aliases = ["consumer.config", "producer.config"], value_name = "FILE")]
    pub(crate) command_config: Option<PathBuf>,
}

#[derive(Debug, Flags)]
pub(crate) struct ConsumerFlags {
    #[command(flatten)]
    pub(crate) cluster: Cluster,

    /// The topic
    #[arg(long)]
    pub(crate) topic: String,

    /// The group
    #[arg(long)]
    pub(crate) group_id: String,

    /// A name under which this member comes back
    #[arg(long, value_name = "ID")]
    pub(crate) group_instance_id: Option<String>,

    /// How the group agrees
    #[arg(long, value_enum, default_value_t = Group::Classic)]
    pub(crate) group_protocol: Group,

    /// How partitions move, in a classic group
    #[arg(long, value_enum, default_value_t = Strategy::CooperativeSticky)]
    pub(crate) assignment_strategy: Strategy,

    /// Milliseconds after which a silent member is out
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    pub(crate) session_timeout: u64,

    /// Stop after so many records; -1 for never
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) max_messages: i64,

    /// Accepted as Kafka's; every record is told anyway
    #[arg(long)]
    pub(crate) verbose: bool,

    /// What remembers ids
    #[arg(long, value_enum, default_value_t = Dedup::None)]
    pub(crate) dedup: Dedup,

    /// Where Redis is
    #[arg(long, value_name = "URL")]
    pub(crate) redis_url: Option<String>,

    /// Milliseconds that handling a record takes
    #[arg(long, value_name = "MS", default_value_t = 0)]
    pub(crate) handler_delay: u64,

    /// Which part of all attempts fails, from 0 to 1
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub(crate) fail_rate: f64,

    /// Which part of all records is refused for good, from 0 to 1
    #[arg(long, value_name = "PART", default_value_t = 0.0)]
    pub(crate) refuse_rate: f64,

    /// Which attempts fail, and which records are refused
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
}

impl ConsumerFlags {
    pub(crate) fn session(&self) -> Duration {
        Duration::from_millis(self.session_timeout)
    }
}

#[derive(Debug, Flags)]
pub(crate) struct ProducerFlags {
    #[command(flatten)]
    pub(crate) cluster: Cluster,

    /// The topic
    #[arg(long)]
    pub(crate) topic: String,

    /// How many messages; -1 for until told to stop
    #[arg(long, value_name = "COUNT", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) max_messages: i64,

    /// Messages a second; -1 for as many as go
    #[arg(long, value_name = "RATE", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) throughput: i64,

    /// Acknowledgements; all of them (-1) is the only number that loses nothing, and the only one accepted
    #[arg(long, default_value_t = -1, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-1..=-1))]
    pub(crate) acks: i32,

    /// Values are `{prefix}.{number}` instead of the number alone
    #[arg(long, value_name = "PREFIX")]
    pub(crate) value_prefix: Option<i64>,

    /// Keys are the numbers below this, again and again; without it there are no keys
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeating_keys: Option<u64>,

    /// The first message's time in milliseconds since 1970; the others' are as much later as they are sent
    #[arg(long, value_name = "MS", default_value_t = -1, allow_negative_numbers = true)]
    pub(crate) message_create_time: i64,
}
