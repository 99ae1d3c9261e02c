//! What evaluation sees of a person.

use super::line::{Lined, Wanted};
use super::reach::Reach;
use crate::plan::Without;
use model::{Time, Value};
use rust_decimal::Decimal;

/// One happening as evaluation sees it. For `Order Completed` these are counted orders
/// (not cancelled ones), with the order's own time and its gross properties.
pub trait Happening {
    /// When it happened.
    fn time(&self) -> Time;
    /// Its canonical name.
    fn name(&self) -> &str;
    /// A property by name; dots descend into objects (`company.name`).
    fn property(&self, name: &str) -> Option<Value>;
    /// Whether it is exempt from retention (orders are).
    fn kept_for_good(&self) -> bool;
}

/// What was spent on one counted order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spent {
    /// The order's own time.
    pub time: Time,
    /// Received minus refunded, in `currency`. May not be negative.
    pub amount: Decimal,
    /// ISO 4217 code; empty when the sender gave none (the workspace's currency is meant).
    pub currency: String,
}

/// Looks at a person as of an instant of the past, for which so many steps were taken. It returns when it wants
/// to look again if nothing happens; `None` when it wants to look no more.
pub type Visit<'a> = dyn FnMut(&dyn Subject, Time, u64) -> Option<Time> + 'a;

/// A person at one instant. Everything it shows is what is known *now* (the instant that
/// the subject was made for); nothing in it lies after that instant.
pub trait Subject {
    /// The shown value of a characteristic; `None` when missing. Built-in names that are
    /// derived (`first_seen`, `consent_email`, `consent_sms`, `email_domain`) are answered here
    /// too; `age` is not: evaluation derives it from `birthday`.
    /// Instants (`first_seen`, `subscribed_at`) are RFC 3339 text.
    fn property(&self, name: &str) -> Option<Value>;

    /// Calls `visit` for each happening named `name` (every name when `None`) with
    /// `from <= time < until`, in order of time, until `visit` returns false.
    /// Happenings past retention are not shown.
    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool);

    /// Calls `visit` for each counted order with `from <= time < until`, in order of time; amounts leave
    /// out what `without` says.
    fn spent(&self, from: Time, until: Time, without: Without, visit: &mut dyn FnMut(&Spent));

    /// The value of one unit of `from` in `to` on the day of `at`; `None` when unknown.
    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal>;

    /// What matches, kept in order of time, or that it is little; `None` when it must be gone through. It
    /// follows from what is known of the person alone, not from what of it is in memory.
    fn line(&self, _wanted: Wanted<'_>) -> Option<Lined<'_>> {
        None
    }

    /// The person's stable id, for samples.
    fn stable_id(&self) -> &str;

    /// Whether the person is now in another segment whose members are held as they are; `None` when
    /// there is no such segment.
    fn in_segment(&self, segment: &str) -> Option<bool>;

    /// Walks through the past as it is known today, as far as a condition reaches: calls `visit` with the
    /// person as of its first instant, if anything had happened by then, and of each later instant up to now
    /// at which something happened that it could look at, or that `visit` named. Of what it can't look at,
    /// nothing is shown. Returns the time of the earliest happening shown that retention takes in the end.
    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time>;

    /// Steps taken so far, where they are counted.
    fn steps(&self) -> u64 {
        0
    }

    /// The same person, whose looks are not counted, where they are.
    fn uncounted(&self) -> Option<&dyn Subject> {
        None
    }

    /// Counts steps of what is known already.
    fn take_steps(&self, _steps: u64) {}

    /// Whether more steps were taken than may be: then no answer counts.
    fn is_exhausted(&self) -> bool {
        false
    }
}
