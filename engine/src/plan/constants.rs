//! The constants of `is`, `in`, `is_not` and `not_in`, made ready so that a value is folded and
//! read once, however many constants there are.

use crate::eval::values::{fold, number_in};
use crate::language::ast::Const;
use model::Value;
use rust_decimal::Decimal;

/// A set of constants. Numbers compare as numbers when at least one side is a number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Constants {
    /// Whether false, and whether true, is among them.
    flags: [bool; 2],
    /// Numbers, ascending.
    numbers: Vec<Decimal>,
    /// Numbers and what text constants read as, ascending: for values that are numbers.
    readable: Vec<Decimal>,
    /// Folded texts, ascending.
    texts: Vec<String>,
}

impl Constants {
    /// Folds, reads and sorts.
    pub fn new(constants: &[Const]) -> Constants {
        let mut ready = Constants::default();
        for constant in constants {
            match constant {
                Const::Bool(flag) => {
                    let [no, yes] = &mut ready.flags;
                    *(if *flag { yes } else { no }) = true;
                }
                Const::Number(number) => ready.numbers.push(*number),
                Const::Text(text) => {
                    ready.readable.extend(number_in(text));
                    ready.texts.push(fold(text).into_owned());
                }
            }
        }
        ready.readable.extend(&ready.numbers);
        ready.numbers.sort_unstable();
        ready.readable.sort_unstable();
        ready.texts.sort_unstable();
        ready
    }

    /// Whether a value equals one of them: a list when one of its elements does, an object never.
    pub fn contain(&self, value: &Value) -> bool {
        match value {
            Value::Bool(flag) => {
                let [no, yes] = self.flags;
                if *flag { yes } else { no }
            }
            Value::Number(number) => self.readable.binary_search(number).is_ok(),
            Value::Text(text) => self.contain_text(text),
            Value::List(items) => items.iter().any(|item| self.contain(item)),
            Value::Map(_) => false,
        }
    }

    fn contain_text(&self, text: &str) -> bool {
        let folded = fold(text);
        let as_text = self.texts.binary_search_by(|known| known.as_str().cmp(&folded)).is_ok();
        let as_number = || number_in(text).is_some_and(|number| self.numbers.binary_search(&number).is_ok());
        as_text || (!self.numbers.is_empty() && as_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn text_compares_without_case_and_composed() {
        let constants = Constants::new(&[Const::Text("Le\u{f3}n".to_owned()), Const::Text("LIMA".to_owned())]);
        assert!(constants.contain(&Value::text("leo\u{301}N")));
        assert!(constants.contain(&Value::text("lima")));
        assert!(!constants.contain(&Value::text("leon")), "accents matter");
        assert!(!constants.contain(&Value::text(" lima")), "spaces matter");
    }

    #[test]
    fn numbers_compare_as_numbers_when_one_side_is_a_number() {
        let numbers = Constants::new(&[Const::Number(number("12.50"))]);
        assert!(numbers.contain(&Value::Number(number("12.5"))));
        assert!(numbers.contain(&Value::text(" 12.5 ")));
        assert!(!numbers.contain(&Value::text("12,5")));
        let texts = Constants::new(&[Const::Text("12.50".to_owned())]);
        assert!(texts.contain(&Value::Number(number("12.5"))));
        assert!(!texts.contain(&Value::text("12.5")), "two texts compare as text");
    }

    #[test]
    fn an_article_number_with_an_underscore_is_no_number() {
        let constants = Constants::new(&[Const::Number(number("125"))]);
        assert!(!constants.contain(&Value::text("12_5")));
    }

    #[test]
    fn true_and_false_equal_only_themselves() {
        let constants = Constants::new(&[Const::Bool(true)]);
        assert!(constants.contain(&Value::Bool(true)));
        for other in [Value::Bool(false), Value::text("true"), Value::Number(Decimal::ONE)] {
            assert!(!constants.contain(&other), "{other:?}");
        }
    }

    #[test]
    fn a_list_is_equal_when_one_of_its_elements_is() {
        let constants = Constants::new(&[Const::Text("vip".to_owned())]);
        assert!(constants.contain(&Value::List(vec![Value::text("new"), Value::text("VIP")])));
        assert!(!constants.contain(&Value::List(Vec::new())));
        assert!(!constants.contain(&Value::Map(model::Map::new())));
    }
}
