//! The functions of expressions. What a function can't work with gives nothing: a platform leaves fields out.

use super::decimals::{decimal, of_minor, shifted, sum};
use super::output::{NUMBER, text};
use super::{hashes, times};
use jmespath::functions::{
    Function, KeysFn, MapFn, MergeFn, NotNullFn, ReverseFn, SortByFn, SortFn, ToArrayFn, TypeFn, ValuesFn,
};
use jmespath::{Context, ErrorReason, JmespathError, Rcvar, Runtime, RuntimeError, Variable};
use rust_decimal::Decimal;
use std::collections::BTreeMap;

/// Bytes of a text that is put together.
const TEXT_BYTES_MAX: usize = 65_536;
/// Places by which the point of a number is moved.
const PLACES_MAX: i32 = 18;

type Work = fn(&[Rcvar]) -> Option<Variable>;

/// A function of ours, with how many arguments it takes.
pub(super) struct Ours {
    pub(super) name: &'static str,
    pub(super) min: usize,
    pub(super) max: usize,
    work: Work,
}

/// More than any expression has.
const ANY: usize = 32;

/// Functions of ours, by name.
#[rustfmt::skip]
pub(super) const OURS: &[Ours] = &[
    Ours { name: "concat", min: 1, max: ANY, work: concat },
    Ours { name: "contains", min: 2, max: 2, work: contains },
    Ours { name: "count", min: 1, max: 1, work: count },
    Ours { name: "country", min: 1, max: 1, work: |args| Some(string(kit::normalize::country(&at(args, 0)?))) },
    Ours { name: "email", min: 1, max: 1, work: |args| kit::normalize::email(&at(args, 0)?).map(string) },
    Ours { name: "ends_with", min: 2, max: 2, work: |args| flag(at(args, 0).is_some_and(|text| at(args, 1).is_some_and(|end| text.ends_with(&end)))) },
    Ours { name: "if", min: 2, max: 3, work: choose },
    Ours { name: "join", min: 2, max: 2, work: join },
    Ours { name: "less", min: 2, max: 2, work: |args| compared(args).map(|(one, other)| Variable::Bool(one < other)) },
    Ours { name: "lower", min: 1, max: 1, work: |args| Some(string(at(args, 0)?.to_lowercase())) },
    Ours { name: "md5", min: 1, max: 1, work: |args| Some(string(hashes::md5(&at(args, 0)?))) },
    Ours { name: "minor", min: 2, max: 2, work: |args| of_minor(number_at(args, 0)?, &at(args, 1)?).map(digits) },
    Ours { name: "minus", min: 2, max: 2, work: |args| number_at(args, 0)?.checked_sub(number_at(args, 1)?).map(digits) },
    Ours { name: "more", min: 2, max: 2, work: |args| compared(args).map(|(one, other)| Variable::Bool(one > other)) },
    Ours { name: "number", min: 1, max: 1, work: number },
    Ours { name: "phone", min: 1, max: 2, work: |args| kit::normalize::phone(&at(args, 0)?, at(args, 1).as_deref()).map(string) },
    Ours { name: "plus", min: 2, max: 2, work: |args| number_at(args, 0)?.checked_add(number_at(args, 1)?).map(digits) },
    Ours { name: "replace", min: 3, max: 3, work: replace },
    Ours { name: "same", min: 2, max: 2, work: |args| compared(args).map(|(one, other)| Variable::Bool(one == other)) },
    Ours { name: "sha256", min: 1, max: 1, work: |args| Some(string(hashes::sha256(&at(args, 0)?))) },
    Ours { name: "shift", min: 2, max: 2, work: shift },
    Ours { name: "starts_with", min: 2, max: 2, work: |args| flag(at(args, 0).is_some_and(|text| at(args, 1).is_some_and(|start| text.starts_with(&start)))) },
    Ours { name: "sum", min: 1, max: 1, work: |args| total(args.first()?) },
    Ours { name: "text", min: 1, max: 1, work: |args| at(args, 0).map(string) },
    Ours { name: "time", min: 1, max: 3, work: time },
    Ours { name: "times", min: 2, max: 2, work: |args| number_at(args, 0)?.checked_mul(number_at(args, 1)?).map(digits) },
    Ours { name: "trim", min: 1, max: 1, work: |args| at(args, 0).map(string) },
    Ours { name: "upper", min: 1, max: 1, work: |args| Some(string(at(args, 0)?.to_uppercase())) },
];

/// Functions of JMESPath that make no number: name, and how many arguments they take.
pub(super) const THEIRS: &[(&str, usize, usize)] = &[
    ("keys", 1, 1),
    ("map", 2, 2),
    ("merge", 1, ANY),
    ("not_null", 1, ANY),
    ("reverse", 1, 1),
    ("sort", 1, 1),
    ("sort_by", 2, 2),
    ("to_array", 1, 1),
    ("type", 1, 1),
    ("values", 1, 1),
];

pub(super) fn runtime() -> Runtime {
    let mut runtime = Runtime::new();
    for ours in OURS {
        runtime.register_function(ours.name, Box::new(Call(ours)));
    }
    let theirs: [(&str, Box<dyn Function>); 10] = [
        ("keys", Box::new(KeysFn::new())),
        ("map", Box::new(MapFn::new())),
        ("merge", Box::new(MergeFn::new())),
        ("not_null", Box::new(NotNullFn::new())),
        ("reverse", Box::new(ReverseFn::new())),
        ("sort", Box::new(SortFn::new())),
        ("sort_by", Box::new(SortByFn::new())),
        ("to_array", Box::new(ToArrayFn::new())),
        ("type", Box::new(TypeFn::new())),
        ("values", Box::new(ValuesFn::new())),
    ];
    for (name, function) in theirs {
        runtime.register_function(name, function);
    }
    runtime
}

struct Call(&'static Ours);

impl Function for Call {
    fn evaluate(&self, args: &[Rcvar], ctx: &mut Context<'_>) -> Result<Rcvar, JmespathError> {
        // Their number was checked with the expression; one that is made of nothing else must not get here.
        if args.len() < self.0.min {
            let reason = RuntimeError::NotEnoughArguments { expected: self.0.min, actual: args.len() };
            return Err(JmespathError::from_ctx(ctx, ErrorReason::Runtime(reason)));
        }
        Ok(Rcvar::new((self.0.work)(args).unwrap_or(Variable::Null)))
    }
}

fn string(text: impl Into<String>) -> Variable {
    Variable::String(text.into())
}

fn flag(flag: bool) -> Option<Variable> {
    Some(Variable::Bool(flag))
}

fn digits(number: Decimal) -> Variable {
    string(number.to_string())
}

/// An argument as text.
fn at(args: &[Rcvar], place: usize) -> Option<String> {
    text(args.get(place)?)
}

fn number_at(args: &[Rcvar], place: usize) -> Option<Decimal> {
    decimal(&at(args, place)?)
}

fn compared(args: &[Rcvar]) -> Option<(Decimal, Decimal)> {
    Some((number_at(args, 0)?, number_at(args, 1)?))
}

/// Texts in a row. If one is nothing, so is the whole: half an id is none.
fn concat(args: &[Rcvar]) -> Option<Variable> {
    let mut whole = String::new();
    for arg in args {
        match &**arg {
            Variable::String(text) => whole.push_str(text),
            other => whole.push_str(&text(other)?),
        }
    }
    (whole.len() <= TEXT_BYTES_MAX).then(|| string(whole))
}

/// Texts of a list with something between them.
fn join(args: &[Rcvar]) -> Option<Variable> {
    let between = match &**args.first()? {
        Variable::String(text) => text.clone(),
        _ => return None,
    };
    let (mut whole, mut begun) = (String::new(), false);
    for item in args.get(1)?.as_array()?.iter().filter_map(|item| text(item)) {
        if begun {
            whole.push_str(&between);
        }
        begun = true;
        whole.push_str(&item);
        if whole.len() > TEXT_BYTES_MAX {
            return None;
        }
    }
    Some(string(whole))
}

/// Whether a text has another in it, or a list has an element. Nothing has nothing in it.
fn contains(args: &[Rcvar]) -> Option<Variable> {
    let wanted = args.get(1)?;
    let found = match &**args.first()? {
        Variable::Array(items) => {
            let same = |item: &Rcvar| item == wanted || (text(item).is_some() && text(item) == text(wanted));
            items.iter().any(same)
        }
        Variable::String(whole) => wanted.as_string().is_some_and(|part| whole.contains(part.as_str())),
        _ => false,
    };
    flag(found)
}

/// How many elements, fields or characters, as text.
fn count(args: &[Rcvar]) -> Option<Variable> {
    let count = match &**args.first()? {
        Variable::Array(items) => items.len(),
        Variable::Object(fields) => fields.len(),
        Variable::String(text) => text.chars().count(),
        _ => 0,
    };
    Some(string(count.to_string()))
}

fn choose(args: &[Rcvar]) -> Option<Variable> {
    let chosen = if args.first()?.is_truthy() { args.get(1) } else { args.get(2) };
    Some((**chosen?).clone())
}

/// Marks digits as a number.
fn number(args: &[Rcvar]) -> Option<Variable> {
    let exact = number_at(args, 0)?;
    Some(Variable::Object(BTreeMap::from([(NUMBER.to_owned(), Rcvar::new(digits(exact)))])))
}

fn replace(args: &[Rcvar]) -> Option<Variable> {
    let (whole, old, new) = (at(args, 0)?, at(args, 1)?, args.get(2)?.as_string()?);
    let new = whole.replace(&old, new);
    (new.len() <= TEXT_BYTES_MAX).then(|| string(new))
}

fn shift(args: &[Rcvar]) -> Option<Variable> {
    let places: i32 = at(args, 1)?.parse().ok()?;
    let places = Some(places).filter(|places| (-PLACES_MAX..=PLACES_MAX).contains(places))?;
    shifted(number_at(args, 0)?, places).map(digits)
}

fn total(list: &Rcvar) -> Option<Variable> {
    sum(list.as_array()?.iter().filter_map(|item| decimal(&text(item)?))).map(digits)
}

fn time(args: &[Rcvar]) -> Option<Variable> {
    let given = at(args, 0)?;
    let time = match at(args, 1) {
        Some(format) => times::time_as(&given, &format, at(args, 2).as_deref()),
        None => times::time(&given),
    };
    time.map(|time| string(time.to_string()))
}
