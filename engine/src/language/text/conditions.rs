//! Single conditions: characteristics, money spent, other segments.

use super::Result;
use super::lexer::{Kind, Token};
use super::parser::{Parser, placed};
use super::words::{self, VERBS, is_kept_from_names, is_kept_from_texts};
use crate::language::ast::{Definition, Entered, PropertyTest, Spending};
use crate::language::error::DefinitionError;
use crate::language::terms;
use serde_json::Value;

impl Parser {
    /// A condition that is no group.
    pub(super) fn condition(&mut self) -> Result<Definition> {
        let token = self.peek().clone();
        match token.kind {
            Kind::Quoted => self.property().map(Definition::Property),
            Kind::Word => match token.text.as_str() {
                "in" => {
                    self.step();
                    self.segment().map(Definition::Segment)
                }
                "entered" => {
                    self.step();
                    let segment = self.segment()?;
                    let window = self.window()?.map(|(_, window)| window);
                    Ok(Definition::Entered(Entered { segment, window }))
                }
                "spent" => {
                    self.step();
                    self.spending().map(Definition::Spent)
                }
                "last" | "did" => self.did(),
                word if VERBS.iter().any(|(verb, _)| words::first_word(verb) == word) => {
                    self.is_no_property(&token)?;
                    self.did()
                }
                word if is_kept_from_names(word) => Err(self.expected("a condition", &[])),
                _ => self.property_or_unknown_verb().map(Definition::Property),
            },
            _ => Err(self.expected("a condition", &[])),
        }
    }

    /// A verb is no name of a property unless it is quoted.
    fn is_no_property(&self, verb: &Token) -> Result<()> {
        let operators = ["is", "exists", "contains", "starts", "ends", "matches", "anniversary"];
        if !operators.iter().any(|word| self.is_word_at(1, word)) {
            return Ok(());
        }
        let why = format!("\"{}\" is a verb; quote it to mean a property of this name", verb.text);
        Err(DefinitionError::at(verb.at, why))
    }

    /// A property with its test.
    pub(super) fn property(&mut self) -> Result<PropertyTest> {
        Ok(PropertyTest { name: self.name()?, test: self.test()? })
    }

    /// A plain word that should be a property: perhaps a verb was meant.
    fn property_or_unknown_verb(&mut self) -> Result<PropertyTest> {
        let first = self.peek().clone();
        let lower = first.text.to_lowercase();
        let is_word = is_kept_from_names(&lower) && !VERBS.iter().any(|(verb, _)| words::first_word(verb) == lower);
        if is_word && lower != first.text && !words::OPERATORS.iter().any(|word| self.is_word_at(1, word)) {
            let why = format!("did you mean \"{lower}\"? Words of the language are written in small letters");
            return Err(DefinitionError::at(first.at, why));
        }
        if self.goes_on_as_activity() {
            return Err(self.unknown_verb());
        }
        let (start, operator_at) = (self.mark(), self.nth(1).at);
        let near = || words::nearest(&first.text, VERBS.iter().map(|(verb, _)| words::first_word(verb))).is_some();
        match self.property() {
            Ok(_) if self.is_word("times") || self.is_word("time") => {
                self.rewind(start);
                Err(self.unknown_verb())
            }
            Err(why) if why.position == Some(operator_at) && near() => {
                self.rewind(start);
                Err(self.unknown_verb())
            }
            read => read,
        }
    }

    /// Whether what follows the next word can follow a verb but not a property.
    fn goes_on_as_activity(&self) -> bool {
        let words = ["where", "with", "for", "since", "today", "yesterday", "this", "last", "then", "a", "an", "the"];
        words.iter().any(|word| self.is_word_at(1, word))
            || self.is_word_at(1, "in") && self.is_word_at(2, "the")
            || self.is_word_at(1, "between") && matches!(self.nth(2).kind, Kind::Digits | Kind::Quoted)
    }

    /// The id of a segment, after the word itself.
    fn segment(&mut self) -> Result<String> {
        self.demand("segment")?;
        let at = self.at();
        let id = self.text()?;
        if id.is_empty() {
            return Err(DefinitionError::at(at, "expected the id of a segment"));
        }
        self.references.push((id.clone(), at));
        Ok(id)
    }

    fn spending(&mut self) -> Result<Spending> {
        let bounds = self.bounds()?;
        let mut spending =
            Spending { bounds, currency: None, without_tax: false, without_shipping: false, window: None };
        let token = self.peek().clone();
        let is_code = token.kind == Kind::Quoted || token.kind == Kind::Word && !is_kept_from_texts(&token.text);
        if is_code {
            self.step();
            spending.currency = Some(placed(token.at, terms::currency(&Value::String(token.text), ""))?);
        }
        loop {
            if self.is_word("and") && self.is_word_at(1, "without") {
                self.step();
            }
            if self.eat("without") {
                match self.demand_one(&["tax", "shipping"])? {
                    "tax" => spending.without_tax = true,
                    _ => spending.without_shipping = true,
                }
                continue;
            }
            match self.window()? {
                Some((at, _)) if spending.window.is_some() => {
                    return Err(DefinitionError::at(at, "a second window: a condition has one"));
                }
                Some((_, window)) => spending.window = Some(window),
                None => return Ok(spending),
            }
        }
    }
}
