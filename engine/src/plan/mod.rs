//! Compiled definitions: constants folded, patterns compiled, instants resolved, and the list
//! of what could change the answer.

mod compile;
mod constants;
mod sequence;
mod touched;

pub use compile::{Refer, Referred, compile};
pub use constants::Constants;
pub use sequence::{Next, Sequence, Step};
pub use touched::TouchedBy;

use crate::eval::calendar::fixed_micros;
use crate::language::Definition;
use crate::language::ast::{Bounds, Calendar, Direction, Figure, Span};
use crate::person::names::Names;
use jiff::tz::TimeZone;
use model::Time;
use regex::Regex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// A definition ready to be evaluated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The tree. Plans of segments that refer to this one share it.
    pub root: Arc<Node>,
    /// Whether those for whom it holds when it comes into force stay members.
    pub frozen: bool,
    /// The workspace's zone.
    pub zone: TimeZone,
    /// The workspace's currency, upper case.
    pub currency: String,
    /// Days of 24 hours for which events other than orders are kept.
    pub retention_days: u32,
    touched: TouchedBy,
}

impl Plan {
    /// What could change the answer.
    pub fn touched_by(&self) -> &TouchedBy {
        &self.touched
    }
}

/// A node of the tree, with the part of the definition that it stands for.
#[derive(Debug)]
pub struct Node {
    /// The definition, to explain by.
    pub source: Definition,
    /// What is evaluated.
    pub kind: Kind,
    /// Whether it looks at what happened, which costs more than a look at properties.
    pub asks_history: bool,
    /// The same for equal conditions, of other plans of the workspace too.
    pub fingerprint: u128,
    /// How much it is, with everything that it refers to.
    pub extent: Extent,
}

/// How much a condition is, together with the segments that it refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Conditions and groups; of a segment that is referred to several times each time.
    pub nodes: usize,
    /// Levels of nesting.
    pub depth: usize,
    /// Whether it asks for entries.
    pub entries: bool,
}

/// What a node asks.
#[derive(Debug)]
pub enum Kind {
    /// Every one holds.
    All(Vec<Node>),
    /// At least one holds.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// A property's value passes a test.
    Property(String, Test),
    /// Something happened.
    Activity(Activity),
    /// Money was spent.
    Spent(Spending),
    /// One thing happened after another, or not.
    Sequence(Sequence),
    /// Somebody is a member of another segment for whom this holds; what can't be decided there is no member.
    Member(Arc<Node>),
    /// Somebody is a member of another segment whose members are held as they are.
    Held(String),
    /// This came to hold within a window.
    Entered(Arc<Node>, Window),
    /// A part of those for whom something holds.
    Sample(Sample),
}

/// Money spent, in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spending {
    /// How much.
    pub bounds: Bounds,
    /// ISO 4217 code, upper case.
    pub currency: String,
    /// What is left out of each amount.
    pub without: Without,
    /// When.
    pub window: Window,
}

/// What is left out of an amount of money.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Without {
    /// The tax that it states.
    pub tax: bool,
    /// The shipping that it states.
    pub shipping: bool,
}

/// A stable part of those for whom something holds.
#[derive(Debug)]
pub struct Sample {
    /// Of the 2^64 values of the hash those below it are in.
    pub below: u128,
    /// Goes into the hash.
    pub salt: String,
    /// Of whom.
    pub of: Box<Node>,
}

/// A test of a value.
#[derive(Debug)]
pub enum Test {
    /// Equal to one of these.
    OneOf(Constants),
    /// Equal to none of these.
    NoneOf(Constants),
    /// Present or missing.
    Exists(bool),
    /// Contains folded text.
    Contains(String),
    /// Starts with folded text.
    StartsWith(String),
    /// Ends with folded text.
    EndsWith(String),
    /// Matches.
    Matches(Regex),
    /// A number within bounds.
    Number(Bounds),
    /// Before an instant.
    Before(Time),
    /// After an instant.
    After(Time),
    /// Near now.
    Within(Direction, Span),
    /// Anniversary ahead.
    Anniversary(Span),
}

/// When something must have happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Window {
    /// The last span.
    Last(Span),
    /// From the first instant on, before the second.
    Range(Time, Time),
    /// A calendar word.
    Calendar(Calendar),
}

impl Window {
    /// Whether everything stays in it for as long: neither months of different lengths, nor windows that shift if
    /// there is anything that they could come to hold.
    pub(crate) fn is_steady(&self) -> bool {
        match self {
            Window::Last(span) => fixed_micros(*span).is_some(),
            Window::Range(..) => true,
            Window::Calendar(_) => false,
        }
    }

    /// Every instant.
    pub const EVER: Window = Window::Range(Time::MIN, Time::MAX);
}

/// Something that happened.
#[derive(Debug)]
pub struct Activity {
    /// Its name; `None` for any.
    pub event: Option<String>,
    /// What must hold of it.
    pub filters: Vec<Filter>,
    /// When.
    pub window: Window,
    /// What is measured.
    pub measure: Measure,
    /// The same for all that measure the same of the same happenings, whatever the window and the bounds;
    /// `None` when a filter looks at the clock.
    pub line: Option<u128>,
    /// The number of its name, once it has one.
    pub(crate) number: Number,
}

/// The number of a name in the dictionary of a workspace, which never changes once it is given. Remembered, because it
/// is asked with every event.
#[derive(Debug)]
pub struct Number(AtomicU32);

impl Default for Number {
    fn default() -> Number {
        Number(AtomicU32::new(u32::MAX))
    }
}

impl Number {
    /// The number of a name.
    pub(crate) fn of(&self, name: &str, names: &Names) -> Option<u32> {
        match self.0.load(Ordering::Relaxed) {
            u32::MAX => {
                let number = names.number(name)?;
                self.0.store(number, Ordering::Relaxed);
                Some(number)
            }
            known => Some(known),
        }
    }
}

impl Activity {
    /// Whether an answer stays the same, with the instant until which it holds, until that instant: neither filters
    /// that look at the clock nor sums, of which less than all is looked at; and windows as below.
    pub(crate) fn is_steady(&self) -> bool {
        let measured = match &self.measure {
            Measure::Count(_) | Measure::Figure(Figure::Min | Figure::Max | Figure::Distinct, ..) => true,
            Measure::Figure(..) => false,
            Measure::First(window) | Measure::Last(window) => window.is_steady(),
        };
        measured && self.line.is_some() && self.window.is_steady()
    }

    /// Whether it asks for nothing but when something happened.
    pub(crate) fn is_bare(&self) -> bool {
        self.filters.is_empty() && !matches!(self.measure, Measure::Figure(..))
    }
}

/// A filter.
#[derive(Debug)]
pub enum Filter {
    /// Of a property.
    Property(String, Test),
    /// All of one line item.
    Item(Vec<(String, Test)>),
}

/// What is measured.
#[derive(Debug)]
pub enum Measure {
    /// How many there are.
    Count(Bounds),
    /// A figure over a property.
    Figure(Figure, String, Bounds),
    /// The first lies in the window.
    First(Window),
    /// The last lies in the window.
    Last(Window),
}
