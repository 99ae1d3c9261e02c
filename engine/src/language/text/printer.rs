//! From the tree back to text, in one canonical form.

use super::lexer::{Kind, alone};
use super::words::{UNITS, VERBS, is_kept_from_names, is_kept_from_texts};
use crate::language::ast::{
    Activity, Bounds, Calendar, Const, Definition, Direction, Figure, Filter, Follow, Measure, Next, PropertyTest,
    Sequence, Span, Spending, Step, Test, Which, Window,
};
use crate::language::terms::{calendar_text, instant};
use rust_decimal::Decimal;
use serde_json::Value;
use std::fmt::Write;

/// Characters of a line beyond which a definition is wrapped at `and` and `or`.
const LINE_CHARS: usize = 80;
/// Spaces that a wrapped line stands further in.
const INDENT: usize = 2;

impl Definition {
    /// The canonical text form, wrapped when it is long.
    pub fn to_text(&self) -> String {
        layout(self, 0, 0)
    }

    /// The canonical text form in one line.
    pub fn to_line(&self) -> String {
        flat(self)
    }
}

/// The conditions of a group that is written with a word between them.
fn joined(definition: &Definition) -> Option<(&'static str, &[Definition])> {
    match definition {
        Definition::All(children) if children.len() > 1 => Some(("and", children)),
        Definition::Any(children) if children.len() > 1 => Some(("or", children)),
        _ => None,
    }
}

/// A form that is written around a definition in parentheses.
fn around(definition: &Definition) -> Option<(String, &[Definition], String)> {
    let one = std::slice::from_ref;
    Some(match definition {
        Definition::All(children) => ("all of ".to_owned(), children, String::new()),
        Definition::Any(children) => ("any of ".to_owned(), children, String::new()),
        Definition::Frozen(of) => ("frozen ".to_owned(), one(of.as_ref()), String::new()),
        Definition::Sample(sample) => {
            let salt = sample.salt.as_ref().map(|salt| format!(" with salt {}", text(salt))).unwrap_or_default();
            (format!("{} % of ", number(sample.percent)), one(sample.of.as_ref()), salt)
        }
        _ => return None,
    })
}

fn flat(definition: &Definition) -> String {
    if let Some((word, children)) = joined(definition) {
        let children: Vec<String> = children.iter().map(|child| guarded(child, false, flat)).collect();
        return children.join(&format!(" {word} "));
    }
    if let Some((before, children, after)) = around(definition) {
        let children: Vec<String> = children.iter().map(flat).collect();
        return format!("{before}({}){after}", children.join(", "));
    }
    match definition {
        Definition::Not(child) => format!("not {}", guarded(child, true, flat)),
        leaf => condition(leaf),
    }
}

/// In lines: `indent` is where the line began, `used` how much of it is taken.
fn layout(definition: &Definition, indent: usize, used: usize) -> String {
    let line = flat(definition);
    if used + line.chars().count() <= LINE_CHARS {
        return line;
    }
    if let Some((word, children)) = joined(definition) {
        let inner = indent + INDENT;
        let mut out = String::new();
        for (place, child) in children.iter().enumerate() {
            let mut used = used;
            if place > 0 {
                let _ = write!(out, "\n{}{word} ", " ".repeat(inner));
                used = inner + word.len() + 1;
            }
            out += &guarded(child, false, |child| layout(child, inner, used + 1));
        }
        return out;
    }
    if let Some((before, children, after)) = around(definition) {
        let used = used + before.chars().count() + 1;
        let children: Vec<String> = children.iter().map(|child| layout(child, indent, used)).collect();
        return format!("{before}({}){after}", children.join(", "));
    }
    match definition {
        Definition::Not(child) => format!("not {}", guarded(child, true, |child| layout(child, indent, used + 5))),
        _ => line,
    }
}

/// In parentheses where it needs them: a group, and under `not` a sequence.
fn guarded(definition: &Definition, negated: bool, print: impl Fn(&Definition) -> String) -> String {
    let sequence = negated && matches!(definition, Definition::Sequence(_));
    match sequence || joined(definition).is_some() {
        true => format!("({})", print(definition)),
        false => print(definition),
    }
}

fn condition(leaf: &Definition) -> String {
    match leaf {
        Definition::Property(test) => property(test),
        Definition::Activity(asked) => activity(asked),
        Definition::Spent(asked) => spent(asked),
        Definition::Sequence(asked) => sequence(asked),
        Definition::Segment(id) => format!("in segment {}", text(id)),
        Definition::Entered(entered) => {
            format!("entered segment {}{}", text(&entered.segment), when(entered.window.as_ref()))
        }
        // Groups are written by their callers.
        _ => String::new(),
    }
}

fn property(asked: &PropertyTest) -> String {
    let test = match &asked.test {
        Test::OneOf(values) => one_or_many("is", "in", values),
        Test::NoneOf(values) => one_or_many("is not", "not in", values),
        Test::Exists(true) => "exists".to_owned(),
        Test::Exists(false) => "is missing".to_owned(),
        Test::Contains(part) => format!("contains {}", text(part)),
        Test::StartsWith(part) => format!("starts with {}", text(part)),
        Test::EndsWith(part) => format!("ends with {}", text(part)),
        Test::Matches(pattern) => format!("matches {}", quoted(pattern)),
        Test::Number(limits) => bounds(limits),
        Test::Before(at) => format!("before {}", moment(at)),
        Test::After(at) => format!("after {}", moment(at)),
        Test::Within(Direction::Last, length) => format!("within the last {}", span(*length)),
        Test::Within(Direction::Next, length) => format!("within the next {}", span(*length)),
        Test::Anniversary(length) => format!("anniversary within the next {}", span(*length)),
    };
    format!("{} {test}", name(&asked.name))
}

fn one_or_many(one: &str, many: &str, values: &[Const]) -> String {
    match values {
        [value] => format!("{one} {}", constant(value)),
        values => format!("{many} ({})", values.iter().map(constant).collect::<Vec<_>>().join(", ")),
    }
}

fn constant(value: &Const) -> String {
    match value {
        Const::Bool(flag) => flag.to_string(),
        Const::Number(digits) => number(*digits),
        Const::Text(said) if instant(&Value::String(said.clone()), "").is_ok() => moment(said),
        Const::Text(said) => text(said),
    }
}

fn number(number: Decimal) -> String {
    number.normalize().to_string()
}

fn bounds(bounds: &Bounds) -> String {
    match (bounds.low, bounds.high) {
        (Some((low, true)), None) => format!("at least {}", number(low)),
        (Some((low, false)), _) => format!("more than {}", number(low)),
        (None, Some((high, true))) => format!("at most {}", number(high)),
        (None, Some((high, false))) => format!("less than {}", number(high)),
        (Some((low, _)), Some((high, _))) if low == high => format!("exactly {}", number(low)),
        (Some((low, _)), Some((high, _))) => format!("between {} and {}", number(low), number(high)),
        (None, None) => "at least 0".to_owned(),
    }
}

fn activity(asked: &Activity) -> String {
    let mut out = verb(asked.event.as_deref());
    if let Measure::Count(times) = &asked.measure {
        let one = Some((Decimal::ONE, true));
        let word = if times.low == one && (times.high.is_none() || times.high == one) { "time" } else { "times" };
        let _ = write!(out, " {} {word}", bounds(times));
    }
    out += &filters(&asked.filters);
    let window = match &asked.measure {
        Measure::Figure(figure, of, limits) => {
            let _ = write!(out, " with the {} {} {}", figure_words(*figure), name(of), bounds(limits));
            asked.window.as_ref()
        }
        Measure::First(window) => {
            out += " for the first time";
            Some(window)
        }
        Measure::Last(window) => {
            out += " for the last time";
            Some(window)
        }
        Measure::Once | Measure::Count(_) => asked.window.as_ref(),
    };
    out + &when(window)
}

fn figure_words(figure: Figure) -> &'static str {
    match figure {
        Figure::Sum => "sum of",
        Figure::Avg => "average of",
        Figure::Min => "smallest",
        Figure::Max => "largest",
        Figure::Distinct => "number of different",
    }
}

fn verb(event: Option<&str>) -> String {
    let Some(event) = event else { return "did anything".to_owned() };
    match VERBS.iter().find(|(_, known)| *known == event) {
        Some((verb, _)) => (*verb).to_owned(),
        None if event == "anything" => format!("did {}", quoted(event)),
        None => format!("did {}", text(event)),
    }
}

/// Filters in their order: tests of the event that stand together share their parentheses.
fn filters(filters: &[Filter]) -> String {
    let mut out = String::new();
    let tests = |tests: &mut dyn Iterator<Item = &PropertyTest>| tests.map(property).collect::<Vec<_>>().join(" and ");
    for run in filters.chunk_by(|one, next| matches!((one, next), (Filter::Property(_), Filter::Property(_)))) {
        let of_event = &mut run.iter().filter_map(|filter| match filter {
            Filter::Property(test) => Some(test),
            Filter::Item(_) => None,
        });
        let _ = match run {
            [Filter::Item(of_item)] => write!(out, " with an item where ({})", tests(&mut of_item.iter())),
            _ => write!(out, " where ({})", tests(of_event)),
        };
    }
    out
}

fn spent(asked: &Spending) -> String {
    let mut out = format!("spent {}", bounds(&asked.bounds));
    if let Some(code) = &asked.currency {
        let _ = write!(out, " {}", text(code));
    }
    out += match (asked.without_tax, asked.without_shipping) {
        (true, true) => " without tax and without shipping",
        (true, false) => " without tax",
        (false, true) => " without shipping",
        (false, false) => "",
    };
    out + &when(asked.window.as_ref())
}

fn sequence(asked: &Sequence) -> String {
    let last = if asked.which == Which::Last { "last " } else { "" };
    let mut out = format!("{last}{}{}", step(&asked.first), when(asked.window.as_ref()));
    let mut follow = Some(&asked.follow);
    while let Some(then) = follow {
        let (not, next, after) = match then {
            Follow::Then(next, after) => ("", next, after.as_deref()),
            Follow::ThenNot(next) => ("not ", next, None),
        };
        let Next { step: what, same, within } = next;
        let _ = write!(out, " then {not}{}", step(what));
        let names: Vec<String> = same.iter().map(|property| name(property)).collect();
        let _ = match names.as_slice() {
            [] => Ok(()),
            [one] => write!(out, " the same {one}"),
            several => write!(out, " the same ({})", several.join(", ")),
        };
        if let Some(within) = within {
            let _ = write!(out, " within {}", span(*within));
        }
        follow = after;
    }
    out
}

fn step(step: &Step) -> String {
    verb(step.event.as_deref()) + &filters(&step.filters)
}

/// A window with a space before it; nothing for ever.
fn when(window: Option<&Window>) -> String {
    let words = match window {
        None => return String::new(),
        Some(Window::Last(length)) => format!("in the last {}", span(*length)),
        Some(Window::Between(from, until)) => format!("between {} and {}", moment(from), moment(until)),
        Some(Window::Since(at)) => format!("since {}", moment(at)),
        Some(Window::Before(at)) => format!("before {}", moment(at)),
        Some(Window::Calendar(word)) => calendar(*word),
    };
    format!(" {words}")
}

fn calendar(word: Calendar) -> String {
    calendar_text(word).replace('_', " ")
}

fn span(length: Span) -> String {
    let unit = UNITS.iter().find(|(_, _, unit)| *unit == length.unit).map_or("day", |(word, _, _)| word);
    let plural = if length.count == 1 { "" } else { "s" };
    format!("{} {unit}{plural}", length.count)
}

fn moment(at: &str) -> String {
    if alone(at) == Some(Kind::Digits) { at.to_owned() } else { quoted(at) }
}

fn name(name: &str) -> String {
    match alone(name) {
        Some(Kind::Word) if !is_kept_from_names(name) => name.to_owned(),
        _ => quoted(name),
    }
}

fn text(said: &str) -> String {
    match alone(said) {
        Some(Kind::Word) if !is_kept_from_texts(said) => said.to_owned(),
        _ => quoted(said),
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out += "\\n",
            '\r' => out += "\\r",
            '\t' => out += "\\t",
            _ if is_hidden(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What would not be seen, or turn how others are seen.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
