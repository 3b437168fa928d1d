//! Owns which names are those of secrets, whatever bears them: a URL's parameter, a setting, a section of settings. Leaves to
//! those how a secret is hidden.

/// What makes a name that of a secret, wherever it stands in it. Rather a plain value too many is hidden than a secret shown.
const WITHIN: [&str; 9] = ["password", "passwd", "passphrase", "passcode", "secret", "token", "credential", "private", "key"];
/// What does as a word of its own only: else a `compass` would be one.
const WORDS: [&str; 2] = ["pass", "pwd"];

/// Whether a value of this name, or of this path (`credentials.broker`), is a secret: one that is never shown, logged, or
/// repeated in an error. Upper and lower case are the same.
///
/// ```
/// use millstream_core::contract::is_secret;
/// assert!(is_secret("api_KEY") && is_secret("db.pass") && is_secret("credentials.broker"));
/// assert!(!is_secret("service.name"));
/// ```
pub fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let word = |word: &str| WORDS.contains(&word);
    WITHIN.iter().any(|part| name.contains(part)) || name.split(|letter: char| !letter.is_alphanumeric()).any(word)
}
