//! A definition as a tree.

use rust_decimal::Decimal;
use std::collections::BTreeSet;

/// A definition or a part of one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Definition {
    /// Every one holds.
    All(Vec<Definition>),
    /// At least one holds.
    Any(Vec<Definition>),
    /// It does not hold.
    Not(Box<Definition>),
    /// A characteristic.
    Property(PropertyTest),
    /// Something the person did.
    Activity(Activity),
    /// Money spent.
    Spent(Spending),
    /// One thing after another, or not.
    Sequence(Sequence),
    /// Membership of another segment, by its id.
    Segment(String),
    /// An entry into another segment.
    Entered(Entered),
    /// A stable part of those for whom a definition holds.
    Sample(Sample),
    /// Whoever it holds for when it comes into force stays a member. Only at the top.
    Frozen(Box<Definition>),
}

impl Definition {
    /// Every segment that it refers to, directly.
    pub fn refers_to(&self) -> BTreeSet<&str> {
        match self {
            Definition::All(children) | Definition::Any(children) => {
                children.iter().flat_map(Definition::refers_to).collect()
            }
            Definition::Not(child) | Definition::Frozen(child) => child.refers_to(),
            Definition::Sample(sample) => sample.of.refers_to(),
            Definition::Segment(id) => BTreeSet::from([id.as_str()]),
            Definition::Entered(entered) => BTreeSet::from([entered.segment.as_str()]),
            Definition::Property(_) | Definition::Activity(_) | Definition::Spent(_) | Definition::Sequence(_) => {
                BTreeSet::new()
            }
        }
    }
}

/// A test of one property.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PropertyTest {
    /// Its name.
    pub name: String,
    /// The test.
    pub test: Test,
}

/// A constant in a definition.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Const {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Decimal),
    /// Text.
    Text(String),
}

/// What is asked of a value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Test {
    /// Equal to one of these (`is` has one, `in` several).
    OneOf(Vec<Const>),
    /// Equal to none of these.
    NoneOf(Vec<Const>),
    /// Present, or missing.
    Exists(bool),
    /// Contains this text.
    Contains(String),
    /// Starts with this text.
    StartsWith(String),
    /// Ends with this text.
    EndsWith(String),
    /// Matches this regular expression.
    Matches(String),
    /// A number within bounds.
    Number(Bounds),
    /// Strictly before this instant.
    Before(String),
    /// Strictly after this instant.
    After(String),
    /// At most this long ago, or ahead.
    Within(Direction, Span),
    /// An anniversary at most this far ahead.
    Anniversary(Span),
}

/// Which way a length of time is measured.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Direction {
    /// Back from now.
    Last,
    /// Ahead from now.
    Next,
}

/// Bounds of a number; each end says whether it is included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Bounds {
    /// The lower end.
    pub low: Option<(Decimal, bool)>,
    /// The upper end.
    pub high: Option<(Decimal, bool)>,
}

impl Bounds {
    /// Whether a number lies within.
    pub fn hold(&self, number: Decimal) -> bool {
        let above = self.low.is_none_or(|(low, included)| if included { number >= low } else { number > low });
        let below = self.high.is_none_or(|(high, included)| if included { number <= high } else { number < high });
        above && below
    }
}

/// A unit of time. Up to weeks they are fixed; months and years follow the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Unit {
    /// 60 s.
    Minute,
    /// 60 minutes.
    Hour,
    /// 24 hours.
    Day,
    /// 7 days.
    Week,
    /// A calendar month in the workspace's zone.
    Month,
    /// A calendar year in the workspace's zone.
    Year,
}

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    /// How many.
    pub count: u32,
    /// Of what.
    pub unit: Unit,
}

/// A calendar word.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Calendar {
    /// The current day.
    Today,
    /// The day before.
    Yesterday,
    /// The current week, from Monday.
    ThisWeek,
    /// The week before.
    LastWeek,
    /// The current month.
    ThisMonth,
    /// The month before.
    LastMonth,
    /// The current year.
    ThisYear,
    /// The year before.
    LastYear,
}

/// When something must have happened.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Window {
    /// In the last span.
    Last(Span),
    /// From the first instant on, before the second.
    Between(String, String),
    /// From this instant on.
    Since(String),
    /// Before this instant.
    Before(String),
    /// A calendar word.
    Calendar(Calendar),
}

/// Something the person did.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Activity {
    /// The event's name; `None` for any.
    pub event: Option<String>,
    /// What must hold of the event.
    pub filters: Vec<Filter>,
    /// When; `None` for ever.
    pub window: Option<Window>,
    /// What is measured.
    pub measure: Measure,
}

/// A filter of an event.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Filter {
    /// Of one of its properties.
    Property(PropertyTest),
    /// All of the same line item.
    Item(Vec<PropertyTest>),
}

/// What is measured of the matching events.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Measure {
    /// There is one.
    Once,
    /// How many there are.
    Count(Bounds),
    /// A figure over one property.
    Figure(Figure, String, Bounds),
    /// The first one ever lies in the window.
    First(Window),
    /// The last one lies in the window.
    Last(Window),
}

/// A figure over a property.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Figure {
    /// Sum of the numbers.
    Sum,
    /// Their mean.
    Avg,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// How many different values.
    Distinct,
}

/// Money spent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Spending {
    /// How much.
    pub bounds: Bounds,
    /// In which currency; `None` for the workspace's.
    pub currency: Option<String>,
    /// Without the tax that orders and refunds state.
    pub without_tax: bool,
    /// Without the shipping that orders and refunds state.
    pub without_shipping: bool,
    /// When; `None` for ever.
    pub window: Option<Window>,
}

/// One thing after another: a first step in a window, and what follows it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sequence {
    /// What comes first.
    pub first: Step,
    /// When the first step must have happened; `None` for ever.
    pub window: Option<Window>,
    /// Which of several first steps counts.
    pub which: Which,
    /// What follows, or must not.
    pub follow: Follow,
}

/// Which of several first steps of a sequence counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Which {
    /// Any of them.
    Any,
    /// The latest in the window.
    Last,
}

/// A step of a sequence.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Step {
    /// The event's name; `None` for any.
    pub event: Option<String>,
    /// What must hold of the event.
    pub filters: Vec<Filter>,
}

/// What follows a step.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Follow {
    /// This happened, and then perhaps more.
    Then(Next, Option<Box<Follow>>),
    /// This did not happen, and the time for it is over.
    ThenNot(Next),
}

/// A step with its tie to the one before.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Next {
    /// What happens.
    pub step: Step,
    /// Properties whose values are those of the step before, of the event or of one of its line items.
    pub same: Vec<String>,
    /// At most so long after the step before; `None` for any time after.
    pub within: Option<Span>,
}

/// An entry into another segment: its present definition, over what is known today, turned true.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Entered {
    /// The segment's id.
    pub segment: String,
    /// When; `None` for ever.
    pub window: Option<Window>,
}

/// A stable part of those for whom a definition holds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Sample {
    /// Percent of them, by a hash of the person's id: more than 0, at most 100.
    pub percent: Decimal,
    /// Samples of one salt hold one another; those of another salt are independent.
    pub salt: Option<String>,
    /// Of whom.
    pub of: Box<Definition>,
}
