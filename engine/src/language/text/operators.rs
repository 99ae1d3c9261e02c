//! What is asked of a property: `is`, `in`, `at least`, `within the last` ...

use super::Result;
use super::lexer::Kind;
use super::parser::{Parser, placed};
use super::words::{OPERATORS, nearest, whole_operator};
use crate::language::LIST_MAX;
use crate::language::ast::{Const, Direction, Test};
use crate::language::error::DefinitionError;
use crate::language::terms;
use serde_json::Value;

impl Parser {
    /// A test, the name of the property being read.
    pub(super) fn test(&mut self) -> Result<Test> {
        let word = if self.peek().kind == Kind::Word { self.peek().text.clone() } else { String::new() };
        match word.as_str() {
            "is" => {
                self.step();
                self.is_what()
            }
            "in" => Ok(Test::OneOf(self.list()?)),
            "not" => {
                self.step();
                Ok(Test::NoneOf(self.list()?))
            }
            "exists" => {
                self.step();
                Ok(Test::Exists(true))
            }
            "contains" => {
                self.step();
                Ok(Test::Contains(self.text()?))
            }
            "starts" | "ends" => {
                self.step();
                self.demand("with")?;
                let text = self.text()?;
                Ok(if word == "starts" { Test::StartsWith(text) } else { Test::EndsWith(text) })
            }
            "matches" => {
                self.step();
                let at = self.at();
                let pattern = Value::String(self.text()?);
                Ok(Test::Matches(placed(at, self.limits.pattern(&pattern, ""))?))
            }
            "anniversary" => {
                self.step();
                self.demand("within")?;
                self.demand("the")?;
                self.demand("next")?;
                Ok(Test::Anniversary(self.span()?))
            }
            _ => match self.compared()? {
                Some(test) => Ok(test),
                None => Err(self.no_operator()),
            },
        }
    }

    fn no_operator(&self) -> DefinitionError {
        let token = self.peek();
        match nearest(&token.text, OPERATORS.iter().copied()) {
            Some(near) if token.kind == Kind::Word => {
                let near = whole_operator(near);
                let why = format!("unknown operator \"{}\"; did you mean \"{near}\"?", token.text);
                DefinitionError::at(token.at, why)
            }
            _ => self.expected("an operator such as \"is\", \"in\", \"at least\" or \"exists\"", &[]),
        }
    }

    /// Numbers and instants compared, which may follow a bare `is` too.
    fn compared(&mut self) -> Result<Option<Test>> {
        if self.is_bounds() || self.is_word("between") {
            return Ok(Some(Test::Number(self.bounds()?)));
        }
        if self.eat("before") {
            return Ok(Some(Test::Before(self.instant()?)));
        }
        if self.eat("after") {
            return Ok(Some(Test::After(self.instant()?)));
        }
        if !self.eat("within") {
            return Ok(None);
        }
        self.demand("the")?;
        let direction = match self.demand_one(&["last", "next"])? {
            "last" => Direction::Last,
            _ => Direction::Next,
        };
        Ok(Some(Test::Within(direction, self.span()?)))
    }

    fn is_what(&mut self) -> Result<Test> {
        if self.eat("missing") {
            return Ok(Test::Exists(false));
        }
        if self.eat("not") {
            return Ok(match () {
                () if self.eat("missing") => Test::Exists(true),
                () if self.is_word("in") => Test::NoneOf(self.list()?),
                () => Test::NoneOf(vec![self.constant()?]),
            });
        }
        if self.is_word("in") {
            return Ok(Test::OneOf(self.list()?));
        }
        match self.compared()? {
            Some(test) => Ok(test),
            None => Ok(Test::OneOf(vec![self.constant()?])),
        }
    }

    /// `in (A, B)`
    fn list(&mut self) -> Result<Vec<Const>> {
        self.demand("in")?;
        let at = self.at();
        self.open()?;
        let mut constants = vec![self.constant()?];
        while self.eat_kind(Kind::Comma) {
            constants.push(self.constant()?);
            if constants.len() > LIST_MAX {
                return Err(DefinitionError::at(at, format!("expected 1 to {LIST_MAX} entries")));
            }
        }
        self.close(at, "\",\" or \")\"")?;
        Ok(constants)
    }

    /// Text, a number, true or false.
    fn constant(&mut self) -> Result<Const> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Number => {
                let number = placed(token.at, terms::number(&self.digits()?, ""))?;
                Ok(terms::number_constant(number))
            }
            Kind::Digits if terms::instant(&Value::String(token.text.clone()), "").is_ok() => {
                Ok(Const::Text(self.step().text))
            }
            Kind::Word if token.text == "true" || token.text == "false" => {
                self.step();
                Ok(Const::Bool(token.text == "true"))
            }
            Kind::Word | Kind::Quoted | Kind::Digits => self.text().map(Const::Text),
            _ => Err(self.expected("text, a number, true or false", &[])),
        }
    }
}
