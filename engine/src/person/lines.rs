//! Lines of a person with a long history: what matches each condition that was asked, kept up to date.
//!
//! They are made when they are first asked for, and follow from the history: they may be dropped at any time.
//! What came since a line was looked at last stands in a log. Whether a condition is answered from a line
//! follows from what is known of the person, so that its answer and its cost do, too.

use crate::eval::line::{Entry, Line, Lined, Moment, Ready, Two, Wanted};
use crate::eval::{converted, matches_ever, measured_value};
use crate::language::ast::Figure;
use crate::person::carts::{Change, Changes};
use crate::person::orders::Counted;
use crate::person::view::{Shown, View};
use crate::plan::{Activity, Measure};
use model::Value;
use rust_decimal::Decimal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Happenings that a condition asks for from which on a line is kept; fewer are gone through.
#[cfg(not(test))]
pub const LONG: usize = 64;
/// In tests a few are many.
#[cfg(test)]
pub const LONG: usize = 6;
/// What came, beyond which a line that was not looked at is dropped.
const LOG_MAX: usize = if cfg!(test) { 8 } else { 4_096 };
/// Lines of one person; beyond it the one that was not looked at for longest goes.
const LINES_MAX: usize = 128;

/// Something that changed what happened.
#[derive(Debug)]
pub(super) enum Came {
    /// A fact, by its place.
    Fact(u32),
    /// An order, as it counted before and counts now.
    Order([Option<Counted>; 2]),
    /// What a cart shows no longer, and what it shows now.
    Cart([Changes; 2]),
}

#[derive(Debug, Default)]
struct Kept {
    lines: BTreeMap<u128, (u64, Arc<Line>)>,
    log: VecDeque<Came>,
    /// How much of the log was dropped.
    dropped: u64,
}

/// The lines of one person, if it has any. Whoever copies a person takes them along.
#[derive(Debug, Default)]
pub struct Lines(Mutex<Option<Box<Kept>>>);

impl Clone for Lines {
    fn clone(&self) -> Lines {
        Lines(Mutex::new(self.lock().take()))
    }
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Option<Box<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops all of them.
    pub fn clear(&self) {
        *self.lock() = None;
    }

    /// Notes what came.
    pub(super) fn note(&mut self, came: impl FnOnce() -> Came) {
        let Some(kept) = self.0.get_mut().unwrap_or_else(PoisonError::into_inner) else { return };
        if kept.lines.is_empty() {
            return;
        }
        kept.log.push_back(came());
        if kept.log.len() > LOG_MAX {
            let newest = kept.dropped + kept.log.len() as u64;
            let kept_from = newest - LOG_MAX as u64 / 2;
            kept.lines.retain(|_, (seen, _)| *seen >= kept_from);
            kept.log.drain(..LOG_MAX / 2 + 1);
            kept.dropped = newest - kept.log.len() as u64;
        }
    }
}

/// What a line is asked about something that happened.
struct Asked<'a> {
    view: &'a View<'a>,
    wanted: Wanted<'a>,
}

impl View<'_> {
    /// What matches, up to date, unless it is little; `None` for what no line is kept of.
    pub(super) fn kept_line(&self, wanted: Wanted<'_>) -> Option<Lined<'_>> {
        let key = wanted.key()?;
        let happenings = self.happened(wanted);
        let moments = match wanted {
            Wanted::Activity(asked, _) if asked.is_bare() => self.moments(asked),
            _ => None,
        };
        if moments.is_some() || happenings < LONG {
            return Some(Lined { ready: None, moments, happenings });
        }
        let mut lines = self.person.lines.lock();
        let kept = lines.get_or_insert_default();
        let newest = kept.dropped + kept.log.len() as u64;
        let asked = Asked { view: self, wanted };
        if kept.lines.len() >= LINES_MAX && !kept.lines.contains_key(&key) {
            let oldest = kept.lines.iter().min_by_key(|(_, (seen, _))| *seen).map(|(key, _)| *key);
            oldest.and_then(|oldest| kept.lines.remove(&oldest));
        }
        let entry = kept.lines.entry(key).or_insert_with(|| (newest, Arc::new(asked.all())));
        let (seen, line) = (entry.0, Arc::make_mut(&mut entry.1));
        let unseen = usize::try_from(seen - kept.dropped).unwrap_or(usize::MAX);
        for came in kept.log.range(unseen.min(kept.log.len())..) {
            asked.came(line, came);
        }
        entry.0 = newest;
        let ready = Ready { line: Arc::clone(&entry.1), forgotten: self.context.forgotten };
        Some(Lined { ready: Some(ready), moments: None, happenings })
    }
}

fn id_of_order(order: &Counted) -> Moment {
    let [a, b, c, d, e, f, g, h, ..] = order.key.0;
    Moment { time: order.time, id: u64::from_be_bytes([a, b, c, d, e, f, g, h]) }
}

fn id_of_change(change: &Change) -> Moment {
    let [a, b, c, d, e, f, g, h, ..] = change.key.0;
    Moment { time: change.time, id: u64::from_be_bytes([a, b, c, d, e, f, g, h]) }
}

impl Asked<'_> {
    /// Everything that matches, gone through once.
    fn all(&self) -> Line {
        let view = self.view;
        let words = view.context.words;
        let mut line = match self.wanted {
            Wanted::Spent(_) => Line::Numbers(Two::default()),
            Wanted::Activity(asked, _) => match &asked.measure {
                Measure::Count(_) | Measure::First(_) | Measure::Last(_) => Line::Times(Two::default()),
                Measure::Figure(Figure::Distinct, ..) => Line::Values(Default::default()),
                Measure::Figure(..) => Line::Numbers(Two::default()),
            },
        };
        if self.concerns(words.completed) {
            view.person.counted.iter().for_each(|order| self.order(&mut line, order, true));
        }
        let Wanted::Activity(asked, _) = self.wanted else { return line };
        let number = asked.event.as_deref().map(|name| view.context.names.number(name));
        for (name, places) in view.person.by_name.iter() {
            if number.is_none_or(|number| number == Some(*name)) {
                places.iter().for_each(|named| self.fact(&mut line, named.place));
            }
        }
        for name in [words.added, words.removed].into_iter().filter(|name| self.concerns(*name)) {
            let changes = view.person.cart_changes(name, words).into_iter().flat_map(|changes| changes.iter());
            changes.for_each(|change| self.change(&mut line, name, change, true));
        }
        line
    }

    /// Brings a line up to date.
    fn came(&self, line: &mut Line, came: &Came) {
        let words = self.view.context.words;
        match came {
            Came::Fact(place) => self.fact(line, *place),
            Came::Order([before, now]) => {
                before.iter().for_each(|order| self.order(line, order, false));
                now.iter().for_each(|order| self.order(line, order, true));
            }
            Came::Cart([gone, come]) => {
                for (changes, comes) in [(gone, false), (come, true)] {
                    changes.0.iter().for_each(|change| self.change(line, words.added, change, comes));
                    changes.1.iter().for_each(|change| self.change(line, words.removed, change, comes));
                }
            }
        }
    }

    /// Whether what is seen under a name is asked for.
    fn concerns(&self, name: u32) -> bool {
        let context = self.view.context;
        match self.wanted {
            Wanted::Spent(_) => name == context.words.completed,
            Wanted::Activity(asked, _) => {
                asked.event.as_deref().is_none_or(|asked| context.names.number(asked) == Some(name))
            }
        }
    }

    fn fact(&self, line: &mut Line, place: u32) {
        let (context, Wanted::Activity(asked, _)) = (self.view.context, self.wanted) else { return };
        let Some(fact) = self.view.person.facts.get(place as usize) else { return };
        let Some(name) = fact.name.filter(|name| *name != context.words.completed && self.concerns(*name)) else {
            return;
        };
        let snapshot = name == context.words.cart_updated && fact.cart_key(context.words).is_some();
        if !(snapshot && asked.event.is_none()) {
            let shown = self.view.shown((fact.time, place), name);
            let at = Moment { time: fact.time, id: u64::from(place) };
            add(line, asked, &shown, (at, context.words.is_order(name)), self.view);
        }
    }

    fn order(&self, line: &mut Line, order: &Counted, comes: bool) {
        let (view, at) = (self.view, id_of_order(order));
        if !view.context.orders_count(order.source) || !self.concerns(view.context.words.completed) {
            return;
        }
        let entry = match self.wanted {
            Wanted::Spent(asked) => {
                let spent = view.spent_on(order, asked.without);
                // Nothing is nothing in any currency.
                Some(Entry::Number(match spent.amount.is_zero() {
                    true => Some(Decimal::ZERO),
                    false => converted(&spent, &asked.currency, &view.context.currency.to_uppercase(), view),
                }))
            }
            Wanted::Activity(asked, _) => entry(asked, &view.shown_order(order), view),
        };
        put(line, at, true, entry, comes);
    }

    fn change(&self, line: &mut Line, name: u32, change: &Change, comes: bool) {
        let (view, Wanted::Activity(asked, _)) = (self.view, self.wanted) else { return };
        if self.concerns(name) {
            put(line, id_of_change(change), false, entry(asked, &view.shown_change(change, name), view), comes);
        }
    }
}

fn add(line: &mut Line, asked: &Activity, shown: &Shown<'_>, (at, kept): (Moment, bool), view: &View<'_>) {
    put(line, at, kept, entry(asked, shown, view), true);
}

fn put(line: &mut Line, at: Moment, kept: bool, entry: Option<Entry>, comes: bool) {
    match entry {
        Some(entry) if comes => line.put(at, kept, entry),
        Some(entry) => line.take(at, kept, entry),
        None => {}
    }
}

/// What of a happening goes into a line, if it matches.
fn entry(asked: &Activity, shown: &Shown<'_>, view: &View<'_>) -> Option<Entry> {
    matches_ever(&asked.filters, shown, view.context.zone).then_some(())?;
    match &asked.measure {
        Measure::Figure(figure, of, _) => match measured_value(*figure, shown, of)? {
            Value::Number(number) if *figure != Figure::Distinct => Some(Entry::Number(Some(number))),
            value => Some(Entry::Value(value)),
        },
        _ => Some(Entry::Bare),
    }
}
