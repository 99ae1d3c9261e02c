//! From a definition to a plan.

use super::touched::filters_turn;
use super::{
    Activity, Constants, Extent, Filter, Kind, Measure, Next, Node, Number, Plan, Sample, Sequence, Spending, Step,
    Test, TouchedBy, Window, Without,
};
use crate::eval::values::{fold, start_of_day};
use crate::language::ast::{self, Bounds, PropertyTest};
use crate::language::{Definition, DefinitionError, PERCENT_DIGITS, pattern};
use jiff::tz::TimeZone;
use model::Time;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Conditions of a definition together with those of the segments that it refers to, each time that it does.
pub const EXPANDED_NODES_MAX: usize = 5_000;
/// Levels of nesting of a definition together with those of the segments that it refers to.
pub const EXPANDED_DEPTH_MAX: usize = 64;

/// How another segment is asked for.
pub enum Referred {
    /// It holds those for whom this holds.
    Plan(Arc<Node>),
    /// Its members are held as they are: it is frozen, stopped, or not in force yet.
    Held,
}

/// Tells of another segment; an error if there is no such.
pub type Refer<'a> = &'a dyn Fn(&str) -> Result<Referred, DefinitionError>;

/// Compiles a definition for a workspace's settings.
pub fn compile(
    definition: &Definition,
    zone: TimeZone,
    currency: &str,
    retention_days: u32,
    refer: Refer<'_>,
) -> Result<Plan, DefinitionError> {
    let currency = currency.to_uppercase();
    let compiler = Compiler { zone: &zone, currency: &currency, refer };
    let (frozen, asked) = match definition {
        Definition::Frozen(asked) => (true, asked.as_ref()),
        asked => (false, asked),
    };
    let root = Arc::new(compiler.node(asked)?);
    // Before anything walks through it.
    if root.extent.nodes > EXPANDED_NODES_MAX {
        let why = format!("asks for more than {EXPANDED_NODES_MAX} conditions together with the segments it refers to");
        return Err(DefinitionError::new("", why));
    }
    if root.extent.depth > EXPANDED_DEPTH_MAX {
        let why = format!("nested deeper than {EXPANDED_DEPTH_MAX} levels together with the segments it refers to");
        return Err(DefinitionError::new("", why));
    }
    let touched = TouchedBy::of(&root);
    Ok(Plan { root, frozen, zone, currency, retention_days, touched })
}

fn digest(text: &str) -> u128 {
    Sha256::digest(text.as_bytes()).iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
}

/// The key of what an activity measures, whatever its window and bounds.
fn line(activity: &ast::Activity) -> u128 {
    let bare = ast::Activity { window: None, measure: ast::Measure::Once, ..activity.clone() };
    let measured = match &activity.measure {
        ast::Measure::Figure(ast::Figure::Distinct, of, _) => format!("values {of}"),
        ast::Measure::Figure(_, of, _) => format!("numbers {of}"),
        _ => "times".to_owned(),
    };
    digest(&format!("{measured} {}", bare.to_json()))
}

struct Compiler<'a> {
    zone: &'a TimeZone,
    currency: &'a str,
    refer: Refer<'a>,
}

type Compiled<T> = Result<T, DefinitionError>;

impl Compiler<'_> {
    fn node(&self, definition: &Definition) -> Compiled<Node> {
        let kind = match definition {
            Definition::All(children) => Kind::All(self.nodes(children)?),
            Definition::Any(children) => Kind::Any(self.nodes(children)?),
            Definition::Not(child) => Kind::Not(Box::new(self.node(child)?)),
            Definition::Property(PropertyTest { name, test }) => Kind::Property(name.clone(), self.test(test)?),
            Definition::Activity(activity) => Kind::Activity(self.activity(activity)?),
            Definition::Spent(spending) => Kind::Spent(self.spending(spending)?),
            Definition::Sequence(sequence) => Kind::Sequence(self.sequence(sequence)?),
            Definition::Segment(id) => match self.referred(id)? {
                Referred::Plan(node) => Kind::Member(node),
                Referred::Held => Kind::Held(id.clone()),
            },
            Definition::Entered(entered) => {
                let window = self.window(entered.window.as_ref())?;
                match self.referred(&entered.segment)? {
                    // Each would go through the whole past at every instant of the past.
                    Referred::Plan(node) if node.extent.entries => {
                        let why = format!("\"{}\" itself asks for entries into a segment", entered.segment);
                        return Err(DefinitionError::new("entered", why));
                    }
                    Referred::Plan(node) => Kind::Entered(node, window),
                    // Nobody enters what is frozen, or not in force yet.
                    Referred::Held => Kind::Any(Vec::new()),
                }
            }
            Definition::Sample(sample) => Kind::Sample(Sample {
                below: sample_below(sample.percent),
                salt: sample.salt.clone().unwrap_or_default(),
                of: Box::new(self.node(&sample.of)?),
            }),
            Definition::Frozen(_) => return Err(DefinitionError::new("", "\"frozen\" stands at the top alone")),
        };
        let asks_history = match &kind {
            Kind::All(children) | Kind::Any(children) => children.iter().any(|child| child.asks_history),
            Kind::Not(child) => child.asks_history,
            Kind::Member(node) => node.asks_history,
            Kind::Sample(sample) => sample.of.asks_history,
            Kind::Property(..) | Kind::Held(_) => false,
            Kind::Activity(_) | Kind::Spent(_) | Kind::Sequence(_) | Kind::Entered(..) => true,
        };
        let fingerprint = self.fingerprint(definition);
        let extent = extent(&kind);
        Ok(Node { source: definition.clone(), kind, asks_history, fingerprint, extent })
    }

    fn nodes(&self, children: &[Definition]) -> Compiled<Vec<Node>> {
        children.iter().map(|child| self.node(child)).collect()
    }

    fn referred(&self, id: &str) -> Compiled<Referred> {
        (self.refer)(id)
    }

    fn spending(&self, spending: &ast::Spending) -> Compiled<Spending> {
        Ok(Spending {
            bounds: spending.bounds,
            currency: spending.currency.clone().unwrap_or_else(|| self.currency.to_owned()),
            without: Without { tax: spending.without_tax, shipping: spending.without_shipping },
            window: self.window(spending.window.as_ref())?,
        })
    }

    fn sequence(&self, sequence: &ast::Sequence) -> Compiled<Sequence> {
        let mut then = Vec::new();
        let mut follow = Some(&sequence.follow);
        let mut not = false;
        while let Some(next) = follow {
            let (ast::Follow::Then(one, _) | ast::Follow::ThenNot(one)) = next;
            then.push(Next { step: self.step(&one.step)?, same: one.same.clone(), within: one.within });
            follow = match next {
                ast::Follow::Then(_, after) => after.as_deref(),
                ast::Follow::ThenNot(_) => {
                    not = true;
                    None
                }
            };
        }
        Ok(Sequence {
            first: self.step(&sequence.first)?,
            window: self.window(sequence.window.as_ref())?,
            last: sequence.which == ast::Which::Last,
            then,
            not,
        })
    }

    fn step(&self, step: &ast::Step) -> Compiled<Step> {
        Ok(Step { event: step.event.clone(), filters: self.filters(&step.filters)? })
    }

    /// A digest of a condition on history, as long as the workspace's settings and definitions stay.
    fn fingerprint(&self, definition: &Definition) -> u128 {
        let text = match definition {
            Definition::Activity(_) | Definition::Sequence(_) | Definition::Entered(_) => {
                definition.to_json().to_string()
            }
            Definition::Spent(spending) => {
                let currency = spending.currency.clone().or_else(|| Some(self.currency.to_owned()));
                ast::Spending { currency, ..spending.clone() }.to_json().to_string()
            }
            _ => return 0,
        };
        digest(&text)
    }

    fn filters(&self, filters: &[ast::Filter]) -> Compiled<Vec<Filter>> {
        let mut compiled = Vec::new();
        for filter in filters {
            compiled.push(match filter {
                ast::Filter::Property(test) => Filter::Property(test.name.clone(), self.test(&test.test)?),
                ast::Filter::Item(tests) => {
                    let tests = tests.iter().map(|test| Ok((test.name.clone(), self.test(&test.test)?)));
                    Filter::Item(tests.collect::<Compiled<Vec<_>>>()?)
                }
            });
        }
        Ok(compiled)
    }

    fn activity(&self, activity: &ast::Activity) -> Compiled<Activity> {
        let filters = self.filters(&activity.filters)?;
        let measure = match &activity.measure {
            ast::Measure::Once => Measure::Count(Bounds { low: Some((Decimal::ONE, true)), high: None }),
            ast::Measure::Count(bounds) => Measure::Count(*bounds),
            ast::Measure::Figure(figure, of, bounds) => Measure::Figure(*figure, of.clone(), *bounds),
            ast::Measure::First(window) => Measure::First(self.window(Some(window))?),
            ast::Measure::Last(window) => Measure::Last(self.window(Some(window))?),
        };
        let window = self.window(activity.window.as_ref())?;
        let line = if filters_turn(&filters) { None } else { Some(line(activity)) };
        Ok(Activity { event: activity.event.clone(), filters, window, measure, line, number: Number::default() })
    }

    fn window(&self, window: Option<&ast::Window>) -> Compiled<Window> {
        Ok(match window {
            None => Window::EVER,
            Some(ast::Window::Last(span)) => Window::Last(*span),
            Some(ast::Window::Since(from)) => Window::Range(self.instant(from)?, Time::MAX),
            Some(ast::Window::Before(until)) => Window::Range(Time::MIN, self.instant(until)?),
            Some(ast::Window::Between(from, until)) => Window::Range(self.instant(from)?, self.instant(until)?),
            Some(ast::Window::Calendar(word)) => Window::Calendar(*word),
        })
    }

    fn instant(&self, text: &str) -> Compiled<Time> {
        let day = || start_of_day(text.trim().parse().ok()?, self.zone);
        Time::parse(text)
            .or_else(day)
            .ok_or_else(|| DefinitionError::new("", format!("{text} is no instant in this time zone")))
    }

    fn test(&self, test: &ast::Test) -> Compiled<Test> {
        Ok(match test {
            ast::Test::OneOf(values) => Test::OneOf(Constants::new(values)),
            ast::Test::NoneOf(values) => Test::NoneOf(Constants::new(values)),
            ast::Test::Exists(flag) => Test::Exists(*flag),
            ast::Test::Contains(text) => Test::Contains(fold(text).into_owned()),
            ast::Test::StartsWith(text) => Test::StartsWith(fold(text).into_owned()),
            ast::Test::EndsWith(text) => Test::EndsWith(fold(text).into_owned()),
            ast::Test::Matches(text) => {
                Test::Matches(pattern(text).map_err(|why| DefinitionError::new("matches", why))?)
            }
            ast::Test::Number(bounds) => Test::Number(*bounds),
            ast::Test::Before(instant) => Test::Before(self.instant(instant)?),
            ast::Test::After(instant) => Test::After(self.instant(instant)?),
            ast::Test::Within(direction, span) => Test::Within(*direction, *span),
            ast::Test::Anniversary(span) => Test::Anniversary(*span),
        })
    }
}

fn extent(kind: &Kind) -> Extent {
    let of = |parts: &mut dyn Iterator<Item = Extent>| {
        parts.fold(Extent { nodes: 1, depth: 1, entries: false }, |sum, part| Extent {
            nodes: sum.nodes.saturating_add(part.nodes),
            depth: sum.depth.max(part.depth.saturating_add(1)),
            entries: sum.entries || part.entries,
        })
    };
    match kind {
        Kind::All(children) | Kind::Any(children) => of(&mut children.iter().map(|child| child.extent)),
        Kind::Not(child) => of(&mut std::iter::once(child.extent)),
        Kind::Member(other) => of(&mut std::iter::once(other.extent)),
        Kind::Entered(other, _) => Extent { entries: true, ..of(&mut std::iter::once(other.extent)) },
        Kind::Sample(sample) => of(&mut std::iter::once(sample.of.extent)),
        Kind::Property(..) | Kind::Activity(_) | Kind::Spent(_) | Kind::Sequence(_) | Kind::Held(_) => {
            of(&mut std::iter::empty())
        }
    }
}

/// How many of the 2^64 values of a hash make a percentage.
fn sample_below(percent: Decimal) -> u128 {
    let mut percent = percent;
    percent.rescale(PERCENT_DIGITS);
    let whole = 100 * 10u128.pow(PERCENT_DIGITS);
    percent.mantissa().unsigned_abs() * (1 << 64) / whole
}
