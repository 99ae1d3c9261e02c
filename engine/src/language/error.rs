//! What is wrong with a definition, and where.

/// Characters of an unknown key or word that an error repeats.
pub(super) const KEY_CHARS_SHOWN: usize = 64;

/// A place in the text form, counted from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character of the line.
    pub column: usize,
}

/// A mistake in a definition.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {message}", if path.is_empty() { "definition" } else { path })]
pub struct DefinitionError {
    /// Where: `all[1].window.last`, or `line 2, column 14`.
    pub path: String,
    /// What is wrong and what was expected.
    pub message: String,
    /// Where in the text form.
    pub position: Option<Position>,
}

impl DefinitionError {
    /// A mistake at a path.
    pub fn new(path: &str, message: impl Into<String>) -> DefinitionError {
        DefinitionError { path: path.to_owned(), message: message.into(), position: None }
    }

    /// A mistake at a place of the text form.
    pub fn at(position: Position, message: impl Into<String>) -> DefinitionError {
        let path = format!("line {}, column {}", position.line, position.column);
        DefinitionError { path, message: message.into(), position: Some(position) }
    }

    /// A key that is not known here, with the nearest known one.
    pub fn unknown_key(path: &str, key: &str, known: &[&str]) -> DefinitionError {
        DefinitionError::unknown(path, "key", key, known)
    }

    /// A word that is not known here, with the nearest known one. `what` says what kind of word.
    pub fn unknown(path: &str, what: &str, word: &str, known: &[&str]) -> DefinitionError {
        let nearest = known.iter().min_by_key(|known| distance(word, known));
        let hint = nearest.map(|nearest| format!("; did you mean \"{nearest}\"?")).unwrap_or_default();
        let shown: String = word.chars().take(KEY_CHARS_SHOWN).collect();
        DefinitionError::new(path, format!("unknown {what} \"{shown}\"{hint}"))
    }
}

/// Edits between two words, of which the first counts up to a length.
pub fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(KEY_CHARS_SHOWN).enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        let mut next = vec![last];
        for (b, above) in right.iter().zip(row.iter().skip(1)) {
            let best = (diagonal + usize::from(a != *b)).min(above + 1).min(last + 1);
            diagonal = *above;
            last = best;
            next.push(best);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (left, right, edits) in
            [("", "", 0), ("is", "is", 0), ("", "any", 3), ("cuont", "count", 2), ("al", "all", 1)]
        {
            assert_eq!((distance(left, right), distance(right, left)), (edits, edits), "{left} {right}");
        }
    }

    #[test]
    fn the_nearest_key_is_named() {
        let error = DefinitionError::unknown_key("all[0]", "evnet", &["property", "event", "spent"]);
        assert_eq!(error.to_string(), "all[0]: unknown key \"evnet\"; did you mean \"event\"?");
    }

    #[test]
    fn a_long_key_is_repeated_in_part() {
        let error = DefinitionError::unknown_key("", &"x".repeat(100_000), &["all"]);
        assert!(error.message.len() < 150);
    }
}
