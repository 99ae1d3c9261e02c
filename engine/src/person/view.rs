//! A person at one instant, as evaluation sees it.

use crate::eval::line::{Lined, Wanted};
use crate::eval::reach::Reach;
use crate::eval::row::{Moments, Row};
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::person::bag::descend;
use crate::person::carts::Change;
use crate::person::consent::Foreign;
use crate::person::derived::derived;
use crate::person::fact::Fact;
use crate::person::facts::Facts;
use crate::person::names::Names;
use crate::person::orders::{Counted, Words};
use crate::person::past::Past;
use crate::person::{Named, Person};
use crate::plan::{Activity, Without};
use crate::storage::PersonNo;
use model::{Channel, ConsentState, OrderPolicy, Source, SourceKind, Time, Value};
use rust_decimal::Decimal;
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// What a workspace adds to a person's own history.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Names by number.
    pub names: &'a Names,
    /// The words of orders.
    pub words: &'a Words,
    /// Sources by number.
    pub sources: &'a [Source],
    /// Rates: from, to, day number; newest day not after the asked one holds.
    pub rates: &'a BTreeMap<(String, String), BTreeMap<i64, Decimal>>,
    /// The workspace's zone.
    pub zone: &'a jiff::tz::TimeZone,
    /// The workspace's currency.
    pub currency: &'a str,
    /// What happened at or before this instant is past its retention, but for orders.
    pub forgotten: Time,
    /// Who is in segments whose members are held as they are.
    pub held: &'a dyn Held,
}

/// Segments whose members are held as they are.
pub trait Held {
    /// Whether somebody is a member now; `None` when there is no such segment.
    fn holds(&self, segment: &str, no: PersonNo) -> Option<bool>;
}

/// No segments at all.
pub struct NoSegments;

impl Held for NoSegments {
    fn holds(&self, _: &str, _: PersonNo) -> Option<bool> {
        None
    }
}

impl Context<'_> {
    /// Whether orders of a source count by themselves.
    pub fn orders_count(&self, source: u32) -> bool {
        let Some(source) = self.sources.get(source as usize) else { return true };
        match source.orders {
            _ if source.kind == SourceKind::Platform => true,
            OrderPolicy::Count => true,
            OrderPolicy::Match => false,
            OrderPolicy::Auto => !self.sources.iter().any(|source| source.kind == SourceKind::Platform),
        }
    }

    /// Whether orders of every source count by themselves.
    fn all_orders_count(&self) -> bool {
        (0..self.sources.len() as u32).all(|source| self.orders_count(source))
    }

    /// Whether a source is a platform.
    pub fn is_platform(&self, source: u32) -> bool {
        self.sources.get(source as usize).is_some_and(|source| source.kind == SourceKind::Platform)
    }

    /// Days since 1970-01-01 of an instant, in the workspace's zone.
    pub fn day(&self, at: Time) -> i64 {
        let Some(stamp) = at.to_timestamp() else { return 0 };
        day_number(self.zone.to_datetime(stamp).date())
    }
}

/// Days since 1970-01-01 of a civil date.
pub fn day_number(date: jiff::civil::Date) -> i64 {
    let midnight = date.to_datetime(jiff::civil::Time::midnight());
    jiff::tz::TimeZone::UTC.to_timestamp(midnight).map_or(0, |stamp| stamp.as_second().div_euclid(86_400))
}

/// Consent as the properties `consent_email` and `consent_sms` show it.
pub(crate) fn consent_value(state: ConsentState) -> Value {
    Value::text(match state {
        ConsentState::Subscribed => "subscribed",
        ConsentState::Unsubscribed => "unsubscribed",
    })
}

/// A person now.
pub struct View<'a> {
    /// The person.
    pub person: &'a Person,
    /// The workspace.
    pub context: Context<'a>,
    /// Now.
    pub now: Time,
    /// What addresses of the person said that somebody else holds.
    pub foreign: &'a Foreign,
    /// The person's stable id.
    pub stable_id: &'a str,
}

#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    facts: &'a Facts,
    place: u32,
    name: &'a str,
    time: Time,
    kept: bool,
    names: &'a Names,
    /// What it shows of a cart, when it is no event of its own.
    change: Option<(&'a Change, &'a Words)>,
}

impl<'a> Shown<'a> {
    /// What it rests on: not looked at for its time alone.
    fn fact(&self) -> Option<&'a Fact> {
        self.facts.get(self.place as usize)
    }
}

impl Happening for Shown<'_> {
    fn time(&self) -> Time {
        self.time
    }

    fn name(&self) -> &str {
        self.name
    }

    fn property(&self, name: &str) -> Option<Value> {
        match self.change {
            Some((change, words)) => descend(&Value::Map(change.properties(self.facts, words)), name),
            None => self.fact()?.properties.lookup(name, self.names),
        }
    }

    fn kept_for_good(&self) -> bool {
        self.kept
    }
}

impl<'a> View<'a> {
    /// The newest consent of the person's address on a channel.
    pub fn consent(&self, channel: Channel) -> Option<ConsentState> {
        let address = self.person.address(channel, &self.context)?;
        if self.person.nodes.contains_key(&address.key()) {
            return self.person.consent_of(channel, &address.value);
        }
        self.foreign.consent_of(channel, &address.value, self.now)
    }

    fn consent_text(&self, channel: Channel) -> Option<Value> {
        self.consent(channel).map(consent_value)
    }

    /// What happened at a time, under a name.
    pub(super) fn shown(&self, (time, place): (Time, u32), name: u32) -> Shown<'a> {
        let context = self.context;
        let (name, kept) = (context.names.name(name).unwrap_or_default(), context.words.is_order(name));
        Shown { facts: &self.person.facts, place, name, time, kept, names: context.names, change: None }
    }

    /// A counted order, as it happened.
    pub(super) fn shown_order(&self, order: &Counted) -> Shown<'a> {
        self.shown((order.time, order.shown), self.context.words.completed)
    }

    /// What a cart shows, under a name.
    pub(super) fn shown_change<'b>(&self, change: &'b Change, name: u32) -> Shown<'b>
    where
        'a: 'b,
    {
        let shown = Some((change, self.context.words));
        Shown { kept: false, change: shown, ..self.shown((change.time, change.snapshot), name) }
    }

    /// What was spent on an order.
    pub(super) fn spent_on(&self, order: &Counted, without: Without) -> Spent {
        let amount = order.spent(self.context.is_platform(order.source), without);
        Spent { time: order.time, amount, currency: order.currency.clone() }
    }

    /// Facts of one name in `from..until` that are not past retention.
    fn named(&self, number: u32, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (first, forgotten) = (self.shown((Time::MIN, 0), number), self.context.forgotten);
        let gone = move |named: &Named| named.time < from || (!first.kept && named.time <= forgotten);
        let places = self.person.by_name.get(&number).into_iter();
        places
            .flat_map(move |places| places.from(places.partition_point(gone)))
            .take_while(move |named| named.time < until)
            .map(move |named| Shown { time: named.time, place: named.place, ..first })
    }

    /// What carts show in `from..until` under a name, but for what is past retention.
    fn changes(&self, number: u32, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (first, context) = (self.shown((Time::MIN, 0), number), self.context);
        let changes = self.person.cart_changes(number, context.words);
        let gone = move |change: &Change| change.time < from || change.time <= context.forgotten;
        let changes = changes.into_iter().flat_map(move |changes| changes.from(changes.partition_point(gone)));
        changes.take_while(move |change| change.time < until).map(move |change| {
            let shown = Some((change, context.words));
            Shown { time: change.time, place: change.snapshot, kept: false, change: shown, ..first }
        })
    }

    /// The number of what a condition asks for: `None` for anything, `Some(None)` for what never happened to anybody.
    fn number(&self, asked: &Activity) -> Option<Option<u32>> {
        asked.event.as_deref().map(|name| asked.number.of(name, self.context.names))
    }

    /// When what a condition asks for happened, whatever it was like; `None` when that is not kept in order of time.
    pub(super) fn moments(&self, asked: &Activity) -> Option<Moments<'_>> {
        let (person, words, forgotten) = (self.person, self.context.words, self.context.forgotten);
        let orders = || self.context.all_orders_count().then_some((&person.counted as &dyn Row, true));
        let mut rows = SmallVec::new();
        match self.number(asked) {
            Some(None) => {}
            Some(Some(number)) if number == words.completed => rows.push(orders()?),
            // What carts show is not in one row.
            Some(Some(number)) if person.cart_changes(number, words).is_some() => return None,
            Some(Some(number)) => {
                let row = person.by_name.get(&number);
                rows.extend(row.map(|row| (row as &dyn Row, words.is_order(number))));
            }
            None if person.carts.is_some() => return None,
            None => {
                rows.push(orders()?);
                let named = person.by_name.iter();
                rows.extend(named.map(|(number, row)| (row as &dyn Row, words.is_order(*number))));
            }
        }
        Some(Moments { rows, forgotten })
    }

    /// How much is known of what a condition asks for, but for what is past retention.
    pub(super) fn happened(&self, wanted: Wanted<'_>) -> usize {
        let (person, words) = (self.person, self.context.words);
        let asked = match wanted {
            Wanted::Spent(_) => return person.counted.len(),
            Wanted::Activity(asked, _) => self.number(asked),
        };
        let of_name = |number: u32| {
            let changes = person.cart_changes(number, words);
            let changes =
                changes.map_or(0, |changes| changes.len() - changes.partition_point(|one| self.has_passed(one.time)));
            let Some(places) = person.by_name.get(&number) else { return changes };
            let gone = |named: &Named| self.has_passed(named.time);
            let kept = words.is_order(number) || person.oldest_passing > self.context.forgotten;
            changes + places.len() - if kept { 0 } else { places.partition_point(gone) }
        };
        match asked {
            Some(None) => 0,
            Some(Some(number)) if number == words.completed => person.counted.len(),
            Some(Some(number)) => of_name(number),
            None => {
                let named = person.by_name.keys().filter(|name| ![words.added, words.removed].contains(name));
                let named = named.copied().chain([words.added, words.removed]);
                person.counted.len() + named.map(of_name).sum::<usize>()
            }
        }
    }

    fn has_passed(&self, time: Time) -> bool {
        time <= self.context.forgotten
    }

    /// Everything that happened: what a cart shows in place of its snapshots.
    fn all(&self, from: Time, until: Time) -> Vec<Shown<'a>> {
        let words = self.context.words;
        let mut all: Vec<Shown<'_>> = self.orders(from, until).collect();
        for number in self.person.by_name.keys() {
            let named = self.named(*number, from, until);
            all.extend(named.filter(|shown| {
                *number != words.cart_updated || shown.fact().is_some_and(|fact| fact.cart_key(words).is_none())
            }));
        }
        for number in [words.added, words.removed] {
            all.extend(self.changes(number, from, until));
        }
        all.sort_by_key(|shown| shown.time);
        all
    }

    fn orders(&self, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (person, context) = (self.person, self.context);
        let first = self.shown((Time::MIN, 0), context.words.completed);
        let orders = person.counted.from(person.counted.partition_point(|order| order.time < from));
        let orders = orders.take_while(move |order| order.time < until);
        let orders = orders.filter(move |order| context.orders_count(order.source));
        orders.map(move |order| Shown { time: order.time, place: order.shown, ..first })
    }
}

impl Subject for View<'_> {
    fn property(&self, name: &str) -> Option<Value> {
        match name {
            "first_seen" => self.person.first_seen.map(|time| Value::Text(time.to_string())),
            "email" => self.person.address(Channel::Email, &self.context).map(|address| Value::Text(address.value)),
            "phone" => self.person.address(Channel::Sms, &self.context).map(|address| Value::Text(address.value)),
            "consent_email" => self.consent_text(Channel::Email),
            "consent_sms" => self.consent_text(Channel::Sms),
            "email_domain" => {
                let address = self.person.address(Channel::Email, &self.context)?;
                address.value.rsplit_once('@').map(|(_, domain)| Value::text(domain))
            }
            _ => derived(name, &|name| self.person.shown(name, &self.context)),
        }
    }

    fn happenings(&self, name: Option<&str>, from: Time, until: Time, visit: &mut dyn FnMut(&dyn Happening) -> bool) {
        let number = match name {
            Some(name) => match self.context.names.number(name) {
                Some(number) => Some(number),
                None => return,
            },
            None => None,
        };
        match number {
            Some(number) if number == self.context.words.completed => {
                self.orders(from, until).all(|shown| visit(&shown));
            }
            Some(number) if self.person.cart_changes(number, self.context.words).is_some() => {
                let mut all: Vec<Shown<'_>> = self.named(number, from, until).collect();
                all.extend(self.changes(number, from, until));
                all.sort_by_key(|shown| shown.time);
                all.iter().all(|shown| visit(shown));
            }
            Some(number) => {
                self.named(number, from, until).all(|shown| visit(&shown));
            }
            None => {
                self.all(from, until).iter().all(|shown| visit(shown));
            }
        }
    }

    fn spent(&self, from: Time, until: Time, without: Without, visit: &mut dyn FnMut(&Spent)) {
        let first = self.person.counted.partition_point(|order| order.time < from);
        let orders = self.person.counted.from(first);
        for order in orders.take_while(|order| order.time < until) {
            if self.context.orders_count(order.source) {
                visit(&self.spent_on(order, without));
            }
        }
    }

    fn rate(&self, from: &str, to: &str, at: Time) -> Option<Decimal> {
        if from == to {
            return Some(Decimal::ONE);
        }
        let days = self.context.rates.get(&(from.to_owned(), to.to_owned()))?;
        days.range(..=self.context.day(at)).next_back().map(|(_, rate)| *rate)
    }

    fn line(&self, wanted: Wanted<'_>) -> Option<Lined<'_>> {
        self.kept_line(wanted)
    }

    fn stable_id(&self) -> &str {
        self.stable_id
    }

    fn in_segment(&self, segment: &str) -> Option<bool> {
        self.context.held.holds(segment, self.person.no)
    }

    fn walk(&self, reach: &Reach<'_>, visit: &mut Visit<'_>) -> Option<Time> {
        let mut past = Past::within(self.person, &self.context, reach);
        let oldest = past.oldest_passing();
        let mut at = reach.from;
        while at <= self.now {
            let mut look_again = Time::MAX;
            if self.person.was_there(at) {
                // What passed its retention by now is not known of the past either: the context stays.
                let steps = past.steps(at);
                let then = View { person: past.advance(at), now: at, ..*self };
                match visit(&then, at, steps) {
                    Some(again) => look_again = again,
                    None => break,
                }
            }
            // What others said of an address that they hold shows, too.
            let seen = self.person.first_seen.filter(|first| *first > at);
            let next = [past.next_fact().filter(|next| *next > at), seen, self.foreign.next_after(at)];
            let next = next.into_iter().flatten().fold(look_again, Time::min);
            at = next.max(at.plus_micros(1));
        }
        oldest
    }
}
