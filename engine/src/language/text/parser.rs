//! The groups of the text form, and the way through its tokens.

use super::Result;
use super::lexer::{Kind, Token};
use super::words::nearest;
use crate::language::ast::{Definition, Sample};
use crate::language::error::{DefinitionError, KEY_CHARS_SHOWN, Position};
use crate::language::parse::Reader;
use crate::language::terms::percent;
use crate::language::{DEPTH_MAX, LIST_MAX};
use serde_json::Value;

/// Parentheses and `not`s that may be open at the same time: as many as the deepest definition needs, and half
/// as many again.
pub(super) const OPEN_MAX: usize = DEPTH_MAX * 3;

/// A definition that was read, with the levels of nesting in it.
pub(super) struct Built {
    pub(super) definition: Definition,
    pub(super) at: Position,
    height: usize,
}

/// Goes through the tokens of a text.
pub(super) struct Parser {
    tokens: Vec<Token>,
    next: usize,
    end: Token,
    open: usize,
    pub(super) limits: Reader,
    pub(super) references: Vec<(String, Position)>,
}

impl Parser {
    pub(super) fn new(tokens: Vec<Token>) -> Parser {
        let nothing = Token { kind: Kind::End, text: String::new(), at: Position { line: 1, column: 1 } };
        let end = tokens.last().cloned().unwrap_or(nothing);
        Parser { tokens, next: 0, end, open: 0, limits: Reader::default(), references: Vec::new() }
    }

    /// The whole text.
    pub(super) fn whole(&mut self) -> Result<Definition> {
        if self.peek().kind == Kind::End {
            return Err(DefinitionError::at(self.at(), "expected a condition, found nothing"));
        }
        let built = self.group()?;
        match self.peek().kind {
            Kind::End => Ok(built.definition),
            _ => Err(self.gone_on()),
        }
    }

    /// What to say of something behind a whole condition.
    fn gone_on(&self) -> DefinitionError {
        let before = self.next.checked_sub(1).and_then(|before| self.tokens.get(before));
        let near = nearest(&self.peek().text, ["and", "or", "then"]);
        match before {
            Some(before) if self.peek().kind == Kind::Word && before.kind == Kind::Word && near.is_none() => {
                let why = "; text of several words stands in quotes";
                let error = self.expected("\"and\", \"or\" or the end of the definition", &[]);
                DefinitionError::at(self.at(), error.message + why)
            }
            _ => self.expected("\"and\", \"or\" or the end of the definition", &["and", "or", "then"]),
        }
    }

    /// Conditions joined by `or`.
    pub(super) fn group(&mut self) -> Result<Built> {
        self.joined("or", Definition::Any, Parser::every)
    }

    /// Conditions joined by `and`.
    fn every(&mut self) -> Result<Built> {
        self.joined("and", Definition::All, Parser::unary)
    }

    fn joined(
        &mut self,
        word: &str,
        of: fn(Vec<Definition>) -> Definition,
        one: fn(&mut Parser) -> Result<Built>,
    ) -> Result<Built> {
        let at = self.at();
        let first = one(self)?;
        if !self.is_word(word) {
            return Ok(first);
        }
        let mut children = vec![first];
        while self.eat(word) {
            children.push(one(self)?);
        }
        self.of_children(at, children, of)
    }

    /// A group of conditions that were read.
    fn of_children(
        &mut self,
        at: Position,
        children: Vec<Built>,
        of: fn(Vec<Definition>) -> Definition,
    ) -> Result<Built> {
        if children.len() > LIST_MAX {
            return Err(DefinitionError::at(at, format!("expected 1 to {LIST_MAX} entries")));
        }
        let height = children.iter().map(|child| child.height + 1).max().unwrap_or_default();
        for child in &children {
            is_not_frozen(child)?;
        }
        self.built(at, height, of(children.into_iter().map(|child| child.definition).collect()))
    }

    /// A node of the tree; limits hold.
    pub(super) fn built(&mut self, at: Position, height: usize, definition: Definition) -> Result<Built> {
        self.count_node(at)?;
        if height > DEPTH_MAX {
            return Err(DefinitionError::at(at, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        Ok(Built { definition, at, height })
    }

    pub(super) fn count_node(&mut self, at: Position) -> Result<()> {
        placed(at, self.limits.count_node(""))
    }

    /// One condition, or several in parentheses.
    fn unary(&mut self) -> Result<Built> {
        let at = self.at();
        if self.peek().kind == Kind::Open {
            return self.parenthesised();
        }
        let first = (self.peek().kind == Kind::Word).then(|| self.peek().text.clone());
        match first.as_deref() {
            Some("not") => self.negated(at),
            Some(word @ ("all" | "any")) => {
                self.step();
                let of = if word == "all" { Definition::All } else { Definition::Any };
                self.demand("of")?;
                let children = self.nested(at, Parser::listed)?;
                self.of_children(at, children, of)
            }
            Some("frozen") => {
                self.step();
                let inner = self.parenthesised()?;
                is_not_frozen(&inner)?;
                let frozen = Definition::Frozen(Box::new(inner.definition));
                self.built(at, inner.height + 1, frozen)
            }
            _ if self.peek().kind == Kind::Number && self.nth(1).kind == Kind::Percent => self.sampled(at),
            _ => {
                let definition = self.condition()?;
                self.built(at, 0, definition)
            }
        }
    }

    fn negated(&mut self, at: Position) -> Result<Built> {
        self.step();
        let bare = self.peek().kind != Kind::Open;
        let inner = self.nested(at, Parser::unary)?;
        is_not_frozen(&inner)?;
        if bare && matches!(inner.definition, Definition::Sequence(_)) {
            let why = "what is not: the first step, or all of it? write \"not (... then ...)\"";
            return Err(DefinitionError::at(at, why));
        }
        self.built(at, inner.height + 1, Definition::Not(Box::new(inner.definition)))
    }

    /// `10 % of (...) with salt "a"`
    fn sampled(&mut self, at: Position) -> Result<Built> {
        let percent = placed(at, percent(&Value::String(self.step().text), ""))?;
        self.step();
        self.demand("of")?;
        let inner = self.parenthesised()?;
        is_not_frozen(&inner)?;
        let salt = match self.is_word("with") && self.nth(1).text == "salt" {
            true => {
                self.step();
                self.step();
                Some(self.text()?)
            }
            false => None,
        };
        let sample = Sample { percent, salt, of: Box::new(inner.definition) };
        self.built(at, inner.height + 1, Definition::Sample(sample))
    }

    fn parenthesised(&mut self) -> Result<Built> {
        let at = self.at();
        self.open()?;
        let inner = self.nested(at, Parser::group)?;
        self.close(at, "\"and\", \"or\" or \")\"")?;
        Ok(inner)
    }

    fn listed(&mut self) -> Result<Vec<Built>> {
        let at = self.at();
        self.open()?;
        let mut children = vec![self.group()?];
        while self.eat_kind(Kind::Comma) {
            children.push(self.group()?);
        }
        self.close(at, "\"and\", \"or\", \",\" or \")\"")?;
        Ok(children)
    }

    /// Reads what lies a level deeper.
    fn nested<T>(&mut self, at: Position, read: fn(&mut Parser) -> Result<T>) -> Result<T> {
        if self.open >= OPEN_MAX {
            let why = format!("more than {OPEN_MAX} parentheses and \"not\" are open");
            return Err(DefinitionError::at(at, why));
        }
        self.open += 1;
        let read = read(self);
        self.open -= 1;
        read
    }
}

/// The way through the tokens.
impl Parser {
    pub(super) fn nth(&self, ahead: usize) -> &Token {
        self.tokens.get(self.next + ahead).unwrap_or(&self.end)
    }

    pub(super) fn peek(&self) -> &Token {
        self.nth(0)
    }

    pub(super) fn at(&self) -> Position {
        self.peek().at
    }

    /// Where the way stands now.
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    /// Goes back to where the way stood.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.next = mark;
    }

    /// Takes the next token.
    pub(super) fn step(&mut self) -> Token {
        let token = self.peek().clone();
        self.next = (self.next + 1).min(self.tokens.len());
        token
    }

    pub(super) fn is_word(&self, word: &str) -> bool {
        self.is_word_at(0, word)
    }

    pub(super) fn is_word_at(&self, ahead: usize, word: &str) -> bool {
        let token = self.nth(ahead);
        token.kind == Kind::Word && token.text == word
    }

    pub(super) fn eat(&mut self, word: &str) -> bool {
        let is = self.is_word(word);
        if is {
            self.step();
        }
        is
    }

    pub(super) fn eat_kind(&mut self, kind: Kind) -> bool {
        let is = self.peek().kind == kind;
        if is {
            self.step();
        }
        is
    }

    pub(super) fn demand(&mut self, word: &str) -> Result<()> {
        match self.eat(word) {
            true => Ok(()),
            false => Err(self.expected(&format!("\"{word}\""), &[word])),
        }
    }

    /// One of some words.
    pub(super) fn demand_one<'a>(&mut self, words: &[&'a str]) -> Result<&'a str> {
        match words.iter().find(|word| self.is_word(word)) {
            Some(word) => {
                self.step();
                Ok(word)
            }
            None => Err(self.expected(&one_of(words), words)),
        }
    }

    pub(super) fn open(&mut self) -> Result<()> {
        match self.eat_kind(Kind::Open) {
            true => Ok(()),
            false => Err(self.expected("\"(\"", &[])),
        }
    }

    /// The end of a parenthesis that began at a place.
    pub(super) fn close(&mut self, opened: Position, expected: &str) -> Result<()> {
        match self.eat_kind(Kind::Close) {
            true => Ok(()),
            false if self.peek().kind == Kind::End => Err(DefinitionError::at(opened, "the parenthesis is not closed")),
            false => Err(self.expected(expected, &["and", "or"])),
        }
    }

    /// What was expected in place of the next token; of a word, which of some words may be meant.
    pub(super) fn expected(&self, what: &str, words: &[&str]) -> DefinitionError {
        let token = self.peek();
        let near = nearest(&token.text, words.iter().copied()).filter(|_| token.kind == Kind::Word);
        let hint = near.map(|word| format!("; did you mean \"{word}\"?")).unwrap_or_default();
        DefinitionError::at(token.at, format!("expected {what}, found {}{hint}", shown(token)))
    }

    /// A number as it stands there.
    pub(super) fn digits(&mut self) -> Result<Value> {
        match self.peek().kind {
            Kind::Number => Ok(Value::String(self.step().text)),
            _ => Err(self.expected("a number", &[])),
        }
    }
}

/// A result of the readers that both forms share, at its place in the text.
pub(super) fn placed<T>(at: Position, read: std::result::Result<T, DefinitionError>) -> Result<T> {
    read.map_err(|why| DefinitionError::at(at, why.message))
}

/// `"a", "b" or "c"`
pub(super) fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// A token as errors repeat it.
pub(super) fn shown(token: &Token) -> String {
    let text: String = token.text.chars().take(KEY_CHARS_SHOWN).collect();
    match token.kind {
        Kind::End => "the end of the definition".to_owned(),
        Kind::Quoted => format!("the text \"{}\"", text.escape_debug()),
        _ => format!("\"{text}\""),
    }
}

fn is_not_frozen(built: &Built) -> Result<()> {
    match built.definition {
        Definition::Frozen(_) => Err(DefinitionError::at(built.at, "\"frozen\" stands at the top alone")),
        _ => Ok(()),
    }
}
