//! A window as it lies now.

use super::calendar::{back, earliest, fixed_micros, forward, word_range};
use crate::language::ast::Span;
use crate::plan::{Plan, Window};
use model::{DAY_MICROS, Time};
use std::cell::Cell;

/// A window at one instant, and when what it holds comes to change by time alone.
pub(super) struct Frame<'a> {
    pub(super) plan: &'a Plan,
    /// Nothing earlier is in it.
    pub(super) from: Time,
    /// Nothing from here on is in it.
    pub(super) until: Time,
    span: Option<Span>,
    /// When the window comes to mean other instants.
    pub(super) shifts: Time,
    pub(super) now: Time,
    /// When a filter that looks at the clock comes to another answer.
    filters_hold: Cell<Time>,
    /// Whether there is anything that later windows could hold: windows only move forward.
    coming: Cell<bool>,
}

impl<'a> Frame<'a> {
    pub(super) fn new(plan: &'a Plan, window: Window, now: Time) -> Frame<'a> {
        let frame = |from, until, span, shifts| Frame {
            plan,
            from,
            until,
            span,
            shifts,
            now,
            filters_hold: Cell::new(Time::MAX),
            coming: Cell::new(false),
        };
        match window {
            Window::Range(from, until) => frame(from, until, None, Time::MAX),
            Window::Last(span) => frame(earliest(now, span), Time::MAX, Some(span), Time::MAX),
            Window::Calendar(word) => match word_range(word, now, &plan.zone) {
                Some((from, until, shifts)) => frame(from, until, None, shifts),
                // Beyond the years that the calendar knows nothing is in it.
                None => frame(Time::MAX, Time::MAX, None, Time::MAX),
            },
        }
    }

    /// When a happening leaves the window, or is no longer kept; `None` if it is not in it.
    pub(super) fn leaves(&self, time: Time, kept_for_good: bool) -> Option<Time> {
        if time < self.from || time >= self.until {
            return None;
        }
        Some(self.until_gone(time, kept_for_good)).filter(|leaves| self.now < *leaves)
    }

    fn until_gone(&self, time: Time, kept_for_good: bool) -> Time {
        let expires = match self.span {
            None => self.shifts,
            Some(span) => match fixed_micros(span) {
                Some(micros) => time.plus_micros(micros),
                None => forward(time, span, &self.plan.zone),
            },
        };
        let gone = if kept_for_good { Time::MAX } else { kept_until(self.plan, time) };
        expires.min(gone)
    }

    /// Whether a happening, by its time alone, lies before the window, or has left it or passed its retention.
    pub(super) fn has_left(&self, time: Time, kept_for_good: bool) -> bool {
        time < self.from || self.until_gone(time, kept_for_good) <= self.now
    }

    /// The length of a window that moves all the time.
    pub(super) fn span(&self) -> Option<Span> {
        self.span
    }

    /// Whether happenings between two instants, and near them, leave in order of time: by calendar months they
    /// may not, where a month is shorter than another and where clocks change.
    pub(super) fn keeps_order(&self, from: Time, to: Time) -> bool {
        let Some(span) = self.span.filter(|span| fixed_micros(*span).is_none()) else { return true };
        let zone = &self.plan.zone;
        let (first, last) = (forward(from, span, zone), forward(to, span, zone));
        let offset = |at: Time| at.to_timestamp().map(|at| zone.to_offset(at));
        last.0.checked_sub(first.0) == to.0.checked_sub(from.0)
            && offset(from) == offset(to)
            && offset(first) == offset(last)
    }

    /// Between which instants it must be seen one by one what has left: so far around those that leave now.
    pub(super) fn disorder_at_edge(&self, around: i64) -> Option<(Time, Time)> {
        let edge = back(self.now, self.span?, &self.plan.zone);
        let (from, to) = (edge.plus_micros(-around), edge.plus_micros(around));
        (!self.keeps_order(from, to)).then_some((from, to))
    }

    /// Notes until when the answer of a filter holds.
    pub(super) fn filter_holds_until(&self, until: Time) {
        self.filters_hold.set(self.filters_hold.get().min(until));
    }

    /// When the answer may change whatever leaves: the window shifts or a filter turns.
    pub(super) fn holds_until(&self) -> Time {
        self.window_holds_until().min(self.filters_hold.get())
    }

    /// When the window shifts, if there is anything that this could change.
    pub(super) fn window_holds_until(&self) -> Time {
        if self.coming.get() { self.shifts } else { Time::MAX }
    }

    /// Up to when to look for what is in the window now or comes into it when it shifts.
    pub(super) fn looks_until(&self) -> Time {
        if self.shifts == Time::MAX { self.until } else { Time::MAX }
    }

    /// Notes that something was found from the window's first instant on.
    pub(super) fn found(&self) {
        self.coming.set(true);
    }
}

/// When retention takes a happening.
pub(super) fn kept_until(plan: &Plan, time: Time) -> Time {
    time.plus_micros(i64::from(plan.retention_days).saturating_mul(DAY_MICROS))
}
