//! Real brokers and a real Redis: killed, restarted, and gone with their owner, whatever ends it. The owners that are ended here are
//! this program once more, with an end in its environment.

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream_services::{Kafka, KafkaSettings, Redis, RedisSettings, State, docker_runs, offered};
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// What ends an owner.
const END: &str = "PROCESSES_TEST_END";

fn main() -> ExitCode {
    if let Ok(end) = std::env::var(END) {
        return own(&end);
    }
    if docker_runs() {
        // Once more, with processes wherever Docker runs.
        let again = std::env::current_exe().and_then(|program| {
            Command::new(program).args(std::env::args_os().skip(1)).env("MILLSTREAM_SERVICES_FROM", "packages").status()
        });
        return if again.expect("a program can be run again").success() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let tests = [
        test("a_killed_broker_restarts_at_its_address_with_its_data", killed_and_restarted),
        test("a_paused_broker_takes_connections_and_answers_nothing_until_it_is_resumed", paused_and_resumed),
        test("one_of_three_brokers_is_killed_and_comes_back_while_the_others_stay", one_of_three),
        test("a_secured_broker_lets_its_user_in_and_nobody_else_and_shows_a_certificate_of_its_authority", secured),
        test("a_durable_redis_keeps_over_a_kill_what_it_acknowledged_and_any_other_does_not", redis_restarted),
        test("a_broker_that_cannot_start_is_an_error_with_its_last_words_and_leaves_nothing", cannot_start),
        test("a_cluster_is_gone_with_its_value", dropped),
        test("a_broker_is_gone_with_an_owner_that_is_killed", || ended("kafka-killed", Some("-KILL"))),
        test("a_redis_is_gone_with_an_owner_that_returns", || ended("return", None)),
        test("a_redis_is_gone_with_an_owner_that_panics", || ended("panic", None)),
        test("a_redis_is_gone_with_an_owner_that_exits_without_dropping_it", || ended("exit", None)),
        test("a_redis_is_gone_with_an_owner_that_aborts", || ended("abort", None)),
        test("a_redis_is_gone_with_an_owner_that_gets_ctrl_c", || ended("wait", Some("-INT"))),
        test("a_redis_is_gone_with_an_owner_that_is_terminated", || ended("wait", Some("-TERM"))),
        test("a_redis_is_gone_with_an_owner_that_is_killed", || ended("wait", Some("-KILL"))),
        test("a_paused_redis_is_gone_with_an_owner_that_is_killed", || ended("paused", Some("-KILL"))),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests.into()).exit_code()
}

type Outcome = Result<(), Box<dyn Error>>;

fn test(name: &'static str, body: fn() -> Outcome) -> Trial {
    Trial::ignorable_test(name, move || match offered::packages() {
        Err(absent) => Ok(Completion::ignored_with(absent)),
        Ok(()) => body().map(|()| Completion::Completed).map_err(|error| Failed::from(error.to_string())),
    })
}

fn killed_and_restarted() -> Outcome {
    let mut kafka = Kafka::start()?;
    let (address, servers) = (kafka.node_mut(1).address(), kafka.bootstrap_servers());
    assert_eq!(servers, address.to_string());
    assert!(TcpStream::connect(address).is_ok(), "it is ready when it is started");
    let data = std::fs::read_to_string(kafka.folder().join("data-1/meta.properties"))?;
    let first = kafka.node_mut(1).pid().ok_or("it runs")?;

    kafka.node_mut(1).kill()?;
    assert_eq!(kafka.nodes()[0].state(), State::Stopped);
    assert!(!alive(first) && TcpStream::connect(address).is_err());

    kafka.node_mut(1).start()?;
    assert_eq!((kafka.nodes()[0].state(), kafka.nodes()[0].address()), (State::Running, address));
    assert!(TcpStream::connect(address).is_ok());
    assert_eq!(std::fs::read_to_string(kafka.folder().join("data-1/meta.properties"))?, data);

    kafka.node_mut(1).stop()?;
    assert!(TcpStream::connect(address).is_err());
    Ok(())
}

fn paused_and_resumed() -> Outcome {
    let mut kafka = Kafka::start()?;
    let address = kafka.nodes()[0].address();
    kafka.node_mut(1).pause()?;
    assert_eq!(kafka.nodes()[0].state(), State::Paused);
    assert!(api_versions(address, Duration::from_millis(300)).is_err());
    kafka.node_mut(1).resume()?;
    assert_eq!(kafka.nodes()[0].state(), State::Running);
    api_versions(address, Duration::from_secs(30))
}

/// A request that every broker answers: ApiVersions 0.
fn api_versions(address: SocketAddr, within: Duration) -> Outcome {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(within))?;
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff])?;
    let mut head = [0; 8];
    stream.read_exact(&mut head)?;
    if head[4..] == [0, 0, 0, 7] { Ok(()) } else { Err("an answer to something else".into()) }
}

fn one_of_three() -> Outcome {
    let mut kafka = KafkaSettings::default().brokers(3).start()?;
    assert_eq!(kafka.bootstrap_servers().split(',').count(), 3);
    kafka.node_mut(2).kill()?;
    let states: Vec<_> = kafka.nodes().iter().map(|node| node.state()).collect();
    assert_eq!(states, [State::Running, State::Stopped, State::Running]);
    kafka.node_mut(2).start()?;
    for node in kafka.nodes() {
        api_versions(node.address(), Duration::from_secs(30))?;
    }
    Ok(())
}

fn secured() -> Outcome {
    let kafka = KafkaSettings::default().secured().start()?;
    let secured = kafka.secured().ok_or("it is secured")?;
    let plain: SocketAddr = secured.sasl_plaintext.parse()?;
    assert_eq!(log_in(plain, &secured.username, &secured.password)?, 0);
    assert_eq!(log_in(plain, &secured.username, "guessed")?, 58, "SASL_AUTHENTICATION_FAILED");

    let authority = secured.authority.display().to_string();
    for servers in [&secured.tls, &secured.sasl_tls] {
        assert!(api_versions(servers.parse()?, Duration::from_secs(5)).is_err(), "no answer without TLS");
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", servers, "-CAfile", &authority, "-verify_return_error", "-verify_ip", "127.0.0.1"]);
        match client.stdin(Stdio::null()).output() {
            Ok(said) => assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr)),
            // Looked at by the backends' own tests too.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Logs in by PLAIN; answers the broker's error code.
fn log_in(address: SocketAddr, user: &str, password: &str) -> Result<i16, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let handshake = exchange(&mut stream, [0, 17, 0, 1], b"\0\x05PLAIN")?;
    if handshake != 0 {
        return Ok(handshake);
    }
    let token = format!("\0{user}\0{password}");
    let mut body = u32::try_from(token.len())?.to_be_bytes().to_vec();
    body.extend(token.bytes());
    exchange(&mut stream, [0, 36, 0, 1], &body)
}

/// Sends a request of this kind and version; answers the error code that its response begins with.
fn exchange(stream: &mut TcpStream, kind: [u8; 4], body: &[u8]) -> Result<i16, Box<dyn Error>> {
    let mut request = u32::try_from(body.len() + 10)?.to_be_bytes().to_vec();
    // The number of the request, and no name of a client.
    request.extend(kind.into_iter().chain([0, 0, 0, 7, 0xff, 0xff]).chain(body.iter().copied()));
    stream.write_all(&request)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut response = vec![0; u32::from_be_bytes(length).try_into()?];
    stream.read_exact(&mut response)?;
    Ok(i16::from_be_bytes([response[4], response[5]]))
}

fn redis_restarted() -> Outcome {
    for (settings, kept) in [(RedisSettings::default().durable(), "$1\r\nv"), (RedisSettings::default(), "$-1\r\n")] {
        let mut redis = settings.start()?;
        assert_eq!(ask(&redis, "SET k v\r\n")?, "+OK\r\n");
        redis.node_mut().kill()?;
        redis.node_mut().start()?;
        let answer = ask(&redis, "GET k\r\n")?;
        assert!(answer.starts_with(kept), "{answer}");
    }
    Ok(())
}

fn ask(redis: &Redis, line: &str) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(redis.node().address())?;
    stream.write_all(line.as_bytes())?;
    let mut answer = [0; 64];
    let read = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..read]).into_owned())
}

fn cannot_start() -> Outcome {
    let settings = KafkaSettings::default().property("log.segment.bytes", "nonsense");
    let error = settings.start().err().ok_or("no such number")?.to_string();
    assert!(error.contains("log.segment.bytes"), "{error}");
    Ok(())
}

fn dropped() -> Outcome {
    let kafka = Kafka::start()?;
    let (pid, folder) = (kafka.nodes()[0].pid().ok_or("it runs")?, kafka.folder().to_owned());
    assert!(alive(pid) && folder.exists());
    drop(kafka);
    assert!(!alive(pid) && !folder.exists());
    Ok(())
}

/// Ends an owner of this kind, with a signal if it does not end by itself, and sees its service gone.
fn ended(kind: &str, signal: Option<&str>) -> Outcome {
    let mut owner = Command::new(std::env::current_exe()?).env(END, kind).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let pid = served_by(&mut owner)?;
    if let Some(signal) = signal {
        assert!(alive(pid));
        assert!(Command::new("kill").args([signal, &owner.id().to_string()]).status()?.success());
    }
    owner.wait()?;
    let start = Instant::now();
    while alive(pid) {
        if start.elapsed() > Duration::from_secs(30) {
            return Err(format!("process {pid} outlives its owner").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The process of the service that an owner says it has started.
fn served_by(owner: &mut Child) -> Result<u32, Box<dyn Error>> {
    let mut line = String::new();
    BufReader::new(owner.stdout.take().ok_or("it is piped")?).read_line(&mut line)?;
    Ok(line.trim().parse().map_err(|error| format!("the owner says {line:?}: {error}"))?)
}

/// Starts a service, says its process, and ends in this way.
fn own(end: &str) -> ExitCode {
    let say = |pid: Option<u32>| {
        let mut out = std::io::stdout();
        writeln!(out, "{}", pid.expect("it was started")).and_then(|()| out.flush()).expect("the test listens");
    };
    if end == "kafka-killed" {
        let kafka = Kafka::start().expect("a broker");
        say(kafka.nodes()[0].pid());
        loop {
            std::thread::park();
        }
    }
    let mut redis = Redis::start().expect("a Redis");
    if end == "paused" {
        redis.node_mut().pause().expect("it runs");
    }
    say(redis.node().pid());
    match end {
        "return" => ExitCode::SUCCESS,
        "panic" => panic!("as the test wants it"),
        "exit" => std::process::exit(3),
        "abort" => std::process::abort(),
        _ => loop {
            std::thread::park();
        },
    }
}

/// Whether the process runs; one that nobody has waited for does not.
fn alive(pid: u32) -> bool {
    let mut said = Command::new("sh");
    said.args(["-c", &format!("kill -0 {pid} 2>/dev/null && ! grep -q '^State:.Z' /proc/{pid}/status")]);
    said.status().is_ok_and(|status| status.success())
}
