//! `verifiable consumer` and `verifiable producer`: Kafka's own test clients, built as Millstream services.
//!
//! They speak the JSON lines of Kafka's `VerifiableConsumer` and `VerifiableProducer` on standard output and log on standard
//! error, so that what drives those drives these.
//!
//! ```text
//! verifiable producer --bootstrap-server 127.0.0.1:9092 --topic orders --max-messages 1000
//! verifiable consumer --bootstrap-server 127.0.0.1:9092 --topic orders --group-id shop --max-messages 1000
//! ```
//!
//! | file | noun |
//! | --- | --- |
//! | `cli` | the flags, of which most are Kafka's |
//! | `lines` | one JSON object a line, flushed |
//! | `cluster` | the transport and the deduplicator that the flags name |
//! | `consumer` · `told` | the consuming service; its transport, which tells what goes through it |
//! | `listening` | listening to signals before it is told that a client has started |
//! | `settled` | what has been delivered and is not told as settled yet |
//! | `producer` | the producing service |

mod cli;
mod cluster;
mod consumer;
mod lines;
mod listening;
mod producer;
mod settled;
mod told;

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Args, Role};
use crate::lines::Lines;

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::WARN.into())
        .from_env_lossy();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let lines = Lines::stdout();
    let ran = match args.role {
        Role::Consumer(flags) => consumer::run(flags, &lines).await,
        Role::Producer(flags) => producer::run(flags, &lines).await,
    };
    if ran.is_ok() {
        lines.tell("shutdown_complete", serde_json::json!({}));
    }
    millstream::exit_code(ran)
}
