//! Owns a part of the settings as a type: every value read by itself, so that all that is wrong is said at once.

use crate::secret::may_be_quoted;
use crate::source::Source;
use crate::tree::{Path, Tree, insert, nested};
use confique::meta::{Expr, FieldKind, LeafKind, Meta};
use confique::{Config, Layer};
use millstream_core::contract::nearest;
use serde::Deserialize;
use toml::{Table, Value};

/// One field of a section, however deep.
pub(crate) struct Leaf {
    pub(crate) path: Path,
    pub(crate) doc: &'static [&'static str],
    pub(crate) default: Option<&'static Expr>,
    pub(crate) required: bool,
}

impl Leaf {
    /// The name of the environment variable for it.
    pub(crate) fn variable(&self) -> String {
        variable(&self.path)
    }
}

/// The name of the environment variable for a path.
pub(crate) fn variable(path: &[String]) -> String {
    format!("MILLSTREAM_{}", path.join("__").to_uppercase())
}

/// All fields of a section, in the order in which they are declared.
pub(crate) fn leaves(section: &[String], meta: &'static Meta) -> Vec<Leaf> {
    let mut all = Vec::new();
    for field in meta.fields {
        let path: Path = section.iter().cloned().chain([field.name.to_owned()]).collect();
        match &field.kind {
            FieldKind::Nested { meta } => all.extend(leaves(&path, meta)),
            FieldKind::Leaf { kind, .. } => {
                let (default, required) = match kind {
                    LeafKind::Required { default } => (default.as_ref(), default.is_none()),
                    LeafKind::Optional => (None, false),
                };
                all.push(Leaf { path, doc: field.doc, default, required });
            }
        }
    }
    all
}

/// A section as `T`, or all that is wrong with it.
pub(crate) fn read<T: Config>(tree: &Tree, section: &str) -> Result<T, Vec<String>> {
    let meta: &'static Meta = const { &T::META };
    let root = vec![section.to_owned()];
    let mut problems = unknown(tree, &root, meta);
    let mut found = Table::new();
    for leaf in leaves(&root, meta) {
        let name = leaf.path.join(".");
        let Some((value, source)) = tree.at(&leaf.path) else {
            if leaf.required {
                problems.push(format!("`{name}` is missing: set it in the file, or {}", leaf.variable()));
            }
            continue;
        };
        let inside = &leaf.path[1..];
        match fitting::<T::Layer>(inside, &value, &source) {
            Ok(value) => insert(&mut found, inside, value),
            Err(why) => {
                let why = if may_be_quoted(&name, &value) { why } else { "it cannot be read".to_owned() };
                problems.push(format!("`{name}` of {source}: {why}"));
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let layer = T::Layer::deserialize(found).map_err(|error| vec![format!("`{section}`: {}", error.message())])?;
    T::from_layer(layer.with_fallback(T::Layer::default_values())).map_err(|error| vec![format!("`{section}`: {error}")])
}

/// The value as one that the field can be read from. The environment knows only text: it is tried as a text, as a value
/// as it would stand in a file, and as a list with commas.
fn fitting<L: Layer>(inside: &[String], value: &Value, source: &Source) -> Result<Value, String> {
    let mut candidates = vec![value.clone()];
    if let (Source::Environment(_), Value::String(text)) = (source, value) {
        candidates.extend(nested_value(text));
        candidates.push(Value::Array(text.split(',').map(|one| Value::String(one.trim().to_owned())).collect()));
    }
    let mut why = None;
    for candidate in candidates {
        match L::deserialize(nested(inside, candidate.clone())) {
            Ok(_) => return Ok(candidate),
            Err(error) => drop(why.get_or_insert_with(|| error.message().trim().to_owned())),
        }
    }
    Err(why.unwrap_or_default())
}

fn nested_value(text: &str) -> Option<Value> {
    let mut table: Table = format!("it = {text}").parse().ok()?;
    table.remove("it").filter(|_| table.is_empty())
}

/// What is set and no field of the section, or in its place.
fn unknown(tree: &Tree, path: &Path, meta: &'static Meta) -> Vec<String> {
    let mut problems: Vec<String> = tree.instead_of_section(path).map(|source| no_value(path, source)).into_iter().collect();
    for name in tree.names(path) {
        let below: Path = path.iter().cloned().chain([name.clone()]).collect();
        match meta.fields.iter().find(|field| field.name == name) {
            Some(field) => {
                if let FieldKind::Nested { meta } = &field.kind {
                    problems.extend(unknown(tree, &below, meta));
                }
            }
            None => {
                let source = tree.at(&below).map_or(Source::Default, |(_, source)| source);
                let known: Vec<&str> = meta.fields.iter().map(|field| field.name).collect();
                problems.push(format!("`{}` of {source} is no setting{}", below.join("."), instead(&name, &known)));
            }
        }
    }
    problems
}

/// That a value stands in the place of a section.
pub(crate) fn no_value(path: &[String], source: &Source) -> String {
    let (name, variable) = (path.join("."), variable(path));
    format!("`{name}` of {source} is a section, which has no value itself: write `[{name}]`, or {variable}__KEY")
}

/// What was meant, or what there is.
pub(crate) fn instead(name: &str, known: &[&str]) -> String {
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None if known.is_empty() => "; there is none".to_owned(),
        None => format!("; there are `{}`", known.join("`, `")),
    }
}
