//! Owns all groups by name.

use super::group::Group;
use std::collections::BTreeMap;

/// All groups of the cluster.
#[derive(Debug, Default)]
pub(crate) struct Coordinator {
    groups: BTreeMap<String, Group>,
}

impl Coordinator {
    /// The group of a name, made at its first mention.
    pub(crate) fn group(&mut self, name: &str) -> &mut Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::default());
        }
        self.groups.get_mut(name).expect("it was just put there")
    }

    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Group> {
        self.groups.values_mut()
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &Group)> {
        self.groups.iter().map(|(name, group)| (name.as_str(), group))
    }
}
