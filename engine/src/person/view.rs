//! A person at one instant, as evaluation sees it.

use crate::eval::line::{Lined, Wanted};
use crate::eval::reach::Reach;
use crate::eval::subject::{Happening, Spent, Subject, Visit};
use crate::person::Person;
use crate::person::bag::descend;
use crate::person::carts::Change;
use crate::person::consent::Foreign;
use crate::person::derived::derived;
use crate::person::fact::Fact;
use crate::person::facts::Facts;
use crate::person::names::Names;
use crate::person::orders::{Counted, Words};
use crate::person::past::Past;
use crate::plan::Without;
use crate::storage::PersonNo;
use model::{Channel, ConsentState, OrderPolicy, Source, SourceKind, Time, Value};
use rust_decimal::Decimal;
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

pub(super) struct Shown<'a> {
    fact: &'a Fact,
    name: &'a str,
    time: Time,
    kept: bool,
    names: &'a Names,
    /// What it shows of a cart, when it is no event of its own.
    change: Option<(&'a Change, &'a Facts, &'a Words)>,
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
            Some((change, facts, words)) => descend(&Value::Map(change.properties(facts, words)), name),
            None => self.fact.properties.lookup(name, self.names),
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

    /// A fact under a name.
    pub(super) fn shown(&self, fact: &'a Fact, name: u32) -> Shown<'a> {
        let context = self.context;
        let (name, kept) = (context.names.name(name).unwrap_or_default(), context.words.is_order(name));
        Shown { fact, name, time: fact.time, kept, names: context.names, change: None }
    }

    /// A counted order, as it happened.
    pub(super) fn shown_order(&self, order: &Counted) -> Option<Shown<'a>> {
        let fact = self.person.facts.get(order.shown as usize)?;
        Some(Shown { time: order.time, ..self.shown(fact, self.context.words.completed) })
    }

    /// What a cart shows, under a name.
    pub(super) fn shown_change<'b>(&self, change: &'b Change, name: u32) -> Option<Shown<'b>>
    where
        'a: 'b,
    {
        let fact = self.person.facts.get(change.snapshot as usize)?;
        let shown = Some((change, &self.person.facts, self.context.words));
        Some(Shown { kept: false, change: shown, ..self.shown(fact, name) })
    }

    /// What was spent on an order.
    pub(super) fn spent_on(&self, order: &Counted, without: Without) -> Spent {
        let amount = order.spent(self.context.is_platform(order.source), without);
        Spent { time: order.time, amount, currency: order.currency.clone() }
    }

    /// Facts of one name in `from..until` that are not past retention.
    fn named(&self, number: u32, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (person, context) = (self.person, self.context);
        let name = context.names.name(number).unwrap_or_default();
        let kept = context.words.is_order(number);
        let time = move |place: &u32| person.facts.get(*place as usize).map_or(Time::MIN, |fact| fact.time);
        let gone = move |place: &u32| time(place) < from || (!kept && time(place) <= context.forgotten);
        let places = person.by_name.get(&number).into_iter();
        places
            .flat_map(move |places| places.from(places.partition_point(gone)))
            .filter_map(move |place| person.facts.get(*place as usize))
            .take_while(move |fact| fact.time < until)
            .map(move |fact| Shown { fact, name, time: fact.time, kept, names: context.names, change: None })
    }

    /// What carts show in `from..until` under a name, but for what is past retention.
    fn changes(&self, number: u32, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (person, context) = (self.person, self.context);
        let name = context.names.name(number).unwrap_or_default();
        let changes = person.cart_changes(number, context.words);
        let gone = move |change: &Change| change.time < from || change.time <= context.forgotten;
        let changes = changes.into_iter().flat_map(move |changes| changes.from(changes.partition_point(gone)));
        changes.take_while(move |change| change.time < until).filter_map(move |change| {
            let fact = person.facts.get(change.snapshot as usize)?;
            let shown = Some((change, &person.facts, context.words));
            Some(Shown { fact, name, time: change.time, kept: false, names: context.names, change: shown })
        })
    }

    /// How much is known of what a condition asks for, but for what is past retention.
    pub(super) fn happened(&self, wanted: Wanted<'_>) -> usize {
        let (person, words) = (self.person, self.context.words);
        let asked = match wanted {
            Wanted::Spent(_) => return person.counted.len(),
            Wanted::Activity(asked, _) => asked.event.as_deref().map(|name| self.context.names.number(name)),
        };
        let of_name = |number: u32| {
            let changes = person.cart_changes(number, words);
            let changes =
                changes.map_or(0, |changes| changes.len() - changes.partition_point(|one| self.has_passed(one.time)));
            let Some(places) = person.by_name.get(&number) else { return changes };
            let gone = |place: &u32| person.facts.get(*place as usize).is_none_or(|fact| self.has_passed(fact.time));
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
            all.extend(named.filter(|shown| *number != words.cart_updated || shown.fact.cart_key(words).is_none()));
        }
        for number in [words.added, words.removed] {
            all.extend(self.changes(number, from, until));
        }
        all.sort_by_key(|shown| shown.time);
        all
    }

    fn orders(&self, from: Time, until: Time) -> impl Iterator<Item = Shown<'a>> + use<'a> {
        let (person, context) = (self.person, self.context);
        let name = context.names.name(context.words.completed).unwrap_or_default();
        let first = person.counted.partition_point(|order| order.time < from);
        let orders = person.counted.from(first);
        orders.take_while(move |order| order.time < until).filter_map(move |order| {
            let fact = person.facts.get(order.shown as usize)?;
            let shown = Shown { fact, name, time: order.time, kept: true, names: context.names, change: None };
            context.orders_count(order.source).then_some(shown)
        })
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

    fn line(&self, wanted: Wanted<'_>) -> Option<Lined> {
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
