//! Owns the guess at what a misspelt word was meant to be. Leaves to the caller what to say about it.

/// The one of `known` that `word` is most likely a misspelling of: the one the fewest letters away, if that is at most a third
/// of the longer word's (one at least). The first of equally near ones.
///
/// ```
/// use millstream_core::contract::nearest;
/// assert_eq!(nearest("kafak", ["memory", "kafka", "nats"]), Some("kafka"));
/// assert_eq!(nearest("sqs", ["memory", "kafka"]), None);
/// ```
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = |other: &&str| distance(word, other);
    let allowed = |other: &str| (word.chars().count().max(other.chars().count()) / 3).max(1);
    known.into_iter().filter(|other| near(other) <= allowed(other)).min_by_key(near)
}

/// How many letters have to be put in, left out, exchanged or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    // Names have dozens of letters: what is longer is cut, so that nobody's input costs much.
    let letters = |text: &str| text.chars().take(64).flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (a, b) = (letters(a), letters(b));
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>()];
    let mut before_last = rows[0].clone();
    for (i, &x) in a.iter().enumerate() {
        rows.swap(0, 1);
        let [last, row] = &mut rows;
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            row[j + 1] = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                row[j + 1] = row[j + 1].min(before_last[j - 1] + 1);
            }
        }
        before_last.clone_from(last);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn a_distance_counts_what_has_to_be_changed() {
        for (a, b, far) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kafka", "kafak", 1), ("ca", "abc", 3), ("Memory", "memry", 1)]
        {
            assert_eq!(distance(a, b), far, "{a} {b}");
            assert_eq!(distance(b, a), far, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_near_is_guessed() {
        assert_eq!(nearest("comit_every", ["name", "commit_every"]), Some("commit_every"));
        assert_eq!(nearest("x", ["y"]), Some("y"));
        assert_eq!(nearest("retention", ["name", "transport"]), None);
    }
}
