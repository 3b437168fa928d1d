//! How a process ends: real children, real signals, and their exit codes.
//!
//! This file is both sides: with `EXIT_CODES_CHILD` it is the program that ends, else the tests that start it. A test waits for
//! a line that the child prints, never for a time; a child that hangs ends itself.

#![cfg_attr(not(unix), allow(unused, reason = "there are no signals to send"))]
#![allow(clippy::print_stdout, reason = "a child is heard by what it prints")]

use libtest_mimic::{Arguments, Failed, Trial};
use millstream::contract::{
    Capabilities, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error, ErrorKind, Operation, Transport,
};
use millstream::prelude::*;
use millstream::service::{Life, StopSignal};
use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout, ExitCode, Stdio};
use std::time::Duration;
use tokio::sync::Semaphore;

const CHILD: &str = "EXIT_CODES_CHILD";
/// A permit for each handler that waits for a signal.
static HANDLING: Semaphore = Semaphore::const_new(0);
const TOPIC: Topic = Topic::literal("paper.orders.new");

fn main() -> ExitCode {
    if let Ok(scenario) = std::env::var(CHILD) {
        return child(&scenario);
    }
    let arguments = Arguments::from_args();
    #[cfg(unix)]
    let tests = tests();
    #[cfg(not(unix))]
    let tests = Vec::new();
    libtest_mimic::run(&arguments, tests).exit_code()
}

// The program.

/// Memory that fails in the way that is asked for.
#[derive(Clone)]
struct Failing(Memory, &'static str);

struct FailingConsumer(<Memory as Transport>::Consumer, &'static str);

impl Consumer for FailingConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        match self.1 {
            "panics" => panic!("a bug of the backend"),
            "is-fenced" => ConsumerEvent::Fatal(Error::new(ErrorKind::Fenced, Operation::Group, "another one took its place")),
            _ => self.0.poll().await,
        }
    }

    fn submit(&mut self, command: Command) {
        self.0.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.0.close(how).await
    }
}

impl Transport for Failing {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = FailingConsumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        match self.1 {
            "is-unavailable" => Err(Error::new(ErrorKind::Unavailable, Operation::Connect, "no broker answers")),
            "does-not-answer" => Err(Error::new(ErrorKind::TimedOut, Operation::Connect, "no broker answered within 5 s")),
            "never-connects" => {
                println!("connecting");
                std::future::pending().await
            }
            _ => self.0.producer().await,
        }
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<FailingConsumer, Error> {
        Ok(FailingConsumer(self.0.consumer(request).await?, self.1))
    }
}

async fn handler(what: RawEvent<'_>) {
    match what.value() {
        b"hang" => {
            println!("handling");
            std::future::pending::<()>().await;
        }
        #[cfg(unix)]
        b"late" => {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate()).expect("there are signals");
            println!("handling");
            HANDLING.add_permits(1);
            terminate.recv().await;
            // Longer than handlers have that are to end at once.
            tokio::time::sleep(Duration::from_millis(1000)).await;
            println!("handled");
        }
        b"block" => {
            println!("handling");
            loop {
                std::thread::park();
            }
        }
        _ => {}
    }
}

fn service(name: &str, transport: impl Transport, topic: &str) -> Result<StreamService, Error> {
    StreamServiceBuilder::new(name, transport)
        .with_shutdown(Shutdown::within(match name {
            "hurried" => Duration::from_secs(1),
            "unbounded" => Duration::MAX,
            _ => Duration::from_secs(30),
        }))
        .add_consumer_handler_with(
            topic,
            name,
            handler,
            HandlerSettings::new().id_source(millstream::service::IdSource::Position),
        )
        .build()
}

/// Prints where a service is, whenever that changes.
fn tell(handle: ServiceHandle, name: &'static str) {
    tokio::spawn(async move {
        // On a busy machine a signal may come before this task has seen it ready, which must not keep it from being heard.
        let stops = |life| matches!(life, Life::Stopping | Life::Ended);
        handle.until(|health| health.is_ready() || stops(health.life)).await;
        println!("{name} ready");
        handle.until(|health| stops(health.life)).await;
        println!("{name} stopping");
    });
}

/// Stops as soon as so many handlers wait, as a hook of whoever runs the process would.
fn stop_while_handling(handlers: u32, stop: impl FnOnce() + Send + 'static) {
    tokio::spawn(async move {
        let _waiting = HANDLING.acquire_many(handlers).await.expect("it is never closed");
        stop();
    });
}

async fn run(scenario: &str) -> Result<(), Error> {
    let memory = Memory::new();
    let what = scenario.split_once(' ').map_or("go on", |(_, what)| what).to_owned();
    let producer = memory.producer().await?;
    producer.send_one(Record::new(TOPIC, "a", what)).await?;
    let scenario = scenario.split_once(' ').map_or(scenario, |(scenario, _)| scenario);
    match scenario {
        "service" | "hurried" | "unbounded" | "stopped" => {
            let service = service(scenario, memory, TOPIC.as_str())?;
            tell(service.handle(), "one");
            if scenario == "stopped" {
                let handle = service.handle();
                stop_while_handling(1, move || handle.stop());
            }
            service.run_until_signal().await
        }
        "services" | "stopped-services" => {
            let (one, two) = (service("one", memory.clone(), TOPIC.as_str())?, service("two", memory, TOPIC.as_str())?);
            let services = Services::new().add(one).add(two);
            let handles: Vec<ServiceHandle> = services.handle().services().map(|(_, one)| one.clone()).collect();
            for (handle, name) in handles.into_iter().zip(["one", "two"]) {
                tell(handle, name);
            }
            if scenario == "stopped-services" {
                let handle = services.handle();
                stop_while_handling(2, move || handle.stop());
            }
            services.run_until_signal().await
        }
        "task" | "patient-task" => {
            let forever = |stop: StopSignal| async move {
                println!("handling");
                stop.told().await;
                println!("told");
                std::future::pending().await
            };
            let within = Shutdown::within(Duration::from_secs(if scenario == "task" { 1 } else { 30 }));
            Services::new().add_task("loop", forever).with_shutdown(within).run_until_signal().await
        }
        "misconfigured" => service("one", memory, "Paper.Orders!")?.run_until_signal().await,
        "panics" => service("one", Failing(memory, "panics"), TOPIC.as_str())?.run_until_signal().await,
        "is-fenced" => service("one", Failing(memory, "is-fenced"), TOPIC.as_str())?.run_until_signal().await,
        "is-unavailable" => service("one", Failing(memory, "is-unavailable"), TOPIC.as_str())?.run_until_signal().await,
        "does-not-answer" => service("one", Failing(memory, "does-not-answer"), TOPIC.as_str())?.run_until_signal().await,
        "never-connects" => service("one", Failing(memory, "never-connects"), TOPIC.as_str())?.run_until_signal().await,
        other => panic!("no scenario is called {other}"),
    }
}

fn child(scenario: &str) -> ExitCode {
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(60));
        println!("hangs");
        std::process::exit(99);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let code = millstream::exit_code(runtime.block_on(run(scenario)));
    // A blocked handler must not hold the end of one that has another code to tell.
    runtime.shutdown_background();
    code
}

// The tests.

#[cfg(unix)]
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

#[cfg(unix)]
impl Process {
    fn start(scenario: &str) -> Result<Self, Failed> {
        let mut command = std::process::Command::new(std::env::current_exe()?);
        let mut child = command.env(CHILD, scenario).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let lines = BufReader::new(child.stdout.take().ok_or("no standard output")?).lines();
        Ok(Process { child, lines })
    }

    /// Waits for a line that the child prints.
    fn says(&mut self, wanted: &str) -> Result<(), Failed> {
        for line in &mut self.lines {
            if line? == wanted {
                return Ok(());
            }
        }
        Err(format!("the child ended without saying `{wanted}`").into())
    }

    fn signal(&self, signal: rustix::process::Signal) -> Result<(), Failed> {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).ok_or("no process id")?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Its exit code and what it said on standard error. Answers when it has ended.
    fn ends(self) -> Result<(i32, String), Failed> {
        // What is left on standard output is not read; the pipe holds these few lines.
        let output = self.child.wait_with_output()?;
        let code = output.status.code().ok_or_else(|| format!("it was killed: {}", output.status))?;
        Ok((code, String::from_utf8_lossy(&output.stderr).into_owned()))
    }

    fn ends_with(self, code: i32, words: &str) -> Result<(), Failed> {
        let (found, said) = self.ends()?;
        if found != code {
            return Err(format!("exit code {found} instead of {code}; it said: {said}").into());
        }
        if !said.contains(words) {
            return Err(format!("no `{words}` in what it said: {said}").into());
        }
        Ok(())
    }
}

#[cfg(unix)]
fn tests() -> Vec<Trial> {
    use rustix::process::Signal;
    let ends_by_itself =
        |scenario: &'static str, code: i32, words: &'static str| Process::start(scenario)?.ends_with(code, words);
    let after = |scenario: &'static str,
                 line: &'static str,
                 signals: &'static [(Signal, &'static str)],
                 code: i32,
                 words: &'static str| {
        let mut process = Process::start(scenario)?;
        process.says(line)?;
        for (signal, then) in signals {
            process.signal(*signal)?;
            if !then.is_empty() {
                process.says(then)?;
            }
        }
        process.ends_with(code, words)
    };
    vec![
        Trial::test("sigterm_ends_in_order_with_0", move || after("service", "one ready", &[(Signal::TERM, "")], 0, "")),
        Trial::test("sigint_ends_in_order_with_0", move || after("service", "one ready", &[(Signal::INT, "")], 0, "")),
        Trial::test("sigterm_stops_several_in_the_reverse_order_with_0", move || {
            after("services", "two ready", &[(Signal::TERM, "two stopping")], 0, "")
        }),
        Trial::test("sigterm_while_connecting_ends_with_0", move || {
            after("never-connects", "connecting", &[(Signal::TERM, "")], 0, "")
        }),
        Trial::test("an_error_of_another_kind_is_1", move || ends_by_itself("is-fenced", 1, "another one took its place")),
        Trial::test("an_unavailable_dependency_is_69", move || ends_by_itself("is-unavailable", 69, "no broker answers")),
        Trial::test("a_dependency_that_does_not_answer_is_69", move || {
            ends_by_itself("does-not-answer", 69, "no broker answered within 5 s")
        }),
        Trial::test("a_part_that_panics_is_70", move || ends_by_itself("panics", 70, "error: ")),
        Trial::test("a_handler_that_blocks_past_the_deadline_is_75", move || {
            after("hurried block", "handling", &[(Signal::TERM, "")], 75, "")
        }),
        Trial::test("a_task_that_does_not_end_is_75", move || after("task", "handling", &[(Signal::TERM, "")], 75, "`loop`")),
        Trial::test("a_mistake_in_the_configuration_is_78", move || ends_by_itself("misconfigured", 78, "remedy: ")),
        Trial::test("a_first_signal_behind_a_stop_drops_nothing", move || {
            after("stopped late", "one stopping", &[(Signal::TERM, "handled")], 0, "")
        }),
        Trial::test("a_first_signal_behind_a_stop_of_several_drops_nothing", move || {
            after("stopped-services late", "two stopping", &[(Signal::TERM, "handled")], 0, "")
        }),
        Trial::test("a_second_sigint_is_130_also_of_a_service_that_has_for_ever", move || {
            after("unbounded hang", "handling", &[(Signal::INT, "one stopping"), (Signal::INT, "")], 130, "a second signal came")
        }),
        Trial::test("a_second_sigint_is_130", move || {
            after("service hang", "handling", &[(Signal::INT, "one stopping"), (Signal::INT, "")], 130, "a second signal came")
        }),
        Trial::test("a_second_sigint_is_130_for_several_too", move || {
            after("services hang", "two ready", &[(Signal::INT, "two stopping"), (Signal::INT, "")], 130, "a second signal came")
        }),
        Trial::test("a_second_sigint_drops_a_task_with_130", move || {
            after("patient-task", "handling", &[(Signal::INT, "told"), (Signal::INT, "")], 130, "a second signal came")
        }),
        Trial::test("a_second_sigint_ends_a_process_whose_handler_blocks", move || {
            after("service block", "handling", &[(Signal::INT, "one stopping"), (Signal::INT, "")], 130, "")
        }),
    ]
}
