//! Owns the values, by their path, and the source of each. Leaves what they mean to sections.

use crate::source::Source;
use std::collections::BTreeMap;
use toml::{Table, Value};

/// A value's place, such as `service.name`.
pub(crate) type Path = Vec<String>;

/// The values. A later layer replaces single values of an earlier one, never a whole section.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    leaves: BTreeMap<Path, (Value, Source)>,
}

impl Tree {
    /// Puts a value over what is there; a table value by value.
    pub(crate) fn put(&mut self, path: &[String], value: Value, source: &Source) {
        match value {
            Value::Table(table) if !table.is_empty() => {
                for (name, value) in table {
                    let path: Path = path.iter().cloned().chain([name]).collect();
                    self.put(&path, value, source);
                }
            }
            // A section without values, or a file without sections, says nothing.
            Value::Table(_) if path.len() < 2 => {}
            value => {
                // A single value takes the place of a table, and the other way round; but of no whole section: `MILLSTREAM_ERRORS`
                // is a slip, which is said where sections are read and must not cost what is set in them.
                let both = |other: &Path| other.len() > 1 && path.len() > 1 || other == path;
                self.leaves.retain(|other, _| !(both(other) && (other.starts_with(path) || path.starts_with(other))));
                self.leaves.insert(path.to_vec(), (value, source.clone()));
            }
        }
    }

    /// All values, in the order of their paths.
    pub(crate) fn leaves(&self) -> impl Iterator<Item = (&Path, &Value, &Source)> {
        self.leaves.iter().map(|(path, (value, source))| (path, value, source))
    }

    /// What stands at `path` or below, as one value, and the weightiest source of it.
    pub(crate) fn at(&self, path: &[String]) -> Option<(Value, Source)> {
        let mut found: Option<(Value, Source)> = None;
        for (place, value, source) in self.leaves().filter(|(place, ..)| place.starts_with(path)) {
            let rest = &place[path.len()..];
            if rest.is_empty() {
                return Some((value.clone(), source.clone()));
            }
            let (Value::Table(table), heaviest) = found.get_or_insert_with(|| (Value::Table(Table::new()), source.clone()))
            else {
                unreachable!("it was made as a table")
            };
            insert(table, rest, value.clone());
            *heaviest = heaviest.clone().max(source.clone());
        }
        found
    }

    /// Where the value comes from that stands at `path` itself, where a section should be.
    pub(crate) fn instead_of_section(&self, path: &[String]) -> Option<&Source> {
        self.leaves.get(path).filter(|(value, _)| !value.is_table()).map(|(_, source)| source)
    }

    /// The names that stand directly below `path`.
    pub(crate) fn names(&self, path: &[String]) -> Vec<String> {
        let below = self.leaves.keys().filter(|place| place.len() > path.len() && place.starts_with(path));
        let mut names: Vec<String> = below.map(|place| place[path.len()].clone()).collect();
        names.dedup();
        names
    }
}

/// A table that holds nothing but this value at this path.
pub(crate) fn nested(path: &[String], value: Value) -> Table {
    let mut table = Table::new();
    insert(&mut table, path, value);
    table
}

/// Puts a value into nested tables, making those that are missing.
pub(crate) fn insert(table: &mut Table, path: &[String], value: Value) {
    match path {
        [] => {}
        [name] => drop(table.insert(name.clone(), value)),
        [name, rest @ ..] => {
            let below = table.entry(name.clone()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                insert(below, rest, value);
            }
        }
    }
}
