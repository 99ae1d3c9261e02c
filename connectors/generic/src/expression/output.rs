//! What an expression says, as values of events.

use super::decimals::decimal;
use jmespath::Variable;
use model::Value;

/// The name in an object of one field that marks a number: only the function `number` makes such an object.
pub(super) const NUMBER: &str = "\u{1}number";
/// Lists in lists; deeper is nothing.
const DEPTH_MAX: usize = 8;
/// Elements of a list, or fields of an object.
const ELEMENTS_MAX: usize = 1_000;
/// Bytes of a text.
const TEXT_BYTES_MAX: usize = 65_536;

/// As text: a text, a number, true or false. `None` for nothing, and for what is empty.
pub(crate) fn text(value: &Variable) -> Option<String> {
    match value {
        Variable::String(text) if !text.trim().is_empty() && text.len() <= TEXT_BYTES_MAX => {
            Some(text.trim().to_owned())
        }
        Variable::Bool(flag) => Some(flag.to_string()),
        Variable::Number(number) => Some(number.to_string()),
        Variable::Object(fields) => fields.get(NUMBER).and_then(|digits| text(digits)),
        _ => None,
    }
}

/// As texts: each of a list, or the only one.
pub(crate) fn texts(value: &Variable) -> Vec<String> {
    match value {
        Variable::Array(items) => items.iter().filter_map(|item| text(item)).collect(),
        other => text(other).into_iter().collect(),
    }
}

/// As a property; `None` for nothing.
pub(crate) fn property(value: &Variable) -> Option<Value> {
    nested(value, 0)
}

fn nested(value: &Variable, depth: usize) -> Option<Value> {
    match value {
        Variable::Bool(flag) => Some(Value::Bool(*flag)),
        Variable::String(_) => text(value).map(Value::Text),
        Variable::Number(number) => decimal(&number.to_string()).map(Value::Number),
        Variable::Array(items) if depth < DEPTH_MAX => {
            Some(Value::List(items.iter().take(ELEMENTS_MAX).filter_map(|item| nested(item, depth + 1)).collect()))
        }
        Variable::Object(fields) if depth < DEPTH_MAX => match fields.get(NUMBER) {
            Some(digits) => decimal(digits.as_string()?).map(Value::Number),
            None => {
                let fields = fields.iter().take(ELEMENTS_MAX);
                let one = fields.filter_map(|(name, value)| Some((name.clone(), nested(value, depth + 1)?)));
                Some(Value::Map(one.collect()))
            }
        },
        _ => None,
    }
}
