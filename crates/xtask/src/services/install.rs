//! Owns bringing what is missing: each command shown before it runs. Leaves which ones to `millstream-services`.

use crate::step::Step;
use millstream_services::{Remedy, Tool, archive_classes, docker_runs, fetch, is_archived, missing_for_build, remedy};

/// Brings what compiling the whole suite takes beside Rust.
///
/// # Errors
/// If it may not be installed here, with the command for a person; or if that failed.
pub(crate) fn for_build() -> Result<(), String> {
    bring(&missing_for_build())
}

/// Brings programs and jars for services, as far as they are missing; where Docker runs, only what it does not bring.
///
/// # Errors
/// If they may not be installed here, with the command for a person; or if that failed.
pub(super) fn for_services(secured: bool) -> Result<(), String> {
    let needed = match docker_runs() {
        true if secured => &[Tool::Java][..],
        true => return Ok(()),
        false => &[Tool::Java, Tool::Redis][..],
    };
    let mut missing: Vec<_> = needed.iter().copied().filter(|tool| !tool.is_there()).collect();
    if fetch().is_err() {
        missing.push(Tool::Maven);
    }
    bring(&missing)?;
    if let Some(words) = fetch()? {
        run(&words)?;
    }
    if !is_archived() {
        println!("starting a broker once, to write an archive of its classes: it halves the time of all later starts");
        if let Err(why) = archive_classes() {
            println!("there is none, and brokers start without it: {why}");
        }
    }
    Ok(())
}

fn bring(missing: &[Tool]) -> Result<(), String> {
    if missing.is_empty() {
        return Ok(());
    }
    match remedy(missing) {
        Remedy::Run(commands) => commands.iter().try_for_each(|words| run(words))?,
        Remedy::Say(what) => return Err(format!("{} missing: {what}", names(missing))),
        _ => return Err(format!("{} missing", names(missing))),
    }
    let still: Vec<_> = missing.iter().copied().filter(|tool| !tool.is_there()).collect();
    if still.is_empty() { Ok(()) } else { Err(format!("{} still missing after that", names(&still))) }
}

fn names(missing: &[Tool]) -> String {
    missing.iter().map(|tool| format!("{tool:?}")).collect::<Vec<_>>().join(", ")
}

fn run(words: &[String]) -> Result<(), String> {
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let (program, arguments) = words.split_first().ok_or("an empty command")?;
    // Debian's questions would wait for an answer that nobody gives.
    Step::program(program, arguments).env("DEBIAN_FRONTEND", "noninteractive").output().map(drop)
}
