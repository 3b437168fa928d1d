//! Owns the file to begin with: every setting with its explanation, its default and its variable, out of doc comments.

use crate::section::leaves;
use crate::service::{ErrorSettings, ServiceSettings};
use confique::Config;
use confique::meta::{Expr, Float, Integer, MapKey, Meta};
use toml::{Table, Value};

/// A TOML file with every setting of a program, commented out where it has a default.
///
/// ```
/// use millstream_settings::{Config, Template, confique};
///
/// /// How we trade.
/// #[derive(Config)]
/// struct Trading {
///     /// The most that is traded at once.
///     #[config(default = 100)]
///     quantity: u32,
/// }
///
/// # fn main() {
/// let template = Template::new().section::<Trading>("trading").to_string();
/// assert!(template.contains("# The most that is traded at once.\n# MILLSTREAM_TRADING__QUANTITY\n#quantity = 100\n"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Template {
    sections: Vec<(String, &'static Meta)>,
}

impl Default for Template {
    fn default() -> Self {
        Self::new()
    }
}

impl Template {
    /// The framework's own sections, `service` and `errors`.
    pub fn new() -> Self {
        Template { sections: Vec::new() }.section::<ServiceSettings>("service").section::<ErrorSettings>("errors")
    }

    /// The same with one more section.
    #[must_use]
    pub fn section<T: Config>(mut self, name: &str) -> Self {
        self.sections.push((name.to_owned(), const { &T::META }));
        self
    }
}

impl std::fmt::Display for Template {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, (section, meta)) in self.sections.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            for line in meta.doc {
                writeln!(f, "#{line}")?;
            }
            writeln!(f, "[{section}]")?;
            for leaf in leaves(std::slice::from_ref(section), meta) {
                writeln!(f)?;
                for line in leaf.doc {
                    writeln!(f, "#{line}")?;
                }
                writeln!(f, "# {}{}", leaf.variable(), if leaf.required { "; required" } else { "" })?;
                let value = leaf.default.map(|default| written(default).to_string()).unwrap_or_default();
                writeln!(f, "#{} ={}{value}", leaf.path[1..].join("."), if value.is_empty() { "" } else { " " })?;
            }
        }
        Ok(())
    }
}

/// A default as it would stand in a file.
pub(crate) fn written(default: &Expr) -> Value {
    match default {
        Expr::Str(text) => Value::String((*text).to_owned()),
        Expr::Float(Float::F32(number)) => Value::Float(f64::from(*number)),
        Expr::Float(Float::F64(number)) => Value::Float(*number),
        Expr::Integer(number) => integer(*number),
        Expr::Bool(yes) => Value::Boolean(*yes),
        Expr::Array(all) => Value::Array(all.iter().map(written).collect()),
        Expr::Map(entries) => {
            Value::Table(entries.iter().map(|entry| (key(&entry.key), written(&entry.value))).collect::<Table>())
        }
        // A kind of default that a later version of the library brings: shown as it is known here.
        other => Value::String(format!("{other:?}")),
    }
}

fn key(key: &MapKey) -> String {
    match written(&Expr::from(*key)) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn integer(number: Integer) -> Value {
    // TOML's integers have 64 bits; a larger default is shown as text.
    let text = number.to_string();
    text.parse().map_or(Value::String(text), Value::Integer)
}
