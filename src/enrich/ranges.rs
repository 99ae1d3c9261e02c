//! Whose number range a phone number is of, by the operator's file.
//!
//! One range a line: a prefix in E.164, a comma, the mobile operator's name. Lines that begin with `#` and empty
//! lines are passed over. The longest prefix that a number begins with decides.

use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of a file of number ranges.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Digits of a prefix.
const DIGITS_MAX: usize = 15;
/// Characters of a name.
const NAME_CHARS_MAX: usize = 100;

/// Number ranges.
#[derive(Debug, Default)]
pub(super) struct Ranges(BTreeMap<String, String>);

impl Ranges {
    /// Reads a file. An error names the line.
    pub(super) fn read(path: &Path) -> Result<Ranges, String> {
        let bytes = std::fs::metadata(path).map_err(|why| why.to_string())?.len();
        if bytes > FILE_BYTES_MAX {
            return Err(format!("larger than {FILE_BYTES_MAX} bytes"));
        }
        let text = std::fs::read_to_string(path).map_err(|why| why.to_string())?;
        Ranges::parse(&text)
    }

    fn parse(text: &str) -> Result<Ranges, String> {
        let mut ranges = BTreeMap::new();
        for (place, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why: &str| format!("line {}: {why}", place + 1);
            let (prefix, name) = line.split_once(',').ok_or_else(|| wrong("expected a prefix, a comma and a name"))?;
            let (prefix, name) = (prefix.trim(), name.trim());
            let digits = prefix.strip_prefix('+').unwrap_or_default();
            if digits.is_empty() || digits.len() > DIGITS_MAX || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(wrong("expected a prefix such as +5255"));
            }
            if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
                return Err(wrong("expected the name of a mobile operator"));
            }
            if ranges.insert(digits.to_owned(), name.to_owned()).is_some() {
                return Err(wrong("the prefix is given twice"));
            }
        }
        Ok(Ranges(ranges))
    }

    /// The mobile operator of a number in E.164.
    pub(super) fn operator(&self, number: &str) -> Option<&str> {
        let digits = number.strip_prefix('+')?;
        let longest = digits.len().min(DIGITS_MAX);
        (1..=longest).rev().find_map(|length| self.0.get(digits.get(..length)?)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let ranges = Ranges::parse("# Mexico\n+52, Telcel\n\n+5255,Movistar, S.A.\n").unwrap();
        assert_eq!(ranges.operator("+525512345678"), Some("Movistar, S.A."));
        assert_eq!(ranges.operator("+528112345678"), Some("Telcel"));
        assert_eq!(ranges.operator("+12125550100"), None);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, why) in [
            ("+52", "line 1: expected a prefix, a comma and a name"),
            ("\n52,Telcel", "line 2: expected a prefix such as +5255"),
            ("+52,", "line 1: expected the name of a mobile operator"),
            ("+52,A\n+52,B", "line 2: the prefix is given twice"),
        ] {
            assert_eq!(Ranges::parse(text).unwrap_err(), why);
        }
    }
}
