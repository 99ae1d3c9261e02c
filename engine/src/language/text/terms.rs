//! The small terms: names, texts, lengths of time, instants, windows, bounds.

use super::Result;
use super::lexer::Kind;
use super::parser::{Parser, placed};
use super::words::{UNITS, is_kept_from_names, is_kept_from_texts};
use crate::language::ast::{Bounds, Span, Window};
use crate::language::error::{DefinitionError, Position};
use crate::language::terms;
use serde_json::{Value, json};

/// Words that begin a window of the calendar with another, and that other.
const PERIODS: &[&str] = &["week", "month", "year"];

impl Parser {
    /// A text in quotes, or a plain word that is none of the language.
    pub(super) fn text(&mut self) -> Result<String> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Quoted => {}
            Kind::Word if !is_kept_from_texts(&token.text) => {}
            Kind::Word => {
                let why = format!("\"{}\" is a word of the language; quote it to mean the text", token.text);
                return Err(DefinitionError::at(token.at, why));
            }
            Kind::Number | Kind::Digits => {
                let error = self.expected("text", &[]).message;
                return Err(DefinitionError::at(token.at, error + "; quote it to mean the text"));
            }
            _ => return Err(self.expected("text", &[])),
        }
        self.step();
        placed(token.at, terms::text(&Value::String(token.text), ""))
    }

    /// The name of a property.
    pub(super) fn name(&mut self) -> Result<String> {
        let at = self.at();
        let name = self.name_or_nothing()?;
        match name.is_empty() {
            true => Err(DefinitionError::at(at, "expected the name of a property")),
            false => Ok(name),
        }
    }

    /// The name of a property, or an empty text.
    pub(super) fn name_or_nothing(&mut self) -> Result<String> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Quoted => {}
            Kind::Word if !is_kept_from_names(&token.text) => {}
            Kind::Word => {
                let why = format!(
                    "expected the name of a property, found \"{}\", a word of the language; quote it to mean the name",
                    token.text
                );
                return Err(DefinitionError::at(token.at, why));
            }
            _ => return Err(self.expected("the name of a property", &[])),
        }
        self.step();
        placed(token.at, terms::text(&Value::String(token.text), ""))
    }

    /// `30 days`, `30d`
    pub(super) fn span(&mut self) -> Result<Span> {
        let token = self.peek().clone();
        let text = match token.kind {
            Kind::Number if token.text.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.step();
                token.text + self.unit()?
            }
            Kind::Digits => self.step().text,
            _ => return Err(self.expected("a length of time such as \"30 days\"", &[])),
        };
        placed(token.at, terms::span(&Value::String(text), ""))
    }

    fn unit(&mut self) -> Result<&'static str> {
        let token = self.peek();
        let is = |word: &str, short: &str| {
            token.text.strip_suffix('s').unwrap_or(&token.text) == word || token.text == short
        };
        let found = UNITS.iter().find(|(word, short, _)| token.kind == Kind::Word && is(word, short));
        match found {
            Some((_, short, _)) => {
                self.step();
                Ok(short)
            }
            None => {
                let words: Vec<String> = UNITS.iter().map(|(word, _, _)| format!("{word}s")).collect();
                let words: Vec<&str> = words.iter().map(String::as_str).collect();
                Err(self.expected("minutes, hours, days, weeks, months or years", &words))
            }
        }
    }

    /// A day or an instant, in quotes or not.
    pub(super) fn instant(&mut self) -> Result<String> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Digits | Kind::Quoted => {
                self.step();
                placed(token.at, terms::instant(&Value::String(token.text), ""))
            }
            _ => Err(self.expected("a day such as 2026-03-01 or an instant such as 2026-03-01T12:00:00Z", &[])),
        }
    }

    /// Whether bounds of a number are next.
    pub(super) fn is_bounds(&self) -> bool {
        let words = ["at", "more", "less", "exactly"];
        words.iter().any(|word| self.is_word(word)) || self.is_word("between") && self.nth(1).kind == Kind::Number
    }

    /// `at least 5`, `between 1 and 2`
    pub(super) fn bounds(&mut self) -> Result<Bounds> {
        let at = self.at();
        let word = match self.demand_one(&["at", "more", "less", "exactly", "between"])? {
            "at" => match self.demand_one(&["least", "most"])? {
                "least" => "at_least",
                _ => "at_most",
            },
            "exactly" => "exactly",
            "between" => {
                let low = self.digits()?;
                self.demand("and")?;
                let ends = json!([low, self.digits()?]);
                return self.comparison(at, "between", &ends);
            }
            word => {
                self.demand("than")?;
                if word == "more" { "more_than" } else { "less_than" }
            }
        };
        let at = self.at();
        let number = self.digits()?;
        self.comparison(at, word, &number)
    }

    fn comparison(&self, at: Position, word: &str, operand: &Value) -> Result<Bounds> {
        placed(at, terms::comparison(word, operand, ""))?
            .ok_or_else(|| DefinitionError::at(at, "expected a comparison such as \"at least 2\""))
    }

    /// Whether a window is next.
    fn is_window(&self) -> bool {
        let words = ["in", "since", "before", "today", "yesterday", "this", "last"];
        words.iter().any(|word| self.is_word(word))
            || self.is_word("between") && self.nth(1).kind != Kind::Number
            || self.is_word("within") && self.is_word_at(1, "the")
    }

    /// When something must have happened, if that is next.
    pub(super) fn window(&mut self) -> Result<Option<(Position, Window)>> {
        let at = self.at();
        if !self.is_window() {
            return Ok(None);
        }
        let asked = match self.step().text.as_str() {
            "in" | "within" => {
                self.demand("the")?;
                self.demand("last")?;
                return Ok(Some((at, Window::Last(self.span()?))));
            }
            "since" => json!({"since": self.instant()?}),
            "before" => json!({"before": self.instant()?}),
            "between" => {
                let from = self.instant()?;
                self.demand("and")?;
                json!({"between": [from, self.instant()?]})
            }
            word @ ("this" | "last") => json!({"calendar": format!("{word} {}", self.demand_one(PERIODS)?)}),
            day => json!({"calendar": day}),
        };
        Ok(Some((at, placed(at, terms::window(&asked, ""))?)))
    }
}
