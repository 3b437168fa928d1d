//! Owns real Redis servers that a test starts, hurts and ends itself, each on a free port of its own. Leaves those that are
//! there already, and must not be hurt, to `REDIS_URL`.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "shared by test files, each of which uses its part")]

use millstream_services::offered::SERVICES;
use redis::{Client, Connection, Value, cmd};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Why no server is to be started, if that is so: none is wanted, or `redis-server` is not in the path.
pub fn missing() -> Option<&'static str> {
    if std::env::var(SERVICES).is_ok_and(|services| services == "none") {
        return Some("the run is one without services (--no-services)");
    }
    let found = Command::new("redis-server").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.is_err().then_some("there is no `redis-server` in the path: install the package `redis-server`")
}

/// Asks until the answer is yes: what a server does in its own time is seen by asking it only. An answer that never comes fails
/// the test after a minute.
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !is().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("waited in vain until {what}"));
}

/// A server of one's own: killed, and its folder removed, when dropped.
pub struct Server {
    pub port: u16,
    folder: PathBuf,
    options: Vec<String>,
    child: Child,
}

impl Server {
    /// Starts one that keeps nothing on disk, with more options as on its command line.
    pub fn start(options: &[&str]) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("millstream-redis-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("the folder for temporary files takes one more");
        let port = free_port();
        let options = options.iter().map(|&option| option.replace("{port}", &port.to_string())).collect::<Vec<_>>();
        let child = spawn(&folder, port, &options);
        let mut server = Server { port, folder, options, child };
        server.answers();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection of the test's own.
    pub fn connection(&self) -> Connection {
        let client = Client::open(self.url()).expect("a URL");
        client.get_connection_with_timeout(Duration::from_secs(5)).expect("the server is there")
    }

    pub fn ask(&self, words: &[&str]) -> Value {
        let mut command = cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query(&mut self.connection()).expect("the server answers")
    }

    /// Kills it at once, as the kernel does when memory is short.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was started here");
    }

    /// Starts it again, on the same port and folder.
    pub fn restart(&mut self) {
        self.child = spawn(&self.folder, self.port, &self.options);
        self.answers();
    }

    /// Stops it where it is: connections are taken, and nothing is answered.
    pub fn hang(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(signal).arg(self.child.id().to_string()).status();
        assert!(sent.expect("there is a `kill`").success());
    }

    /// Waits until it takes connections.
    fn answers(&mut self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("it was started here");
            assert!(ended.is_none(), "redis-server ended with {ended:?}: was its port taken?");
            assert!(Instant::now() < patience, "redis-server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed by the test.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn spawn(folder: &Path, port: u16, options: &[String]) -> Child {
    let mut server = Command::new("redis-server");
    server.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no", "--dir"]).arg(folder);
    server.args(options).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    server.spawn().expect("`missing` has looked for it")
}

/// A port that is free now. Below the ones that connections get, so that none of them takes it before the server does.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(31).wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % 6_000;
        let port = 12_000 + u16::try_from(number).expect("below 6,000");
        // A cluster's bus has the port 10,000 above.
        if TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

/// Three servers that share the keys.
pub struct Cluster(pub Vec<Server>);

impl Cluster {
    pub fn start() -> Self {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "15000", "--cluster-config-file", "nodes.conf"];
        let nodes: Vec<Server> = (0..3).map(|_| Server::start(&options)).collect();
        for (node, (first, last)) in nodes.iter().zip([("0", "5460"), ("5461", "10922"), ("10923", "16383")]) {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", first, last]);
            node.ask(&["CLUSTER", "MEET", "127.0.0.1", &nodes[0].port.to_string()]);
        }
        let knows_all = |node: &Server| match node.ask(&["CLUSTER", "INFO"]) {
            Value::BulkString(text) => {
                let text = String::from_utf8_lossy(&text).into_owned();
                text.contains("cluster_state:ok") && text.contains("cluster_size:3")
            }
            _ => false,
        };
        let patience = Instant::now() + Duration::from_secs(60);
        while !nodes.iter().all(knows_all) {
            assert!(Instant::now() < patience, "the nodes did not find each other");
            std::thread::sleep(Duration::from_millis(50));
        }
        Cluster(nodes)
    }

    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.0.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }
}
