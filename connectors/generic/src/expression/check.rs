//! What is refused before an expression is ever used.

use super::ExprError;
use super::functions::{OURS, THEIRS};
use crate::nearest::nearest;
use jmespath::Variable;
use jmespath::ast::Ast;

/// Characters of an expression.
const CHARS_MAX: usize = 1_000;
/// Brackets in brackets, and signs before one another.
const NESTED_MAX: usize = 32;
/// Elements that one list or object written in an expression has.
const ELEMENTS_MAX: usize = 32;
/// Lists flattened in one expression: each may make a list longer by the elements above.
const FLATTENED_MAX: usize = 3;
/// Places of a list.
const PLACES_MAX: i32 = 10_000;
fn wrong(offset: usize, why: impl Into<String>) -> ExprError {
    ExprError { offset, why: why.into() }
}

/// What can be said before it is parsed: the parser goes as deep as the text.
pub(super) fn text(text: &str) -> Result<(), ExprError> {
    let chars = text.chars().count();
    if text.trim().is_empty() || chars > CHARS_MAX {
        return Err(wrong(0, format!("expected an expression of 1 to {CHARS_MAX} characters")));
    }
    let (mut depth, mut signs) = (0_usize, 0_usize);
    for (place, c) in text.chars().enumerate() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        signs = if matches!(c, '!' | '&') { signs + 1 } else { 0 };
        if depth > NESTED_MAX || signs > NESTED_MAX {
            return Err(wrong(place, format!("at most {NESTED_MAX} brackets or signs in one another")));
        }
    }
    Ok(())
}

/// What the grammar lets through and we do not.
pub(super) fn tree(ast: &Ast) -> Result<(), ExprError> {
    let mut flattened = 0;
    visit(ast, &mut flattened)
}

fn few(elements: usize, offset: usize) -> Result<(), ExprError> {
    let why = || wrong(offset, format!("at most {ELEMENTS_MAX} elements"));
    if elements > ELEMENTS_MAX { Err(why()) } else { Ok(()) }
}

fn visit(ast: &Ast, flattened: &mut usize) -> Result<(), ExprError> {
    match ast {
        Ast::Function { offset, name, args } => {
            // The parser tells where the bracket is.
            arguments(name, args.len(), offset.saturating_sub(name.chars().count()))?;
            args.iter().try_for_each(|arg| visit(arg, flattened))
        }
        Ast::Literal { offset, value } => literal(*offset, value),
        Ast::Index { offset, idx } if !(-PLACES_MAX..=PLACES_MAX).contains(idx) => {
            Err(wrong(*offset, format!("a place in a list is at most {PLACES_MAX}")))
        }
        Ast::Slice { offset, start, stop, step } => {
            let fine = [start.unwrap_or(0), stop.unwrap_or(0), *step];
            let fine = fine.iter().all(|place| (-PLACES_MAX..=PLACES_MAX).contains(place)) && *step != 0;
            if fine { Ok(()) } else { Err(wrong(*offset, format!("places of a list are at most {PLACES_MAX}"))) }
        }
        Ast::Flatten { offset, node } => {
            *flattened += 1;
            if *flattened > FLATTENED_MAX {
                return Err(wrong(*offset, format!("at most {FLATTENED_MAX} times [] in one expression")));
            }
            visit(node, flattened)
        }
        Ast::MultiList { offset, elements } => {
            few(elements.len(), *offset)?;
            elements.iter().try_for_each(|element| visit(element, flattened))
        }
        Ast::MultiHash { offset, elements } => {
            few(elements.len(), *offset)?;
            elements.iter().try_for_each(|pair| visit(&pair.value, flattened))
        }
        Ast::Comparison { lhs, rhs, .. }
        | Ast::Projection { lhs, rhs, .. }
        | Ast::And { lhs, rhs, .. }
        | Ast::Or { lhs, rhs, .. }
        | Ast::Subexpr { lhs, rhs, .. } => {
            visit(lhs, flattened)?;
            visit(rhs, flattened)
        }
        Ast::Condition { predicate, then, .. } => {
            visit(predicate, flattened)?;
            visit(then, flattened)
        }
        Ast::Expref { ast, .. } => visit(ast, flattened),
        Ast::Not { node, .. } | Ast::ObjectValues { node, .. } => visit(node, flattened),
        Ast::Identity { .. } | Ast::Field { .. } | Ast::Index { .. } => Ok(()),
    }
}

/// Whether there is such a function, and takes so many arguments.
fn arguments(name: &str, count: usize, offset: usize) -> Result<(), ExprError> {
    let ours = OURS.iter().map(|ours| (ours.name, ours.min, ours.max));
    let all: Vec<(&str, usize, usize)> = ours.chain(THEIRS.iter().copied()).collect();
    let Some((_, min, max)) = all.iter().find(|(known, ..)| *known == name) else {
        let mut names: Vec<&str> = all.iter().map(|(known, ..)| *known).collect();
        names.sort_unstable();
        return Err(wrong(offset, format!("there is no function {name}{}", nearest(name, &names))));
    };
    if (*min..=*max).contains(&count) {
        return Ok(());
    }
    let expected = if min == max { min.to_string() } else { format!("{min} to {max}") };
    Err(wrong(offset, format!("{name} takes {expected} arguments, not {count}")))
}

/// A number would never be equal to anything: what comes from a platform are texts.
fn literal(offset: usize, value: &Variable) -> Result<(), ExprError> {
    match value {
        Variable::Number(number) => {
            Err(wrong(offset, format!("numbers are texts here, with the digits as they came: write '{number}'")))
        }
        Variable::Array(items) => items.iter().try_for_each(|item| literal(offset, item)),
        Variable::Object(fields) => fields.values().try_for_each(|item| literal(offset, item)),
        _ => Ok(()),
    }
}
