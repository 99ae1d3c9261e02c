//! Reads JSON in one pass, borrowing from the text, with every digit of every number.
//!
//! A general parser gives numbers as floats or builds a tree first; this one hands out the text of
//! each number and lets the caller build what it keeps.

use std::borrow::Cow;

/// The text is not JSON, from this byte on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed {
    /// Byte of the text.
    pub(super) at: usize,
}

/// What a value is, by its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Object,
    List,
    Text,
    Number,
    True,
    False,
    Null,
}

/// A place in a text.
#[derive(Clone)]
pub(super) struct Json<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    /// At the start of a text.
    pub(super) fn new(text: &'a str) -> Json<'a> {
        Json { text, at: 0 }
    }

    /// Where it is, bytes.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How much is behind it, bytes.
    pub(super) fn left(&self) -> usize {
        self.text.len().saturating_sub(self.at)
    }

    fn malformed<T>(&self) -> Result<T, Malformed> {
        Err(Malformed { at: self.at })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.byte() != Some(byte) {
            return self.malformed();
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str) -> Result<(), Malformed> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if !rest.starts_with(word.as_bytes()) {
            return self.malformed();
        }
        self.at += word.len();
        Ok(())
    }

    /// What comes next.
    pub(super) fn kind(&mut self) -> Result<Kind, Malformed> {
        self.space();
        match self.byte() {
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::List),
            Some(b'"') => Ok(Kind::Text),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b't') => Ok(Kind::True),
            Some(b'f') => Ok(Kind::False),
            Some(b'n') => Ok(Kind::Null),
            _ => self.malformed(),
        }
    }

    /// Nothing but space is left.
    pub(super) fn end(&mut self) -> Result<(), Malformed> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.malformed() }
    }

    /// Goes into an object; its first name, or `None` when it is empty.
    pub(super) fn first_name(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        self.space();
        self.take(b'{')?;
        self.space();
        if self.byte() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        self.name().map(Some)
    }

    /// After a value of an object: the next name, or `None` at its end.
    pub(super) fn next_name(&mut self) -> Result<Option<Cow<'a, str>>, Malformed> {
        if !self.another(b'}')? {
            return Ok(None);
        }
        self.space();
        self.name().map(Some)
    }

    fn name(&mut self) -> Result<Cow<'a, str>, Malformed> {
        let name = self.string()?;
        self.space();
        self.take(b':')?;
        Ok(name)
    }

    /// Goes into a list; whether there is an item.
    pub(super) fn first_item(&mut self) -> Result<bool, Malformed> {
        self.space();
        self.take(b'[')?;
        self.space();
        if self.byte() == Some(b']') {
            self.at += 1;
            return Ok(false);
        }
        Ok(true)
    }

    /// After an item of a list: whether there is another.
    pub(super) fn next_item(&mut self) -> Result<bool, Malformed> {
        self.another(b']')
    }

    fn another(&mut self, close: u8) -> Result<bool, Malformed> {
        self.space();
        match self.byte() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            _ => self.malformed(),
        }
    }

    /// A text. Half a surrogate pair, which JavaScript can send, becomes U+FFFD.
    pub(super) fn string(&mut self) -> Result<Cow<'a, str>, Malformed> {
        self.take(b'"')?;
        let start = self.at;
        self.plain();
        if self.byte() == Some(b'"') {
            let text = self.slice(start);
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = self.slice(start).to_owned();
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                _ => return self.malformed(),
            }
            let start = self.at;
            self.plain();
            text.push_str(self.slice(start));
        }
    }

    /// Passes what stands for itself in a text: up to a quote, a backslash, a control character or the end.
    fn plain(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let stop = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f));
        self.at += stop.unwrap_or(rest.len());
    }

    fn slice(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        self.take(b'\\')?;
        let plain = match self.byte() {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return self.malformed(),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Result<char, Malformed> {
        let high = self.hex()?;
        if (0xd800..0xdc00).contains(&high) {
            let mut ahead = self.clone();
            if ahead.word("\\u").is_ok() {
                let low = ahead.hex()?;
                if (0xdc00..0xe000).contains(&low) {
                    self.at = ahead.at;
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
            }
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, Malformed> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.byte().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.malformed();
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// The text of a number.
    pub(super) fn number(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(self.slice(start))
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        let start = self.at;
        while self.byte().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start { self.malformed() } else { Ok(()) }
    }

    /// One of `true`, `false`, `null`, of which the kind is known.
    pub(super) fn constant(&mut self, kind: Kind) -> Result<(), Malformed> {
        match kind {
            Kind::True => self.word("true"),
            Kind::False => self.word("false"),
            _ => self.word("null"),
        }
    }

    /// Passes a value of any kind and depth, checking it. Takes no stack however deep the value is.
    pub(super) fn skip(&mut self) -> Result<(), Malformed> {
        let mut open: Vec<Kind> = Vec::new();
        loop {
            match self.kind()? {
                Kind::Object => {
                    if self.first_name()?.is_some() {
                        open.push(Kind::Object);
                        continue;
                    }
                }
                Kind::List => {
                    if self.first_item()? {
                        open.push(Kind::List);
                        continue;
                    }
                }
                Kind::Text => drop(self.string()?),
                Kind::Number => drop(self.number()?),
                constant => self.constant(constant)?,
            }
            loop {
                let more = match open.last() {
                    None => return Ok(()),
                    Some(Kind::Object) => self.next_name()?.is_some(),
                    Some(_) => self.next_item()?,
                };
                if more {
                    break;
                }
                open.pop();
            }
        }
    }
}
