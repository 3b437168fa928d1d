//! The program.
//!
//! Owns the order of things: flags, data, oracle, run, report, exit code. Leaves each of them to its module.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Parser;
use tokio::sync::watch;

use crate::cli::{Args, CONFIGURATION, FAILED, Format, INTERRUPTED, OK};
#[cfg(feature = "kafka")]
use crate::cli::{Part, Through};
use crate::conductor::Cut;
use crate::equity::Equity;
use crate::faults::Faults;
use crate::feed::{Feed, INSTRUMENTS};
use crate::report::Report;
use crate::run::Options;

/// A message for people, and the exit code it comes with.
struct Ended(u8, String);

impl From<Cut> for Ended {
    fn from(cut: Cut) -> Self {
        match cut {
            Cut::Data(error) => Self(CONFIGURATION, format!("error: {error}")),
            Cut::Failed(why) => Self(FAILED, format!("error: {why}")),
            Cut::Interrupted => Self(OK, "stopped in order before the end: there is no report".to_owned()),
        }
    }
}

/// The program: flags in, a report and an exit code out.
pub fn main() -> ExitCode {
    let args = Args::parse();
    log();
    let ended = prepare(&args).and_then(|feed| {
        #[cfg(feature = "kafka")]
        if let Some(part) = args.service.filter(|part| *part != Part::Feed) {
            alone(&args, &feed, part)?;
            return Ok(OK);
        }
        let (report, equity) = run(&args, &feed)?;
        show(&args, &report, &equity)?;
        Ok(if report.is_good() { OK } else { FAILED })
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Ended(code, message)) => {
            let _ = writeln!(io::stderr(), "{message}");
            ExitCode::from(code)
        }
    }
}

/// What the framework logs, on standard error: by default errors only, for the report says the rest.
fn log() {
    let filter = tracing_subscriber::EnvFilter::builder()
        .with_default_directive(tracing_subscriber::filter::LevelFilter::ERROR.into())
        .from_env_lossy();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

/// Checks everything that can be wrong before anything starts.
fn prepare(args: &Args) -> Result<Feed, Ended> {
    let configuration = |message: String| Ended(CONFIGURATION, format!("error: {message}"));
    args.check().map_err(configuration)?;
    let brokers = std::env::var("ACTIVE_BROKERS").ok();
    let venues = args.venues(brokers.as_deref()).map_err(configuration)?;
    let source = args.source();
    let extent = source.check().map_err(|error| configuration(error.to_string()))?;
    let faults = Faults::new(args.seed, args.rates(), extent.ticks, INSTRUMENTS);
    Ok(Feed { source, extent, laps: args.laps, faults, venues })
}

#[tokio::main]
async fn run(args: &Args, feed: &Feed) -> Result<(Report, Equity), Ended> {
    let options = Options {
        break_dead_letters: args.break_dead_letters,
        restarts: args.restarts,
        ahead: args.ahead,
        progress: true,
        interrupted: interrupts(),
    };
    #[cfg(feature = "kafka")]
    if args.transport == Through::Rdkafka {
        return Ok(crate::kafka::run(args, feed, options).await?);
    }
    Ok(crate::run::run(feed, options, |memory| memory).await?)
}

#[cfg(feature = "kafka")]
#[tokio::main]
async fn alone(args: &Args, feed: &Feed, part: Part) -> Result<(), Ended> {
    crate::kafka::alone(args, feed, part).await.map_err(|error| Ended(FAILED, format!("error: {error:?}")))
}

/// Turns true with the first SIGINT or SIGTERM; the second one ends the process.
fn interrupts() -> watch::Receiver<bool> {
    let (tell, told) = watch::channel(false);
    tokio::spawn(async move {
        for first in [true, false] {
            if signal().await.is_err() {
                return;
            }
            if !first {
                std::process::exit(i32::from(INTERRUPTED));
            }
            tell.send_replace(true);
        }
    });
    told
}

async fn signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Prints the report; a reader that has gone away is no error.
fn show(args: &Args, report: &Report, equity: &Equity) -> Result<(), Ended> {
    let text = match args.report {
        Format::Json => serde_json::to_string_pretty(report).map_err(|error| Ended(FAILED, format!("error: {error}")))? + "\n",
        Format::Table => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            crate::table::render(report, equity, colour)
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Ended(FAILED, format!("error: the report cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
