//! Tasks that service authors have, each in a file of its own to be copied. Every one runs on memory and checks what
//! it shows.
//!
//! `cargo run --example tasks` runs all of them, `cargo run --example tasks -- errors layers` some.

#![allow(clippy::print_stdout, reason = "an example says what it has shown")]

mod batch;
mod direct;
mod errors;
mod forms;
mod hello;
mod layers;
mod lifecycle;
mod producing;
mod settings;
mod state;
mod testing;
mod topics;
mod trading_engine;
mod transports;

use millstream::prelude::Error;
use std::pin::Pin;
use std::process::ExitCode;

type Task = fn() -> Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// The tasks in the order of the guides: name, what it shows, and the run.
const TASKS: &[(&str, &str, Task)] = &[
    ("hello", "a function, a topic, a group", || Box::pin(hello::run())),
    ("trading_engine", "a state, a namespace as an argument, outputs", || Box::pin(trading_engine::run())),
    ("forms", "what a handler may take and return", || Box::pin(forms::run())),
    ("layers", "filters, layers and settings of one handler", || Box::pin(layers::run())),
    ("errors", "errors by type, retry topics, and a pager beside the dead-letter topic", || Box::pin(errors::run())),
    ("batch", "many records in one call, and an answer for each", || Box::pin(batch::run())),
    ("state", "an entry for each key, restored after a restart", || Box::pin(state::run())),
    ("testing", "a handler called, a whole service on memory, and a producer that keeps what it is given", || {
        Box::pin(testing::run())
    }),
    ("producing", "root events, explicit envelopes, CloudEvents", || Box::pin(producing::run())),
    ("topics", "names checked when compiled, and namespaces that never mix", || Box::pin(topics::run())),
    ("lifecycle", "two services and a feed in one process, started and stopped in order", || Box::pin(lifecycle::run())),
    ("transports", "one service by type, by URL, and on a third party's transport", || Box::pin(transports::run())),
    ("direct", "records sent and read in a loop of your own", || Box::pin(direct::run())),
    ("settings", "a file, the environment and code; all mistakes at once", || Box::pin(settings::run())),
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted.iter().find(|name| TASKS.iter().all(|(known, ..)| known != name)) {
        let known: Vec<&str> = TASKS.iter().map(|(name, ..)| *name).collect();
        println!("there is no task `{unknown}`; there are: {}", known.join(", "));
        return ExitCode::from(2);
    }
    // One thread and a paused clock: every run is the same, and waiting costs no time.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime of one thread needs no more than memory");
    for (name, shows, task) in TASKS {
        if !wanted.is_empty() && !wanted.iter().any(|one| one == name) {
            continue;
        }
        println!("{name}: {shows}");
        if let Err(error) = runtime.block_on(task()) {
            println!("{name} failed: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::TASKS;

    #[tokio::test(start_paused = true)]
    async fn every_task_shows_what_it_says() {
        for (name, _, task) in TASKS {
            task().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
