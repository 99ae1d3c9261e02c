//! When something is due next, by a cron expression (seconds first, UTC).

use chrono::{DateTime, Utc};
use cron::Schedule as Cron;
use std::str::FromStr;
use std::time::Duration;

/// No wait is longer: the wall clock may be set meanwhile.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(60);

/// Reads an expression, which must come true one day after `now`; when it does first.
fn parse(expression: &str, now: DateTime<Utc>) -> Result<(Cron, DateTime<Utc>), String> {
    let cron = Cron::from_str(expression).map_err(|why| format!("not a cron expression (seconds first): {why}"))?;
    let next = cron.after(&now).next().ok_or("this schedule never comes true")?;
    Ok((cron, next))
}

/// Checks an expression; an empty one is none.
pub fn check(expression: &str) -> Result<(), String> {
    if expression.is_empty() {
        return Ok(());
    }
    parse(expression, Utc::now()).map(drop)
}

/// The instants of one cron expression. An empty one never comes.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    cron: Option<Cron>,
    next: Option<DateTime<Utc>>,
}

impl Schedule {
    /// Reads an expression; it must come true one day after `now`.
    pub fn new(expression: &str, now: DateTime<Utc>) -> Result<Schedule, String> {
        if expression.trim().is_empty() {
            return Ok(Schedule::default());
        }
        let (cron, next) = parse(expression, now)?;
        Ok(Schedule { cron: Some(cron), next: Some(next) })
    }

    /// Whether it has come true since the last time it was found due.
    pub fn due(&mut self, now: DateTime<Utc>) -> bool {
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = self.cron.as_ref().and_then(|cron| cron.after(&now).next());
        }
        due
    }

    /// When it comes true next.
    pub fn next(&self) -> Option<DateTime<Utc>> {
        self.next
    }

    /// How long to sleep before looking again.
    pub fn wait(&self, now: DateTime<Utc>) -> Duration {
        let wait = self.next.and_then(|next| (next - now).to_std().ok());
        match (self.next, wait) {
            (Some(_), None) => Duration::ZERO,
            (_, wait) => wait.unwrap_or(LOOK_AT_LEAST_EVERY).min(LOOK_AT_LEAST_EVERY),
        }
    }
}

/// A schedule whose expression may be another one each time it is looked at.
#[derive(Default)]
pub struct Changing {
    text: String,
    schedule: Schedule,
}

impl Changing {
    /// Whether it has come true since the last time it was found due. One that can't be read never comes.
    pub fn due(&mut self, expression: &str, now: DateTime<Utc>) -> bool {
        if self.text != expression {
            expression.clone_into(&mut self.text);
            self.schedule = Schedule::new(expression, now).unwrap_or_default();
        }
        self.schedule.due(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        DateTime::parse_from_rfc3339(text).unwrap().with_timezone(&Utc)
    }

    #[test]
    fn it_is_due_once_for_each_instant_and_missed_ones_count_as_one() {
        let mut schedule = Schedule::new("0 */5 * * * *", at("2026-03-01T10:00:30Z")).unwrap();
        assert!(!schedule.due(at("2026-03-01T10:04:59Z")));
        assert_eq!(schedule.wait(at("2026-03-01T10:04:59Z")), Duration::from_secs(1));
        assert!(schedule.due(at("2026-03-01T10:05:00Z")));
        assert!(!schedule.due(at("2026-03-01T10:05:01Z")));
        assert!(schedule.due(at("2026-03-01T10:17:00Z")));
        assert_eq!(schedule.next(), Some(at("2026-03-01T10:20:00Z")));
        assert_eq!(schedule.wait(at("2026-03-01T10:20:01Z")), Duration::ZERO);
    }

    #[test]
    fn what_never_comes_true_is_refused_and_nothing_never_comes() {
        let now = at("2026-03-01T10:00:30Z");
        assert!(Schedule::new("0 0 0 30 2 *", now).is_err());
        assert!(Schedule::new("*/5 * * * *", now).is_err());
        let mut never = Schedule::new(" ", now).unwrap();
        assert!(!never.due(now) && never.next().is_none());
        assert_eq!(never.wait(now), LOOK_AT_LEAST_EVERY);
    }

    #[test]
    fn schedules_that_never_come_true_are_refused() {
        assert!(check("0 17 * * * *").is_ok());
        assert!(check("").is_ok());
        assert!(check("*/5 * * * *").is_err());
        assert!(check("0 0 0 30 2 *").is_err());
    }

    #[test]
    fn a_schedule_is_due_once_for_each_of_its_instants() {
        let mut schedule = Changing::default();
        let start = DateTime::parse_from_rfc3339("2026-03-01T10:00:30Z").unwrap().with_timezone(&Utc);
        assert!(!schedule.due("0 * * * * *", start));
        let later = start + chrono::TimeDelta::seconds(31);
        assert!(schedule.due("0 * * * * *", later));
        assert!(!schedule.due("0 * * * * *", later));
    }
}
