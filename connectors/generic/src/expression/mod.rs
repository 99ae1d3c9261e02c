//! The language in which a description says what is where in a platform's JSON: JMESPath, with functions of our own.
//!
//! Why JMESPath: it is small, specified, and total. It has no loops, no recursion and no way back to the root, so an
//! expression ends in a time that its input bounds; jq can run for ever, and nothing outside it can stop it. What could
//! still grow without bound (lists of lists flattened again and again, texts joined with themselves) is bounded here.
//!
//! Why not all of JMESPath: its numbers are doubles. Here there are no numbers at all (see [`crate::exact`]): the
//! functions that would make some are left out, and ours work on decimals.

mod check;
mod decimals;
mod functions;
mod hashes;
mod output;
mod times;

pub(crate) use output::{property, text, texts};

use jmespath::{Expression, Rcvar, Runtime, Variable};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(functions::runtime);

/// The name under which an expression finds what is known beside the thing itself.
pub(crate) const BESIDE: &str = "_";

/// An expression that was found to be good.
#[derive(Clone)]
pub(crate) struct Expr(Expression<'static>);

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

/// What is wrong with an expression, and where in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ExprError {
    /// Characters before the place.
    pub(crate) offset: usize,
    pub(crate) why: String,
}

/// An expression met what it can't work with.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{expression}: {why}")]
pub struct EvalError {
    expression: String,
    why: String,
}

/// Makes an expression of its text.
pub(crate) fn compile(text: &str) -> Result<Expr, ExprError> {
    check::text(text)?;
    let compiled = RUNTIME.compile(text).map_err(|why| {
        let said = why.reason.to_string();
        ExprError { offset: why.offset, why: said.trim_start_matches("Parse error: ").to_owned() }
    })?;
    check::tree(compiled.as_ast())?;
    Ok(Expr(compiled))
}

impl Expr {
    /// What it says of a thing.
    pub(crate) fn of(&self, thing: &Rcvar) -> Result<Rcvar, EvalError> {
        self.0.search(thing).map_err(|why| EvalError {
            expression: self.0.as_str().to_owned(),
            why: why.reason.to_string().trim_start_matches("Runtime error: ").to_owned(),
        })
    }

    /// Whether it holds: anything but nothing, `false` and what is empty.
    pub(crate) fn holds(&self, thing: &Rcvar) -> Result<bool, EvalError> {
        Ok(self.of(thing)?.is_truthy())
    }

    /// As text; `None` for nothing.
    pub(crate) fn text(&self, thing: &Rcvar) -> Result<Option<String>, EvalError> {
        Ok(text(&*self.of(thing)?))
    }
}

/// The thing with what is known beside it. A thing that is no object has nothing beside it.
pub(crate) fn with_beside(thing: &Rcvar, beside: &Rcvar) -> Rcvar {
    match thing.as_object() {
        Some(fields) => {
            let mut fields: BTreeMap<String, Rcvar> = fields.clone();
            fields.insert(BESIDE.to_owned(), Rcvar::clone(beside));
            Rcvar::new(Variable::Object(fields))
        }
        None => Rcvar::clone(thing),
    }
}

/// Something that serializes, with its numbers as text.
pub(crate) fn variable(value: &serde_json::Value) -> Rcvar {
    Rcvar::new(crate::exact::read(&value.to_string()).unwrap_or(Variable::Null))
}

#[cfg(test)]
mod tests;
