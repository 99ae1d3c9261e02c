//! Makes changes: an import for those who come, calls for those who go meanwhile, and then the end of the import is
//! waited for. The batch counts as done when it is known whom the import did not take.

use super::KlaviyoList;
use super::memory::Progress;
use crate::config::Erase;
use crate::denied::Denied;
use kit::failure::Failure;
use kit::sync::{Batch, Change, Refusal};
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::time::Instant;

/// What is in a part, for whoever asks whether it was sent already.
pub(super) fn digest<'a>(side: &str, identifiers: impl Iterator<Item = &'a str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    side.hash(&mut hasher);
    identifiers.for_each(|identifier| identifier.hash(&mut hasher));
    hasher.finish()
}

impl KlaviyoList {
    pub(super) async fn push_batch(&self, batch: &Batch) -> Result<Vec<Refusal>, Failure> {
        let (adds, removes): (Vec<&Change>, Vec<&Change>) = batch.changes.iter().partition(|change| change.member);
        self.begin_batch(&batch.id, !removes.is_empty()).await?;
        self.begin_imports(&adds).await?;
        self.remove(&removes).await?;
        self.end_imports().await?;
        self.erase(&removes).await?;
        let refused = std::mem::take(&mut self.memory().progress).refused;
        Ok(refused.into_iter().map(|(identifier, reason)| Refusal { identifier, reason }).collect())
    }

    /// What a batch that was given up has begun ends first: an import that ends later would undo what comes after it.
    async fn begin_batch(&self, id: &str, removes: bool) -> Result<(), Failure> {
        let (same, left) = {
            let progress = &self.memory().progress;
            (progress.batch == id, progress.running.clone())
        };
        if same {
            return Ok(());
        }
        for running in left {
            self.ended(&running).await?;
        }
        if removes {
            self.memory().suspect_earlier(Instant::now());
        }
        // One whose answer was lost, too.
        self.await_unanswered().await?;
        self.memory().progress = Progress { batch: id.to_owned(), ..Progress::default() };
        Ok(())
    }

    /// Deletes those who were erased, if the list says so.
    async fn erase(&self, removes: &[&Change]) -> Result<(), Failure> {
        if self.config.erase != Erase::Delete {
            return Ok(());
        }
        for change in removes.iter().filter(|change| change.cause == "erasure" && change.identifier.contains('@')) {
            let part = digest("erase", std::iter::once(change.identifier.as_str()));
            if self.memory().progress.sent.contains(&part) {
                continue;
            }
            match self.api().delete(&change.identifier).await {
                // Nobody is there by that name.
                Ok(()) | Err(Denied::Missing(_) | Denied::Invalid(_)) => {}
                Err(denied) => return Err(denied.into()),
            }
            self.memory().progress.sent.insert(part);
        }
        Ok(())
    }
}
