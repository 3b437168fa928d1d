//! A service made of settings: a file, the environment over it, the program over both; all mistakes at once.

use millstream::contract::ErrorKind;
use millstream::prelude::*;
use millstream::settings::{Config, Template, confique, duration};
use std::time::Duration;

/// How we trade.
#[derive(Config)]
struct Trading {
    /// Whose money it is.
    account: String,
    /// The most that is traded at once.
    #[config(default = 100)]
    quantity: u32,
    /// How long an order may be open.
    #[config(default = "5s", deserialize_with = duration)]
    patience: Duration,
}

/// What `millstream.toml` would hold.
const FILE: &str = r#"
[service]
name = "engine"
transport = "memory://"
shutdown = "20s"

[trading]
account = "ann"
quantity = 50
"#;

async fn on_tick(_: Event<serde_json::Value>) {}

fn service(settings: &Settings) -> Result<(Trading, StreamService), Error> {
    let trading: Trading = settings.section("trading")?;
    let service = StreamServiceBuilder::from_settings(settings)?
        .add_consumer_handler("market.ticks", &settings.group("ticks"), on_tick)
        .build()?;
    settings.refuse_unread()?;
    Ok((trading, service))
}

pub(crate) async fn run() -> Result<(), Error> {
    // A program would say `Settings::load("millstream.toml")?`, which reads the environment too.
    let environment = [("MILLSTREAM_TRADING__QUANTITY".to_owned(), "10".to_owned())];
    let settings = Settings::of("millstream.toml", FILE, environment.clone())?.with("trading.patience", "1s");
    let (trading, service) = service(&settings)?;
    assert_eq!((trading.account.as_str(), trading.quantity, trading.patience), ("ann", 10, Duration::from_secs(1)));
    assert_eq!(service.name(), "engine");
    assert!(settings.explain().contains("from MILLSTREAM_TRADING__QUANTITY"));

    // Exit code 78, if it were `main` that answered it.
    let wrong = Settings::of("millstream.toml", &FILE.replace("account", "acount"), environment)?;
    let error = wrong.section::<Trading>("trading").err().expect("a name is misspelt, and a value missing");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("2 problems") && error.to_string().contains("did you mean `account`?"));

    // The file to begin with, for `--template` or the like.
    assert!(Template::new().section::<Trading>("trading").to_string().contains("# Whose money it is.\n"));
    Ok(())
}
