//! Owns what befalls a Redis: killed, hung, emptied, full, evicting, refusing. Each test starts a `redis-server` of its own and
//! hurts it; where there is none, all are reported as ignored.
//!
//! | file | noun |
//! | --- | --- |
//! | `service` | a service with `with_redis`, beside the test |
//! | `outages` | what a service does while its Redis is away |
//! | `store` | what the store does by itself: ends lives, fills up, evicts |
//! | `secrets` | what nobody must read |
//! | `encrypted` | TLS, and hosts that are not who they say |
//! | `uses` | cache and metrics |

#[cfg(feature = "tls")]
mod encrypted;
mod outages;
mod secrets;
mod service;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod uses;

use libtest_mimic::{Arguments, Completion, Trial};
use std::io::Write;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::filter::LevelFilter;

/// Everything that is logged, by all tests.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

/// Runs a test on a runtime of its own.
fn on_a_runtime<F: Future<Output = ()>>(test: fn(Log) -> F, log: Log) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the system has room for a runtime").block_on(test(log));
}

/// Certificates are made by `openssl`.
fn missing_for(room: &str) -> Option<&'static str> {
    (room == "encrypted" && std::process::Command::new("openssl").arg("version").output().is_err())
        .then_some("there is no `openssl` in the path: install the package `openssl`")
}

macro_rules! trials {
    ($log:expr; $($room:ident: $($name:ident)+;)+) => {
        vec![$($({
            let log: Log = $log.clone();
            Trial::ignorable_test(concat!(stringify!($room), "::", stringify!($name)), move || {
                if let Some(missing) = support::missing().or_else(|| missing_for(stringify!($room))) {
                    return Ok(Completion::ignored_with(missing));
                }
                on_a_runtime($room::$name, log);
                Ok(Completion::Completed)
            })
        }),+),+]
    };
}

#[cfg(feature = "tls")]
fn encrypted_trials(log: &Log) -> Vec<Trial> {
    trials! { log;
        encrypted:
            a_server_with_a_certificate_is_trusted_by_its_root_and_its_name_only;
    }
}

#[cfg(not(feature = "tls"))]
fn encrypted_trials(_: &Log) -> Vec<Trial> {
    let reason = || Ok(Completion::ignored_with("built without the feature `tls`"));
    vec![Trial::ignorable_test("encrypted", reason)]
}

fn main() -> ExitCode {
    let log = Log::default();
    let writer = log.clone();
    let all = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false).with_writer(move || writer.clone());
    all.init();
    let mut trials = trials! { log;
        outages:
            a_service_waits_out_a_killed_redis_and_loses_nothing
            a_service_waits_out_a_hung_redis_and_loses_nothing
            an_emptied_redis_makes_duplicates_and_no_losses
            a_service_that_starts_before_its_redis_waits_for_it;
        store:
            a_mark_ends_by_the_servers_clock_whatever_the_clients_says
            a_hung_server_is_an_error_and_not_an_answer
            a_full_server_refuses_marks_and_forgets_none
            an_evicting_server_is_warned_of_once
            a_connection_that_was_cut_is_made_again
            failing_open_is_counted
            the_near_cache_answers_for_own_marks_without_the_server
            what_another_process_has_marked_is_known_and_what_it_forgot_is_fresh
            an_id_costs_what_the_readme_says
            a_foreign_value_is_an_error_and_not_an_answer;
        secrets:
            a_wrong_password_is_nowhere_to_be_read
            a_server_that_repeats_the_password_is_not_quoted;
        uses:
            a_cache_keeps_namespaces_apart_and_its_entries_end
            a_sliding_life_begins_anew_with_each_read
            what_is_not_cached_is_made_once_and_made_anew_while_redis_is_away
            a_services_numbers_are_kept_by_namespace;
    };
    trials.extend(encrypted_trials(&log));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
