//! From a definition to a plan.

use super::{Activity, Constants, Filter, Kind, Measure, Node, Plan, Test, TouchedBy, Window};
use crate::eval::values::{fold, start_of_day};
use crate::language::ast::{self, Bounds, PropertyTest};
use crate::language::{Definition, DefinitionError, pattern};
use jiff::tz::TimeZone;
use model::Time;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

/// Compiles a definition for a workspace's settings.
pub fn compile(
    definition: &Definition,
    zone: TimeZone,
    currency: &str,
    retention_days: u32,
) -> Result<Plan, DefinitionError> {
    let currency = currency.to_uppercase();
    let root = Compiler { zone: &zone, currency: &currency }.node(definition)?;
    let touched = TouchedBy::of(&root);
    Ok(Plan { root, zone, currency, retention_days, touched })
}

struct Compiler<'a> {
    zone: &'a TimeZone,
    currency: &'a str,
}

type Compiled<T> = Result<T, DefinitionError>;

impl Compiler<'_> {
    fn node(&self, definition: &Definition) -> Compiled<Node> {
        let nodes =
            |children: &[Definition]| children.iter().map(|child| self.node(child)).collect::<Compiled<Vec<_>>>();
        let kind = match definition {
            Definition::All(children) => Kind::All(nodes(children)?),
            Definition::Any(children) => Kind::Any(nodes(children)?),
            Definition::Not(child) => Kind::Not(Box::new(self.node(child)?)),
            Definition::Property(PropertyTest { name, test }) => Kind::Property(name.clone(), self.test(test)?),
            Definition::Activity(activity) => Kind::Activity(self.activity(activity)?),
            Definition::Spent(spending) => {
                let currency = spending.currency.clone().unwrap_or_else(|| self.currency.to_owned());
                Kind::Spent(spending.bounds, currency, self.window(spending.window.as_ref())?)
            }
        };
        let asks_history = match &kind {
            Kind::All(children) | Kind::Any(children) => children.iter().any(|child| child.asks_history),
            Kind::Not(child) => child.asks_history,
            Kind::Property(..) => false,
            Kind::Activity(_) | Kind::Spent(..) => true,
        };
        let fingerprint = self.fingerprint(definition);
        Ok(Node { source: definition.clone(), kind, asks_history, fingerprint })
    }

    /// A digest of a condition on history, as long as the workspace's settings stay.
    fn fingerprint(&self, definition: &Definition) -> u128 {
        let text = match definition {
            Definition::Activity(activity) => activity.to_json().to_string(),
            Definition::Spent(spending) => {
                let currency = spending.currency.clone().or_else(|| Some(self.currency.to_owned()));
                ast::Spending { currency, ..spending.clone() }.to_json().to_string()
            }
            _ => return 0,
        };
        let digest = Sha256::digest(text.as_bytes());
        digest.iter().take(16).fold(0, |sum, byte| (sum << 8) | u128::from(*byte))
    }

    fn activity(&self, activity: &ast::Activity) -> Compiled<Activity> {
        let mut filters = Vec::new();
        for filter in &activity.filters {
            filters.push(match filter {
                ast::Filter::Property(test) => Filter::Property(test.name.clone(), self.test(&test.test)?),
                ast::Filter::Item(tests) => {
                    let compiled = tests.iter().map(|test| Ok((test.name.clone(), self.test(&test.test)?)));
                    Filter::Item(compiled.collect::<Compiled<Vec<_>>>()?)
                }
            });
        }
        let measure = match &activity.measure {
            ast::Measure::Once => Measure::Count(Bounds { low: Some((Decimal::ONE, true)), high: None }),
            ast::Measure::Count(bounds) => Measure::Count(*bounds),
            ast::Measure::Figure(figure, of, bounds) => Measure::Figure(*figure, of.clone(), *bounds),
            ast::Measure::First(window) => Measure::First(self.window(Some(window))?),
            ast::Measure::Last(window) => Measure::Last(self.window(Some(window))?),
        };
        let window = self.window(activity.window.as_ref())?;
        Ok(Activity { event: activity.event.clone(), filters, window, measure })
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
