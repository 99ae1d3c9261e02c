//! From characters to words, quoted texts, numbers and marks, each with its place.

use super::Result;
use crate::language::error::{DefinitionError, Position};
use std::str::Chars;

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A plain word, perhaps dotted: `country`, `company.name`, `es-MX`.
    Word,
    /// Text in double quotes.
    Quoted,
    /// A number: `-12.5`.
    Number,
    /// What begins with a digit and is no number: `30d`, `2026-03-01`.
    Digits,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `%`
    Percent,
    /// Nothing more.
    End,
}

/// A token with its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// As it stands there; of a quoted text, what it says.
    pub(super) text: String,
    pub(super) at: Position,
}

/// Every token of a text; the last is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>> {
    let mut lexer = Lexer { rest: text.chars(), at: Position { line: 1, column: 1 } };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.token()?;
        let ended = token.kind == Kind::End;
        tokens.push(token);
        if ended {
            return Ok(tokens);
        }
    }
}

/// What a text is if it stands without quotes: one token and nothing else.
pub(super) fn alone(text: &str) -> Option<Kind> {
    match tokens(text).ok()?.as_slice() {
        [token, _end] if token.text == text => Some(token.kind),
        _ => None,
    }
}

struct Lexer<'a> {
    rest: Chars<'a>,
    at: Position,
}

impl Lexer<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn peek_second(&self) -> Option<char> {
        self.rest.clone().nth(1)
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.rest.next()?;
        match next {
            '\n' => self.at = Position { line: self.at.line + 1, column: 1 },
            _ => self.at.column += 1,
        }
        Some(next)
    }

    fn token(&mut self) -> Result<Token> {
        self.skip();
        let at = self.at;
        let Some(first) = self.peek() else { return Ok(Token { kind: Kind::End, text: String::new(), at }) };
        let signed = first == '-' && self.peek_second().is_some_and(|c| c.is_ascii_digit());
        let (kind, text) = match first {
            '"' => (Kind::Quoted, self.quoted(at)?),
            _ if signed || first.is_ascii_digit() => {
                let text = self.number();
                (if is_number(&text) { Kind::Number } else { Kind::Digits }, text)
            }
            _ if first == '_' || first.is_alphabetic() => (Kind::Word, self.run(&['_'], &['.', '-', '@'])),
            _ => {
                let kind = match first {
                    '(' => Kind::Open,
                    ')' => Kind::Close,
                    ',' => Kind::Comma,
                    '%' => Kind::Percent,
                    _ => return Err(DefinitionError::at(at, stray(first, self.peek_second()))),
                };
                self.bump();
                (kind, first.to_string())
            }
        };
        Ok(Token { kind, text, at })
    }

    /// White space, and comments up to the end of their line.
    fn skip(&mut self) {
        let mut in_comment = false;
        while let Some(next) = self.peek() {
            in_comment = next != '\n' && (in_comment || next == '#');
            if !in_comment && !next.is_whitespace() {
                return;
            }
            self.bump();
        }
    }

    /// Letters and digits and some marks; others only in the midst.
    fn run(&mut self, marks: &[char], inner: &[char]) -> String {
        let goes_on = |c: char| c.is_alphanumeric() || marks.contains(&c);
        let mut text = String::new();
        while let Some(next) = self.peek() {
            let is_inner = inner.contains(&next) && self.peek_second().is_some_and(goes_on);
            if !goes_on(next) && !is_inner {
                break;
            }
            text.push(next);
            self.bump();
        }
        text
    }

    fn number(&mut self) -> String {
        let mut text = String::new();
        if self.peek() == Some('-') {
            text.push('-');
            self.bump();
        }
        text + &self.run(&['_'], &['.', '-', ':', '+'])
    }

    fn quoted(&mut self, begun: Position) -> Result<String> {
        self.bump();
        let mut text = String::new();
        loop {
            let at = self.at;
            match self.bump() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escaped(at)?),
                None | Some('\n') => {
                    let why = "the quote is not closed on its line; a line break inside is written \\n";
                    return Err(DefinitionError::at(begun, why));
                }
                Some(other) => text.push(other),
            }
        }
    }

    fn escaped(&mut self, at: Position) -> Result<char> {
        let unknown = || DefinitionError::at(at, "expected one of \\\" \\\\ \\n \\r \\t \\u{hexadecimal} after \\");
        match self.bump() {
            Some(same @ ('"' | '\\')) => Ok(same),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') if self.bump() == Some('{') => {
                let mut digits = String::new();
                while let Some(next) = self.bump() {
                    match next {
                        '}' => break,
                        _ if digits.len() < 6 && next.is_ascii_hexdigit() => digits.push(next),
                        _ => return Err(unknown()),
                    }
                }
                u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }
}

/// Digits with a sign, a fraction, an exponent.
fn is_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (number, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(number, rest)| (number, Some(rest)));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(whole, rest)| (whole, Some(rest)));
    let exponent = exponent.map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

/// What to say of a character that has no place.
fn stray(first: char, second: Option<char>) -> String {
    let with_equals = second == Some('=');
    let instead = match first {
        '>' if with_equals => "\"at least\"",
        '>' => "\"more than\"",
        '<' if with_equals => "\"at most\"",
        '<' if second == Some('>') => "\"is not\"",
        '<' => "\"less than\"",
        '=' => "\"is\"",
        '!' if with_equals => "\"is not\"",
        '!' => "\"not\"",
        '&' => "\"and\"",
        '|' => "\"or\"",
        '\'' | '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{ab}' | '\u{bb}' => "straight double quotes",
        '$' => "the code of a currency after the amount (500 USD), and names with \"$\" in quotes",
        _ => {
            return format!(
                "unexpected \"{}\"; names and texts of other characters stand in quotes",
                first.escape_debug()
            );
        }
    };
    format!("unexpected \"{first}\"; write {instead}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, String)> {
        tokens(text).unwrap().into_iter().map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn words_numbers_and_texts_are_told_apart() {
        let text =
            "a.b-c es-MX ana@x.mx _x ñandú 5 -2.5 1e3 30d 2026-03-01 2026-03-01T10:30:00-03:00 \"a\\\"\\n\\u{f3}\"";
        let read: Vec<Kind> = kinds(text).into_iter().map(|(kind, _)| kind).collect();
        use Kind::*;
        let expected = [Word, Word, Word, Word, Word, Number, Number, Number, Digits, Digits, Digits, Quoted, End];
        assert_eq!(read, expected);
        assert_eq!(kinds(text)[11].1, "a\"\n\u{f3}");
        assert_eq!(kinds("(a,5%)").len(), 7);
    }

    #[test]
    fn comments_and_lines_are_passed_over_and_counted() {
        let read = tokens("a # b ( \"\n  # c\n\tb").unwrap();
        assert_eq!((read[1].text.as_str(), read[1].at), ("b", Position { line: 3, column: 2 }));
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn what_has_no_place_is_told_with_what_to_write() {
        for (text, expected) in [
            ("a >= 5", "line 1, column 3: unexpected \">\"; write \"at least\""),
            ("a\n  != 5", "line 2, column 3: unexpected \"!\"; write \"is not\""),
            ("a is \u{201c}b\u{201d}", "line 1, column 6: unexpected \"\u{201c}\"; write straight double quotes"),
            ("a is \"b", "line 1, column 6: the quote is not closed"),
            ("a is \"b\\x\"", "line 1, column 8: expected one of"),
            ("a is \"\\u{d800}\"", "line 1, column 7: expected one of"),
            ("a is b.", "line 1, column 7: unexpected \".\""),
        ] {
            let error = tokens(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{text}: {error}");
        }
    }
}
