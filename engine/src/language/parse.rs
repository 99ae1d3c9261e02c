//! From JSON to the tree.

use super::ast::{
    Activity, Definition, Direction, Entered, Figure, Filter, Measure, PropertyTest, Sample, Spending, Test,
};
use super::error::{DefinitionError, distance};
use super::pattern::pattern;
use super::sequence::is_sequence;
use super::terms::{bounds, comparison, constant, currency, instant, list, object, percent, span, text, window};
use super::{DEPTH_MAX, NODES_MAX, PATTERNS_MAX};
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, DefinitionError>;

const TESTS: &[&str] = &[
    "is",
    "is_not",
    "in",
    "not_in",
    "exists",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
    "at_least",
    "more_than",
    "at_most",
    "less_than",
    "exactly",
    "between",
    "before",
    "after",
    "within",
    "anniversary",
];
const ACTIVITY: &[&str] =
    &["event", "where", "window", "count", "sum", "avg", "min", "max", "distinct", "of", "first", "last"];
const SPENT: &[&str] = &["spent", "without", "window"];
const FORMS: &[&str] = &["all", "any", "not", "property", "event", "spent", "segment", "entered", "sample", "frozen"];
const FIGURES: &[(&str, Figure)] = &[
    ("sum", Figure::Sum),
    ("avg", Figure::Avg),
    ("min", Figure::Min),
    ("max", Figure::Max),
    ("distinct", Figure::Distinct),
];

pub(super) fn definition(value: &Value) -> Result<Definition> {
    let mut reader = Reader::default();
    reader.node(value, "", 0)
}

/// What was read so far, for the limits.
#[derive(Default)]
pub(super) struct Reader {
    nodes: usize,
    patterns: usize,
}

impl Reader {
    pub(super) fn count_node(&mut self, path: &str) -> Result<()> {
        self.nodes += 1;
        match self.nodes > NODES_MAX {
            true => Err(DefinitionError::new(path, format!("more than {NODES_MAX} groups, conditions and filters"))),
            false => Ok(()),
        }
    }

    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Result<Definition> {
        self.count_node(path)?;
        if depth > DEPTH_MAX {
            return Err(DefinitionError::new(path, format!("nested deeper than {DEPTH_MAX} levels")));
        }
        let object = object(value, path)?;
        let form = FORMS.iter().find(|key| object.contains_key(**key)).copied();
        match form {
            Some(key @ ("all" | "any" | "not")) => self.group(key, object, path, depth),
            Some("property") => self.property(object, path).map(Definition::Property),
            Some("event") if is_sequence(object) => self.sequence(object, path).map(Definition::Sequence),
            Some("event") => self.activity(object, path).map(Definition::Activity),
            Some("segment") => {
                only(object, &["segment"], path)?;
                segment_id(object, "segment", path).map(Definition::Segment)
            }
            Some("entered") => entered(object, path).map(Definition::Entered),
            Some("sample") => self.sample(object, path, depth).map(Definition::Sample),
            Some("frozen") if depth > 0 => Err(DefinitionError::new(path, "\"frozen\" stands at the top alone")),
            Some("frozen") => {
                only(object, &["frozen"], path)?;
                let value = object.get("frozen").unwrap_or(&Value::Null);
                Ok(Definition::Frozen(Box::new(self.node(value, &join(path, "frozen"), depth + 1)?)))
            }
            Some("spent") => spending(object, path).map(Definition::Spent),
            _ => match object.keys().min_by_key(|key| FORMS.iter().map(|form| distance(key, form)).min()) {
                Some(key) => Err(DefinitionError::unknown_key(path, key, FORMS)),
                None => Err(DefinitionError::new(path, "expected a condition, found nothing")),
            },
        }
    }

    fn group(&mut self, key: &str, object: &Map<String, Value>, path: &str, depth: usize) -> Result<Definition> {
        if let Some(other) = object.keys().find(|other| *other != key) {
            return Err(DefinitionError::new(path, format!("\"{other}\" can't stand beside \"{key}\"")));
        }
        let Some(value) = object.get(key) else { return Err(DefinitionError::new(path, "expected a group")) };
        let here = join(path, key);
        if key == "not" {
            return Ok(Definition::Not(Box::new(self.node(value, &here, depth + 1)?)));
        }
        let mut children = Vec::new();
        for (place, child) in list(value, &here)?.iter().enumerate() {
            children.push(self.node(child, &format!("{here}[{place}]"), depth + 1)?);
        }
        Ok(if key == "all" { Definition::All(children) } else { Definition::Any(children) })
    }

    fn property(&mut self, object: &Map<String, Value>, path: &str) -> Result<PropertyTest> {
        let name = object.get("property").map(|name| text(name, &join(path, "property"))).transpose()?;
        let name = name.filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| DefinitionError::new(path, "expected the name of a property"))?;
        let mut found = None;
        for (key, operand) in object.iter().filter(|(key, _)| *key != "property") {
            let test = self.test(key, operand, path)?;
            if found.replace(test).is_some() {
                return Err(DefinitionError::new(path, "expected one operator; use \"all\" for several"));
            }
        }
        let test =
            found.ok_or_else(|| DefinitionError::new(path, "expected an operator such as \"is\" or \"exists\""))?;
        Ok(PropertyTest { name, test })
    }

    fn test(&mut self, key: &str, operand: &Value, path: &str) -> Result<Test> {
        let here = join(path, key);
        let constants = || -> Result<Vec<_>> {
            let items = list(operand, &here)?.iter().enumerate();
            items.map(|(place, item)| constant(item, &format!("{here}[{place}]"))).collect()
        };
        Ok(match key {
            "is" => Test::OneOf(vec![constant(operand, &here)?]),
            "is_not" => Test::NoneOf(vec![constant(operand, &here)?]),
            "in" => Test::OneOf(constants()?),
            "not_in" => Test::NoneOf(constants()?),
            "exists" => {
                Test::Exists(operand.as_bool().ok_or_else(|| DefinitionError::new(&here, "expected true or false"))?)
            }
            "contains" => Test::Contains(text(operand, &here)?),
            "starts_with" => Test::StartsWith(text(operand, &here)?),
            "ends_with" => Test::EndsWith(text(operand, &here)?),
            "matches" => Test::Matches(self.pattern(operand, &here)?),
            "before" => Test::Before(instant(operand, &here)?),
            "after" => Test::After(instant(operand, &here)?),
            "within" => {
                let (direction, span) = directed(operand, &here)?;
                Test::Within(direction, span)
            }
            "anniversary" => match directed(operand, &here)? {
                (Direction::Next, span) => Test::Anniversary(span),
                _ => return Err(DefinitionError::new(&here, "expected {\"next\": \"7d\"}")),
            },
            _ => match comparison(key, operand, &here)? {
                Some(bounds) => Test::Number(bounds),
                None => return Err(DefinitionError::unknown_key(path, key, TESTS)),
            },
        })
    }

    pub(super) fn pattern(&mut self, operand: &Value, path: &str) -> Result<String> {
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(DefinitionError::new(path, format!("more than {PATTERNS_MAX} regular expressions")));
        }
        let text = text(operand, path)?;
        pattern(&text).map_err(|why| DefinitionError::new(path, why))?;
        Ok(text)
    }

    fn sample(&mut self, object: &Map<String, Value>, path: &str, depth: usize) -> Result<Sample> {
        only(object, &["sample", "of", "salt"], path)?;
        let percent = percent(object.get("sample").unwrap_or(&Value::Null), &join(path, "sample"))?;
        let salt = object.get("salt").map(|salt| text(salt, &join(path, "salt"))).transpose()?;
        let of = object.get("of").ok_or_else(|| DefinitionError::new(path, "\"sample\" needs \"of\": a definition"))?;
        Ok(Sample { percent, salt, of: Box::new(self.node(of, &join(path, "of"), depth + 1)?) })
    }

    fn activity(&mut self, object: &Map<String, Value>, path: &str) -> Result<Activity> {
        only(object, ACTIVITY, path)?;
        let event = event_name(object, path)?;
        let filters = self.filters(object, path)?;
        let when = object.get("window").map(|value| window(value, &join(path, "window"))).transpose()?;
        let measure = measure(object, path)?;
        if matches!(measure, Measure::First(_) | Measure::Last(_)) && when.is_some() {
            return Err(DefinitionError::new(path, "\"first\" and \"last\" carry their own window"));
        }
        Ok(Activity { event, filters, window: when, measure })
    }

    /// What must hold of an event.
    pub(super) fn filters(&mut self, object: &Map<String, Value>, path: &str) -> Result<Vec<Filter>> {
        let mut filters = Vec::new();
        if let Some(asked) = object.get("where") {
            let here = join(path, "where");
            for (place, filter_value) in list(asked, &here)?.iter().enumerate() {
                filters.push(self.filter(filter_value, &format!("{here}[{place}]"))?);
            }
        }
        Ok(filters)
    }

    fn filter(&mut self, value: &Value, path: &str) -> Result<Filter> {
        self.count_node(path)?;
        let fields = object(value, path)?;
        let Some(items) = fields.get("item") else { return self.property(fields, path).map(Filter::Property) };
        if fields.len() != 1 {
            return Err(DefinitionError::new(path, "\"item\" stands alone"));
        }
        let here = join(path, "item");
        let mut tests = Vec::new();
        for (place, test) in list(items, &here)?.iter().enumerate() {
            let here = format!("{here}[{place}]");
            self.count_node(&here)?;
            tests.push(self.property(object(test, &here)?, &here)?);
        }
        Ok(Filter::Item(tests))
    }
}

/// Refuses every key but these.
pub(super) fn only(object: &Map<String, Value>, known: &[&str], path: &str) -> Result<()> {
    match object.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(DefinitionError::unknown_key(path, key, known)),
        None => Ok(()),
    }
}

/// The canonical name of an event; `None` for any.
pub(super) fn event_name(object: &Map<String, Value>, path: &str) -> Result<Option<String>> {
    let here = join(path, "event");
    event_named(object.get("event").unwrap_or(&Value::String(String::new())), &here)
}

/// The canonical name of an event by a name as given; `None` for any.
pub(super) fn event_named(name: &Value, path: &str) -> Result<Option<String>> {
    match text(name, path)?.trim() {
        "" => Err(DefinitionError::new(path, "expected an event's name, or \"*\" for any")),
        "*" => Ok(None),
        name => Ok(Some(model::names::canonical_event_name(name))),
    }
}

fn segment_id(object: &Map<String, Value>, key: &str, path: &str) -> Result<String> {
    let here = join(path, key);
    let id = text(object.get(key).unwrap_or(&Value::Null), &here)?;
    match id.is_empty() {
        true => Err(DefinitionError::new(&here, "expected the id of a segment")),
        false => Ok(id),
    }
}

fn entered(object: &Map<String, Value>, path: &str) -> Result<Entered> {
    only(object, &["entered", "window"], path)?;
    let segment = segment_id(object, "entered", path)?;
    let window = object.get("window").map(|value| window(value, &join(path, "window"))).transpose()?;
    Ok(Entered { segment, window })
}

/// What an amount leaves out: tax, shipping.
fn without(fields: &Map<String, Value>, path: &str) -> Result<(bool, bool)> {
    let (mut tax, mut shipping) = (false, false);
    let here = join(path, "without");
    for (place, word) in
        fields.get("without").map(|words| list(words, &here)).transpose()?.into_iter().flatten().enumerate()
    {
        let here = format!("{here}[{place}]");
        match text(word, &here)?.as_str() {
            "tax" => tax = true,
            "shipping" => shipping = true,
            other => return Err(DefinitionError::unknown(&here, "part of an amount", other, &["tax", "shipping"])),
        }
    }
    Ok((tax, shipping))
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn directed(value: &Value, path: &str) -> Result<(Direction, super::ast::Span)> {
    let object = object(value, path)?;
    let (Some((key, operand)), 1) = (object.iter().next(), object.len()) else {
        return Err(DefinitionError::new(path, "expected {\"last\": \"30d\"} or {\"next\": \"7d\"}"));
    };
    let direction = match key.as_str() {
        "last" => Direction::Last,
        "next" => Direction::Next,
        _ => return Err(DefinitionError::unknown_key(path, key, &["last", "next"])),
    };
    Ok((direction, span(operand, &join(path, key))?))
}

fn measure(object: &Map<String, Value>, path: &str) -> Result<Measure> {
    let words = ["count", "sum", "avg", "min", "max", "distinct", "first", "last"];
    let mut given = words.iter().filter_map(|word| Some((*word, object.get(*word)?)));
    let Some((word, operand)) = given.next() else {
        return match object.get("of") {
            Some(_) => Err(DefinitionError::new(path, "\"of\" needs sum, avg, min, max or distinct")),
            None => Ok(Measure::Once),
        };
    };
    if let Some((other, _)) = given.next() {
        return Err(DefinitionError::new(path, format!("\"{other}\" can't stand beside \"{word}\"")));
    }
    let here = join(path, word);
    let figure = FIGURES.iter().find(|(known, _)| *known == word).map(|(_, figure)| *figure);
    match (figure, object.get("of")) {
        (Some(figure), Some(of)) => Ok(Measure::Figure(figure, text(of, &join(path, "of"))?, bounds(operand, &here)?)),
        (Some(_), None) => Err(DefinitionError::new(path, format!("\"{word}\" needs \"of\": a property"))),
        (None, Some(_)) => Err(DefinitionError::new(path, format!("\"of\" can't stand beside \"{word}\""))),
        (None, None) => Ok(match word {
            "first" => Measure::First(window(operand, &here)?),
            "last" => Measure::Last(window(operand, &here)?),
            _ => Measure::Count(bounds(operand, &here)?),
        }),
    }
}

fn spending(fields: &Map<String, Value>, path: &str) -> Result<Spending> {
    only(fields, SPENT, path)?;
    let here = join(path, "spent");
    let mut amount = fields.get("spent").map(|value| object(value, &here)).transpose()?.cloned().unwrap_or_default();
    let currency = amount.remove("currency").map(|code| currency(&code, &join(&here, "currency"))).transpose()?;
    let when = fields.get("window").map(|value| window(value, &join(path, "window"))).transpose()?;
    let (without_tax, without_shipping) = without(fields, path)?;
    let bounds = bounds(&Value::Object(amount), &here)?;
    Ok(Spending { bounds, currency, without_tax, without_shipping, window: when })
}
