//! Owns the framework's own sections, and the builder that is made of them. Leaves the handlers to the program.

use crate::duration::duration;
use crate::secret::shown_url;
use crate::section::instead;
use crate::{Settings, problems};
use confique::Config;
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::{AnyTransport, Error, Protocol, Transports, nearest};
use millstream_core::engine::{Followers, Retry};
use millstream_core::service::{DeadLetterTopic, ErrorHandling, Shutdown, StartAt};
use std::fmt;
use std::time::Duration;

/// The service: its name, its transport, and how it behaves in its groups.
#[derive(Clone, Config)]
#[non_exhaustive]
pub struct ServiceSettings {
    /// The name under which the service's events are known, and by which its groups begin.
    pub name: String,
    /// The URL of the transport, such as "memory://".
    pub transport: String,
    /// How often offsets are committed at most.
    #[config(default = "100ms", deserialize_with = duration)]
    pub commit_every: Duration,
    /// How many records a batch has at most.
    #[config(default = 512)]
    pub max_batch: usize,
    /// How long the service may take to end. Kubernetes kills after 30 s.
    #[config(default = "25s", deserialize_with = duration)]
    pub shutdown: Duration,
    /// How long a silent member keeps its partitions.
    #[config(default = "45s", deserialize_with = duration)]
    pub session_timeout: Duration,
    /// How long a member has to finish what is revoked.
    #[config(default = "30s", deserialize_with = duration)]
    pub revoke_budget: Duration,
    /// How partitions are handed over: "cooperative" or "eager".
    #[config(default = "cooperative")]
    pub rebalance: String,
    /// Where a group starts that never had a commit: "earliest", "latest" or "fail".
    #[config(default = "earliest")]
    pub start_at: String,
}

/// The transport without its secrets.
impl fmt::Debug for ServiceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceSettings")
            .field("name", &self.name)
            .field("transport", &format_args!("{}", shown_url(&self.transport).as_deref().unwrap_or("***")))
            .field("commit_every", &self.commit_every)
            .field("max_batch", &self.max_batch)
            .field("shutdown", &self.shutdown)
            .field("session_timeout", &self.session_timeout)
            .field("revoke_budget", &self.revoke_budget)
            .field("rebalance", &self.rebalance)
            .field("start_at", &self.start_at)
            .finish()
    }
}

/// What follows a failure.
#[derive(Clone, Debug, Config)]
#[non_exhaustive]
pub struct ErrorSettings {
    /// How often a record is tried at most before it is a dead letter.
    #[config(default = 4)]
    pub attempts: u32,
    /// How long the first wait between attempts is; each further one is twice as long.
    #[config(default = "100ms", deserialize_with = duration)]
    pub first_delay: Duration,
    /// How long a wait is at most.
    #[config(default = "10s", deserialize_with = duration)]
    pub longest_delay: Duration,
    /// How dead-letter topics are called: "topic" for `{topic}.dlq`, "group" for `dlq.{group}.{topic}`.
    #[config(default = "topic")]
    pub dead_letters: String,
    /// What becomes of the records behind a dead letter of their key: "continue" or "park", which makes them letters too.
    #[config(default = "continue")]
    pub followers: String,
}

impl Settings {
    /// What the section `errors` says, to be said more of in the program:
    /// `.with_error_handling(settings.error_handling()?.classify(…))`.
    ///
    /// # Errors
    /// All that is wrong with the section at once.
    pub fn error_handling(&self) -> Result<ErrorHandling, Error> {
        let mut wrong = Vec::new();
        match handling(&self.section("errors")?, &mut wrong) {
            Some(errors) if wrong.is_empty() => Ok(errors),
            _ => Err(problems("section `errors` of the settings", wrong)),
        }
    }
}

/// A builder of what the sections `service` and `errors` say, on a transport that `transports` opens. What the program says
/// by the builder's own methods outweighs it.
///
/// # Errors
/// All that is wrong with the two sections and `groups` at once, and a section that is misspelt.
pub fn builder(settings: &Settings, transports: &Transports) -> Result<StreamServiceBuilder, Error> {
    let mut wrong = Vec::new();
    let service = settings.try_section::<ServiceSettings>("service").map_err(|list| wrong.extend(list)).ok();
    let errors = settings.try_section::<ErrorSettings>("errors").map_err(|list| wrong.extend(list)).ok();
    // Whose first name is near to one of ours is ours, misspelt; others may be sections that the program reads later.
    let ours = ["service", "errors", "groups"];
    let meant = |first: &str| !ours.contains(&first) && nearest(first, ours).is_some();
    wrong.extend(settings.unread(|path| path.as_slice() == ["groups"] || meant(&path[0])));
    let said = service.zip(errors).and_then(|(service, errors)| made(&service, &errors, transports, &mut wrong));
    match said {
        Some(builder) if wrong.is_empty() => Ok(builder),
        _ => Err(problems("settings of the service", wrong)),
    }
}

fn made(
    service: &ServiceSettings,
    errors: &ErrorSettings,
    transports: &Transports,
    wrong: &mut Vec<String>,
) -> Option<StreamServiceBuilder> {
    let transport: Option<AnyTransport> =
        transports.open(&service.transport).map_err(|error| wrong.push(format!("`service.transport`: {}", error.context()))).ok();
    let protocol = one_of("service.rebalance", &service.rebalance, &PROTOCOLS, wrong);
    let start_at = one_of("service.start_at", &service.start_at, &STARTS, wrong);
    let errors = handling(errors, wrong);
    let builder = StreamServiceBuilder::new(&service.name, transport?)
        .commit_every(service.commit_every)
        .max_batch(service.max_batch)
        .with_shutdown(Shutdown::within(service.shutdown))
        .membership(service.session_timeout, service.revoke_budget)
        .rebalance_protocol(protocol?)
        .start_at(start_at?)
        .with_error_handling(errors?);
    Some(builder)
}

fn handling(errors: &ErrorSettings, wrong: &mut Vec<String>) -> Option<ErrorHandling> {
    let naming = one_of("errors.dead_letters", &errors.dead_letters, &NAMINGS, wrong);
    let followers = one_of("errors.followers", &errors.followers, &FOLLOWERS, wrong);
    if errors.attempts == 0 {
        wrong.push("`errors.attempts` is 0: a record is tried once at least".to_owned());
    }
    if errors.first_delay > errors.longest_delay {
        wrong.push("`errors.first_delay` is longer than `errors.longest_delay`".to_owned());
    }
    let retry = Retry::exponential(errors.first_delay, errors.longest_delay).attempts(errors.attempts);
    Some(ErrorHandling::new().retry(retry).dead_letters(naming?).followers(followers?))
}

const FOLLOWERS: [(&str, Followers); 2] = [("continue", Followers::Continue), ("park", Followers::Park)];
const PROTOCOLS: [(&str, Protocol); 2] = [("cooperative", Protocol::Cooperative), ("eager", Protocol::Eager)];
const STARTS: [(&str, StartAt); 3] = [("earliest", StartAt::Earliest), ("latest", StartAt::Latest), ("fail", StartAt::Fail)];
const NAMINGS: [(&str, DeadLetterTopic); 2] = [("topic", DeadLetterTopic::PerTopic), ("group", DeadLetterTopic::GroupPrefixed)];

/// The value of that name, or a problem.
fn one_of<T: Clone>(setting: &str, text: &str, known: &[(&str, T)], wrong: &mut Vec<String>) -> Option<T> {
    let found = known.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
    if found.is_none() {
        let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
        wrong.push(format!("`{setting}` cannot be `{}`{}", text.escape_debug(), instead(text, &names)));
    }
    found
}
