//! The contract's suite over files, as a test target of its own: `cargo test -p millstream-examples --test backend`.
//!
//! What this transport cannot do is said three times: by its capabilities, by [`Harness::excuse`], and by leaving
//! [`World::act`] out. Cases that need it are reported as ignored, with the reason.

#![allow(dead_code, reason = "the example's modules, of which a suite uses most")]

mod consumer;
mod files;
mod frame;
mod group;
mod partition;
mod producer;

use files::Files;
use millstream::testkit::conformance::{self, Case, Excuse, Harness, Need, World};
use millstream::topic::Topic;
use std::path::PathBuf;
use std::process::ExitCode;

struct OnDisk;

/// A directory of a case's own.
struct Directory(Files, PathBuf);

impl Harness for OnDisk {
    type World = Directory;

    async fn create(&self, case: &Case) -> Directory {
        let path = std::env::temp_dir().join(format!("millstream-{}-{}", case.slug(), std::process::id()));
        let files = Files::open(&format!("files://{}", path.display())).expect("a directory for temporary files");
        Directory(files, path)
    }

    async fn destroy(&self, Directory(files, path): Directory) {
        drop(files);
        std::fs::remove_dir_all(path).expect("it was made above");
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        case.needs(Need::Sharing).then(|| "one member of a group holds all of its partitions".into())
    }
}

impl World for Directory {
    type Transport = Files;

    async fn transport(&self) -> Files {
        self.0.clone()
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        let topic: Topic = format!("shared.{name}").parse().expect("cases name topics well");
        self.0.create_topic(&topic, partitions).expect("names are unique");
        topic
    }
}

fn main() -> ExitCode {
    conformance::transport(OnDisk).run()
}
