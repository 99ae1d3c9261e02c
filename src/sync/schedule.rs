//! Cron expressions: when snapshots are sent and members are read back.

use chrono::{DateTime, Utc};
use cron::Schedule as Cron;
use std::str::FromStr;

/// When something of a list is due next.
#[derive(Default)]
pub(super) struct Schedule {
    text: String,
    next: Option<DateTime<Utc>>,
}

/// Checks a cron expression: seconds first, and it must come true one day.
pub fn check(expression: &str) -> Result<(), String> {
    if expression.is_empty() {
        return Ok(());
    }
    let cron = Cron::from_str(expression).map_err(|why| format!("not a cron expression (seconds first): {why}"))?;
    match cron.after(&Utc::now()).next() {
        Some(_) => Ok(()),
        None => Err("this schedule never comes true".to_owned()),
    }
}

impl Schedule {
    /// Whether it is due by now; the next one is worked out when it was.
    pub(super) fn due(&mut self, expression: &str, now: DateTime<Utc>) -> bool {
        let next = || Cron::from_str(expression).ok().and_then(|cron| cron.after(&now).next());
        if self.text != expression {
            self.text = expression.to_owned();
            self.next = next();
        }
        let due = self.next.is_some_and(|next| next <= now);
        if due {
            self.next = next();
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_that_never_come_true_are_refused() {
        assert!(check("0 17 * * * *").is_ok());
        assert!(check("").is_ok());
        assert!(check("*/5 * * * *").is_err());
        assert!(check("0 0 0 30 2 *").is_err());
    }

    #[test]
    fn a_schedule_is_due_once_for_each_of_its_instants() {
        let mut schedule = Schedule::default();
        let start = DateTime::parse_from_rfc3339("2026-03-01T10:00:30Z").unwrap().with_timezone(&Utc);
        assert!(!schedule.due("0 * * * * *", start));
        let later = start + chrono::TimeDelta::seconds(31);
        assert!(schedule.due("0 * * * * *", later));
        assert!(!schedule.due("0 * * * * *", later));
    }
}
