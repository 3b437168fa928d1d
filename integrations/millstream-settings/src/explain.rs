//! Owns the words that explain settings: every value with its source.

use crate::secret::shown;
use crate::section::leaves;
use crate::settings::Read;
use crate::source::Source;
use crate::template::written;
use crate::tree::{Path, Tree};
use std::collections::BTreeMap;

pub(crate) fn explain(tree: &Tree, read: &Read) -> String {
    let mut lines: BTreeMap<Path, (String, String)> = BTreeMap::new();
    for (section, meta) in &read.sections {
        for leaf in leaves(std::slice::from_ref(section), meta) {
            if let Some(default) = leaf.default
                && tree.at(&leaf.path).is_none()
            {
                lines.insert(leaf.path, (written(default).to_string(), Source::Default.to_string()));
            }
        }
    }
    for (path, value, source) in tree.leaves() {
        lines.insert(path.clone(), (shown(&path.join("."), value), source.to_string()));
    }
    let lines: Vec<(String, String, String)> =
        lines.into_iter().map(|(path, (value, source))| (path.join("."), value, source)).collect();
    let width = |of: fn(&(String, String, String)) -> usize| lines.iter().map(of).max().unwrap_or(0);
    let (names, values) = (width(|(name, ..)| name.chars().count()), width(|(_, value, _)| value.chars().count().min(40)));
    lines.iter().map(|(name, value, source)| format!("{name:<names$} = {value:<values$}  from {source}\n")).collect()
}
