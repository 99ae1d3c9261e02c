//! JSON of a platform, read so that no digit is lost: every number becomes the text that it is written as.
//!
//! Amounts and ids would go through a double otherwise: `12.50` would lose its scale, and of two ids of 17 digits
//! nobody could tell one from the other. Platforms write the same thing as a number or as text as they please, too.

use jmespath::Variable;
use serde::de::IgnoredAny;

/// Why a body can't be read. It shows nothing of what is in it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not JSON, at line {line} column {column}")]
pub struct NotJson {
    line: usize,
    column: usize,
}

/// Reads JSON.
///
/// # Errors
/// What is not JSON, or nested deeper than 127 levels.
pub(crate) fn read(text: &str) -> Result<Variable, NotJson> {
    let wrong = |why: serde_json::Error| NotJson { line: why.line(), column: why.column() };
    // First as it is: what is no number must not become one by its quotes.
    serde_json::from_str::<IgnoredAny>(text).map_err(wrong)?;
    serde_json::from_str(&quoted(text)).map_err(wrong)
}

/// Valid JSON with its numbers in quotes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    let (mut inside, mut escaped, mut number) = (false, false, false);
    for c in text.chars() {
        if inside {
            inside = escaped || c != '"';
            escaped = !escaped && c == '\\';
        } else if number {
            if !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-') {
                number = false;
                out.push('"');
                inside = c == '"';
            }
        } else if c == '"' {
            inside = true;
        } else if c == '-' || c.is_ascii_digit() {
            number = true;
            out.push('"');
        }
        out.push(c);
    }
    if number {
        out.push('"');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stay_as_they_are_written() {
        let read =
            read(r#"{"id": 12345678901234567890123, "total":10.50, "t": "a \"1\" \\", "l": [1,-2e3,true,null]}"#);
        let text = serde_json::to_string(&read.unwrap()).unwrap();
        let expected =
            r#"{"id":"12345678901234567890123","l":["1","-2e3",true,null],"t":"a \"1\" \\","total":"10.50"}"#;
        assert_eq!(text, expected);
        assert_eq!(serde_json::to_string(&super::read("7").unwrap()).unwrap(), r#""7""#);
    }

    #[test]
    fn what_is_no_json_stays_none() {
        for text in ["", "01", "1.", "{", "{\"a\":1", "<html>", "-", "[1 2]", "{\"a\":+1}"] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read(&"[".repeat(100_000)).is_err());
    }
}
