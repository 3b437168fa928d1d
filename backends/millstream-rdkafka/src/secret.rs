//! Owns secrets: a value that is never shown, and the cleaning of texts that others wrote. Leaves which names are those of
//! secrets to the core.

use std::borrow::Cow;
use std::fmt;
use zeroize::Zeroizing;

/// A secret: it is not shown by `Debug`, has no `Display`, and its memory is overwritten when it is dropped. librdkafka keeps a
/// copy of its own for as long as a client lives.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Keeps `secret` from being shown.
    pub fn new(secret: impl Into<String>) -> Self {
        Secret(Zeroizing::new(secret.into()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Secret::new(secret)
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Secret::new(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Takes known secrets out of texts that librdkafka wrote.
#[derive(Default)]
pub(crate) struct Scrubber(Vec<Secret>);

impl Scrubber {
    pub(crate) fn new(secrets: Vec<Secret>) -> Self {
        let mut secrets: Vec<Secret> = secrets.into_iter().filter(|secret| !secret.expose().is_empty()).collect();
        // The longest first: one may be part of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        Scrubber(secrets)
    }

    pub(crate) fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in &self.0 {
            if text.contains(secret.expose()) {
                text = Cow::Owned(text.replace(secret.expose(), "***"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Scrubber, Secret};

    #[test]
    fn a_secret_is_not_shown() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "***");
    }

    #[test]
    fn a_text_is_cleaned_of_every_secret_the_longest_first() {
        let scrubber = Scrubber::new(vec!["pass".into(), "passphrase".into(), "".into()]);
        assert_eq!(scrubber.clean("no passphrase, no pass, no word"), "no ***, no ***, no word");
        assert_eq!(scrubber.clean("nothing"), "nothing");
    }
}
