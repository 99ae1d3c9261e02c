//! Regular expressions of `matches`: found anywhere, without case, in composed text.

use super::PATTERN_BYTES_MAX;
use regex::{Regex, RegexBuilder};
use unicode_normalization::UnicodeNormalization;

/// Compiles a pattern, or says in one line why not.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let composed: String = text.nfc().collect();
    let mut builder = RegexBuilder::new(&composed);
    builder.case_insensitive(true).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    builder.build().map_err(|why| {
        let why = why.to_string();
        let reason = why.lines().last().unwrap_or_default();
        format!("no regular expression: {}", reason.trim_start_matches("error: "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_anywhere_without_case() {
        assert!(pattern("leo\u{301}n$").unwrap().is_match("NUEVO LE\u{d3}N"));
        assert!(pattern(r"^\w+\s\d{5}$").unwrap().is_match("abc 12345"));
    }

    #[test]
    fn mistakes_are_told_in_one_line() {
        assert_eq!(pattern("(a").unwrap_err(), "no regular expression: unclosed group");
    }

    #[test]
    fn a_pattern_that_takes_too_much_memory_is_refused() {
        assert!(pattern(r"\w{1,1000}").unwrap_err().contains("size limit"));
        assert!(pattern(r"\w{1,10}").is_ok());
    }
}
