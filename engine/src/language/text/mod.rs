//! The text form: `country in (MX, AR) and not clicked a link in the last 60 days`.
//!
//! It says the same as the JSON form, within the same limits: what can be written in one can be written in the
//! other. The grammar, from the weakest binding to the strongest:
//!
//! ```text
//! definition = group | "frozen" "(" group ")"
//! group      = every { "or" every }                    every = unary { "and" unary }
//! unary      = "not" unary | "(" group ")" | "all" "of" "(" group { "," group } ")" | "any" "of" "(" ... ")"
//!            | NUMBER "%" "of" "(" group ")" [ "with" "salt" TEXT ]
//!            | "in" "segment" ID | "entered" "segment" ID [ window ] | spent | property | did [ { "then" step } ]
//! property   = NAME operator
//! spent      = "spent" bounds [ CURRENCY ] { [ "and" ] "without" ( "tax" | "shipping" ) | window }
//! did        = [ "last" ] verb { "where" "(" property { "and" property } ")"
//!            | "with" "an" "item" "where" "(" ... ")" | bounds "times" | "with" "the" figure bounds
//!            | "for" "the" ( "first" | "last" ) "time" | window }
//! step       = [ "not" ] verb { where | item | "the" "same" ( NAME | "(" NAME { "," NAME } ")" ) | "within" length }
//! window     = "in" "the" "last" length | "since" T | "before" T | "between" T "and" T | "today" | "this" "week" ...
//! ```
//!
//! Words of the language are written in small letters. Names and texts that are not plain words stand in quotes.

mod activity;
mod conditions;
mod lexer;
mod operators;
mod parser;
mod printer;
mod terms;
#[cfg(test)]
mod tests;
mod words;

use super::ast::Definition;
use super::error::{DefinitionError, Position};

type Result<T> = std::result::Result<T, DefinitionError>;

/// A definition with the places at which it refers to other segments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// What it says.
    pub definition: Definition,
    /// Each reference to a segment, with its place.
    pub references: Vec<(String, Position)>,
}

/// Reads a definition from its text form.
pub(super) fn read(text: &str) -> Result<Read> {
    let mut parser = parser::Parser::new(lexer::tokens(text)?);
    let definition = parser.whole()?;
    Ok(Read { definition, references: parser.references })
}
