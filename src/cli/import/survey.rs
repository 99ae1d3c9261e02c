//! What a file holds, counted in bounded memory: what a dry run tells.

use super::progress::Counts;
use super::refusal::Refusal;
use crate::cli::show;
use crate::cli::target::ClientError;
use crate::intake::check::Accepted;
use model::names::{ORDER_CANCELLED, ORDER_COMPLETED, ORDER_REFUNDED, ORDER_UPDATED};
use model::{IdentityKey, Time, time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// People that are counted exactly; more are estimated from that many.
const PEOPLE_EXACT_MAX: usize = 65_536;
/// Names of events, and kinds of refusals, that are counted apart.
const KINDS_MAX: usize = 1_000;
/// Lines that are named of one kind of refusal.
const LINES_MAX: usize = 5;
/// Kept for good.
const ORDERS: [&str; 4] = [ORDER_COMPLETED, ORDER_UPDATED, ORDER_REFUNDED, ORDER_CANCELLED];

/// How many, from when to when.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
struct Span {
    count: u64,
    ends: Option<(Time, Time)>,
}

/// An instant without zeros behind its seconds.
fn instant(at: Time) -> String {
    at.to_timestamp().map_or_else(|| at.to_string(), |stamp| stamp.to_string())
}

impl Span {
    fn add(&mut self, at: Time) {
        self.count += 1;
        self.ends = Some(self.ends.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
    }

    fn json(&self) -> Value {
        let (first, last) = self.ends.map(|(first, last)| (instant(first), instant(last))).unzip();
        json!({"count": self.count, "first": first, "last": last})
    }

    fn line(&self) -> String {
        let ends =
            self.ends.map_or(String::new(), |(first, last)| format!(", from {} to {}", instant(first), instant(last)));
        format!("{}{ends}", self.count)
    }
}

/// Counts distinct people: the smallest keys tell how many there are.
#[derive(Default)]
struct People {
    smallest: BTreeSet<IdentityKey>,
    more: bool,
}

impl People {
    fn add(&mut self, key: IdentityKey) {
        if self.more && self.smallest.last().is_some_and(|last| key >= *last) {
            return;
        }
        if self.smallest.insert(key) && self.smallest.len() > PEOPLE_EXACT_MAX {
            self.smallest.pop_last();
            self.more = true;
        }
    }

    /// How many, and whether exactly.
    fn count(&self) -> (u64, bool) {
        let kept = self.smallest.len() as u64;
        let Some(last) = self.smallest.last().filter(|_| self.more) else { return (kept, true) };
        let (head, _) = last.0.split_first_chunk::<8>().unwrap_or((&[u8::MAX; 8], &[]));
        let part = u128::from(u64::from_be_bytes(*head)).max(1);
        // The keys are spread evenly: the kept ones lie in this part of all.
        (u64::try_from((u128::from(kept) << 64) / part).unwrap_or(u64::MAX), false)
    }
}

/// What a file holds.
pub struct Survey {
    retention_days: u32,
    now: Time,
    people: People,
    profiles: u64,
    all: Span,
    events: BTreeMap<String, Span>,
    beyond: Span,
    refusals: BTreeMap<Refusal, (u64, Vec<u64>)>,
}

impl Survey {
    /// Of a workspace, at an instant.
    pub fn new(retention_days: u32, now: Time) -> Survey {
        Survey {
            retention_days,
            now,
            people: People::default(),
            profiles: 0,
            all: Span::default(),
            events: BTreeMap::new(),
            beyond: Span::default(),
            refusals: BTreeMap::new(),
        }
    }

    /// Counts a call that would be accepted.
    pub fn add(&mut self, call: &Accepted) {
        call.anchor.into_iter().for_each(|key| self.people.add(key));
        let Some(name) = &call.name else {
            self.profiles += 1;
            return;
        };
        self.all.add(call.time);
        let room = self.events.len() < KINDS_MAX || self.events.contains_key(name);
        let listed = if room { name.as_str() } else { "(others)" };
        self.events.entry(listed.to_owned()).or_default().add(call.time);
        let limit = self.now.plus_micros(-time::DAY_MICROS.saturating_mul(i64::from(self.retention_days)));
        if call.time < limit && !ORDERS.contains(&name.as_str()) {
            self.beyond.add(call.time);
        }
    }

    /// Counts a row that would be refused.
    pub fn refuse(&mut self, line: u64, why: &Refusal) {
        let room = self.refusals.len() < KINDS_MAX || self.refusals.contains_key(why);
        let why = if room { why.clone() } else { Refusal::new("", "(others)") };
        let (count, lines) = self.refusals.entry(why).or_default();
        *count += 1;
        if lines.len() < LINES_MAX {
            lines.push(line);
        }
    }

    /// As JSON.
    pub fn json(&self, counts: Counts) -> Value {
        let (people, exact) = self.people.count();
        let events: BTreeMap<&String, Value> = self.events.iter().map(|(name, span)| (name, span.json())).collect();
        let refusal = |(why, (count, lines)): (&Refusal, &(u64, Vec<u64>))| json!({"column": why.column, "reason": why.reason, "rows": count, "first_lines": lines});
        json!({"rows": counts.rows(), "would_be_sent": counts.sent, "refused": counts.refused,
            "skipped": counts.skipped, "people": people, "people_exact": exact, "profiles": self.profiles,
            "events": self.all.json(), "events_by_name": events, "retention_days": self.retention_days,
            "beyond_retention": self.beyond.json(), "refusals": self.refusals.iter().map(refusal).collect::<Vec<_>>()})
    }

    /// Shows it.
    pub fn show(&self, counts: Counts) -> Result<(), ClientError> {
        let Counts { sent, refused, skipped } = counts;
        show::line("dry run: nothing is sent")?;
        show::line(&format!("rows: {}: {sent} would be sent, {refused} refused, {skipped} skipped", counts.rows()))?;
        let (people, exact) = self.people.count();
        let about = if exact { "" } else { "about " };
        show::line(&format!("people: {about}{people}, by the strongest identity of each row"))?;
        show::line(&format!("profiles: {}", self.profiles))?;
        show::line(&format!("events: {}", self.all.line()))?;
        for (name, span) in &self.events {
            show::line(&format!("  {}: {}", show::cell(Some(&Value::from(name.as_str()))), span.line()))?;
        }
        if let Some((first, _)) = self.beyond.ends {
            let days_of = |micros: i64| micros / time::DAY_MICROS;
            let far = days_of(self.now.0.saturating_sub(first.0)) - i64::from(self.retention_days);
            show::line(&format!(
                "beyond the retention of {} days: {} (up to {far} days beyond): no segment counts them; orders are kept \
                 for good and are not among them",
                self.retention_days,
                self.beyond.line()
            ))?;
        }
        for (why, (count, lines)) in &self.refusals {
            let column = if why.column.is_empty() { String::new() } else { format!("{}: ", why.column) };
            let lines: Vec<String> = lines.iter().map(u64::to_string).collect();
            let more = if *count > lines.len() as u64 { ", ..." } else { "" };
            show::line(&format!("refused: {count}: {column}{} (line {}{more})", why.reason, lines.join(", ")))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Identity;

    #[test]
    fn people_are_counted_exactly_and_then_closely() {
        let mut people = People::default();
        for round in 0..2 {
            for number in 0..1_000 {
                people.add(Identity::user("s", &format!("u{number}")).key());
            }
            assert_eq!(people.count(), (1_000, true), "{round}");
        }
        for number in 0..300_000 {
            people.add(Identity::user("s", &format!("u{number}")).key());
        }
        let (count, exact) = people.count();
        assert!(!exact && (295_000..305_000).contains(&count), "{count}");
        assert!(people.smallest.len() <= PEOPLE_EXACT_MAX);
    }
}
