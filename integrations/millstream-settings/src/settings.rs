//! Owns the settings of a process: loading, setting, and what nobody read.

use crate::section::{instead, no_value, read, variable};
use crate::source::Source;
use crate::tree::{Path, Tree};
use crate::{explain, problems};
use confique::Config;
use confique::meta::Meta;
use millstream_core::contract::{Error, ErrorKind, Operation};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use toml::{Table, Value};

/// What begins the name of an environment variable that is a setting.
const PREFIX: &str = "MILLSTREAM_";
/// The section of `millstream-logging`, which reads it from the environment itself: logs begin before settings are loaded.
const LOG: &str = "log";

/// The settings of a process, in sections: those of a file, over them those of the environment (`MILLSTREAM_SECTION__KEY`),
/// over them those of the program.
///
/// ```
/// use millstream_settings::{Config, Settings, confique};
///
/// #[derive(Config)]
/// struct Trading {
///     /// The most that is traded at once.
///     #[config(default = 100)]
///     quantity: u32,
///     account: String,
/// }
///
/// # fn main() -> Result<(), millstream_core::contract::Error> {
/// # let file = "[trading]\naccount = \"ann\"";
/// # let environment = [("MILLSTREAM_TRADING__QUANTITY".to_owned(), "10".to_owned())];
/// # let settings = Settings::of("millstream.toml", file, environment)?;
/// // let settings = Settings::load("millstream.toml")?;
/// let trading: Trading = settings.section("trading")?;
/// assert_eq!((trading.account.as_str(), trading.quantity), ("ann", 10));
/// assert_eq!(settings.explain(), "\
/// trading.account  = \"ann\"  from millstream.toml
/// trading.quantity = \"10\"   from MILLSTREAM_TRADING__QUANTITY
/// ");
/// # Ok(()) }
/// ```
///
/// `confique` is imported for the derive's sake, beside the struct: at the top of a file, or not at all if it is a dependency.
pub struct Settings {
    tree: Tree,
    read: Mutex<Read>,
}

/// The names, and no value: any may be a secret, whatever it is called.
impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings ")?;
        f.debug_set().entries(self.tree.leaves().map(|(path, ..)| path.join("."))).finish()
    }
}

/// What was asked for.
#[derive(Default)]
pub(crate) struct Read {
    pub(crate) sections: BTreeMap<String, &'static Meta>,
    groups: BTreeSet<String>,
}

impl Settings {
    /// Reads a file and the environment. A file that does not exist has no settings, so that a program runs without one; see
    /// [`required`](Self::required).
    ///
    /// # Errors
    /// If the file cannot be read or is no TOML.
    pub fn load(path: &str) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::of(path, &text, environment()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Self::of(path, "", environment()),
            Err(error) => Err(unreadable(path, error)),
        }
    }

    /// As [`load`](Self::load), of a file that must exist.
    ///
    /// # Errors
    /// As [`load`](Self::load), and if there is no such file.
    pub fn required(path: &str) -> Result<Self, Error> {
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, error))?;
        Self::of(path, &text, environment())
    }

    /// Of a text and variables that are given, for tests. `name` is what the text is called.
    ///
    /// # Errors
    /// If the text is no TOML.
    pub fn of(name: &str, text: &str, environment: impl IntoIterator<Item = (String, String)>) -> Result<Self, Error> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            // The error's own text shows the line, which may hold a secret.
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let text = format!("line {line} of {name} cannot be read: {}", error.message());
            Error::new(ErrorKind::Configuration, Operation::Build, text)
        })?;
        let mut tree = Tree::default();
        tree.put(&[], Value::Table(table), &Source::File(name.to_owned()));
        // In the order of their names, so that the same variables are always the same settings.
        for (variable, value) in environment.into_iter().collect::<BTreeMap<_, _>>() {
            if let Some(rest) = variable.strip_prefix(PREFIX) {
                let path: Path = rest.split("__").map(str::to_lowercase).collect();
                tree.put(&path, Value::String(value), &Source::Environment(variable.clone()));
            }
        }
        Ok(Settings { tree, read: Mutex::default() })
    }

    /// The same with a value of the program's own, over all others: `.with("service.name", "hello")`.
    #[must_use]
    pub fn with(mut self, path: &str, value: impl Into<Value>) -> Self {
        let path: Path = path.split('.').map(str::to_owned).collect();
        self.tree.put(&path, value.into(), &Source::Code);
        self
    }

    /// A section as a type of yours that derives `Config`. Of a nested struct the fields are a table in the section.
    ///
    /// # Errors
    /// All that is wrong with it at once: values that are missing or cannot be read, and names that are no settings, each
    /// with the nearest that is. The values of secrets are not repeated.
    pub fn section<T: Config>(&self, name: &str) -> Result<T, Error> {
        self.try_section(name).map_err(|list| problems(&format!("section `{name}` of the settings"), list))
    }

    pub(crate) fn try_section<T: Config>(&self, name: &str) -> Result<T, Vec<String>> {
        self.reads().sections.insert(name.to_owned(), const { &T::META });
        read(&self.tree, name)
    }

    /// The consumer group for a purpose: what `groups` says of it, else `{service.name}.{purpose}`.
    pub fn group(&self, purpose: &str) -> String {
        self.reads().groups.insert(purpose.to_owned());
        self.text(&["groups", purpose]).unwrap_or_else(|| {
            let service = self.text(&["service", "name"]);
            service.map_or_else(|| purpose.to_owned(), |service| format!("{service}.{purpose}"))
        })
    }

    /// Refuses what nobody has asked for: a section that is misspelt would else be passed over. To be called when all
    /// sections and groups were read.
    ///
    /// # Errors
    /// With each of them, its source, and the nearest that was asked for.
    pub fn refuse_unread(&self) -> Result<(), Error> {
        match self.unread(|_| true) {
            list if list.is_empty() => Ok(()),
            list => Err(problems("settings that nobody reads", list)),
        }
    }

    /// Those that nobody has asked for, of the paths that are `meant`.
    pub(crate) fn unread(&self, meant: impl Fn(&Path) -> bool) -> Vec<String> {
        let read = self.reads();
        let mut sections: Vec<&str> = read.sections.keys().map(String::as_str).collect();
        sections.push("groups");
        let groups: Vec<&str> = read.groups.iter().map(String::as_str).collect();
        let mut list = Vec::new();
        for (path, _, source) in self.tree.leaves() {
            let first = path[0].as_str();
            if !meant(path) {
                continue;
            }
            match path.as_slice() {
                [_] if sections.contains(&first) => list.push(no_value(path, source)),
                // Of one key without a section, a variable with a single underscore is the usual cause.
                [_] => list.push(format!(
                    "`{first}` of {source} stands in no section: write `[section]`, or two underscores in a variable's name"
                )),
                [_, purpose, ..] if first == "groups" && !groups.contains(&purpose.as_str()) => {
                    list.push(format!("`groups.{purpose}` of {source} is no group{}", instead(purpose, &groups)));
                }
                [_, name] if first == LOG && !sections.contains(&LOG) => list.extend(log(name, source)),
                _ if first != "groups" && !sections.contains(&first) => {
                    list.push(format!("`{first}` of {source} is no section{}", instead(first, &sections)));
                }
                _ => {}
            }
        }
        list
    }

    /// Every value with its source, a line each; secrets are hidden. Defaults are those of the sections that were read.
    pub fn explain(&self) -> String {
        explain::explain(&self.tree, &self.reads())
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        let path: Path = path.iter().map(|part| (*part).to_owned()).collect();
        match self.tree.at(&path)?.0 {
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        }
    }

    fn reads(&self) -> std::sync::MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is wrong with a setting of the logs.
fn log(name: &str, source: &Source) -> Option<String> {
    match (name, source) {
        ("format", Source::Environment(_)) => None,
        ("format", _) => Some(format!(
            "`log.format` of {source} is read from the environment only: set {}",
            variable(&[LOG.into(), name.into()])
        )),
        _ => Some(format!("`log.{name}` of {source} is no setting{}", instead(name, &["format"]))),
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

fn unreadable(path: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Configuration, Operation::Build, format!("the settings of {path} cannot be read")).with_source(error)
}
