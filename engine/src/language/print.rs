//! From the tree back to JSON, in one canonical form.

use super::ast::{
    Activity, Bounds, Const, Definition, Direction, Figure, Filter, Measure, PropertyTest, Spending, Test, Window,
};
use super::terms::{calendar_text, span_text};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

impl Definition {
    /// The canonical JSON form.
    pub fn to_json(&self) -> Value {
        match self {
            Definition::All(children) => json!({"all": children.iter().map(Definition::to_json).collect::<Vec<_>>()}),
            Definition::Any(children) => json!({"any": children.iter().map(Definition::to_json).collect::<Vec<_>>()}),
            Definition::Not(child) => json!({"not": child.to_json()}),
            Definition::Property(test) => test.to_json(),
            Definition::Activity(activity) => activity.to_json(),
            Definition::Spent(spending) => spending.to_json(),
        }
    }
}

impl PropertyTest {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let (operator, operand) = match &self.test {
            Test::OneOf(values) => one_or_many("is", "in", values),
            Test::NoneOf(values) => one_or_many("is_not", "not_in", values),
            Test::Exists(flag) => ("exists", json!(flag)),
            Test::Contains(text) => ("contains", json!(text)),
            Test::StartsWith(text) => ("starts_with", json!(text)),
            Test::EndsWith(text) => ("ends_with", json!(text)),
            Test::Matches(pattern) => ("matches", json!(pattern)),
            Test::Before(instant) => ("before", json!(instant)),
            Test::After(instant) => ("after", json!(instant)),
            Test::Number(bounds) => comparison(bounds),
            Test::Within(Direction::Last, span) => ("within", json!({"last": span_text(*span)})),
            Test::Within(Direction::Next, span) => ("within", json!({"next": span_text(*span)})),
            Test::Anniversary(span) => ("anniversary", json!({"next": span_text(*span)})),
        };
        json!({"property": self.name, operator: operand})
    }
}

fn one_or_many(one: &'static str, many: &'static str, values: &[Const]) -> (&'static str, Value) {
    match values {
        [value] => (one, constant(value)),
        values => (many, values.iter().map(constant).collect()),
    }
}

fn constant(value: &Const) -> Value {
    match value {
        Const::Bool(flag) => json!(flag),
        Const::Number(number) => model::Value::Number(*number).to_json(),
        Const::Text(text) => json!(text),
    }
}

fn amount(number: Decimal) -> Value {
    model::Value::Number(number).to_json()
}

fn comparison(bounds: &Bounds) -> (&'static str, Value) {
    match (bounds.low, bounds.high) {
        (Some((low, true)), None) => ("at_least", amount(low)),
        (Some((low, false)), _) => ("more_than", amount(low)),
        (None, Some((high, true))) => ("at_most", amount(high)),
        (None, Some((high, false))) => ("less_than", amount(high)),
        (Some((low, _)), Some((high, _))) if low == high => ("exactly", amount(low)),
        (Some((low, _)), Some((high, _))) => ("between", json!([amount(low), amount(high)])),
        (None, None) => ("at_least", amount(Decimal::ZERO)),
    }
}

fn bounds(bounds: &Bounds) -> Map<String, Value> {
    let (operator, operand) = comparison(bounds);
    Map::from_iter([(operator.to_owned(), operand)])
}

impl Window {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        match self {
            Window::Last(span) => json!({"last": span_text(*span)}),
            Window::Between(from, until) => json!({"between": [from, until]}),
            Window::Since(instant) => json!({"since": instant}),
            Window::Before(instant) => json!({"before": instant}),
            Window::Calendar(word) => json!({"calendar": calendar_text(*word)}),
        }
    }
}

impl Activity {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("event".to_owned(), json!(self.event.as_deref().unwrap_or("*")));
        if !self.filters.is_empty() {
            let filters = self.filters.iter().map(|filter| match filter {
                Filter::Property(test) => test.to_json(),
                Filter::Item(tests) => json!({"item": tests.iter().map(PropertyTest::to_json).collect::<Vec<_>>()}),
            });
            out.insert("where".to_owned(), filters.collect());
        }
        if let Some(window) = &self.window {
            out.insert("window".to_owned(), window.to_json());
        }
        let mut put = |key: &str, value: Value| out.insert(key.to_owned(), value);
        match &self.measure {
            Measure::Once => {}
            Measure::Count(count) => {
                put("count", bounds(count).into());
            }
            Measure::Figure(figure, of, limits) => {
                put(figure_word(*figure), bounds(limits).into());
                put("of", json!(of));
            }
            Measure::First(window) => {
                put("first", window.to_json());
            }
            Measure::Last(window) => {
                put("last", window.to_json());
            }
        }
        Value::Object(out)
    }
}

fn figure_word(figure: Figure) -> &'static str {
    match figure {
        Figure::Sum => "sum",
        Figure::Avg => "avg",
        Figure::Min => "min",
        Figure::Max => "max",
        Figure::Distinct => "distinct",
    }
}

impl Spending {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let mut spent = bounds(&self.bounds);
        // Amounts of money are text, so that no reader makes a double of them.
        for value in spent.values_mut() {
            match value {
                Value::Number(number) => *value = Value::String(number.to_string()),
                Value::Array(ends) => ends.iter_mut().for_each(|end| {
                    if let Value::Number(number) = end {
                        *end = Value::String(number.to_string());
                    }
                }),
                _ => {}
            }
        }
        if let Some(currency) = &self.currency {
            spent.insert("currency".to_owned(), json!(currency));
        }
        let mut out = Map::from_iter([("spent".to_owned(), Value::Object(spent))]);
        if let Some(window) = &self.window {
            out.insert("window".to_owned(), window.to_json());
        }
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use crate::language::parse;

    const DEFINITIONS: &[&str] = &[
        r#"{"all":[{"property":"country","in":["MX","AR"]},{"not":{"event":"Link Clicked","window":{"last":"60d"}}}]}"#,
        r#"{"any":[{"count":{"at_least":2},"event":"Order Completed","window":{"last":"1mo"}},{"property":"age","between":[18,30]}]}"#,
        r#"{"spent":{"at_least":"500.5","currency":"MXN"},"window":{"calendar":"this_month"}}"#,
        r#"{"event":"Order Completed","of":"total","avg":{"more_than":10.25},"where":[{"item":[{"property":"sku","is":"A1"}]}]}"#,
        r#"{"event":"*","first":{"between":["2026-01-01","2026-02-01"]}}"#,
        r#"{"property":"birthday","anniversary":{"next":"7d"}}"#,
        r#"{"property":"vip","exists":false}"#,
    ];

    #[test]
    fn printing_and_parsing_give_the_same_definition() {
        for text in DEFINITIONS {
            let parsed = parse(text).unwrap();
            let printed = parsed.to_json().to_string();
            assert_eq!(parse(&printed).unwrap(), parsed, "{text}");
            assert_eq!(parsed.to_json(), serde_json::from_str::<serde_json::Value>(text).unwrap());
        }
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            (r#"{"all":[{"propery":"x","is":1}]}"#, "all[0]: unknown key \"propery\"; did you mean \"property\"?"),
            (r#"{"event":"x","window":{"last":"30x"}}"#, "window.last: expected a length such as \"30d\""),
            (r#"{"event":"x","cuont":{"at_least":1}}"#, "did you mean \"count\"?"),
            (r#"{"property":"x","is_nt":1}"#, "did you mean \"is_not\"?"),
            (r#"{"segment":"vip"}"#, "\"segment\" is not supported in this version"),
            (r#"{"all":[]}"#, "all: expected 1 to 1000 entries"),
            (r#"{"spent":{"at_least":"many"}}"#, "spent.at_least: expected a number"),
            ("nonsense", "definition: not JSON"),
        ];
        for (text, expected) in cases {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
