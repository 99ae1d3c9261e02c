//! Makes changes: one call for the contacts that have to be created, one for the tag.

use super::reasons;
use super::tag::Changed;
use super::{MailchimpTag, SIDE_MAX};
use crate::address::folded;
use crate::config::Erase;
use kit::failure::Failure;
use kit::sync::{Batch, Change, Refusal};
use std::collections::{BTreeMap, BTreeSet};

/// A contact that was created and that the tag does not see is tried so often, before the others stop waiting for it.
const LATE_TRIES: u8 = 5;

/// Who is not taken, and why.
#[derive(Default)]
pub(super) struct Refused {
    reasons: BTreeMap<String, String>,
}

impl Refused {
    pub(super) fn add(&mut self, identifier: &str, reason: String) {
        self.reasons.entry(identifier.to_owned()).or_insert(reason);
    }

    fn has(&self, identifier: &str) -> bool {
        self.reasons.contains_key(identifier)
    }

    fn into_refusals(self) -> Vec<Refusal> {
        self.reasons.into_iter().map(|(identifier, reason)| Refusal { identifier, reason }).collect()
    }
}

/// What the tag said of additions.
#[derive(Default)]
struct Seen<'b> {
    /// In the tag, but not to be mailed, with the reason.
    unmailable: Vec<(&'b Change, String)>,
    /// Not on the audience, with the platform's words.
    strangers: Vec<(&'b Change, String)>,
}

impl MailchimpTag {
    pub(super) async fn push_batch(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let (adds, removes): (Vec<&Change>, Vec<&Change>) = batch.changes.iter().partition(|change| change.member);
        let mut refused = Refused::default();
        let (mut add, mut remove) = (adds.chunks(SIDE_MAX), removes.chunks(SIDE_MAX));
        loop {
            let (add, remove) = (add.next().unwrap_or_default(), remove.next().unwrap_or_default());
            if add.is_empty() && remove.is_empty() {
                break;
            }
            self.change(add, remove, &mut refused).await?;
        }
        self.erase(&removes).await?;
        Ok(refused.into_refusals())
    }

    async fn change(&self, adds: &[&Change], removes: &[&Change], refused: &mut Refused) -> Result<(), Failure> {
        let mut created = BTreeSet::new();
        if self.config.add_contacts {
            let unknown: Vec<&Change> = {
                let memory = self.memory();
                adds.iter().filter(|change| !memory.knows(&change.identifier)).copied().collect()
            };
            self.create(&unknown, refused).await?;
            created.extend(unknown.iter().map(|change| change.identifier.clone()));
        }
        let adds: Vec<&Change> = adds.iter().filter(|change| !refused.has(&change.identifier)).copied().collect();
        let changed = self.change_tag(&identifiers(&adds), &identifiers(removes)).await?;
        let mut seen = self.look_at(&adds, changed, refused);
        // Who was thought to be on the audience and is not: archived since, or deleted.
        let (late, stale): (Vec<_>, Vec<_>) =
            seen.strangers.drain(..).partition(|(change, _)| created.contains(&change.identifier));
        let stale = self.bring_back(stale, refused).await?;
        seen.unmailable.extend(stale.unmailable);
        let out: Vec<&str> = seen.unmailable.iter().map(|(change, _)| change.identifier.as_str()).collect();
        self.change_tag(&[], &out).await?;
        for (change, reason) in seen.unmailable {
            refused.add(&change.identifier, reason);
        }
        self.judge_late(late.into_iter().chain(stale.strangers).collect(), refused)
    }

    /// Reads what the tag said.
    fn look_at<'b>(&self, adds: &[&'b Change], changed: Changed, refused: &mut Refused) -> Seen<'b> {
        let mut waiting: BTreeMap<String, &'b Change> =
            adds.iter().map(|change| (folded(&change.identifier), *change)).collect();
        let (mut seen, mut memory) = (Seen::default(), self.memory());
        for (address, why) in changed.invalid {
            if let Some(change) = waiting.remove(&folded(&address)) {
                refused.add(&change.identifier, reasons::not_taken(&why));
            }
        }
        for member in &changed.answer.members_added {
            let Some(change) = waiting.remove(&folded(&member.email_address)) else { continue };
            memory.learn(&change.identifier);
            memory.is_there(&change.identifier);
            memory.seen(&change.identifier);
            seen.unmailable.extend(reasons::of_status(&member.status).map(|reason| (change, reason)));
        }
        for error in &changed.answer.errors {
            if error.error.to_lowercase().contains("already") {
                continue;
            }
            for address in &error.email_addresses {
                if let Some(change) = waiting.remove(&folded(address)) {
                    memory.unlearn(&change.identifier);
                    seen.strangers.push((change, error.error.clone()));
                }
            }
        }
        // They were in the tag before, and nothing was said of their status.
        for change in waiting.values() {
            memory.is_there(&change.identifier);
            memory.not_seen(&change.identifier);
        }
        seen
    }

    /// Creates those whom memory took for contacts and puts them in.
    async fn bring_back<'b>(
        &self,
        stale: Vec<(&'b Change, String)>,
        refused: &mut Refused,
    ) -> Result<Seen<'b>, Failure> {
        if stale.is_empty() {
            return Ok(Seen::default());
        }
        if !self.config.add_contacts {
            for (change, _) in &stale {
                refused.add(&change.identifier, reasons::not_on_audience());
            }
            return Ok(Seen::default());
        }
        let changes: Vec<&Change> = stale.iter().map(|(change, _)| *change).collect();
        self.create(&changes, refused).await?;
        let there: Vec<&Change> = changes.into_iter().filter(|change| !refused.has(&change.identifier)).collect();
        let changed = self.change_tag(&identifiers(&there), &[]).await?;
        Ok(self.look_at(&there, changed, refused))
    }

    /// Contacts that were created and that the tag does not see: it may be late for a while.
    fn judge_late(&self, late: Vec<(&Change, String)>, refused: &mut Refused) -> Result<(), Failure> {
        let mut memory = self.memory();
        // All are counted; only when none is to be waited for are they forgotten, else the waiting would not end.
        let tries = late.iter().map(|(change, _)| memory.is_late(&change.identifier)).min();
        if tries.is_some_and(|tries| tries < LATE_TRIES) {
            return Err(Failure::retry("Mailchimp's tag does not see contacts yet that were just created", None));
        }
        for (change, why) in late {
            memory.is_there(&change.identifier);
            refused.add(&change.identifier, reasons::not_shown(&why));
        }
        Ok(())
    }

    /// What the list's setting asks for contacts whose person was erased; they are out of the tag already.
    async fn erase(&self, removes: &[&Change]) -> Result<(), Failure> {
        let (api, list) = (self.api()?, &self.config.audience);
        for change in removes.iter().filter(|change| change.cause == "erasure") {
            match self.config.erase {
                Erase::Leave => return Ok(()),
                Erase::Archive => api.archive(list, &change.identifier).await?,
                Erase::Delete => api.forget(list, &change.identifier).await?,
            }
            self.memory().unlearn(&change.identifier);
        }
        Ok(())
    }
}

fn identifiers<'b>(changes: &[&'b Change]) -> Vec<&'b str> {
    changes.iter().map(|change| change.identifier.as_str()).collect()
}
