//! Fields of an envelope that the framework does not know: kept, so that a read, a change and a
//! write lose nothing that others put there.

use std::fmt;

use serde_json::value::RawValue;

use super::error::EnvelopeError;
use super::head::Field;

/// Unknown fields in the order they came, each as its JSON text: a number never becomes a float.
///
/// A name that stands twice is kept twice.
#[derive(Clone, Default)]
pub struct Extra(Vec<(String, Box<RawValue>)>);

impl Extra {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The JSON text of the first field with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, json)| json)
    }

    /// Names and JSON texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, json)| (name.as_str(), json.get()))
    }

    /// Sets a field: in place of the first one with this name, else at the end.
    ///
    /// # Errors
    ///
    /// When the envelope itself has a field with this name, or the value is no JSON.
    pub fn set(&mut self, name: &str, value: &impl serde::Serialize) -> Result<(), EnvelopeError> {
        if Field::named(name.as_bytes()).is_some() {
            return Err(EnvelopeError::Reserved(name.into()));
        }
        let value = serde_json::value::to_raw_value(value).map_err(EnvelopeError::encode)?;
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
        Ok(())
    }

    pub(super) fn push(&mut self, name: String, value: Box<RawValue>) {
        self.0.push((name, value));
    }

    pub(super) fn raw(&self) -> impl Iterator<Item = (&String, &RawValue)> {
        self.0.iter().map(|(name, value)| (name, &**value))
    }
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Extra {
    /// By names and JSON texts, in order.
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
