//! What becomes of a row, before anything is sent.

use super::calls::{self, Meaning};
use super::cells::Object;
use super::refusal::Refusal;
use super::rows::{Content, Row};
use crate::intake::check::{Accepted, Checker};
use model::Time;

/// What becomes of a row.
pub enum Verdict {
    /// It can be sent, as calls in JSON with commas between them.
    Ready {
        /// JSON.
        json: String,
        /// What becomes of each call.
        calls: Vec<Accepted>,
    },
    /// It is refused.
    Refused(Refusal),
    /// There is nothing to send, for this reason.
    Skipped(Refusal),
}

/// Judges rows.
pub struct Judge {
    /// As the intake of the source would.
    pub checker: Checker,
    /// Of CSV.
    pub meaning: Option<Meaning>,
}

impl Judge {
    /// What becomes of a row that is sent at `now`.
    pub fn row(&self, row: &Row, now: Time) -> Verdict {
        let calls = match (&row.content, &self.meaning) {
            (Content::TooLong, _) => Err(Refusal::of_intake("event_too_large")),
            (Content::Line(line), _) => calls::line(line).map(|call| vec![call]),
            (Content::Fields(fields), Some(meaning)) => meaning.calls(fields),
            (Content::Fields(_), None) => Ok(Vec::new()),
        };
        match calls {
            Ok(calls) => self.calls(&calls, now),
            Err(why) => Verdict::Refused(why),
        }
    }

    fn calls(&self, calls: &[Object], now: Time) -> Verdict {
        if calls.is_empty() {
            return Verdict::Skipped(Refusal::new("", "says nothing"));
        }
        let (mut json, mut accepted) = (String::new(), Vec::with_capacity(calls.len()));
        for call in calls {
            let text = call.json();
            match self.checker.call(&text, now) {
                Ok(call) => accepted.push(call),
                Err("integrations_off") => {
                    return Verdict::Skipped(Refusal::new("integrations", "keeps it away from segmentd"));
                }
                Err(reason) => return Verdict::Refused(Refusal::of_intake(reason)),
            }
            if !json.is_empty() {
                json.push(',');
            }
            json.push_str(&text);
        }
        Verdict::Ready { json, calls: accepted }
    }
}
