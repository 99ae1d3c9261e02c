//! How imports end, and whom they did not take.

use super::import::place;
use super::memory::Running;
use super::push::digest;
use super::{KlaviyoList, folded, reasons};
use crate::denied::Denied;
use crate::wire::{ErrorObject, Job};
use kit::failure::Failure;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The end of an import is waited for so long in one go; then the batch is tried again, and goes on waiting.
const WAIT_MAX: Duration = Duration::from_secs(180);
/// Between two such goes.
const REST: Duration = Duration::from_secs(10);
/// Looks at an import are this far apart.
const LOOKS: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(15));
/// Pages of one import's errors: more than one for each profile of the largest.
const ERROR_PAGES_MAX: usize = 200;

/// The address in what was sent.
fn payload_email(error: &ErrorObject) -> Option<String> {
    let payload = error.original_payload.as_ref()?;
    let found = [payload.pointer("/attributes/email"), payload.pointer("/data/attributes/email"), payload.get("email")];
    found.into_iter().flatten().find_map(|email| email.as_str()).map(folded)
}

impl KlaviyoList {
    /// Waits for every import that was begun, and notes whom it did not take.
    pub(super) async fn end_imports(&self) -> Result<(), Failure> {
        loop {
            let Some(running) = self.memory().progress.running.first().cloned() else { return Ok(()) };
            let Some(job) = self.ended(&running).await? else {
                self.forget(&running, true);
                return Err(Failure::retry("an import was cancelled at Klaviyo, or is not known there", Some(REST)));
            };
            let refused = if job.failed_count == 0 { BTreeMap::new() } else { self.not_taken(&running, &job).await? };
            self.forget(&running, false);
            let (mut memory, now) = (self.memory(), Instant::now());
            for identifier in running.identifiers.iter().filter(|identifier| !refused.contains_key(*identifier)) {
                memory.imported(identifier, now);
            }
            memory.progress.refused.extend(refused);
        }
    }

    /// It is over; or it has to be sent again.
    fn forget(&self, running: &Running, again: bool) {
        let progress = &mut self.memory().progress;
        progress.running.retain(|one| one.job != running.job);
        if again {
            progress.sent.remove(&digest("import", running.identifiers.iter().map(String::as_str)));
        }
    }

    /// How an import ended; `None` when it was cancelled, or is not known any more. A status that is not known to be an
    /// end is none.
    pub(super) async fn ended(&self, running: &Running) -> Result<Option<Job>, Failure> {
        let (since, takes) = (Instant::now(), self.memory().takes);
        let mut wait = takes.saturating_sub(running.begun.elapsed());
        loop {
            sleep(wait).await;
            match self.api().job(&running.job).await {
                Ok(job) if job.status == "complete" => {
                    self.memory().takes = running.begun.elapsed().clamp(LOOKS.0, LOOKS.1);
                    return Ok(Some(job));
                }
                Ok(job) if job.status == "cancelled" => return Ok(None),
                Err(Denied::Missing(_)) => return Ok(None),
                Ok(_) => {}
                Err(denied) => return Err(denied.into()),
            }
            wait = (wait * 3 / 2).clamp(LOOKS.0, LOOKS.1);
            if since.elapsed() + wait > WAIT_MAX {
                return Err(Failure::retry("an import is still under way at Klaviyo", Some(REST)));
            }
        }
    }

    /// Whom an import did not take.
    async fn not_taken(&self, running: &Running, job: &Job) -> Result<BTreeMap<String, String>, Failure> {
        let by_address: BTreeMap<String, &String> =
            running.identifiers.iter().map(|identifier| (folded(identifier), identifier)).collect();
        let mut told: BTreeMap<String, Vec<ErrorObject>> = BTreeMap::new();
        let (mut after, mut all_named) = (None::<String>, true);
        for _ in 0..ERROR_PAGES_MAX {
            let page = self.api().import_errors(&running.job, after.as_deref()).await?;
            for error in page.items.into_iter().map(|error| error.attributes) {
                let by_payload = payload_email(&error).and_then(|email| by_address.get(&email).copied());
                let by_place = || place(&error).and_then(|at| running.identifiers.get(at));
                match by_payload.or_else(by_place) {
                    Some(identifier) => told.entry(identifier.clone()).or_default().push(error),
                    None => all_named = false,
                }
            }
            if page.next.is_none() || page.next == after {
                break;
            }
            after = page.next;
        }
        let mut refused: BTreeMap<String, String> =
            told.into_iter().map(|(identifier, errors)| (identifier, reasons::not_taken(&errors))).collect();
        if !all_named || (refused.len() as u64) < job.failed_count {
            let unsure = running.identifiers.iter().filter(|identifier| !refused.contains_key(*identifier));
            let unsure: Vec<String> = unsure.cloned().collect();
            let there: BTreeSet<String> = self.those_held(&unsure).await?.into_iter().collect();
            let lost = unsure.into_iter().filter(|identifier| !there.contains(identifier));
            refused.extend(lost.map(|identifier| (identifier, reasons::not_told())));
        }
        Ok(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::ErrorSource;
    use serde_json::json;

    #[test]
    fn an_error_names_a_profile_by_what_was_sent_or_by_its_place() {
        let error = |pointer: &str, payload: serde_json::Value| ErrorObject {
            source: ErrorSource { pointer: pointer.to_owned() },
            original_payload: Some(payload),
            ..ErrorObject::default()
        };
        let by_place = error("/data/attributes/profiles/data/12/attributes/email", json!(null));
        assert_eq!((place(&by_place), payload_email(&by_place)), (Some(12), None));
        for payload in [json!({ "attributes": { "email": "A@x.mx" } }), json!({ "email": "a@X.mx " })] {
            let named = error("/data", payload);
            assert_eq!((place(&named), payload_email(&named).as_deref()), (None, Some("a@x.mx")));
        }
    }
}
