//! Faults on real processes: a consuming service is killed, paused and told to stop, its brokers and its store are, and its topics
//! change under it; then every record is accounted for from outside.
//!
//! The service is `verifiable consumer`, as it is built for users, and in `trading` the example of that name, which this program
//! becomes when it is started with [`trading::IS`]. `cargo xtask test` starts what this needs; a plain `cargo test`
//! reports the cases as ignored. `cargo xtask kill9 --cycles N` is the case `killed_at_random_moments`, as long as one likes.
//!
//! | file | noun |
//! | --- | --- |
//! | `process` | one process under test, its lines and its signals |
//! | `account` | what became of every message: lost, repeated and why, committed too early |
//! | `scene` | a cluster, a topic in it, and the processes of one case |
//! | `broker` | what the brokers say, past the service |
//! | `letters` | dead letters as somebody finds them |
//! | `service` · `members` · `brokers` · `store` · `topics` · `credentials` | the cases, by what is hurt |
//! | `trading` | the cases of the trading pipeline: four services of two processes each |

mod account;
mod broker;
mod brokers;
mod credentials;
mod letters;
mod members;
mod process;
mod scene;
mod service;
mod store;
mod topics;
mod trading;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Completion, Trial};
use millstream_services::offered;

type Case = (&'static str, fn());

fn main() -> ExitCode {
    if std::env::var_os(trading::IS).is_some() {
        return millstream_examples::main();
    }
    let mut arguments = Arguments::from_args();
    // Cases of one cluster hurt it, one after the other. One of another may run beside them.
    arguments.test_threads.get_or_insert(2);
    let cases = [service::CASES, members::CASES, brokers::CASES, store::CASES, topics::CASES, trading::CASES].concat();
    let cases = cases.into_iter().map(|(name, case)| trial(name, case, offered::own));
    // Who logs in does so at a process of ours.
    let mut secured = credentials::CASES.iter().map(|&(name, case)| trial(name, case, offered::packages));
    // It waits for more than a minute, beside the rest.
    let longest = secured.next();
    libtest_mimic::run(&arguments, longest.into_iter().chain(cases).chain(secured).collect()).exit_code()
}

fn trial(name: &'static str, case: fn(), offered: fn() -> Result<(), offered::Absent>) -> Trial {
    Trial::ignorable_test(name, move || match offered() {
        Err(absent) => Ok(Completion::ignored_with(absent)),
        Ok(()) => {
            case();
            Ok(Completion::Completed)
        }
    })
}
