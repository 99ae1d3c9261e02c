//! What people did: verbs, what is asked of them, and one thing after another.

use super::Result;
use super::lexer::Kind;
use super::parser::{Parser, one_of, placed};
use super::words::{self, ARTICLES, VERBS};
use crate::language::SEQUENCE_STEPS_MAX;
use crate::language::ast::{
    Activity, Bounds, Definition, Figure, Filter, Follow, Measure, Next, PropertyTest, Sequence, Span, Step, Which,
    Window,
};
use crate::language::error::{DefinitionError, Position, distance};
use crate::language::parse::event_named;
use crate::language::sequence::SAME_MAX;
use serde_json::Value;

/// What is said after a verb, each with its place.
#[derive(Default)]
struct Clauses {
    filters: Vec<Filter>,
    window: Option<(Position, Window)>,
    measure: Option<(Position, Wanted)>,
    same: Option<(Position, Vec<String>)>,
    within: Option<(Position, Span)>,
}

/// A measure without the window that it may need.
enum Wanted {
    Count(Bounds),
    Figure(Figure, String, Bounds),
    First,
    Last,
}

impl Clauses {
    /// Refuses what has no place where the clauses stand.
    fn only(&self, measure: bool, window: bool, tie: bool) -> Result<()> {
        let refused = [
            (measure, self.measure.as_ref().map(|(at, _)| at), "a step of a sequence is not counted or measured"),
            (window, self.window.as_ref().map(|(at, _)| at), "only the first step of a sequence has a window"),
            (tie, self.same.as_ref().map(|(at, _)| at), "\"the same\" ties a step after \"then\" to the one before"),
            (
                tie,
                self.within.as_ref().map(|(at, _)| at),
                "\"within\" a length belongs to a step after \"then\"; a window is \"in the last 30 days\"",
            ),
        ];
        match refused.into_iter().find_map(|(allowed, at, why)| at.filter(|_| !allowed).map(|at| (*at, why))) {
            Some((at, why)) => Err(DefinitionError::at(at, why)),
            None => Ok(()),
        }
    }
}

impl Parser {
    /// An activity, or a sequence that begins with one.
    pub(super) fn did(&mut self) -> Result<Definition> {
        let which = if self.eat("last") { Which::Last } else { Which::Any };
        let event = self.verb()?;
        let clauses = self.clauses()?;
        if self.is_word("then") {
            clauses.only(false, true, false)?;
            let window = clauses.window.map(|(_, window)| window);
            let first = Step { event, filters: clauses.filters };
            return Ok(Definition::Sequence(Sequence { first, window, which, follow: self.follow()? }));
        }
        if which == Which::Last {
            return Err(self.expected("\"then\": \"last\" begins a sequence", &["then"]));
        }
        clauses.only(true, true, false)?;
        let Clauses { filters, window, measure, .. } = clauses;
        let (window, measure) = measured(window.map(|(_, window)| window), measure)?;
        Ok(Definition::Activity(Activity { event, filters, window, measure }))
    }

    /// What follows the first step.
    fn follow(&mut self) -> Result<Follow> {
        let (mut before, mut last): (Vec<Next>, Option<(Next, bool)>) = (Vec::new(), None);
        while self.is_word("then") {
            let at = self.at();
            match last.take() {
                Some((_, true)) => return Err(DefinitionError::at(at, "nothing follows what did not happen")),
                Some((next, false)) => before.push(next),
                None => {}
            }
            if before.len() + 2 > SEQUENCE_STEPS_MAX {
                return Err(DefinitionError::at(at, format!("more than {SEQUENCE_STEPS_MAX} steps")));
            }
            self.step();
            let negated = self.eat("not");
            self.count_node(at)?;
            let event = self.verb()?;
            let clauses = self.clauses()?;
            clauses.only(false, false, true)?;
            let Clauses { filters, same, within, .. } = clauses;
            let step = Step { event, filters };
            let same = same.map(|(_, names)| names).unwrap_or_default();
            last = Some((Next { step, same, within: within.map(|(_, within)| within) }, negated));
        }
        let Some((last, negated)) = last else { return Err(self.expected("\"then\"", &["then"])) };
        let last = if negated { Follow::ThenNot(last) } else { Follow::Then(last, None) };
        Ok(before.into_iter().rev().fold(last, |follow, next| Follow::Then(next, Some(Box::new(follow)))))
    }

    /// An event by its verb, or by `did` and its name; `None` for any.
    fn verb(&mut self) -> Result<Option<String>> {
        if self.eat("did") {
            if self.eat("anything") {
                return Ok(None);
            }
            let at = self.at();
            let name = match self.peek().kind {
                Kind::Word | Kind::Quoted => self.text()?,
                _ => return Err(self.expected("the name of an event, or \"anything\"", &["anything"])),
            };
            return placed(at, event_named(&Value::String(name), ""));
        }
        let matching = VERBS.iter().filter_map(|(verb, event)| Some((self.length(verb)?, *event)));
        let Some((length, event)) = matching.max() else { return Err(self.unknown_verb()) };
        for _ in 0..length {
            self.step();
        }
        Ok(Some(event.to_owned()))
    }

    /// How many tokens make up a verb, if it is next.
    fn length(&self, verb: &str) -> Option<usize> {
        let mut length = 0;
        for part in words::parts(verb) {
            while length > 0 && ARTICLES.iter().any(|article| self.is_word_at(length, article)) {
                length += 1;
            }
            if !self.is_word_at(length, part) {
                return None;
            }
            length += 1;
        }
        Some(length)
    }

    /// What to say where a verb should be; the nearest one if one is near.
    pub(super) fn unknown_verb(&self) -> DefinitionError {
        let token = self.peek();
        if token.kind != Kind::Word {
            return self.expected("what was done, such as \"purchased\", or \"did\" and the name of an event", &[]);
        }
        let begins: Vec<&str> =
            VERBS.iter().filter(|(verb, _)| words::first_word(verb) == token.text).map(|(verb, _)| *verb).collect();
        if !begins.is_empty() {
            return DefinitionError::at(token.at, format!("\"{}\" what? Expected {}", token.text, one_of(&begins)));
        }
        let shown: String = token.text.chars().take(crate::language::error::KEY_CHARS_SHOWN).collect();
        let near = words::nearest(&token.text, VERBS.iter().map(|(verb, _)| words::first_word(verb)));
        let hint = match near {
            Some(near) => {
                let rest = |verb: &str| {
                    let parts: Vec<&str> = words::parts(verb).skip(1).collect();
                    let given: Vec<&str> =
                        (1..8).map(|ahead| self.nth(ahead)).map(|token| token.text.as_str()).collect();
                    let given: Vec<&str> =
                        given.into_iter().filter(|word| !ARTICLES.contains(word)).take(parts.len()).collect();
                    distance(&given.join(" "), &parts.join(" "))
                };
                let verbs = VERBS.iter().map(|(verb, _)| *verb).filter(|verb| words::first_word(verb) == near);
                let verb = verbs.min_by_key(|verb| rest(verb)).unwrap_or(near);
                format!("did you mean \"{verb}\"?")
            }
            None => "other events are asked for by name: did \"Song Played\"".to_owned(),
        };
        DefinitionError::at(token.at, format!("unknown verb \"{shown}\"; {hint}"))
    }

    /// Everything that is said after a verb.
    fn clauses(&mut self) -> Result<Clauses> {
        let mut clauses = Clauses::default();
        loop {
            let at = self.at();
            if self.eat("where") {
                clauses.filters.extend(self.tests(true)?.into_iter().map(Filter::Property));
            } else if self.is_word("with") && (self.is_word_at(1, "an") || self.is_word_at(1, "item")) {
                clauses.filters.push(self.item(at)?);
            } else if self.is_same() {
                self.eat("with");
                self.step();
                self.step();
                once(&mut clauses.same, at, self.same()?, "a second \"the same\"; several names stand in parentheses")?;
            } else if self.eat("with") {
                once(&mut clauses.measure, at, self.figure()?, "a second measure: a condition has one")?;
            } else if self.is_bounds() {
                let bounds = self.bounds()?;
                self.demand_one(&["times", "time"])?;
                once(&mut clauses.measure, at, Wanted::Count(bounds), "a second measure: a condition has one")?;
            } else if self.eat("for") {
                self.demand("the")?;
                let wanted = if self.demand_one(&["first", "last"])? == "first" { Wanted::First } else { Wanted::Last };
                self.demand("time")?;
                once(&mut clauses.measure, at, wanted, "a second measure: a condition has one")?;
            } else if self.is_word("within") && !self.is_word_at(1, "the") {
                self.step();
                once(&mut clauses.within, at, self.span()?, "a second \"within\"")?;
            } else if let Some((at, window)) = self.window()? {
                once(&mut clauses.window, at, window, "a second window: a condition has one")?;
            } else {
                return Ok(clauses);
            }
        }
    }

    fn is_same(&self) -> bool {
        let at = usize::from(self.is_word("with"));
        self.is_word_at(at, "the") && self.is_word_at(at + 1, "same")
    }

    /// Tests of one event or one line item: `(currency is MXN and total at least 5)`.
    fn tests(&mut self, of_event: bool) -> Result<Vec<PropertyTest>> {
        let opened = self.at();
        self.open()?;
        let mut tests = Vec::new();
        loop {
            let at = self.at();
            if of_event && (self.is_word("an") || self.is_word("a")) && self.is_word_at(1, "item") {
                let why = "line items are asked for behind the parenthesis: with an item where (...)";
                return Err(DefinitionError::at(at, why));
            }
            self.count_node(at)?;
            tests.push(self.property()?);
            if self.is_word("or") {
                let why = "tests of one event are joined by \"and\"; for \"or\" write \"in (...)\" or two conditions";
                return Err(DefinitionError::at(self.at(), why));
            }
            if !self.eat("and") && !self.eat_kind(Kind::Comma) {
                break;
            }
        }
        self.close(opened, "\"and\" or \")\"")?;
        Ok(tests)
    }

    /// `with an item where (...)`
    fn item(&mut self, at: Position) -> Result<Filter> {
        self.step();
        self.eat("an");
        self.demand("item")?;
        self.demand("where")?;
        self.count_node(at)?;
        Ok(Filter::Item(self.tests(false)?))
    }

    /// The names behind `the same`.
    fn same(&mut self) -> Result<Vec<String>> {
        let opened = self.at();
        if !self.eat_kind(Kind::Open) {
            return Ok(vec![self.name()?]);
        }
        let mut names = Vec::new();
        loop {
            let at = self.at();
            let name = self.name()?;
            if names.contains(&name) {
                return Err(DefinitionError::at(at, "expected the name of a property, once"));
            }
            names.push(name);
            if names.len() > SAME_MAX {
                return Err(DefinitionError::at(opened, format!("more than {SAME_MAX} properties")));
            }
            if !self.eat_kind(Kind::Comma) {
                break;
            }
        }
        self.close(opened, "\",\" or \")\"")?;
        Ok(names)
    }

    /// `the sum of total at least 500`, after `with`.
    fn figure(&mut self) -> Result<Wanted> {
        if self.is_word("salt") {
            return Err(self.expected("a measure: a salt stands behind the parentheses of \"10 % of (...)\"", &[]));
        }
        self.eat("the");
        let figure = match self.demand_one(&["sum", "average", "smallest", "largest", "number"])? {
            "sum" => Figure::Sum,
            "average" => Figure::Avg,
            "smallest" => Figure::Min,
            "largest" => Figure::Max,
            _ => Figure::Distinct,
        };
        match figure {
            Figure::Sum | Figure::Avg => self.demand("of")?,
            Figure::Min | Figure::Max => {}
            Figure::Distinct => {
                self.demand("of")?;
                self.demand("different")?;
            }
        }
        Ok(Wanted::Figure(figure, self.name_or_nothing()?, self.bounds()?))
    }
}

/// Puts what may be said once.
fn once<T>(slot: &mut Option<(Position, T)>, at: Position, value: T, twice: &str) -> Result<()> {
    match slot.replace((at, value)) {
        Some(_) => Err(DefinitionError::at(at, twice)),
        None => Ok(()),
    }
}

/// A measure with the window it needs.
fn measured(window: Option<Window>, wanted: Option<(Position, Wanted)>) -> Result<(Option<Window>, Measure)> {
    let Some((at, wanted)) = wanted else { return Ok((window, Measure::Once)) };
    let needed = |window: Option<Window>| {
        window.ok_or_else(|| DefinitionError::at(at, "expected a window too, such as \"in the last 30 days\""))
    };
    Ok(match wanted {
        Wanted::Count(bounds) => (window, Measure::Count(bounds)),
        Wanted::Figure(figure, of, bounds) => (window, Measure::Figure(figure, of, bounds)),
        Wanted::First => (None, Measure::First(needed(window)?)),
        Wanted::Last => (None, Measure::Last(needed(window)?)),
    })
}
