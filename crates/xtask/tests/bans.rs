//! What `clippy.toml` lists is refused, each line of it, where determinism is promised (I14). Clippy runs over a crate of banned
//! things, with that file as it is and the line that switches it on as the core has it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const BANNED: &str = include_str!("bans/banned.rs");
/// Where runs are promised to be equal.
const CRATES: [&str; 3] = ["crates/millstream-core", "backends/millstream-memory", "testkit"];
const SWITCH: &str = "#![cfg_attr(not(test), warn(clippy::disallowed_";

/// The real ones are not among the workspace's dependencies; clippy knows a macro by its path.
const FUTURES: &str = "#[macro_export] macro_rules! select { () => { () }; }";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the repository")
}

/// What a crate's root says of the ban.
fn switch(of: &str) -> String {
    let source = read(format!("{of}/src/lib.rs"));
    source.lines().find(|line| line.starts_with(SWITCH)).expect("the crate switches the ban on").to_owned()
}

/// The release of a dependency that the workspace has, and which is therefore there without a network.
fn locked(name: &str) -> String {
    let (lock, head) = (read("Cargo.lock"), format!("name = \"{name}\"\nversion = \""));
    let (_, rest) = lock.split_once(&head).expect("a dependency of the workspace");
    rest.chars().take_while(|&one| one != '"').collect()
}

/// Runs clippy over a crate of this source; answers what it refuses, as line, lint and message, and whether all was well.
fn clippy(name: &str, source: &str) -> (BTreeSet<(u64, String, String)>, bool) {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bans").join(name);
    let write = |path: &str, text: &str| {
        let path = place.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write to");
        fs::write(path, text).expect("a file that can be written");
    };
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
    let dependencies = format!(
        "[workspace]\n[dependencies]\n\
         tokio = {{ version = \"={}\", default-features = false, features = [\"macros\", \"rt\", \"rt-multi-thread\", \"sync\", \"time\"] }}\n\
         hashbrown = {{ version = \"={}\", default-features = false, features = [\"default-hasher\"] }}\n\
         futures = {{ path = \"futures\" }}\nfutures-util = {{ path = \"futures-util\" }}\n",
        locked("tokio"),
        locked("hashbrown"),
    );
    write("Cargo.toml", &(package(name) + &dependencies));
    write("Cargo.lock", &read("Cargo.lock"));
    write("clippy.toml", &read("clippy.toml"));
    write("src/lib.rs", source);
    for futures in ["futures", "futures-util"] {
        write(&format!("{futures}/Cargo.toml"), &package(futures));
        write(&format!("{futures}/src/lib.rs"), FUTURES);
    }
    let output = Command::new(env!("CARGO"))
        .args(["clippy", "--offline", "--quiet", "--message-format=json", "--target-dir", "../target", "--", "-D", "warnings"])
        .current_dir(&place)
        .env_remove("CLIPPY_CONF_DIR")
        .output()
        .expect("clippy is installed");
    let mut refused = BTreeSet::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("cargo writes JSON");
        let message = &message["message"];
        let mut span = &message["spans"][0];
        while span["expansion"].is_object() {
            span = &span["expansion"]["span"];
        }
        let (Some(lint), Some(at)) = (message["code"]["code"].as_str(), span["line_start"].as_u64()) else { continue };
        refused.insert((at, lint.to_owned(), message["message"].as_str().unwrap_or_default().to_owned()));
    }
    if refused.is_empty() && !output.status.success() {
        panic!("{}", String::from_utf8_lossy(&output.stderr));
    }
    (refused, output.status.success())
}

#[test]
fn what_is_listed_is_refused_each_on_its_line_and_nothing_else_is() {
    let source = format!("{}\n{}", switch(CRATES[0]), BANNED.replace("//!", "//"));
    let (refused, passes) = clippy("refused", &source);
    assert!(!passes);
    let marked = |(at, line): (u64, &str)| Some((at, format!("clippy::{}", line.split_once(" // ")?.1)));
    let expected: BTreeSet<_> = (1..).zip(source.lines()).filter_map(marked).collect();
    assert_eq!(refused.iter().map(|(at, lint, _)| (*at, lint.clone())).collect::<BTreeSet<_>>(), expected);

    let named: BTreeSet<_> = refused.iter().filter_map(|(_, _, message)| message.split('`').nth(1)).collect();
    let list = read("clippy.toml");
    let listed: BTreeSet<_> = list.lines().filter_map(|line| line.split_once("{ path = \"")?.1.split('"').next()).collect();
    assert_eq!(named, listed, "each line of the list refuses something");
}

#[test]
fn the_same_code_without_what_is_listed_passes() {
    let kept: Vec<_> = BANNED.lines().filter(|line| !line.contains("// disallowed_")).collect();
    let (refused, passes) = clippy("passes", &format!("{}\n{}", switch(CRATES[0]), kept.join("\n").replace("//!", "//")));
    assert!(passes, "{refused:?}");
}

#[test]
fn each_crate_of_equal_runs_switches_the_ban_on_and_says_why_where_it_does_not_hold() {
    for of in CRATES {
        assert_eq!(switch(of), switch(CRATES[0]), "{of}");
        let mut folders = vec![root().join(of).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder of the repository") {
                let path = entry.expect("an entry of a folder").path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = read(&path).replace(&switch(of), "");
                for (at, named) in text.match_indices("clippy::disallowed_") {
                    let (before, after) = (text[..at].trim_end(), text[at..].split(']').next().unwrap_or(named));
                    let reasoned = before.ends_with("expect(") && after.contains("reason = \"");
                    assert!(reasoned, "{}: an `expect`, with its reason: {after}", path.display());
                }
            }
        }
    }
}
