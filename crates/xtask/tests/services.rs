//! What `up` starts is gone after `down`, after a start that fails, and after one that is broken off; what `test` starts, with the
//! tests. In a target folder of its own, beside whatever a person has up, and with a `cargo` that only says what it is told.

use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream_services::{offered, root};
use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

fn main() -> ExitCode {
    let tests = [
        test("what_is_up_is_listed_exported_killed_restarted_and_gone_after_down", up_and_down),
        test("a_start_that_is_broken_off_by_ctrl_c_leaves_nothing", || broken_off("-INT")),
        test("a_start_that_is_killed_leaves_nothing", || broken_off("-KILL")),
        test("tests_are_told_where_services_are_and_leave_none_when_they_fail", failing_tests),
        test("a_test_run_that_gets_ctrl_c_leaves_nothing", || broken_off_tests("-INT")),
        test("a_test_run_that_is_killed_leaves_nothing", || broken_off_tests("-KILL")),
        test("a_test_run_takes_the_services_that_are_named_to_it", named),
        test("a_test_run_without_services_tells_its_tests_so", without),
        test("a_start_that_fails_leaves_nothing_and_says_why", failed),
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

/// A target folder in which nothing is up, with what was fetched for the real one.
fn target(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("services-{name}"));
    if target.exists() {
        fs::remove_dir_all(&target)?;
    }
    fs::create_dir_all(target.join("services"))?;
    for entry in fs::read_dir(root()).into_iter().flatten() {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("kafka-") {
            std::os::unix::fs::symlink(entry.path(), target.join("services").join(entry.file_name()))?;
        }
    }
    Ok(target)
}

/// The chores, as a program that Ctrl-C ends: what a shell starts in its background is deaf to it, and so are its children.
fn hearing() -> Command {
    let mut command = Command::new("env");
    if cfg!(target_os = "linux") {
        command.arg("--default-signal=INT");
    }
    command.arg(env!("CARGO_BIN_EXE_xtask"));
    command
}

fn services(target: &Path, words: &[&str]) -> Command {
    let mut command = hearing();
    command.arg("services").args(words).env("CARGO_TARGET_DIR", target).stdin(Stdio::null());
    // What runs beside the tests is not for these.
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").env_remove("REDIS_URL").env("MILLSTREAM_SERVICES_FROM", "packages");
    command
}

fn said(output: Output) -> Result<String, Box<dyn Error>> {
    let (out, err) = (String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?);
    if output.status.success() { Ok(out) } else { Err(format!("{out}{err}").into()) }
}

fn up_and_down() -> Outcome {
    let target = target("down")?;
    let call = |words: &[&str]| said(services(&target, words).output()?);
    call(&["up"])?;
    let status = call(&["status"])?;
    let lines: Vec<_> = status.lines().collect();
    assert!(lines.len() == 3 && lines[1].starts_with("kafka-1") && lines[2].starts_with("redis"), "{status}");
    assert_eq!(status.matches("running").count(), 2, "{status}");
    let exported = call(&["env"])?;
    assert!(exported.contains("export KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:"), "{exported}");
    assert!(exported.contains("export REDIS_URL=redis://127.0.0.1:"), "{exported}");
    assert!(call(&["up"]).is_err(), "a second one would be forgotten");

    call(&["kill", "redis"])?;
    assert_eq!(call(&["status"])?.matches("stopped").count(), 1);
    call(&["start", "redis"])?;
    call(&["pause", "kafka-1"])?;
    assert_eq!(call(&["status"])?.matches("paused").count(), 1);
    assert!(running_in(&target)? > 0);

    call(&["down"])?;
    nothing_left(&target)
}

fn broken_off(signal: &str) -> Outcome {
    let target = target(signal.trim_start_matches('-'))?;
    let mut up = services(&target, &["up"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let start = Instant::now();
    while running_in(&target)? == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing was started");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(Command::new("kill").args([signal, &up.id().to_string()]).status()?.success());
    ends(&mut up)?;
    nothing_left(&target)
}

/// Waits for the end of what a signal is to end.
fn ends(child: &mut Child) -> Outcome {
    let start = Instant::now();
    while child.try_wait()?.is_none() {
        if start.elapsed() > Duration::from_secs(30) {
            child.kill()?;
            return Err("it goes on".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn failed() -> Outcome {
    let target = target("failed")?;
    // A folder that looks complete, and is not.
    let jars = target.join("services/kafka-4.2.0");
    let real = fs::canonicalize(&jars)?;
    fs::remove_file(&jars)?;
    fs::create_dir(&jars)?;
    for entry in fs::read_dir(real)? {
        let entry = entry?;
        fs::write(jars.join(entry.file_name()), "")?;
    }
    let error = said(services(&target, &["up"]).output()?).err().ok_or("nothing to run")?.to_string();
    assert!(error.contains("StorageTool"), "{error}");
    nothing_left(&target)
}

/// `cargo xtask test`, its tests only, with this script for a `cargo`.
fn tests(target: &Path, words: &[&str], cargo: &str) -> Result<Command, Box<dyn Error>> {
    let file = target.join("cargo");
    let asked = "case \"$*\" in *--no-run*) exit 0;; metadata*) echo '{\"packages\": []}'; exit 0;; esac";
    fs::write(&file, format!("#!/bin/sh\n{asked}\n{cargo}\n"))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    let mut command = hearing();
    command.args(["test", "--only", "tests"]).args(words).env("CARGO", file).env("CARGO_TARGET_DIR", target);
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").env_remove("REDIS_URL").env("MILLSTREAM_SERVICES_FROM", "packages");
    command.env_remove("MILLSTREAM_SERVICES").stdin(Stdio::null());
    Ok(command)
}

const SAYS: &str = "echo \"told $MILLSTREAM_SERVICES kafka=$KAFKA_BOOTSTRAP_SERVERS redis=$REDIS_URL\"";

fn failing_tests() -> Outcome {
    let target = target("failing")?;
    let error = said(tests(&target, &[], &format!("{SAYS}; exit 101"))?.output()?).err().ok_or("tests failed")?.to_string();
    assert!(error.contains("told own kafka=127.0.0.1:") && error.contains("redis=redis://127.0.0.1:"), "{error}");
    nothing_left(&target)
}

fn broken_off_tests(signal: &str) -> Outcome {
    let target = target(&format!("tests{signal}"))?;
    // Goes on, as tests do, until it has nobody to report to.
    let cargo = format!("{SAYS}; while kill -0 $PPID 2>/dev/null; do sleep 0.05; done");
    let mut run = tests(&target, &[], &cargo)?.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(run.stdout.take().ok_or("it is piped")?).lines();
    for line in lines.map_while(Result::ok) {
        if line.starts_with("told own") {
            break;
        }
    }
    assert!(running_in(&target)? > 0);
    assert!(Command::new("kill").args([signal, &run.id().to_string()]).status()?.success());
    ends(&mut run)?;
    nothing_left(&target)
}

fn named() -> Outcome {
    let target = target("named")?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string();
    let mut run = tests(&target, &[], SAYS)?;
    run.env("KAFKA_BOOTSTRAP_SERVERS", &address).env("REDIS_URL", format!("redis://{address}"));
    let out = said(run.output()?)?;
    assert!(out.contains(&format!("told own kafka={address} redis=redis://{address}")), "{out}");
    drop(listener);
    let error = said(run.output()?).err().ok_or("nothing listens there")?.to_string();
    assert!(error.contains(&format!("KAFKA_BOOTSTRAP_SERVERS names {address}, where nothing listens")), "{error}");
    nothing_left(&target)
}

fn without() -> Outcome {
    let target = target("without")?;
    let out = said(tests(&target, &["--no-services"], SAYS)?.output()?)?;
    assert!(out.contains("told none kafka= redis="), "{out}");
    nothing_left(&target)
}

/// How many processes know this folder.
fn running_in(target: &Path) -> Result<usize, Box<dyn Error>> {
    let runs = target.join("services/runs").display().to_string();
    let mut count = 0;
    for entry in fs::read_dir("/proc")? {
        // A process that is gone by now counts as gone.
        let Ok(line) = fs::read(entry?.path().join("cmdline")) else { continue };
        count += usize::from(String::from_utf8_lossy(&line).contains(&runs));
    }
    Ok(count)
}

fn nothing_left(target: &Path) -> Outcome {
    let start = Instant::now();
    while running_in(target)? > 0 {
        if start.elapsed() > Duration::from_secs(30) {
            // Not for the rest of the day too: what was up is known.
            services(target, &["down"]).output()?;
            return Err("something still runs".into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!target.join("services/up.json").exists(), "nothing is remembered");
    Ok(())
}
