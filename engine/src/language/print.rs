//! From the tree back to JSON, in one canonical form.

use super::ast::{
    Activity, Bounds, Const, Definition, Direction, Entered, Figure, Filter, Measure, PropertyTest, Sample, Spending,
    Test, Window,
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
            Definition::Sequence(sequence) => sequence.to_json(),
            Definition::Segment(id) => json!({"segment": id}),
            Definition::Entered(entered) => entered.to_json(),
            Definition::Sample(sample) => sample.to_json(),
            Definition::Frozen(of) => json!({"frozen": of.to_json()}),
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
            out.insert("where".to_owned(), filters(&self.filters));
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

/// The filters of an event.
pub(super) fn filters(filters: &[Filter]) -> Value {
    let filters = filters.iter().map(|filter| match filter {
        Filter::Property(test) => test.to_json(),
        Filter::Item(tests) => json!({"item": tests.iter().map(PropertyTest::to_json).collect::<Vec<_>>()}),
    });
    filters.collect()
}

impl Entered {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let mut out = Map::from_iter([("entered".to_owned(), json!(self.segment))]);
        if let Some(window) = &self.window {
            out.insert("window".to_owned(), window.to_json());
        }
        Value::Object(out)
    }
}

impl Sample {
    /// The JSON form.
    pub fn to_json(&self) -> Value {
        let mut out = Map::from_iter([("sample".to_owned(), amount(self.percent))]);
        if let Some(salt) = &self.salt {
            out.insert("salt".to_owned(), json!(salt));
        }
        out.insert("of".to_owned(), self.of.to_json());
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
        let parts = [("tax", self.without_tax), ("shipping", self.without_shipping)];
        let without: Vec<&str> = parts.iter().filter(|(_, out)| *out).map(|(word, _)| *word).collect();
        if !without.is_empty() {
            out.insert("without".to_owned(), json!(without));
        }
        if let Some(window) = &self.window {
            out.insert("window".to_owned(), window.to_json());
        }
        Value::Object(out)
    }
}
