//! Owns running the model checker: in a plain build, where nothing may be found, or in one with planted bugs, where each
//! must be. Leaves the worlds to the testkit.

use crate::step::Step;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Explore these worlds only, by name
    #[arg(long, value_delimiter = ',')]
    world: Vec<String>,

    /// Plant these bugs, one after the other, and see each of them caught: `B01,B03`, or `all`
    #[arg(long, value_delimiter = ',')]
    planted: Vec<String>,
}

/// Explores the worlds.
///
/// # Errors
/// If a promise is broken, a world is too large, or a planted bug is not caught.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let mut run = vec!["run", "--release", "--package", "millstream-testkit", "--example", "model"];
    if !arguments.planted.is_empty() {
        // A folder of its own: builds with other flags would throw each other's results away.
        run.extend(["--target-dir", "target/planted"]);
    }
    run.push("--");
    run.extend(arguments.world.iter().map(String::as_str));
    let mut step = Step::cargo(&run);
    if !arguments.planted.is_empty() {
        step = step.env("RUSTFLAGS", "--cfg millstream_planted").env("PLANTED", &arguments.planted.join(","));
    }
    step.run().map(|_| ())
}
