//! What is wrong with a file, with its place.

use crate::nearest::nearest;
use std::fmt;
use std::ops::Range;

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Characters, counted from 1.
    pub column: usize,
    /// What is wrong there, and what was expected.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)
    }
}

/// Everything that is wrong with a file, in its order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The line and the column of a byte.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// A problem at a byte of the file's text.
pub(crate) fn at(file: &str, text: &str, at: usize, what: String) -> Problem {
    let (line, column) = place(text, at);
    Problem { file: file.to_owned(), line, column, what }
}

/// What the TOML reader says, with the nearest name where a name is not known.
pub(crate) fn of_toml(file: &str, text: &str, error: &toml::de::Error) -> Problem {
    let span: Range<usize> = error.span().unwrap_or(0..0);
    let said = error.message();
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let what = match (said.starts_with("unknown "), quoted.split_first()) {
        (true, Some((found, known))) => {
            let kind = if said.starts_with("unknown field") { "there is no key" } else { "there is no" };
            format!("{kind} {found}{}", nearest(found, known))
        }
        _ => said.to_owned(),
    };
    at(file, text, span.start, what)
}
