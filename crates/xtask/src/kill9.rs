//! Owns the chore that kills a service again and again. Leaves starting, killing and accounting to the fault tests of the
//! examples, of which it is one, as long as one likes.

use crate::services;
use crate::step::Step;
use millstream_services::offered::SERVICES;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How often it is killed: a second and a half each
    #[arg(long, default_value_t = 100)]
    cycles: u32,

    /// With Redis as the store of ids too
    #[arg(long)]
    redis: bool,
}

/// Starts a service on a Kafka of its own, lets it work and kills it with SIGKILL, so many times; then accounts for every message.
///
/// # Errors
/// If a message is lost, handled again without an excuse, or committed before it was handled.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    services::install_for_build(true)?;
    let case = match arguments.redis {
        true => "killed_at_random_moments_beside_redis",
        false => "killed_at_random_moments_a_service",
    };
    let test = ["test", "--release", "-p", "millstream-examples", "--features", "kafka", "--test", "faults"];
    let test = [&test[..], &["--", "--nocapture", case]].concat();
    let step = Step::cargo(&test).env(SERVICES, "own").env("MILLSTREAM_KILL9_CYCLES", &arguments.cycles.to_string());
    step.run().map(|_| ())
}
