//! What settings are, what is refused, and every word that is said of them.

use millstream_core::contract::{ErrorKind, Transports};
use millstream_memory::Memory;
use millstream_settings::{Config, ServiceSettings, Settings, Template, builder, confique, duration};
use std::time::Duration;

#[derive(Debug, Config)]
#[allow(dead_code, reason = "some are only read from a file")]
struct Trading {
    /// Whose money it is.
    account: String,
    /// The most that is traded at once.
    #[config(default = 100)]
    quantity: u32,
    #[config(deserialize_with = duration, default = "5s")]
    patience: Duration,
    instruments: Option<Vec<String>>,
    api_token: Option<u64>,
    #[config(nested)]
    limits: Limits,
}

#[derive(Debug, Config)]
struct Limits {
    #[config(default = 2.5)]
    loss: f64,
}

fn of(file: &str, environment: &[(&str, &str)]) -> Settings {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::of("millstream.toml", file, environment).expect("it is TOML")
}

fn trading(file: &str, environment: &[(&str, &str)]) -> Result<Trading, String> {
    of(file, environment).section("trading").map_err(|error| error.context().to_owned())
}

fn transports() -> Transports {
    Transports::new().with("memory", Memory::open)
}

fn refused(file: &str) -> String {
    match builder(&of(file, &[]), &transports()) {
        Ok(_) => panic!("it is refused"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Configuration);
            error.context().to_owned()
        }
    }
}

const SERVICE: &str = "[service]\nname = \"hello\"\ntransport = \"memory://\"\n";

#[test]
fn the_environment_outweighs_the_file_and_code_the_environment() {
    let file = "[trading]\naccount = \"file\"\nquantity = 1\npatience = \"1s\"";
    let settings = of(file, &[("MILLSTREAM_TRADING__QUANTITY", "2"), ("MILLSTREAM_TRADING__PATIENCE", "2s")]);
    let found: Trading = settings.with("trading.patience", "3s").section("trading").expect("all is well");
    assert_eq!((found.account.as_str(), found.quantity, found.patience), ("file", 2, Duration::from_secs(3)));
}

#[test]
fn what_nobody_sets_has_its_default() {
    let found = trading("[trading]\naccount = \"ann\"", &[]).expect("all is well");
    assert_eq!((found.quantity, found.patience, found.instruments, found.limits.loss), (100, Duration::from_secs(5), None, 2.5));
}

#[test]
fn text_of_the_environment_becomes_what_the_field_is() {
    let environment = [
        ("MILLSTREAM_TRADING__ACCOUNT", "123"),
        ("MILLSTREAM_TRADING__QUANTITY", "7"),
        ("MILLSTREAM_TRADING__INSTRUMENTS", "EURUSD, GBPUSD"),
        ("MILLSTREAM_TRADING__LIMITS__LOSS", "0.5"),
    ];
    let found = trading("", &environment).expect("all is well");
    assert_eq!((found.account.as_str(), found.quantity, found.limits.loss), ("123", 7, 0.5));
    assert_eq!(found.instruments, Some(vec!["EURUSD".to_owned(), "GBPUSD".to_owned()]));
}

#[test]
fn all_problems_of_a_section_are_said_at_once() {
    let file = "[trading]\nqantity = 1\nquantity = \"many\"\nlimits = { loss = true, gain = 1 }";
    let expected = "section `trading` of the settings: 5 problems:
  1. `trading.limits.gain` of millstream.toml is no setting; there are `loss`
  2. `trading.qantity` of millstream.toml is no setting; did you mean `quantity`?
  3. `trading.account` is missing: set it in the file, or MILLSTREAM_TRADING__ACCOUNT
  4. `trading.quantity` of millstream.toml: invalid type: string \"many\", expected u32
  5. `trading.limits.loss` of millstream.toml: invalid type: boolean `true`, expected f64";
    assert_eq!(trading(file, &[]).expect_err("five things are wrong"), expected);
}

#[test]
fn a_variable_that_cannot_be_read_is_named() {
    let environment = [("MILLSTREAM_TRADING__ACCOUNT", "ann"), ("MILLSTREAM_TRADING__PATIENCE", "soon")];
    let expected = "section `trading` of the settings: 1 problem:
  1. `trading.patience` of MILLSTREAM_TRADING__PATIENCE: `soon` is no duration; write `250ms`, `25s`, `5m` or `2h`";
    assert_eq!(trading("", &environment).expect_err("it is no duration"), expected);
}

#[test]
fn every_value_is_explained_with_its_source() {
    let file = "[trading]\naccount = \"ann\"\n[broker]\nurl = \"nats://ann:s3cret@host?token=s3cret\"\npassword = \"s3cret\"";
    let settings = of(file, &[("MILLSTREAM_TRADING__API_TOKEN", "5")]).with("trading.quantity", 3);
    let _: Trading = settings.section("trading").expect("all is well");
    let expected = "\
broker.password     = ***                              from millstream.toml
broker.url          = \"nats://ann:***@host?token=***\"  from millstream.toml
trading.account     = \"ann\"                            from millstream.toml
trading.api_token   = ***                              from MILLSTREAM_TRADING__API_TOKEN
trading.limits.loss = 2.5                              from default
trading.patience    = \"5s\"                             from default
trading.quantity    = 3                                from code
";
    assert_eq!(settings.explain(), expected);
}

/// I13.
#[test]
fn no_secret_is_repeated_in_an_error() {
    let file = "[trading]\naccount = \"ann\"\napi_token = \"s3cret\"";
    let said = trading(file, &[]).expect_err("it is no number");
    assert!(said.contains("`trading.api_token` of millstream.toml: it cannot be read") && !said.contains("s3cret"), "{said}");
    let error = Settings::of("millstream.toml", "[trading]\npassword = \"s3cret\n", []).expect_err("it is not closed");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    let said = refused("[service]\nname = \"a\"\ntransport = \"nats://ann:s3cret@host\"");
    assert!(!said.contains("s3cret"), "{said}");
}

/// I13.
#[test]
fn what_stands_under_a_secrets_name_is_neither_quoted_nor_explained() {
    #[derive(Debug, Config)]
    struct Keyed {
        #[allow(dead_code, reason = "it cannot be read")]
        key: u64,
    }
    let settings = of("[broker]\nkey = \"s3cret\"", &[]);
    let error = settings.section::<Keyed>("broker").expect_err("it is no number");
    assert!(error.context().contains("`broker.key` of millstream.toml: it cannot be read"), "{error}");
    let file = "[credentials]\nbroker = \"s3cret\"\n[broker]\napikey = \"s3cret\"\npassphrase = \"s3cret\"\ndb_pass = \"s3cret\"\n\
        sasl.keys = { one = \"s3cret\" }\nurl = \"nats://ann:p?s3cret@host\"";
    let explained = of(file, &[]).explain();
    assert!(!explained.contains("s3cret") && explained.lines().count() == 6, "{explained}");
}

/// I13.
#[test]
fn no_value_is_shown_by_debug() {
    let settings = of("[service]\nname = \"desk\"\ntransport = \"nats://ann:s3cret@host\"", &[("MILLSTREAM_A__B", "s3cret")]);
    assert_eq!(format!("{settings:?}"), "Settings {\"a.b\", \"service.name\", \"service.transport\"}");
    let service: ServiceSettings = settings.section("service").expect("all is well");
    let shown = format!("{service:?}");
    assert!(shown.contains("name: \"desk\", transport: nats://ann:***@host,"), "{shown}");
    let odd = of("[service]\nname = \"desk\"\ntransport = \"s3cret\"", &[]).section::<ServiceSettings>("service");
    assert!(!format!("{odd:?}").contains("s3cret"), "{odd:?}");
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let error = Settings::of("millstream.toml", "[trading]\n\naccount = = 1\n", []).expect_err("it is no TOML");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.context().starts_with("line 3 of millstream.toml cannot be read: "), "{error}");
}

#[test]
fn a_missing_file_is_an_error_only_if_it_is_asked_for() {
    let path = "there/is/no/such/file.toml";
    Settings::load(path).expect("it has no settings");
    let error = Settings::required(path).expect_err("it must exist");
    assert_eq!(
        (error.kind(), error.context()),
        (ErrorKind::Configuration, "the settings of there/is/no/such/file.toml cannot be read")
    );
}

#[test]
fn what_nobody_reads_is_refused_with_the_nearest() {
    let file = "account = 1\n[tradng]\naccount = \"ann\"\n[groups]\nticks = \"a\"\ntiks = \"b\"";
    let settings = of(file, &[("MILLSTREAM_SERVICE_NAME", "hello"), ("MILLSTREAM_TRADING__ACCOUNT", "ann"), ("OTHER__X", "1")]);
    let _: Trading = settings.section("trading").expect("all is well");
    assert_eq!(settings.group("ticks"), "a");
    let expected = "settings that nobody reads: 4 problems:
  1. `account` of millstream.toml stands in no section: write `[section]`, or two underscores in a variable's name
  2. `groups.tiks` of millstream.toml is no group; did you mean `ticks`?
  3. `service_name` of MILLSTREAM_SERVICE_NAME stands in no section: write `[section]`, or two underscores in a variable's name
  4. `tradng` of millstream.toml is no section; did you mean `trading`?";
    assert_eq!(settings.refuse_unread().expect_err("four are misspelt").context(), expected);
    of("[trading]\naccount = \"ann\"", &[]).section::<Trading>("trading").expect("all is well");
}

#[test]
fn a_variable_for_a_whole_section_takes_nothing_away_and_is_refused() {
    let environment = [
        ("MILLSTREAM_ERRORS", "4"),
        ("MILLSTREAM_ERRORS__FOLLOWERS", "park"),
        ("MILLSTREAM_GROUPS", "a"),
        ("MILLSTREAM_SERVICE", ""),
    ];
    let settings = of(&format!("{SERVICE}[errors]\nattempts = 0"), &environment);
    let error = builder(&settings, &transports()).err().expect("no section has a value of its own");
    let expected = "settings of the service: 3 problems:
  1. `service` of MILLSTREAM_SERVICE is a section, which has no value itself: write `[service]`, or MILLSTREAM_SERVICE__KEY
  2. `errors` of MILLSTREAM_ERRORS is a section, which has no value itself: write `[errors]`, or MILLSTREAM_ERRORS__KEY
  3. `groups` of MILLSTREAM_GROUPS is a section, which has no value itself: write `[groups]`, or MILLSTREAM_GROUPS__KEY";
    assert_eq!(error.context(), expected);
    let explained = settings.explain();
    assert!(
        explained.contains("errors.attempts         = 0") && explained.contains("errors.followers        = \"park\""),
        "{explained}"
    );
}

#[test]
fn a_value_in_the_place_of_a_nested_section_is_refused() {
    let environment = [("MILLSTREAM_TRADING__ACCOUNT", "ann"), ("MILLSTREAM_TRADING__LIMITS", "4")];
    let said = trading("[trading]\nlimits.loss = 1.0", &environment).expect_err("the limits are a section");
    let expected = "section `trading` of the settings: 1 problem:
  1. `trading.limits` of MILLSTREAM_TRADING__LIMITS is a section, which has no value itself: write `[trading.limits]`, or MILLSTREAM_TRADING__LIMITS__KEY";
    assert_eq!(said, expected);
}

#[test]
fn a_group_begins_with_the_services_name_unless_it_is_set() {
    assert_eq!(of(SERVICE, &[]).group("ticks"), "hello.ticks");
    assert_eq!(of(SERVICE, &[("MILLSTREAM_GROUPS__TICKS", "alpha.ticks")]).group("ticks"), "alpha.ticks");
    assert_eq!(of("", &[]).group("ticks"), "ticks");
}

#[test]
fn a_builder_is_made_of_settings() {
    let settings = of(&format!("{SERVICE}commit_every = \"5ms\"\n[errors]\nattempts = 2\ndead_letters = \"group\""), &[]);
    let service = builder(&settings, &transports())
        .expect("all is well")
        .add_consumer_handler("market.ticks", &settings.group("ticks"), async || ())
        .build()
        .expect("a valid service");
    assert_eq!(service.name(), "hello");
    settings.refuse_unread().expect("all is read");
}

#[test]
fn all_problems_of_a_service_are_said_at_once() {
    let file = "[servce]\nname = \"x\"\n[service]\ntransport = \"memry://\"\nshutdwn = \"1s\"\n[errors]\nattempts = -1";
    let expected = "settings of the service: 4 problems:
  1. `service.shutdwn` of millstream.toml is no setting; did you mean `shutdown`?
  2. `service.name` is missing: set it in the file, or MILLSTREAM_SERVICE__NAME
  3. `errors.attempts` of millstream.toml: invalid value: integer `-1`, expected u32
  4. `servce` of millstream.toml is no section; did you mean `service`?";
    assert_eq!(refused(file), expected);
    let file = "[service]\nname = \"x\"\ntransport = \"memry://\"\nrebalance = \"egaer\"\nstart_at = \"middle\"\n[errors]\nattempts = 0\nfirst_delay = \"1m\"";
    let expected = "settings of the service: 5 problems:
  1. `service.transport`: there is no transport `memry://`; did you mean `memory://`? there are: `memory://`
  2. `service.rebalance` cannot be `egaer`; did you mean `eager`?
  3. `service.start_at` cannot be `middle`; there are `earliest`, `latest`, `fail`
  4. `errors.attempts` is 0: a record is tried once at least
  5. `errors.first_delay` is longer than `errors.longest_delay`";
    assert_eq!(refused(file), expected);
}

#[test]
fn the_program_can_say_more_of_error_handling() {
    let errors = of("[errors]\nfollowers = \"park\"", &[]).error_handling().expect("all is well");
    assert_eq!(errors.followers, millstream_core::engine::Followers::Park);
    let error = of("[errors]\nfollowers = \"prak\"", &[]).error_handling().expect_err("it is misspelt");
    let expected = "section `errors` of the settings: 1 problem:\n  1. `errors.followers` cannot be `prak`; did you mean `park`?";
    assert_eq!(error.context(), expected);
}

#[test]
fn a_section_of_the_program_is_not_refused_by_the_builder() {
    let _ = builder(&of(&format!("{SERVICE}[trading]\naccount = \"ann\""), &[]), &transports()).expect("it may be read later");
}

#[test]
fn a_template_says_every_setting() {
    let template = Template::new().section::<Trading>("trading").to_string();
    let first = "\
# The service: its name, its transport, and how it behaves in its groups.
[service]

# The name under which the service's events are known, and by which its groups begin.
# MILLSTREAM_SERVICE__NAME; required
#name =

# The URL of the transport, such as \"memory://\".
# MILLSTREAM_SERVICE__TRANSPORT; required
#transport =

# How often offsets are committed at most.
# MILLSTREAM_SERVICE__COMMIT_EVERY
#commit_every = \"100ms\"
";
    assert!(template.starts_with(first), "{template}");
    let last = "\
# MILLSTREAM_TRADING__LIMITS__LOSS
#limits.loss = 2.5
";
    assert!(template.ends_with(last), "{template}");
}

#[test]
fn a_template_filled_in_is_read_again() {
    let template =
        Template::new().to_string().replace("#name =", "name = \"hello\"").replace("#transport =", "transport = \"memory://\"");
    let uncommented: Vec<&str> =
        template.lines().map(|line| if line.contains(" = ") { line.trim_start_matches('#') } else { line }).collect();
    let _ = builder(&of(&uncommented.join("\n"), &[]), &transports()).expect("defaults are valid");
    let settings = of(&template, &[]);
    let _ = builder(&settings, &transports()).expect("what is commented out has its default");
    settings.refuse_unread().expect("a section without values is no setting");
}

#[test]
fn a_file_without_settings_is_one_without_a_name() {
    let settings = of("", &[]);
    let error = builder(&settings, &transports()).err().expect("the name is missing");
    assert!(error.context().contains("1. `service.name` is missing: set it in the file, or MILLSTREAM_SERVICE__NAME"), "{error}");
    settings.refuse_unread().expect("there is nothing");
}

#[test]
fn the_logs_format_is_no_setting_that_nobody_reads() {
    of("", &[("MILLSTREAM_LOG__FORMAT", "json")]).refuse_unread().expect("the logs read it");
    let settings = of("[log]\nformat = \"json\"", &[("MILLSTREAM_LOG__FOMAT", "json")]);
    let expected = "settings that nobody reads: 2 problems:
  1. `log.fomat` of MILLSTREAM_LOG__FOMAT is no setting; did you mean `format`?
  2. `log.format` of millstream.toml is read from the environment only: set MILLSTREAM_LOG__FORMAT";
    assert_eq!(settings.refuse_unread().expect_err("neither is read").context(), expected);
}
