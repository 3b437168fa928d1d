//! Owns what nobody must read: a password, in no log, error or `Debug`.

use crate::Log;
use crate::support::Server;
use millstream::contract::{DedupScope, Deduplicator, Error, ErrorKind};
use millstream::redis::Redis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const SECRET: &str = "pl4nted-s3cret";

/// Does what can be done with a Redis and answers all that can be read of it.
async fn all_words(redis: &Redis) -> (Error, String) {
    let scope = DedupScope::new("paper", "risk", 0, "check", "orders");
    let store = redis.deduplicator();
    let error = store.check(&scope, &[1], &mut Vec::new()).await.expect_err("it refuses");
    let other = redis.cache().shared().get::<u32>("x").await.expect_err("it refuses");
    let words = format!("{redis:?} {store:?} {:?} {:?} {error} {error:?} {other:?}", redis.cache().shared(), redis.metrics());
    (error, words)
}

pub(crate) async fn a_wrong_password_is_nowhere_to_be_read(log: Log) {
    let server = Server::start(&["--requirepass", "another"]);
    let redis = Redis::open(&format!("redis://:{SECRET}@127.0.0.1:{}", server.port)).expect("a URL");
    let (error, words) = all_words(&redis).await;
    assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error:?}");
    assert!(words.contains("***") && !words.contains(SECRET), "{words}");
    assert!(!log.text().contains(SECRET));
}

pub(crate) async fn a_server_that_repeats_the_password_is_not_quoted(log: Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let echo = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = vec![0; 4_096];
            while let Ok(read @ 1..) = stream.read(&mut asked).await {
                let text = String::from_utf8_lossy(&asked[..read]).into_owned();
                let refusal = format!("-ERR unknown command, with args beginning with: `{SECRET}`\r\n");
                // It lets everybody in, and knows nothing.
                let answer = if text.contains("GET") { refusal } else { "+OK\r\n".repeat(text.matches('*').count()) };
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let redis = Redis::open(&format!("redis://:{SECRET}@127.0.0.1:{port}")).expect("a URL");
    let (_, words) = all_words(&redis).await;
    assert!(words.contains("unknown command") && !words.contains(SECRET), "{words}");
    assert!(!log.text().contains(SECRET));
    echo.abort();
}
