//! Owns bringing what is missing: each command shown before it runs. Leaves which ones to `millstream-services`.

use crate::step::Step;
use millstream_services::{Remedy, Tool, archive_classes, fetch, is_archived, missing_for_build, remedy, take_in};

/// Brings what compiling the whole suite takes beside Rust; with what services from packages take, if these follow: one command for both.
///
/// # Errors
/// If it may not be installed here, with the command for a person; or if that failed.
pub(crate) fn for_build(packages_follow: bool) -> Result<(), String> {
    let mut missing = missing_for_build();
    if !missing.is_empty() && packages_follow {
        missing.extend(missing_for_services());
    }
    bring(&missing)
}

/// Brings programs and jars for services from packages, as far as they are missing.
///
/// # Errors
/// If they may not be installed here, with the command for a person; or if that failed.
pub(super) fn for_services() -> Result<(), String> {
    bring(&missing_for_services())?;
    if let Some(words) = fetch()? {
        run(&words)?;
        take_in()?;
    }
    if !is_archived() {
        println!("starting a broker once, to write an archive of its classes: it halves the time of all later starts");
        if let Err(why) = archive_classes() {
            println!("there is none, and brokers start without it: {why}");
        }
    }
    Ok(())
}

fn missing_for_services() -> Vec<Tool> {
    let mut missing: Vec<_> = [Tool::Java, Tool::Redis].into_iter().filter(|tool| !tool.is_there()).collect();
    if fetch().is_err() {
        missing.push(Tool::Maven);
    }
    missing
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
