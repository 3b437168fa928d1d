//! One line for each line of `clippy.toml`, with the lint that refuses it; without these lines the rest passes.

use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinSet;

pub async fn lots() {
    tokio::select! { () = async {} => {}, () = async {} => {} } // disallowed_methods
    tokio::select! { biased; () = async {} => {}, () = async {} => {} }
    futures::select! {} // disallowed_macros
    futures_util::select! {} // disallowed_macros
}

pub fn clocks() {
    let _ = std::time::SystemTime::now(); // disallowed_methods
    let _ = tokio::time::Instant::now(); // disallowed_methods
}

pub fn threads(builder: fn() -> std::thread::Builder) {
    std::thread::spawn(|| ()); // disallowed_methods
    std::thread::scope(|_| ()); // disallowed_methods
    let _ = builder().spawn(|| ()); // disallowed_methods
    let _ = |scope| builder().spawn_scoped(scope, || ()).is_ok(); // disallowed_methods
    std::thread::sleep(std::time::Duration::ZERO); // disallowed_methods
    let _ = builder;
}

pub fn blocking(handle: &Handle, runtime: &Runtime, tasks: &mut JoinSet<()>) {
    tokio::task::spawn_blocking(|| ()); // disallowed_methods
    tokio::task::block_in_place(|| ()); // disallowed_methods
    handle.spawn_blocking(|| ()); // disallowed_methods
    runtime.spawn_blocking(|| ()); // disallowed_methods
    tasks.spawn_blocking(|| ()); // disallowed_methods
    tasks.spawn_blocking_on(|| (), handle); // disallowed_methods
    let _ = (handle, runtime, tasks);
}

pub fn channels() {
    let _ = tokio::sync::watch::channel(0); // disallowed_methods
    let _ = tokio::sync::mpsc::channel::<u8>(1);
}

pub struct Held {
    pub by_key: std::collections::HashMap<u8, u8>, // disallowed_types
    pub set: std::collections::HashSet<u8>, // disallowed_types
    pub brown: hashbrown::HashMap<u8, u8>, // disallowed_types
    pub brown_set: hashbrown::HashSet<u8>, // disallowed_types
    pub table: hashbrown::HashTable<u8>, // disallowed_types
    pub seeded: std::collections::hash_map::RandomState, // disallowed_types
    pub brown_seeded: hashbrown::DefaultHashBuilder, // disallowed_types
    pub instant: std::time::Instant, // disallowed_types
    pub sender: tokio::sync::watch::Sender<u8>, // disallowed_types
    pub receiver: tokio::sync::watch::Receiver<u8>, // disallowed_types
    pub ordered: std::collections::BTreeMap<u8, u8>,
    pub until: tokio::time::Instant,
}
